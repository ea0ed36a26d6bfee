//! The rows of Petra in `Api` mode.

use std::convert::Infallible;
use std::ops::ControlFlow;

use super::secret::Credentials;
use super::verdict::{Passed, hold_accusation};
use super::{Plan, Row, Settlement, Visit};
use crate::connectwise::Depth;
use crate::crd::{ConditionStatus, ConditionType, LinkRecord, Reason, RegistrationMode, StatusTime};
use crate::link::draft::{self, Draft, Progress};
use crate::link::memory::BackoffKind;
use crate::link::message;
use crate::link::seen::{Change, Listing, Question};
use crate::link::subject::Target;
use crate::petra::client::Adopt;
use crate::petra::{LinkId, Owner, PetraFault, PutAnswer, RemoteLink, RemoteState};

const GOOD: &str = "Keys, security role and link were found good. Nothing to do.";
const TAKEN: &str = "Petra took the link and waits for ConnectWise to confirm it, which takes one or two minutes.";

/// What is known of the link at Petra.
enum Known {
    /// This is it.
    There(RemoteLink),
    /// It is not there: Petra said so of this very link, in this visit.
    Gone,
    /// The shared list does not name it.
    Unlisted,
    /// Could not be told.
    Nothing(PetraFault),
}

pub(super) fn row(visit: &Visit, target: &Target, credentials: &Credentials, passed: Passed) -> Row<Infallible> {
    let Some(id) = link_id(visit, &passed) else { return find_tenant(visit, passed) };
    let registration = Registration { visit, target, credentials, id, passed };
    match registration.known() {
        ControlFlow::Break(plan) => ControlFlow::Break(plan),
        ControlFlow::Continue(Known::There(link)) if link.owner.as_ref() == Some(&visit.subject.owner) => {
            registration.ours(link)
        }
        ControlFlow::Continue(Known::There(link)) => registration.others(&link),
        ControlFlow::Continue(Known::Gone) => registration.gone(),
        ControlFlow::Continue(Known::Unlisted) => registration.unlisted(),
        ControlFlow::Continue(Known::Nothing(fault)) => ControlFlow::Break(registration.petra_fault(fault)),
    }
}

/// The id that stands in the status, else the one that company and API host give.
fn link_id(visit: &Visit, passed: &Passed) -> Option<LinkId> {
    let recorded = visit.record(RegistrationMode::Api).and_then(|record| LinkId::parse(&record.id));
    recorded.or_else(|| {
        let tenant = passed.schedule.tenant.as_ref().or(visit.memory.tenant.as_ref())?;
        Some(LinkId::derive(tenant.canonical_company.as_str(), &tenant.api_host.to_string()))
    })
}

impl Visit<'_> {
    /// The record of this mode in the status.
    pub(super) fn record(&self, mode: RegistrationMode) -> Option<&LinkRecord> {
        self.subject.status.link.as_ref().filter(|record| record.mode.unwrap_or(RegistrationMode::Api) == mode)
    }
}

/// Asks where the tenant is, which only a full round tells; when this visit's did not, what stands stays.
pub(super) fn find_tenant(visit: &Visit, passed: Passed) -> Row<Infallible> {
    if visit.seen.round.as_ref().is_some_and(|round| round.depth == Depth::Full) {
        let settled = visit.settle(passed.draft.finish(Progress::Keep));
        return ControlFlow::Break(passed.schedule.end(visit, settled).plan());
    }
    visit.need_keys()?;
    ControlFlow::Break(Plan::Ask(Question::Round(Depth::Full)))
}

struct Registration<'a> {
    visit: &'a Visit<'a>,
    target: &'a Target,
    credentials: &'a Credentials,
    id: LinkId,
    passed: Passed,
}

