//! Answers the questions of the rules. Everything that is read from outside becomes a closed type here or before.

use std::pin::pin;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use tokio::time::Instant;
use tracing::debug;

use super::facts::{PollView, SecretRead};
use super::origin::Origin;
use super::plan::{Answer, Question};
use super::subject::Subject;
use super::visit::Visit;
use super::{Error, Reconciler, decide, secret};
use crate::connectwise::client::Asker;
use crate::connectwise::round::{self, Inputs};
use crate::connectwise::{
    BoardAnswer, CompanyAnswer, Depth, Inconclusive, Keys, KeysAnswer, MemberAnswer, MemberTraits,
    PermissionsAnswer, Round,
};
use crate::kubernetes::LinkWrite;
use crate::petra::PetraFault;
use crate::upstream::request::CheckLimits;

impl Reconciler {
    /// Answers one question.
    pub(super) async fn observe(&self, visit: &Visit, question: Question) -> Result<Answer, Error> {
        debug!(link = %visit.subject.key, ?question, "asking");
        let subject = &visit.subject;
        Ok(match question {
            Question::Secret => {
                let (read, keys) = self.read_secret(subject).await;
                Answer::Secret(read, keys)
            }
            Question::Round(depth) => return self.ask_connectwise(visit, depth).await,
            Question::Poll => {
                if let Some(petra) = &self.petra {
                    let patience = self.config.timings.timeouts.petra_read;
                    // A poll that does not end in time is judged by how it ended last.
                    let _ = tokio::time::timeout(patience, petra.poll.next()).await;
                }
                Answer::Poll(self.poll_view(subject))
            }
            Question::Rival(claim) => Answer::Rival(self.fleet.precedence(subject, &claim)),
            Question::Fleet(accused) => Answer::Fleet(self.fleet.view(subject, accused, self.clock.now().up)),
            Question::Link(id) => Answer::Link(match &self.petra {
                Some(petra) => petra.client.get(&id, &subject.owner).await,
                None => Err(PetraFault::NoContract),
            }),
            Question::Owned(owner) => Answer::Owned(match &self.petra {
                Some(petra) => {
                    let asked_at = self.clock.now();
                    let mut listed = petra.client.list_owner(&owner).await;
                    if let Ok(list) = &mut listed {
                        petra.poll.forget_deleted(list, asked_at);
                    }
                    listed
                }
                None => Err(PetraFault::NoContract),
            }),
            Question::Trial(LinkWrite::Status) => Answer::Trial(self.try_status(&visit.link).await?),
            Question::Trial(LinkWrite::Finalizer) => Answer::Trial(self.try_finalizer_removal(visit).await?),
        })
    }

    /// What the shared poll knows of this link.
    pub(super) fn poll_view(&self, subject: &Subject) -> PollView {
        let Some(petra) = &self.petra else { return PollView::NotYet };
        let failing = petra.poll.last_outcome().and_then(Result::err);
        PollView::of(subject, petra.poll.snapshot().as_deref(), failing)
    }

    /// Reads the Secret live. Its content is never cached: the keys live as long as this visit.
    async fn read_secret(&self, subject: &Subject) -> (SecretRead, Option<Keys>) {
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
    async fn ask_connectwise(&self, visit: &Visit, depth: Depth) -> Result<Answer, Error> {
        let checking = decide::checking(&visit.view(&self.config, self.clock.now()));
        // Even if this visit ends by a panic, the floor counts.
        self.fleet.remember(visit);
        let mut round = pin!(self.round(visit, depth));
        let soon = tokio::time::timeout(self.config.timings.checking_after, &mut round).await;
        let (found, written) = match (soon, checking) {
            (Ok(round), _) => (round, None),
            (Err(_), None) => (round.await, None),
            (Err(_), Some(status)) => {
                let (written, round) = tokio::join!(self.put_status(&visit.link, status), round);
                (round, Some(written))
            }
        };
        if let (KeysAnswer::Accepted, CompanyAnswer::Found(tenant)) = (found.keys, &found.company) {
            self.client_id_accepted(visit.facts.client_id.version, Origin::of_server(&tenant.api_host));
        }
        Ok(Answer::Round(found, written.transpose()?))
    }

    async fn round(&self, visit: &Visit, depth: Depth) -> Round {
        let (Ok(target), Some(keys)) = (&visit.subject.target, &visit.keys) else {
            // The rules ask for the Secret first; without keys nothing can be asked, and nothing is said.
            return nothing_asked(depth);
        };
        let memory = self.connectwise.memory_of_check();
        let deadline = Instant::now() + visit.check_time_left(&self.config.timings, self.clock.now());
        let inputs = Inputs {
            site: &target.site,
            company: &target.company,
            keys,
            profile: &target.profile,
            board: visit.subject.spec.service_board.as_deref(),
            asker: Asker {
                namespace: &visit.subject.key.namespace,
                limits: CheckLimits { deadline, memory: &memory },
            },
        };
        match depth {
            Depth::Full => round::full(&self.connectwise, inputs).await,
            Depth::Cheap => {
                // Never the tenant that the status names: a person who writes the status would decide where the keys are sent.
                let found = visit.state.found_at(&target.site, &target.company);
                round::cheap(&self.connectwise, inputs, found.map(|found| &found.tenant)).await
            }
        }
    }
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
