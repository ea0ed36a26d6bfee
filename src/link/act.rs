//! Makes the changes that the rules ask for.

use std::time::Duration;

use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tracing::info;

use super::plan::{Change, Outcome, Tried};
use super::visit::Visit;
use super::{Error, Reconciler};
use crate::crd::{ConnectWiseLink, FIELD_MANAGER, FINALIZER};
use crate::kubernetes::{LinkWrite, WriteRefusal};
use crate::petra::client::PutRequest;
use crate::petra::{DeleteAnswer, PetraFault, PutAnswer};

impl Reconciler {
    /// Makes one change.
    pub(super) async fn act(&self, visit: &Visit, change: Change) -> Result<Outcome, Error> {
        let (link, owner) = (&visit.subject.key, &visit.subject.owner);
        match change {
            Change::AddFinalizer => self.set_finalizer(visit, true, false).await,
            // A replica that may lose the lead before the change is made does not know what the next leader sends to Petra
            // meanwhile: that Petra holds no link proves nothing to it.
            Change::RemoveFinalizer if !self.surely_leads() => Ok(Outcome::NotMade),
            Change::RemoveFinalizer => self.set_finalizer(visit, false, false).await,
            Change::Put { id, company, site, expected, adopt_from, credentials } => {
                let answer = match (&self.petra, &visit.keys) {
                    (Some(petra), Some(keys)) => {
                        let request = PutRequest {
                            id: &id,
                            company: &company,
                            site: &site,
                            keys,
                            credentials_version: &credentials,
                            owner,
                            owner_uid: &visit.subject.uid,
                            expected_version: expected.as_ref(),
                            adopt_from: adopt_from.as_ref(),
                        };
                        petra.client.put(request, petra.fence.as_ref()).await
                    }
                    _ => PutAnswer::Unknown(PetraFault::NoContract),
                };
                info!(%link, id = id.for_log(), outcome = put_outcome(&answer), "sent the link to Petra");
                Ok(Outcome::Put(answer))
            }
            Change::Delete { id, expected } => {
                let answer = match &self.petra {
                    Some(petra) => {
                        let answer = petra.client.delete(&id, owner, &expected, petra.fence.as_ref()).await;
                        if answer == DeleteAnswer::Gone {
                            petra.poll.deleted(&id, &expected, self.clock.now().up);
                        }
                        answer
                    }
                    None => DeleteAnswer::Unknown(PetraFault::NoContract),
                };
                info!(%link, id = id.for_log(), outcome = delete_outcome(&answer), "deleted the link at Petra");
                Ok(Outcome::Delete(answer))
            }
        }
    }

    /// Whether no other replica can begin to act before a change is made. Without a Petra URL the operator changes nothing
    /// outside the cluster, so two replicas cannot conflict.
    fn surely_leads(&self) -> bool {
        self.petra.as_ref().is_none_or(|petra| petra.fence.outlives(self.finalizer_limit()))
    }

    /// How long a change of the finalizer may take: as long as one at Petra, because the Lease must outlive either.
    fn finalizer_limit(&self) -> Duration {
        let timeouts = &self.config.timings.timeouts;
        timeouts.petra_change.min(timeouts.kubernetes)
    }

    /// Whether the API server would let the finalizer go.
    pub(super) async fn try_finalizer_removal(&self, visit: &Visit) -> Result<Tried, Error> {
        Ok(match self.set_finalizer(visit, false, true).await? {
            Outcome::Refused(refusal) => Tried::Refused(refusal),
            Outcome::NotMade => Tried::Outdated,
            Outcome::Finalizer(..) | Outcome::Put(_) | Outcome::Delete(_) => Tried::Taken,
        })
    }

    /// A patch guarded by the resource version, so that nobody else's finalizer is lost, and that one that arrives late changes
    /// nothing that was written since.
    async fn set_finalizer(&self, visit: &Visit, present: bool, dry_run: bool) -> Result<Outcome, Error> {
        let meta = &visit.link.metadata;
        let mut finalizers = meta.finalizers.clone().unwrap_or_default();
        finalizers.retain(|name| name != FINALIZER);
        if present {
            finalizers.push(FINALIZER.to_owned());
        }
        let patch =
            json!({ "metadata": { "resourceVersion": meta.resource_version, "finalizers": finalizers } });
        let key = &visit.subject.key;
        let api: Api<ConnectWiseLink> = Api::namespaced(self.deps.client.clone(), &key.namespace);
        let field_manager = Some(FIELD_MANAGER.to_owned());
        let params = PatchParams { field_manager, dry_run, ..PatchParams::default() };
        // Only metadata comes back: an object that does not fit its types can lose its finalizer too.
        let patch = Patch::Merge(&patch);
        let (limit, patched) = (self.finalizer_limit(), api.patch_metadata(&key.name, &params, &patch));
        let doing = if present { "add the finalizer" } else { "remove the finalizer" };
        let error = match tokio::time::timeout(limit, patched).await {
            Ok(Ok(link)) => return Ok(Outcome::Finalizer(present, Box::new(link.metadata))),
            Ok(Err(error)) => error,
            Err(_) => return Err(Error::TimedOut { doing, limit }),
        };
        match &error {
            kube::Error::Api(status) if matches!(status.code, 404 | 409) => return Ok(Outcome::NotMade),
            kube::Error::Api(status) => {
                if let Some(refusal) = WriteRefusal::of(LinkWrite::Finalizer, status) {
                    return Ok(Outcome::Refused(refusal));
                }
            }
            _ => {}
        }
        Err(Error::Kubernetes { doing, source: error })
    }
}

/// The log's word for an answer to a PUT.
fn put_outcome(answer: &PutAnswer) -> &'static str {
    match answer {
        PutAnswer::Accepted(_) => "accepted",
        PutAnswer::OwnedByOther(_) => "owned by another owner",
        PutAnswer::CompanyLinked { .. } => "the company has another link",
        PutAnswer::LookAgain => "out of date",
        PutAnswer::Refused(_) => "refused by ConnectWise",
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
