//! Answers the questions of the rules. Everything that is read from outside becomes a closed type here or before.

use std::pin::pin;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use tracing::debug;

use super::seen::{Question, SecretRead};
use super::visiting::{Visiting, Written};
use super::{Error, Reconciler, decide, secret};
use crate::connectwise::round::{self, Inputs};
use crate::connectwise::{
    BoardAnswer, CompanyAnswer, Depth, Inconclusive, Keys, KeysAnswer, MemberAnswer, MemberTraits,
    PermissionsAnswer, Round, Tenant,
};
use crate::petra::PetraFault;

impl Reconciler {
    /// Answers one question into `seen`.
    pub(super) async fn observe(
        &self,
        visiting: &mut Visiting,
        question: Question,
    ) -> Result<Written, Error> {
        debug!(link = %visiting.subject.key, ?question, "asking");
        match question {
            Question::Secret => {
                let (read, keys) = self.read_secret(visiting).await;
                visiting.seen.secret = Some(read);
                visiting.keys = keys;
            }
            Question::Round(depth) => return self.ask_connectwise(visiting, depth).await,
            Question::Listing => {
                if let Some(petra) = &self.petra {
                    let patience = self.rules.timings.timeouts.petra_read;
                    // A poll that does not end in time is judged by how it ended last.
                    let _ = tokio::time::timeout(patience, petra.poll.next()).await;
                }
                visiting.seen.listing = match self.listing(&visiting.subject) {
                    super::seen::Listing::NotYet => super::seen::Listing::Failing(PetraFault::Unavailable),
                    known => known,
                };
            }
            Question::Rival(id) => visiting.seen.rival = Some(self.registry.rival(&visiting.subject, &id)),
            Question::Fleet(of) => {
                visiting.seen.fleet = {
                    let (now, window) = (self.clock.now().up, self.rules.timings.interval);
                    Some(self.registry.fleet(&visiting.subject, of, now, window))
                }
            }
            Question::Link(id) => {
                visiting.seen.read = Some(match &self.petra {
                    Some(petra) => petra.client.get(&id, &visiting.subject.owner).await,
                    None => Err(PetraFault::NoContract),
                });
            }
            Question::Owned(owner) => {
                visiting.seen.owned = Some(match &self.petra {
                    Some(petra) => match petra.client.list_owner(&owner).await {
                        Ok(listing) if listing.complete && listing.unreadable.is_empty() => Ok(listing.links),
                        Ok(_) => Err(PetraFault::Unavailable),
                        Err(fault) => Err(fault),
                    },
                    None => Err(PetraFault::NoContract),
                });
            }
        }
        Ok(Written::Current)
    }

    /// Reads the Secret live. Its content is never cached: the keys live as long as this visit.
    async fn read_secret(&self, visiting: &Visiting) -> (SecretRead, Option<Keys>) {
        let subject = &visiting.subject;
        let api: Api<Secret> = Api::namespaced(self.deps.client.clone(), &subject.key.namespace);
        self.deps.metrics.secret_read();
        match api.get_opt(&subject.spec.credentials_secret_ref.name).await {
            Ok(Some(found)) => secret::read(found, &subject.spec.company_id),
            Ok(None) => (SecretRead::Absent, None),
            Err(kube::Error::Api(status)) if status.code == 403 => (SecretRead::Forbidden, None),
            // The error's text could quote what it failed to read.
            Err(_) => (SecretRead::Unavailable, None),
        }
    }

    /// Asks ConnectWise. A first round that takes long says so in the status meanwhile.
    async fn ask_connectwise(&self, visiting: &mut Visiting, depth: Depth) -> Result<Written, Error> {
        let now = self.clock.now();
        let checking = decide::checking(&visiting.view(&self.rules, now));
        // Even if this visit ends by a panic, the floor counts.
        visiting.memory.last_round = Some(now.up);
        self.registry.remember_memory(&visiting.subject, visiting.memory.clone());
        let (found, written) = {
            let mut round = pin!(self.round(visiting, depth));
            let soon = tokio::time::timeout(self.rules.timings.checking_after, &mut round).await;
            match (soon, checking) {
                (Ok(round), _) => (round, None),
                (Err(_), None) => (round.await, None),
                (Err(_), Some(status)) => {
                    let (written, round) = tokio::join!(self.put_status(&visiting.link, status), round);
                    (round, Some(written))
                }
            }
        };
        if found.keys == KeysAnswer::Accepted {
            self.client_id_proved(visiting.seen.client_id.generation);
        }
        visiting.seen.round = Some(found);
        match written {
            None => Ok(Written::Current),
            Some(Err(error)) => Err(error),
            Some(Ok(None)) => Ok(Written::Outdated),
            Some(Ok(Some(link))) => {
                visiting.wrote(link, &self.rules);
                Ok(Written::Current)
            }
        }
    }

    async fn round(&self, visiting: &Visiting, depth: Depth) -> Round {
        let (Ok(target), Some(keys)) = (&visiting.subject.target, &visiting.keys) else {
            // The rules ask for the Secret first; without keys nothing can be asked, and nothing is said.
            return nothing_asked(depth);
        };
        let inputs = Inputs {
            site: &target.site,
            company: &target.company,
            keys,
            profile: &target.profile,
            board: visiting.subject.spec.service_board.as_deref(),
            namespace: &visiting.subject.key.namespace,
        };
        match known_tenant(visiting) {
            Some(tenant) if depth == Depth::Cheap => round::cheap(&self.connectwise, inputs, &tenant).await,
            _ => round::full(&self.connectwise, inputs).await,
        }
    }
}

/// The tenant that an earlier full round found, in this process or before.
fn known_tenant(visiting: &Visiting) -> Option<Tenant> {
    visiting.memory.tenant.clone().or_else(|| visiting.subject.recorded_tenant())
}

fn nothing_asked(depth: Depth) -> Round {
    let why = Inconclusive::Unavailable;
    Round {
        depth,
        company: CompanyAnswer::Inconclusive(why),
        keys: KeysAnswer::Inconclusive(why),
        member: MemberAnswer::Unknown,
        traits: MemberTraits::default(),
        permissions: PermissionsAnswer::Inconclusive(why),
        board: BoardAnswer::Inconclusive(why),
    }
}
