//! A TLS server on the loopback interface that answers as a test says.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::upstream::hosts::HostPort;
use crate::upstream::{Observer, Service};

/// What the server does after it read a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Sends this and closes.
    Text(String),
    /// Likewise, where it is no text.
    Bytes(Vec<u8>),
    /// Sends the head, and then the same part again and again, after a pause each time, until the client goes.
    Endless { head: &'static str, part: &'static str, pause: Duration },
    /// Sends nothing and keeps the connection open.
    Silence,
}

impl Reply {
    /// An answer with a JSON body.
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::with_headers(status, "Content-Type: application/json\r\n", body)
    }

    /// An answer with these header lines and this body.
    pub(crate) fn with_headers(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Text(format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n{headers}\r\n{body}"))
    }
}

/// The server; it lives as long as the test's runtime.
pub(crate) struct TestServer {
    pub(crate) port: u16,
    /// Its certificate, which is its own issuer.
    pub(crate) ca_pem: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl TestServer {
    /// A server whose certificate names `name`, and which answers each request as `reply` says.
    pub(crate) async fn start(name: &str, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key.into())
            .expect("a server configuration");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (log, reply) = (Arc::clone(&requests), Arc::new(reply));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, Arc::clone(&reply), Arc::clone(&log)));
            }
        });
        Self { port, ca_pem: cert.pem(), requests }
    }

    /// This server under a name.
    pub(crate) fn host(&self, name: &str) -> HostPort {
        format!("{name}:{}", self.port).parse().expect("a host")
    }

    /// The requests so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }
}

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    reply: Arc<impl Fn(&str) -> Reply>,
    log: Arc<Mutex<Vec<String>>>,
) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let head = read_head(&mut stream).await;
    let mut body = vec![0; content_length(&head)];
    if stream.read_exact(&mut body).await.is_err() {
        return;
    }
    let request = head + &String::from_utf8_lossy(&body);
    let reply = reply(&request);
    log.lock().push(request);
    match reply {
        Reply::Text(text) => say_all(stream, text.as_bytes()).await,
        Reply::Bytes(bytes) => say_all(stream, &bytes).await,
        Reply::Endless { head, part, pause } => {
            let mut said = stream.write_all(head.as_bytes()).await;
            while said.is_ok() {
                tokio::time::sleep(pause).await;
                said = stream.write_all(part.as_bytes()).await;
            }
        }
        Reply::Silence => std::future::pending().await,
    }
}

async fn say_all(mut stream: impl AsyncWrite + Unpin, bytes: &[u8]) {
    // A client that has read enough may be gone.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
}

/// Reads up to the empty line, or the end.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn content_length(head: &str) -> usize {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}

/// An observer that records nothing.
pub(crate) struct Blind;

impl Observer for Blind {
    fn called(&self, _: Service, _: &'static str, _: &'static str, _: Duration) {}
    fn waited(&self, _: Service, _: &'static str, _: Duration) {}
}
