//! Wakes single links.

use tokio::sync::mpsc;

use crate::crd::LinkRef;

/// Asks for a reconcile of a link soon. Many wakes of one link make one reconcile. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Wake {
    sender: mpsc::UnboundedSender<LinkRef>,
}

impl Wake {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<LinkRef>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender }, receiver)
    }

    /// Wakes a link. One that does not exist is forgotten.
    pub fn link(&self, namespace: &str, name: &str) {
        // The queue only goes away when the operator stops. Then no link needs a reconcile.
        let _ = self.sender.send(LinkRef::new(namespace, name));
    }
}
