//! Listening: TLS for the two services, plain HTTP for the admin port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::front::Front;
use crate::tls::ResettableStream;

/// How long a client may take over its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Listens on loopback; port 0 takes any that is free.
pub(crate) async fn listen(port: u16) -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Serves a service until the task is dropped, and its connections with it.
pub(crate) async fn tls(listener: TcpListener, config: Arc<ServerConfig>, front: Front) {
    let acceptor = TlsAcceptor::from(config);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => drop(connections.spawn(connection(tcp, acceptor.clone(), front.clone()))),
                // Such an error (too many open files) passes; hurrying would only make it worse.
                Err(error) => {
                    tracing::warn!(%error, "no connection accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(tcp: TcpStream, acceptor: TlsAcceptor, front: Front) {
    // Small answers must not wait for acknowledgements.
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "answers may be late");
    }
    let (stream, reset) = ResettableStream::new(tcp);
    let stream = match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "the TLS handshake failed"),
        Err(_) => return tracing::debug!("the TLS handshake took too long"),
    };
    let service = service_fn(move |request| front.clone().handle(request, reset.clone()));
    let served =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Serves the admin port until the task is dropped.
pub(crate) async fn admin(listener: TcpListener, router: Router) {
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the admin port stopped");
    }
}
