//! Makes the changes that the rules ask for.

use std::time::Duration;

use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tracing::info;

use super::seen::Change;
use super::visiting::{Visiting, Written};
use super::{Error, Reconciler};
use crate::crd::{ConnectWiseLink, FIELD_MANAGER, FINALIZER};
use crate::petra::client::PutRequest;
use crate::petra::{DeleteAnswer, PetraFault, PutAnswer};

impl Reconciler {
    /// Makes one change, and takes its outcome into `seen`.
    pub(super) async fn act(&self, visiting: &mut Visiting, change: Change) -> Result<Written, Error> {
        let link = visiting.subject.key.clone();
        match change {
            Change::AddFinalizer => self.set_finalizer(visiting, true).await,
            // Who may have lost the lead does not know what the next leader has sent to Petra since: absence there proves
            // nothing to it.
            Change::RemoveFinalizer if !self.surely_leads() => Ok(Written::Outdated),
            Change::RemoveFinalizer => self.set_finalizer(visiting, false).await,
            Change::Put { id, company, site, expected, adopt_from, credentials } => {
                let answer = match (&self.petra, &visiting.keys) {
                    (Some(petra), Some(keys)) => {
                        let request = PutRequest {
                            id: &id,
                            company: &company,
                            site: &site,
                            keys,
                            credentials_version: &credentials,
                            owner: &visiting.subject.owner,
                            expected_version: expected.as_ref(),
                            adopt_from: adopt_from.as_ref(),
                        };
                        petra.client.put(request, petra.fence.as_ref()).await
                    }
                    _ => PutAnswer::Unknown(PetraFault::NoContract),
                };
                info!(%link, id = id.for_log(), outcome = put_outcome(&answer), "sent the link to Petra");
                visiting.memory.changed = Some(self.clock.now().up);
                visiting.seen.read = None;
                visiting.seen.puts += 1;
                visiting.seen.put = Some(answer);
                Ok(Written::Current)
            }
            Change::Delete { id, expected } => {
                let answer = match &self.petra {
                    Some(petra) => {
                        let owner = &visiting.subject.owner;
                        let answer = petra.client.delete(&id, owner, &expected, petra.fence.as_ref()).await;
                        if answer == DeleteAnswer::Gone {
                            petra.poll.deleted(&id, self.clock.now().up);
                        }
                        answer
                    }
                    None => DeleteAnswer::Unknown(PetraFault::NoContract),
                };
                info!(%link, id = id.for_log(), outcome = delete_outcome(&answer), "deleted the link at Petra");
                visiting.memory.changed = Some(self.clock.now().up);
                // Whatever was read before the change is out of date.
                visiting.seen.read = None;
                visiting.seen.owned = None;
                if matches!(answer, DeleteAnswer::LookAgain | DeleteAnswer::NotOurs) {
                    visiting.seen.deletes_in_vain += 1;
                }
                visiting.seen.deleted = Some(answer);
                Ok(Written::Current)
            }
        }
    }

    /// Whether no other replica can have begun to act. Without Petra there is nothing that two could disagree about.
    fn surely_leads(&self) -> bool {
        self.petra.as_ref().is_none_or(|petra| petra.fence.outlives(Duration::ZERO))
    }

    /// A patch guarded by the resource version, so that nobody else's finalizer is lost.
    async fn set_finalizer(&self, visiting: &mut Visiting, present: bool) -> Result<Written, Error> {
        let meta = &visiting.link.metadata;
        let mut finalizers = meta.finalizers.clone().unwrap_or_default();
        finalizers.retain(|name| name != FINALIZER);
        if present {
            finalizers.push(FINALIZER.to_owned());
        }
        let patch =
            json!({ "metadata": { "resourceVersion": meta.resource_version, "finalizers": finalizers } });
        let key = &visiting.subject.key;
        let api: Api<ConnectWiseLink> = Api::namespaced(self.deps.client.clone(), &key.namespace);
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        // Only metadata comes back: an object that does not fit its types can lose its finalizer too.
        match api.patch_metadata(&key.name, &params, &Patch::Merge(&patch)).await {
            Ok(link) => {
                visiting.seen.finalizer = present;
                visiting.wrote_metadata(link.metadata, &self.rules);
                Ok(Written::Current)
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Written::Outdated),
            Err(source) => {
                let doing = if present { "add the finalizer" } else { "remove the finalizer" };
                Err(Error::Kubernetes { doing, source })
            }
        }
    }
}

/// The log's word for an answer to a PUT.
fn put_outcome(answer: &PutAnswer) -> &'static str {
    match answer {
        PutAnswer::Accepted(_) => "accepted",
        PutAnswer::OwnedByOther(_) => "owned by another owner",
        PutAnswer::LookAgain => "out of date",
        PutAnswer::Refused => "refused by ConnectWise",
        PutAnswer::Fenced => "not sent: leadership not confirmed",
        PutAnswer::Unknown(_) => "unknown",
    }
}

/// The log's word for an answer to a DELETE.
fn delete_outcome(answer: &DeleteAnswer) -> &'static str {
    match answer {
        DeleteAnswer::Gone => "gone",
        DeleteAnswer::NotOurs => "owned by another owner",
        DeleteAnswer::LookAgain => "out of date",
        DeleteAnswer::Fenced => "not sent: leadership not confirmed",
        DeleteAnswer::Unknown(_) => "unknown",
    }
}

#[cfg(test)]
mod tests;
