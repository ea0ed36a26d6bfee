//! The connections of the admin port. It has no authentication, so a client that reaches it must not be able to use up what
//! the probes of the kubelet need.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// How many connections there may be, and how long each may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at once. Further ones wait until one ends.
    pub all: usize,
    /// Connections of one address at once. Further ones are closed: one client cannot keep the others out.
    pub of_one: usize,
    /// How long a client may take to send the head of its request.
    pub head: Duration,
    /// How long a connection may take as a whole. It serves one request.
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { all: 64, of_one: 16, head: Duration::from_secs(5), whole: Duration::from_secs(15) }
    }
}

/// Serves every connection of the listener until `stop`.
pub(super) async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let (places, peers) = (Arc::new(Semaphore::new(limits.all)), Peers::default());
    let accepting = async {
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Such an error (too many open files) passes.
                    debug!(%error, "no connection to the admin port was accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Some(entry) = peers.enter(peer.ip().to_canonical(), limits.of_one) else { continue };
            let served = stop.clone().run_until_cancelled_owned(connection(stream, router.clone(), limits));
            tokio::spawn(async move {
                served.await;
                drop((place, entry));
            });
        }
    };
    stop.run_until_cancelled(accepting).await;
}

/// Answers one request.
async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: Limits,
) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match tokio::time::timeout(limits.whole, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a connection to the admin port ended early"),
        Err(_) => debug!("a connection to the admin port took too long and was closed"),
    }
}

/// How many connections each address has.
#[derive(Clone, Debug, Default)]
struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection of an address, until it is dropped.
#[derive(Debug)]
struct Entry {
    peers: Peers,
    address: IpAddr,
}

impl Peers {
    /// Counts one more connection of an address; `None` if it has that many already.
    fn enter(&self, address: IpAddr, most: usize) -> Option<Entry> {
        let mut counts = self.0.lock();
        let count = counts.entry(address).or_default();
        (*count < most).then(|| *count += 1)?;
        Some(Entry { peers: self.clone(), address })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut counts = self.peers.0.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpSocket, TcpStream};

    use super::*;

    fn router() -> Router {
        Router::new().route("/", get(|| async { "here\n" }))
    }

    /// Everything that the server says until it closes.
    async fn said(stream: &mut (impl AsyncRead + Unpin)) -> String {
        let mut text = Vec::new();
        // A reset is an end too.
        let _ = stream.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    }

    // On a paused clock and without sockets, time passes as soon as everybody waits.
    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_finish_its_request_is_sent_away() {
        for begun in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n"] {
            let (mut client, server) = tokio::io::duplex(1 << 10);
            let limits = Limits::default();
            tokio::spawn(connection(server, router(), limits));
            client.write_all(begun.as_bytes()).await.expect("it listens");
            let began = tokio::time::Instant::now();
            assert!(!said(&mut client).await.contains("here"), "{begun:?}");
            assert_eq!(began.elapsed().as_secs(), limits.head.as_secs(), "{begun:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_its_answer_is_sent_away() {
        let big = Router::new().route("/", get(|| async { "x".repeat(1 << 20) }));
        let (mut client, server) = tokio::io::duplex(1 << 10);
        let ended = tokio::spawn(connection(server, big, Limits::default()));
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it listens");
        let began = tokio::time::Instant::now();
        ended.await.expect("no panic");
        assert_eq!(began.elapsed().as_secs(), Limits::default().whole.as_secs());
    }

    #[tokio::test]
    async fn one_address_cannot_keep_the_others_out() {
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let patient = Duration::from_hours(1);
        let limits = Limits { all: 8, of_one: 3, head: patient, whole: patient };
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, router(), limits, stop.clone()));
        let connect = async |from: &str| {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.bind(format!("{from}:0").parse().expect("an address")).expect("loopback");
            socket.connect(([127, 0, 0, 1], port).into()).await.expect("it listens")
        };
        let asked = async |mut stream: TcpStream| {
            // A client may be refused before it has sent anything.
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            said(&mut stream).await.ends_with("here\n")
        };
        let mut silent = Vec::new();
        for _ in 0..limits.of_one {
            silent.push(connect("127.0.0.2").await);
        }
        assert!(!asked(connect("127.0.0.2").await).await, "its share is used up");
        assert!(asked(connect("127.0.0.3").await).await, "another address is served");
        drop(silent.pop());
        let served_again = async {
            while !asked(connect("127.0.0.2").await).await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), served_again).await.expect("a place is free again");
        stop.cancel();
        server.await.expect("no panic");
    }
}
