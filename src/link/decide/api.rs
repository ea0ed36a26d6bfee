//! The rows of Petra in `Api` mode.

mod identity;
mod news;
mod outcome;
mod rejection;

use std::convert::Infallible;
use std::ops::ControlFlow;

use super::secret::Credentials;
use super::verdict::{Passed, hold_accusation};
use super::{Row, View};
use crate::connectwise::{Depth, Round};
use crate::crd::{ConditionStatus, ConditionType, DeletionPolicy, LinkRecord, Reason, RegistrationMode};
use crate::link::facts::PollView;
use crate::link::intervals;
use crate::link::origin::Origin;
use crate::link::plan::{Accusation, Change, Plan, Question};
use crate::link::reason_class::{BackoffKind, PetraSays};
use crate::link::status_builder::Progress;
use crate::link::subject::Target;
use crate::petra::client::Adopt;
use crate::petra::{DeleteAnswer, Holder, LinkId, PetraFault, PutAnswer, RemoteLink, RemoteState};
use identity::{is_of, link_id};

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

pub(super) fn row(
    view: &View,
    target: &Target,
    credentials: &Credentials,
    passed: Passed,
) -> Row<Infallible> {
    let id = link_id(view, target, &passed);
    let registration = Registration { view, target, credentials, id, passed };
    match registration.known() {
        ControlFlow::Break(plan) => ControlFlow::Break(plan),
        ControlFlow::Continue(Known::There(link)) if view.owns(&link) => registration.ours(link),
        ControlFlow::Continue(Known::There(link)) => registration.others(&link),
        ControlFlow::Continue(Known::Gone) => registration.gone(),
        ControlFlow::Continue(Known::Unlisted) => registration.unlisted(),
        ControlFlow::Continue(Known::Nothing(fault)) => ControlFlow::Break(registration.petra_fault(fault)),
    }
}

impl View<'_> {
    /// This owner's links in the last list that is newer than this process's own changes.
    fn owned_links(&self) -> impl Iterator<Item = &RemoteLink> {
        let links = match &self.facts.poll {
            PollView::Known { asked_at, links, .. }
                if self.state.petra_changed_at.is_none_or(|at| asked_at.up > at) =>
            {
                &links[..]
            }
            _ => &[],
        };
        links.iter().filter(|link| self.owns(link))
    }

    /// Whether the last list cannot tell that this owner has no link.
    fn absence_is_unproven(&self) -> bool {
        match &self.facts.poll {
            PollView::Known { asked_at, failing: None, unsure: false, .. } => {
                self.state.petra_changed_at.is_some_and(|at| asked_at.up <= at)
            }
            _ => true,
        }
    }

    /// Whether the spec was edited since the status was written.
    pub(super) fn is_edited(&self) -> bool {
        self.subject.status.observed_generation != Some(self.subject.generation)
    }

    /// Whether this process looks at the link for the first time, and nobody asked it to.
    pub(super) fn is_first_look(&self) -> bool {
        self.state.first_seen.is_none() && self.subject.requested_at.is_none() && !self.is_edited()
    }

    /// Whether Petra has not said for too long that it holds the link as it should. What was stale before a restart is so
    /// until Petra says something.
    pub(super) fn is_petra_stale(&self) -> bool {
        let reason = |kind| self.subject.status.reason(kind);
        let was_stale = reason(ConditionType::Ready) == Some(Reason::ValidationStale)
            && reason(ConditionType::AuthFailed) != Some(Reason::ValidationStale);
        let heard = self.state.petra_heard_at.or(self.state.first_seen).unwrap_or(self.now.up);
        (was_stale && self.state.petra_heard_at.is_none())
            || self.elapsed(heard) >= intervals::stale_after(self.subject, &self.config.timings)
    }

    /// The record of this mode in the status.
    pub(super) fn record(&self, mode: RegistrationMode) -> Option<&LinkRecord> {
        self.subject
            .status
            .link
            .as_ref()
            .filter(|record| record.mode.unwrap_or(RegistrationMode::Api) == mode)
    }
}

