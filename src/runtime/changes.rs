//! Changes of a watched value, as a stream.

use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;

/// Every change from now on; of several at once only the last. Ends with the sender.
#[must_use]
pub fn changes<T: Send + Sync + 'static>(receiver: watch::Receiver<T>) -> BoxStream<'static, ()> {
    stream::unfold(receiver, |mut receiver| async { receiver.changed().await.ok().map(|()| ((), receiver)) })
        .boxed()
}
