//! Wakes single links from anywhere in the operator.

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

    /// Wakes a link; one that there is not is forgotten.
    pub fn link(&self, namespace: &str, name: &str) {
        // The queue only goes away when the operator stops, and then nobody needs to be woken.
        let _ = self.sender.send(LinkRef::new(namespace, name));
    }
}
