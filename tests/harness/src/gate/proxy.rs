//! A proxy on loopback in front of the API server, by plain HTTP towards the operator. Its token goes through as it is, so
//! that the rights that are tested are the shipped ones; a watch goes through as it comes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use controlplane::ControlPlane;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

use super::{Forward, Gate, NoAnswer, Passage};
use crate::{Error, Result};

/// The API server takes no larger request.
const BODY_LIMIT: usize = 3 << 20;

/// The proxy, on threads of its own. It ends with this value, and its connections with it.
pub struct ApiServerGate {
    address: SocketAddr,
    _runtime: Runtime,
}

impl ApiServerGate {
    /// Listens on a free port of loopback; every request passes `gate`.
    ///
    /// # Errors
    ///
    /// The system refused a port or a thread.
    pub fn start(plane: &ControlPlane, gate: Arc<dyn Gate>) -> Result<Self> {
        let upstream = Arc::new(Upstream::new(plane)?);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Error::io("starting threads for", "a gate"))?;
        let listener = runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .map_err(Error::io("choosing a port of", "127.0.0.1"))?;
        let address = listener.local_addr().map_err(Error::io("reading the port of", "127.0.0.1"))?;
        runtime.spawn(async move {
            // The operator sees a connection that is not accepted as an API server that is away.
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp, Arc::clone(&upstream), Arc::clone(&gate)));
            }
        });
        Ok(Self { address, _runtime: runtime })
    }

    /// Where it listens, for a kubeconfig.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// The connection to the API server that belongs to one of the operator's; `None` until it is used.
type Wire = Arc<Mutex<Option<SendRequest<Full<Bytes>>>>>;

async fn serve(tcp: TcpStream, upstream: Arc<Upstream>, gate: Arc<dyn Gate>) {
    // Small answers must not wait for acknowledgements; where the system refuses, they do.
    let _ = tcp.set_nodelay(true);
    let wire = Wire::default();
    let service = service_fn(move |request: Request<Incoming>| {
        let (upstream, wire, gate) = (Arc::clone(&upstream), Arc::clone(&wire), Arc::clone(&gate));
        async move {
            let (parts, body) = request.into_parts();
            let body = Limited::new(body, BODY_LIMIT).collect().await.map_err(|_| NoAnswer)?.to_bytes();
            let forward: Forward = Arc::new(move |request| {
                let (upstream, wire) = (Arc::clone(&upstream), Arc::clone(&wire));
                Box::pin(async move { upstream.ask(&wire, request).await }) as Passage
            });
            gate.pass(Request::from_parts(parts, body), forward).await
        }
    });
    // Either side may end a connection at any time; both know what that means.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tcp), service).await;
}

struct Upstream {
    authority: String,
    tls: TlsConnector,
}

impl Upstream {
    fn new(plane: &ControlPlane) -> Result<Self> {
        let what = "the API server's certificate authority";
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(plane.ca_pem().as_bytes()) {
            roots.add(certificate.map_err(Error::unreadable(what))?).map_err(Error::unreadable(what))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::unreadable(what))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let authority = plane.url().trim_start_matches("https://").to_owned();
        Ok(Self { authority, tls: TlsConnector::from(Arc::new(config)) })
    }

    async fn ask(&self, wire: &Wire, request: Request<Bytes>) -> std::result::Result<Response, NoAnswer> {
        let mut wire = wire.lock().await;
        let mut sender = match wire.take().filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => self.connect().await.map_err(|_| NoAnswer)?,
        };
        sender.ready().await.map_err(|_| NoAnswer)?;
        let answer = sender.send_request(request.map(Full::new)).await.map_err(|_| NoAnswer)?;
        *wire = Some(sender);
        Ok(answer.map(Body::new))
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let tcp = TcpStream::connect(&self.authority).await?;
        tcp.set_nodelay(true)?;
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = self.tls.connect(name, tcp).await?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // It ends with the sender; whoever waits for an answer is told why.
        tokio::spawn(connection);
        Ok(sender)
    }
}
