//! Wakes the links that a change of the operator's own keys may help: their next look may be an hour away.

use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt};
use tokio_util::sync::CancellationToken;

use super::Reconciler;
use super::decide::{OperatorKeys, may_help};
use super::intervals;
use super::subject::Subject;
use crate::crd::LinkRef;
use crate::secret_file::changes;

impl Reconciler {
    /// Follows the operator's own keys until `stop`.
    pub(crate) async fn follow_operator_keys(self: Arc<Self>, stop: CancellationToken) {
        let worked = changes(self.accepted_client_id.subscribe());
        let client_id = self.wake_at(OperatorKeys::ClientId, self.client_id.changes());
        let client_id_worked = self.wake_at(OperatorKeys::ClientIdWorked, worked);
        let petra_key = async {
            if let Some(petra) = &self.petra {
                self.wake_at(OperatorKeys::PetraKey, petra.key.changes()).await;
            }
        };
        stop.run_until_cancelled(async { tokio::join!(client_id, client_id_worked, petra_key) }).await;
    }

    /// Wakes at every change; a change that comes while links are being woken begins anew.
    async fn wake_at(&self, what: OperatorKeys, mut changes: BoxStream<'static, ()>) {
        let mut news = changes.next().await;
        while news.is_some() {
            news = tokio::select! {
                again = changes.next() => again,
                () = self.wake_helped(what) => changes.next().await,
            };
        }
    }

    /// Wakes one link after the other, so that they do not ask at once.
    async fn wake_helped(&self, what: OperatorKeys) {
        let timings = &self.config.timings;
        if what == OperatorKeys::PetraKey
            && let Some(petra) = &self.petra
        {
            // All that the links ask of Petra is read from its list, which the former key did not get.
            let _ = tokio::time::timeout(timings.timeouts.petra_read, petra.poll.next()).await;
        }
        let helped = self.helped(what);
        let apart = intervals::apart(timings, helped.len());
        for link in helped {
            self.deps.wake.link(&link.namespace, &link.name);
            tokio::time::sleep(apart).await;
        }
    }

    /// The links that this change may help, in an order that favours no namespace.
    fn helped(&self, what: OperatorKeys) -> Vec<LinkRef> {
        let links = self.deps.links.all();
        let subjects =
            links.iter().filter_map(|link| Some(Subject::read(link.0.as_ref().ok()?, &self.config)));
        let mut helped: Vec<_> = subjects
            .filter(|subject| may_help(what, &subject.status, &self.fleet.recall(subject)))
            .map(|subject| (intervals::spread(&subject.uid), subject.key))
            .collect();
        helped.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        helped.into_iter().map(|(_, link)| link).collect()
    }
}