/// Asks ConnectWise what only a round of this process can tell: where the tenant is, or whether these inputs are good. Where
/// such a round of this visit did not, the last result stays.
pub(super) fn ask(view: &View, depth: Depth, passed: Passed) -> Row<Infallible> {
    let answered = |round: &Round| depth == Depth::Cheap || round.depth == Depth::Full;
    if passed.schedule.held.is_some() || view.facts.round.as_ref().is_some_and(answered) {
        let settled = view.settle(passed.builder.finish(Progress::Keep));
        return ControlFlow::Break(passed.schedule.end(view, settled).plan());
    }
    let floor_left = view.floor_left();
    if !floor_left.is_zero() && view.facts.round.is_none() {
        let settled = view.settle(passed.builder.finish(Progress::Keep));
        return ControlFlow::Break(settled.requeue_as_planned(view, view.now.up + floor_left).plan());
    }
    view.need_keys()?;
    ControlFlow::Break(Plan::Ask(Question::Round(depth)))
}

struct Registration<'a> {
    view: &'a View<'a>,
    target: &'a Target,
    credentials: &'a Credentials,
    /// `None` until a round of this process has found the tenant, where the status records no link either.
    id: Option<LinkId>,
    passed: Passed,
}

impl Registration<'_> {
    /// The newest that this visit knows, asking the shared poll first where it has never answered.
    fn known(&self) -> Row<Known> {
        let facts = self.view.facts;
        let known = match (&facts.put_answer, self.answer()) {
            (Some(PutAnswer::OwnedByOther(holder)), None) => {
                return ControlFlow::Break(self.conflict(holder));
            }
            (Some(PutAnswer::CompanyLinked { id, holder }), None) => {
                match self.after_refusal(id.as_ref(), holder) {
                    Some(plan) => return ControlFlow::Break(plan),
                    None => Known::Unlisted,
                }
            }
            (Some(PutAnswer::Refused(why)), _) => return ControlFlow::Break(self.refused(*why)),
            (Some(PutAnswer::Fenced), _) => return ControlFlow::Break(self.fenced()),
            (Some(PutAnswer::LookAgain | PutAnswer::Unknown(_)), None) => {
                self.read()?;
                Known::Unlisted
            }
            // The outcome of the PUT was read back and it is not there: it may still arrive, so it is not repeated now.
            (Some(PutAnswer::Unknown(fault)), Some(Ok(None))) => Known::Nothing(*fault),
            (Some(PutAnswer::Accepted(link)), _) | (_, Some(Ok(Some(link)))) => Known::There(link.clone()),
            (_, Some(Ok(None))) => Known::Gone,
            (_, Some(Err(fault))) => Known::Nothing(*fault),
            (None, None) if self.found_at_start() => {
                let kept = self.kept().requeue_petra_with_backoff(self.view, BackoffKind::Rejected, None);
                return ControlFlow::Break(kept.plan());
            }
            (None, None) if self.not_again_yet() => return ControlFlow::Break(self.keep()),
            (None, None) if self.needs_news() => return self.news(),
            (None, None) => return self.listed(),
        };
        ControlFlow::Continue(known)
    }

    /// What Petra said of this very link in this visit. Without an id: of the one that the status records, which is gone.
    fn answer(&self) -> Option<&Result<Option<RemoteLink>, PetraFault>> {
        let recorded = || self.view.recorded_id();
        self.view.facts.petra_links.get(&self.id.clone().or_else(recorded)?)
    }

    /// Reads the link by itself, where its id is known.
    fn read(&self) -> Row<()> {
        match &self.id {
            Some(id) => ControlFlow::Break(Plan::Ask(Question::Link(id.clone()))),
            None => ControlFlow::Continue(()),
        }
    }

    /// Petra refused a second link for the company. One that the spec takes over is read first. Another one of this very
    /// owner goes by the deletion policy; `None` when it is gone.
    fn after_refusal(&self, id: Option<&LinkId>, holder: &Holder) -> Option<Plan> {
        if id.is_some_and(|id| self.view.adopts(id, holder)) {
            return id.map(|id| Plan::Ask(Question::Link(id.clone())));
        }
        let is_ours = *holder == Holder::Owner(self.view.subject.owner.clone());
        match self.view.facts.deletes.last().map(|sent| &sent.answer) {
            Some(DeleteAnswer::Gone) if is_ours => None,
            None if is_ours => Some(self.leftover().unwrap_or_else(|| self.company_linked(id, holder))),
            _ => Some(self.company_linked(id, holder)),
        }
    }

    /// Whether a person asked, now or when the link was first found missing.
    fn asked_for(&self) -> bool {
        let suspicion = self.view.state.suspicion;
        self.view.subject.requested_at.is_some() || suspicion.is_some_and(|suspicion| suspicion.asked_for)
    }

    /// A verdict of Petra that stood before this process began waits its first delay, as one of ConnectWise does: backoff
    /// is in memory, and a fleet must not ask at once.
    fn found_at_start(&self) -> bool {
        let class = self.view.subject.status.reason(ConditionType::Ready).map(Reason::class);
        class.is_some_and(|class| class.petra == PetraSays::Rejected && class.backoff.is_some())
            && self.view.is_first_look()
            && !self.passed.schedule.fresh
    }

    /// Petra was asked about this very verdict a moment ago; a visit for another reason does not ask again, unless the spec
    /// was edited since, or the shared poll has news.
    fn not_again_yet(&self) -> bool {
        let view = self.view;
        view.state.petra_not_before.is_some_and(|at| at > view.now.up)
            && !self.poll_has_news()
            && !view.is_edited()
            && !self.passed.schedule.fresh
            && view.subject.requested_at.is_none()
    }

    /// Whether the list came after Petra was asked about the link, and Petra answered nothing then, had no such list, or returned
    /// another state. Where Petra did not answer a request about this very link, a list says nothing new.
    fn poll_has_news(&self) -> bool {
        let view = self.view;
        let PollView::Known { asked_at, failing: None, .. } = &view.facts.poll else { return false };
        let answered_nothing =
            matches!(view.state.petra_backoff.kind, Some(BackoffKind::Inconclusive | BackoffKind::Held))
                && !view.state.petra_request_failed;
        let unsupported =
            view.subject.status.reason(ConditionType::Ready) == Some(Reason::RegistrationUnsupported);
        let stored = view.record(RegistrationMode::Api).and_then(|record| record.state.as_deref());
        let listed = view.owned_links().find(|link| Some(&link.id) == self.id.as_ref());
        let listed_otherwise = listed.is_some_and(|link| stored != Some(link.state.as_str()));
        view.state.petra_asked.is_some_and(|asked| asked_at.up > asked)
            && (answered_nothing || unsupported || listed_otherwise)
    }

    fn listed(&self) -> Row<Known> {
        match &self.view.facts.poll {
            PollView::NotYet if self.registered() => ControlFlow::Break(self.keep()),
            PollView::NotYet => ControlFlow::Break(Plan::Ask(Question::Poll)),
            PollView::Failing(fault) => ControlFlow::Continue(Known::Nothing(*fault)),
            PollView::Known { asked_at, links, failing, unsure, .. } => {
                // A DELETE of this visit was of another id: the list stays good for this one.
                let changed = self.view.state.petra_changed_at.filter(|_| self.view.facts.deletes.is_empty());
                let link = links.iter().find(|link| Some(&link.id) == self.id.as_ref());
                // A list can also be behind: it shows the version that this process has replaced.
                let replaced = self.view.state.petra_replaced.as_ref();
                let older = changed.is_some_and(|changed| asked_at.up <= changed)
                    || link.is_some_and(|link| Some(&link.version) == replaced);
                match (link, failing) {
                    // A list from before this process's own change says nothing about it; the next one wakes the link.
                    _ if older && self.registered() => ControlFlow::Break(self.keep()),
                    _ if older => ControlFlow::Continue(Known::Unlisted),
                    (_, Some(fault)) => ControlFlow::Continue(Known::Nothing(*fault)),
                    _ if self.is_of_namesake(*asked_at, links) => {
                        if self.view.facts.polled {
                            return ControlFlow::Continue(Known::Nothing(PetraFault::Unavailable));
                        }
                        ControlFlow::Break(Plan::Ask(Question::Poll))
                    }
                    (Some(link), None) => ControlFlow::Continue(Known::There(link.clone())),
                    // A fleet that is missing from the list is held until a person asks, or the link would be stale.
                    _ if *unsure && self.registered() && !self.asked_for() && !self.view.is_petra_stale() => {
                        ControlFlow::Break(self.keep())
                    }
                    _ => ControlFlow::Continue(Known::Unlisted),
                }
            }
        }
    }

    /// Our own link: judged by its state, or its keys replaced. A resource that finds it there without having sent it (a
    /// namesake, a rebuilt cluster, a backup) gets the finalizer first: else its deletion would leave the link behind. Then
    /// it takes the link over.
    fn ours(self, link: RemoteLink) -> Row<Infallible> {
        if self.view.is_taken_over(&link) {
            self.own_answer()?;
            self.debounce(Reason::LinkConflict)?;
            return ControlFlow::Break(self.taken_over());
        }
        self.require_finalizer()?;
        let current = self.credentials.version.as_str();
        if link.credentials_version.as_deref() != Some(current) || self.view.is_of_another(&link) {
            return self.put(Some(link.version), None);
        }
        if !is_of(self.view, self.target, self.passed.schedule.found.as_ref(), &link) {
            self.debounce(Reason::LinkConflict)?;
            return ControlFlow::Break(self.of_another_company());
        }
        ControlFlow::Break(match link.state {
            RemoteState::Connected => {
                if let Some(leftover) = self.leftover() {
                    return ControlFlow::Break(leftover);
                }
                self.linked(&link)
            }
            RemoteState::Pending => {
                self.require_own_answer()?;
                self.pending(&link)
            }
            RemoteState::Failed => {
                self.debounce(Reason::RegistrationRejected)?;
                if self.is_known_as_rejected() {
                    return self.put(Some(link.version), None);
                }
                self.failed(&link)
            }
        })
    }

    /// Nothing is registered for a resource whose deletion nobody would hear of.
    fn require_finalizer(&self) -> Row<()> {
        if self.view.facts.finalizer {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(match &self.view.facts.finalizer_refused {
            None => Plan::Change(Change::AddFinalizer),
            Some(refusal) => self.finalizer_refused(refusal),
        })
    }

    /// A Ready link is not taken back by the list, which may be older than what made it Ready: another replica may have
    /// heard that first. It is read by itself.
    fn require_own_answer(&self) -> Row<()> {
        if self.view.subject.is_good() { self.own_answer() } else { ControlFlow::Continue(()) }
    }

    /// The link is read by itself.
    fn own_answer(&self) -> Row<()> {
        if self.answer().is_none() {
            return self.read();
        }
        ControlFlow::Continue(())
    }

    /// One response does not report a Ready link as missing, failed or owned by another. The operator reads the link
    /// twice, one debounce apart.
    fn debounce(&self, of: Reason) -> Row<()> {
        self.require_own_answer()?;
        let accused = Accusation { of, by: Origin::Petra };
        match hold_accusation(self.view, accused, &self.passed.builder, Some(&self.passed.schedule)) {
            Some(plan) => ControlFlow::Break(plan),
            None => ControlFlow::Continue(()),
        }
    }

    /// Another link that this very resource left, when it linked something else: it goes by this resource's deletion policy.
    /// What an earlier resource of the same name left is reported, and stays.
    fn leftover(&self) -> Option<Plan> {
        let view = self.view;
        if !view.facts.deletes.is_empty() || view.subject.spec.deletion_policy() != DeletionPolicy::Unlink {
            return None;
        }
        let leftover =
            view.owned_links().find(|link| Some(&link.id) != self.id.as_ref() && view.may_delete(link))?;
        let (id, expected) = (leftover.id.clone(), leftover.version.clone());
        Some(Plan::Change(Change::Delete { id, expected }))
    }

    /// Somebody else's link: taken over only when the spec names its very owner, and only before there is one of ours.
    fn others(self, link: &RemoteLink) -> Row<Infallible> {
        let spec = self.view.subject.spec.registration.as_ref();
        let adopt = spec.and_then(|registration| registration.adopt_from.as_deref());
        let holder = link.owner.clone().map_or(Adopt::Unowned, Adopt::Owner);
        if adopt == Some(holder.as_str()) && self.view.record(RegistrationMode::Api).is_none() {
            return self.put(Some(link.version.clone()), Some(holder));
        }
        self.debounce(Reason::LinkConflict)?;
        ControlFlow::Break(self.conflict(&Holder::from(link.owner.clone())))
    }

    /// Petra said of this very link that it is not there.
    fn gone(self) -> Row<Infallible> {
        if self.view.record(RegistrationMode::Api).is_none() {
            return self.put(None, None);
        }
        self.debounce(Reason::RemoteLinkMissing)?;
        let stored = self.view.subject.status.reason(ConditionType::Registered);
        if stored == Some(Reason::RemoteLinkMissing) || self.is_known_as_rejected() {
            return self.put(None, None);
        }
        let mut builder = self.passed.builder;
        let text = "Petra no longer has a link for this resource. The operator is registering it again.";
        builder.unknown(ConditionType::Ready, Reason::RemoteLinkMissing, text);
        builder
            .set(ConditionType::Registered, ConditionStatus::False.because(Reason::RemoteLinkMissing, text));
        let mut state = self.view.state.clone();
        state.suspicion = None;
        state.found = self.passed.schedule.found.or(state.found);
        ControlFlow::Break(Plan::Publish(Box::new(builder.finish(Progress::Reconciling)), Box::new(state)))
    }

    /// The list does not name it: where a link of ours or another's was known, only its own GET tells.
    fn unlisted(self) -> Row<Infallible> {
        let conflict = self.view.subject.status.reason(ConditionType::Ready) == Some(Reason::LinkConflict);
        let asked_to_adopt = self
            .view
            .subject
            .spec
            .registration
            .as_ref()
            .is_some_and(|registration| registration.adopt_from.is_some());
        if self.view.record(RegistrationMode::Api).is_some() || conflict || asked_to_adopt {
            self.read()?;
            return ask(self.view, Depth::Full, self.passed);
        }
        self.put(None, None)
    }

    /// Sends the keys, at most twice in one visit: only those that a whole round of this process found good, to register the
    /// host that it found, under an id that it found or that Petra says is this resource's; and after the finalizer is there.
    fn put(self, expected: Option<crate::petra::Version>, adopt_from: Option<Adopt>) -> Row<Infallible> {
        if self.view.facts.puts >= 2 {
            return ControlFlow::Break(self.petra_fault(PetraFault::Unavailable));
        }
        self.may_send_again()?;
        let Some((found, Depth::Full)) = self.passed.proved() else {
            return ask(self.view, Depth::Full, self.passed);
        };
        let (site, derived) = (found.tenant.api_host.clone(), LinkId::of(&found.tenant));
        self.require_finalizer()?;
        self.view.need_keys()?;
        ControlFlow::Break(Plan::Change(Change::Put {
            id: self.id.filter(|_| expected.is_some()).unwrap_or(derived),
            // The spec's own spelling: the keys were proved with it.
            company: self.target.company.clone(),
            site,
            expected,
            adopt_from,
            credentials: self.credentials.version.clone(),
        }))
    }
}