impl Registration<'_> {
    /// The newest that this visit knows, asking the shared poll first where it has never answered.
    fn known(&self) -> Row<Known> {
        let seen = self.visit.seen;
        let known = match (&seen.put, &seen.read) {
            (Some(PutAnswer::Accepted(link)), _) => Known::There(link.clone()),
            (Some(PutAnswer::OwnedByOther(owner)), None) => return ControlFlow::Break(self.conflict(owner.as_ref())),
            (Some(PutAnswer::Refused), _) => return ControlFlow::Break(self.refused()),
            (Some(PutAnswer::Fenced), _) => return ControlFlow::Break(self.fenced()),
            (Some(PutAnswer::LookAgain | PutAnswer::Unknown(_)), None) => {
                return ControlFlow::Break(Plan::Ask(Question::Link(self.id.clone())));
            }
            // The outcome of the PUT was read back and it is not there: it may still arrive, so it is not repeated now.
            (Some(PutAnswer::Unknown(fault)), Some(Ok(None) | Err(_))) => Known::Nothing(*fault),
            (_, Some(Ok(Some(link)))) => Known::There(link.clone()),
            (_, Some(Ok(None))) => Known::Gone,
            (_, Some(Err(fault))) => Known::Nothing(*fault),
            (None, None) if self.not_again_yet() => return ControlFlow::Break(self.keep()),
            (None, None) => return self.listed(),
        };
        ControlFlow::Continue(known)
    }

    /// Petra was asked about this very verdict a moment ago; a visit for another reason does not ask again, unless Petra
    /// answered nothing then and answers the shared poll now.
    fn not_again_yet(&self) -> bool {
        let visit = self.visit;
        let later = visit.memory.petra_not_before.is_some_and(|at| at > visit.now.up);
        let ready = draft::reason(&visit.subject.status, ConditionType::Ready);
        let answered_nothing = [Reason::PetraUnavailable, Reason::PetraKeyRejected, Reason::RateLimited];
        let recovered = ready.is_some_and(|reason| answered_nothing.contains(&reason))
            && matches!(visit.seen.listing, Listing::Known { failing: None, .. });
        later && !recovered && !self.passed.schedule.fresh && visit.subject.requested_at.is_none()
    }

    fn listed(&self) -> Row<Known> {
        match &self.visit.seen.listing {
            Listing::NotYet if self.registered() => ControlFlow::Break(self.keep()),
            Listing::NotYet => ControlFlow::Break(Plan::Ask(Question::Listing)),
            Listing::Failing(fault) => ControlFlow::Continue(Known::Nothing(*fault)),
            Listing::Known { asked_at, links, failing, unsure, .. } => {
                let older = self.visit.memory.changed.is_some_and(|changed| asked_at.up <= changed);
                let link = links.iter().find(|link| link.id == self.id);
                match (link, failing) {
                    // A list from before this process's own change says nothing about it; the next one wakes the link.
                    _ if older && self.visit.subject.status.link.is_some() => ControlFlow::Break(self.keep()),
                    (Some(link), _) => ControlFlow::Continue(Known::There(link.clone())),
                    (_, Some(fault)) => ControlFlow::Continue(Known::Nothing(*fault)),
                    _ if *unsure && self.registered() => ControlFlow::Break(self.keep()),
                    _ => ControlFlow::Continue(Known::Unlisted),
                }
            }
        }
    }

    /// Our own link: judged by its state, or its keys replaced.
    fn ours(self, link: RemoteLink) -> Row<Infallible> {
        let current = self.credentials.version.as_str();
        if link.credentials_version.as_deref() != Some(current) {
            return self.put(Some(link.version), None);
        }
        ControlFlow::Break(match link.state {
            RemoteState::Connected => self.linked(&link),
            RemoteState::Pending => self.pending(&link),
            RemoteState::Failed => self.failed(&link),
        })
    }

    /// Somebody else's link: taken over only when the spec names its very owner, and only before there is one of ours.
    fn others(self, link: &RemoteLink) -> Row<Infallible> {
        let spec = self.visit.subject.spec.registration.as_ref();
        let adopt = spec.and_then(|registration| registration.adopt_from.as_deref());
        let holder = link.owner.clone().map_or(Adopt::Unowned, Adopt::Owner);
        if adopt == Some(holder.as_str()) && self.visit.record(RegistrationMode::Api).is_none() {
            return self.put(Some(link.version.clone()), Some(holder));
        }
        ControlFlow::Break(self.conflict(link.owner.as_ref()))
    }

    /// Petra said of this very link that it is not there.
    fn gone(self) -> Row<Infallible> {
        if self.visit.record(RegistrationMode::Api).is_none() {
            return self.put(None, None);
        }
        if draft::is_true(&self.visit.subject.status, ConditionType::Ready)
            && let Some(plan) = hold_accusation(self.visit, Reason::RemoteLinkMissing, &self.passed.draft)
        {
            return ControlFlow::Break(plan);
        }
        let told = draft::reason(&self.visit.subject.status, ConditionType::Registered);
        if told == Some(Reason::RemoteLinkMissing) {
            return self.put(None, None);
        }
        let mut draft = self.passed.draft;
        let text = "Petra has no link of this resource any more; the operator registers it again.";
        draft.unknown(ConditionType::Ready, Reason::RemoteLinkMissing, text);
        draft.set(ConditionType::Registered, ConditionStatus::False, Reason::RemoteLinkMissing, text);
        let mut memory = self.visit.memory.clone();
        memory.suspicion = None;
        memory.tenant = self.passed.schedule.tenant.or(memory.tenant);
        ControlFlow::Break(Plan::Publish(Box::new(draft.finish(Progress::Reconciling)), Box::new(memory)))
    }

    /// The list does not name it: where a link of ours or another's was known, only its own GET tells.
    fn unlisted(self) -> Row<Infallible> {
        let conflict = draft::reason(&self.visit.subject.status, ConditionType::Ready) == Some(Reason::LinkConflict);
        let asked_to_adopt = self
            .visit
            .subject
            .spec
            .registration
            .as_ref()
            .is_some_and(|registration| registration.adopt_from.is_some());
        if self.visit.record(RegistrationMode::Api).is_some() || conflict || asked_to_adopt {
            return ControlFlow::Break(Plan::Ask(Question::Link(self.id)));
        }
        self.put(None, None)
    }

    /// Sends the keys: after the finalizer is there, and at most twice in one visit.
    fn put(self, expected: Option<crate::petra::Version>, adopt_from: Option<Adopt>) -> Row<Infallible> {
        if self.visit.seen.puts >= 2 {
            return ControlFlow::Break(self.petra_fault(PetraFault::Unavailable));
        }
        if !self.visit.seen.finalizer {
            return ControlFlow::Break(Plan::Change(Change::AddFinalizer));
        }
        self.visit.need_keys()?;
        let site = self.visit.subject.status.site.as_ref();
        let recorded = site.and_then(|site| site.api_host.as_deref()).and_then(|host| host.parse().ok());
        let Some(site) = self.passed.schedule.tenant.as_ref().map(|tenant| tenant.api_host.clone()).or(recorded) else {
            return find_tenant(self.visit, self.passed);
        };
        ControlFlow::Break(Plan::Change(Change::Put {
            id: self.id,
            // The spec's own spelling: the keys were proved with it.
            company: self.target.company.clone(),
            site,
            expected,
            adopt_from,
            credentials: self.credentials.version.clone(),
        }))
    }

    fn linked(self, link: &RemoteLink) -> Plan {
        let visit = self.visit;
        let confirmed = StatusTime::new(link.confirmed_at.unwrap_or(visit.now.wall));
        let (mut draft, registered) = self.recorded(link);
        let stood = visit.record(RegistrationMode::Api).and_then(|record| record.confirmed_time);
        draft.fields().link = Some(LinkRecord {
            confirmed_time: if registered.fresh { Some(confirmed) } else { stood.or(Some(confirmed)) },
            ..registered.record
        });
        let text = "Petra confirmed the link with these keys.";
        draft.set(ConditionType::Registered, ConditionStatus::True, Reason::Confirmed, text);
        draft.set(ConditionType::Ready, ConditionStatus::True, Reason::Linked, GOOD);
        let mut settled = self.end(visit.settle(draft.finish(Progress::Settled)));
        settled.memory.suspicion =
            settled.memory.suspicion.filter(|it| it.of != Reason::RemoteLinkMissing);
        settled.petra_done().claiming(&self.id).plan()
    }

    fn pending(self, link: &RemoteLink) -> Plan {
        let visit = self.visit;
        let (mut draft, registered) = self.recorded(link);
        let since = registered.record.registered_time.map_or(visit.now.wall, |at| at.0);
        draft.fields().link = Some(registered.record);
        let confirm = visit.rules.timings.confirm;
        let polled_after = matches!(
            &visit.seen.listing,
            Listing::Known { answered_at, failing: None, .. } if answered_at.since(since) >= confirm
        );
        let progress = if polled_after && !registered.fresh {
            let text = message::looks_again(
                "Petra did not confirm the link in time. Nothing was found wrong with keys and role; ask \
                 support@petrasecurity.com and name the link id in status.link.id.",
            );
            draft.set(ConditionType::Ready, ConditionStatus::False, Reason::ConfirmationTimedOut, text.clone());
            draft.unknown(ConditionType::Registered, Reason::ConfirmationTimedOut, text);
            Progress::Stalled
        } else {
            draft.unknown(ConditionType::Ready, Reason::AwaitingConfirmation, TAKEN);
            draft.unknown(ConditionType::Registered, Reason::AwaitingConfirmation, TAKEN);
            Progress::Reconciling
        };
        // The shared poll wakes the link; this is for the timeout alone.
        let left = confirm.saturating_sub(visit.now.since(since)) + visit.rules.timings.poll;
        let settled = self.end(visit.settle(draft.finish(progress)));
        let next = settled.next.map_or(left, |next| next.min(left));
        Settlement { next: Some(next), ..settled }.petra_done().claiming(&self.id).waiting().plan()
    }

    fn failed(self, link: &RemoteLink) -> Plan {
        let (mut draft, registered) = self.recorded(link);
        draft.fields().link = Some(registered.record);
        self.rejection(draft)
    }

    /// 422: nothing was stored.
    fn refused(&self) -> Plan {
        self.rejection(self.passed.draft.clone())
    }

    fn rejection(&self, mut draft: Draft) -> Plan {
        let text = message::looks_again(
            "Petra says that ConnectWise refused the link, although the operator's own check with the same keys passed. \
             Put a new key pair into the Secret (System > Members > API Members > API Keys), or ask \
             support@petrasecurity.com.",
        );
        draft.set(ConditionType::Ready, ConditionStatus::False, Reason::RegistrationRejected, text.clone());
        draft.set(ConditionType::Registered, ConditionStatus::False, Reason::RegistrationRejected, text);
        let settled = self.end(self.visit.settle(draft.finish(Progress::Stalled)));
        settled.petra_again(self.visit, BackoffKind::Refused, None).claiming(&self.id).plan()
    }

    fn conflict(&self, owner: Option<&Owner>) -> Plan {
        let mut draft = self.passed.draft.clone();
        let holder = match owner {
            None => "a person made it by hand in Petra's portal; to take it over set spec.registration.adoptFrom to \
                     unowned and spec.deletionPolicy"
                .to_owned(),
            Some(owner) => match owner.within(&self.visit.rules.installation) {
                Some((namespace, name)) if namespace == self.visit.subject.key.namespace => format!(
                    "{name} in this namespace holds it; delete one of the two, or set spec.registration.adoptFrom to {owner} \
                     and spec.deletionPolicy here"
                ),
                _ => "another owner holds it; ask your platform team who links this company, and set \
                      spec.registration.adoptFrom to that owner and spec.deletionPolicy to take it over"
                    .to_owned(),
            },
        };
        let text = message::looks_again(&format!("This company has a link at Petra already: {holder}."));
        draft.set(ConditionType::Ready, ConditionStatus::False, Reason::LinkConflict, text.clone());
        draft.set(ConditionType::Registered, ConditionStatus::False, Reason::LinkConflict, text);
        let settled = self.end(self.visit.settle(draft.finish(Progress::Stalled)));
        settled.petra_again(self.visit, BackoffKind::Refused, None).claiming(&self.id).plan()
    }

    /// This replica was not surely the leader for long enough: nothing was sent, nothing is said.
    fn fenced(&self) -> Plan {
        let settled = self.visit.settle(self.passed.draft.clone().finish(Progress::Keep));
        self.end(settled).petra_again(self.visit, BackoffKind::Nothing, None).plan()
    }

    /// Petra answered nothing: a registered link stays as it is, one that is not yet waits.
    fn petra_fault(&self, fault: PetraFault) -> Plan {
        let visit = self.visit;
        let asked_to_wait = match fault {
            PetraFault::RateLimited(wait) => wait,
            _ => None,
        };
        let mut draft = self.passed.draft.clone();
        let mut kind = BackoffKind::Nothing;
        let progress = if self.registered() {
            kind = BackoffKind::Held;
            self.hold(&mut draft)
        } else if fault == PetraFault::NoContract && visit.subject.status.link.is_none() {
            let text = message::looks_again(
                "The Petra server has no link routes, so the operator cannot register anything; no key was sent. Set \
                 spec.registration.mode to Portal.",
            );
            draft.set(ConditionType::Ready, ConditionStatus::False, Reason::RegistrationUnsupported, text.clone());
            draft.set(ConditionType::Registered, ConditionStatus::False, Reason::RegistrationUnsupported, text);
            kind = BackoffKind::Refused;
            Progress::Stalled
        } else {
            let (reason, text) = match fault {
                PetraFault::KeyRejected => (
                    Reason::PetraKeyRejected,
                    "Petra refuses the operator's own API key; the link itself was not judged. Ask the operator's \
                     administrator to replace the key.",
                ),
                PetraFault::RateLimited(_) => (Reason::RateLimited, "Petra asked the operator to slow down."),
                PetraFault::NoContract | PetraFault::Unavailable => {
                    (Reason::PetraUnavailable, "Petra gave no conclusive answer; keys and role were found good.")
                }
            };
            draft.unknown(ConditionType::Ready, reason, message::looks_again(text));
            Progress::Reconciling
        };
        let mut settled = visit.settle(draft.finish(progress));
        if matches!(visit.seen.put, Some(PutAnswer::Unknown(_))) {
            settled.memory.unknown_put = Some(visit.now.up);
        }
        let mut settled = self.end(settled).petra_again(visit, kind, asked_to_wait);
        if kind == BackoffKind::Held {
            settled = settled.holding("petra");
        }
        settled.claiming(&self.id).plan()
    }

    fn end(&self, settled: Settlement) -> Settlement {
        self.passed.schedule.end(self.visit, settled)
    }

    /// Nothing new is known of Petra: what stands stays.
    fn keep(&self) -> Plan {
        let mut draft = self.passed.draft.clone();
        let progress = if self.registered() { self.hold(&mut draft) } else { Progress::Keep };
        let waits = progress == Progress::Reconciling;
        let settled = self.visit.settle(draft.finish(progress));
        let settled = self.end(settled).still_petra(self.visit).claiming(&self.id);
        if waits { settled.waiting().plan() } else { settled.plan() }
    }

    /// Whether Petra took the link with the keys of now, as far as was last heard.
    fn registered(&self) -> bool {
        let status = &self.visit.subject.status;
        let held = status.link.as_ref().and_then(|link| link.credentials_version.as_deref());
        let stands = draft::reason(status, ConditionType::Registered);
        held == Some(self.credentials.version.as_str())
            && matches!(stands, Some(Reason::Confirmed | Reason::AwaitingConfirmation))
    }

    /// `Ready` from what was last heard of Petra: an outage there says nothing about the link.
    fn hold(&self, draft: &mut Draft) -> Progress {
        if draft::is_true(&self.visit.subject.status, ConditionType::Registered) {
            draft.set(ConditionType::Ready, ConditionStatus::True, Reason::Linked, GOOD);
            Progress::Settled
        } else {
            draft.unknown(ConditionType::Ready, Reason::AwaitingConfirmation, TAKEN);
            Progress::Reconciling
        }
    }

    /// The record of the link as Petra holds it, and whether its keys are newly registered.
    fn recorded(&self, link: &RemoteLink) -> (Draft, Recorded) {
        let visit = self.visit;
        let stood = visit.record(RegistrationMode::Api);
        let same_keys = stood.filter(|record| record.credentials_version == link.credentials_version);
        let record = LinkRecord {
            id: link.id.as_str().to_owned(),
            mode: Some(RegistrationMode::Api),
            owner: Some(visit.subject.owner.as_str().to_owned()),
            state: Some(link.state.as_str().to_owned()),
            credentials_version: link.credentials_version.clone(),
            registered_time: same_keys
                .and_then(|record| record.registered_time)
                .or_else(|| Some(StatusTime::new(visit.now.wall))),
            confirmed_time: same_keys.and_then(|record| record.confirmed_time),
        };
        (self.passed.draft.clone(), Recorded { record, fresh: same_keys.is_none() })
    }
}

struct Recorded {
    record: LinkRecord,
    fresh: bool,
}
