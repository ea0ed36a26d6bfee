//! The HTTP server of the admin port.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::connections;
use super::gates::Gates;
use super::liveness::Liveness;
use super::metrics::Metrics;

/// What the admin port serves.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Judges `/livez`.
    pub liveness: Arc<Liveness>,
    /// Judge `/readyz`.
    pub gates: Gates,
    /// Printed by `/metrics`.
    pub metrics: Arc<Metrics>,
}

/// The text format of `OpenMetrics`, as the encoder writes it.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Admin {
    /// Serves on `listener` until `stop`. It outlives the reconciles on purpose: a process that is finishing its work is
    /// still alive.
    pub(crate) async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        connections::serve(listener, self.router(), connections::Limits::default(), stop).await;
    }

    /// Opens the admin port. On a machine without IPv6, `[::]` means all addresses all the same.
    ///
    /// # Errors
    ///
    /// When the address is taken or not this machine's.
    pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
        match TcpListener::bind(address).await {
            Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
            }
            bound => bound,
        }
    }

    fn router(self) -> Router {
        Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self)
    }
}

async fn livez(State(admin): State<Admin>) -> Response {
    match admin.liveness.check() {
        Ok(()) => "alive\n".into_response(),
        Err(hangs) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{hangs}\n")).into_response(),
    }
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let (ready, text) = admin.gates.report();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, text).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match admin.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::clock::Clock;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sends");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answers");
        answer
    }

    #[tokio::test]
    async fn the_admin_port_serves_livez_readyz_and_metrics() {
        let gates = Gates::default();
        let gate = gates.gate("links-listed", "first list");
        let admin = Admin {
            liveness: Arc::new(Liveness::new(Clock::start())),
            gates,
            metrics: Arc::new(Metrics::new()),
        };
        let listener = Admin::listen(([127, 0, 0, 1], 0).into()).await.expect("binds");
        let address = listener.local_addr().expect("address");
        let stop = CancellationToken::new();
        let server = tokio::spawn(admin.serve(listener, stop.clone()));

        assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200"));
        assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 503"));
        gate.open(String::new());
        let ready = get(address, "/readyz").await;
        assert!(ready.starts_with("HTTP/1.1 200") && ready.ends_with("[+]links-listed open\n"), "{ready}");
        let metrics = get(address, "/metrics").await;
        assert!(metrics.contains(OPENMETRICS) && metrics.ends_with("# EOF\n"), "{metrics}");
        assert!(get(address, "/").await.starts_with("HTTP/1.1 404"));

        stop.cancel();
        server.await.expect("joins");
    }
}
