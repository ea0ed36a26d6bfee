//! Signals to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// A token that is cancelled by SIGTERM (the kubelet) or SIGINT (a terminal).
///
/// # Errors
///
/// When the process may not listen for signals.
pub(super) fn on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => info!("received SIGTERM, stopping"),
            _ = interrupt.recv() => info!("received SIGINT, stopping"),
        }
        stopping.cancel();
    });
    Ok(stop)
}
