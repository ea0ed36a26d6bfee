//! One visit of a link: a pure value, and the one loop that drives it.
//!
//! The rules ([`decide`]) say what comes next, [`Effects`] does it and returns a value, and [`Visit`] takes that value over.
//! The operator, the tests' stage and world, and the fuzzed conversation differ in their [`Effects`] alone.

use std::time::Duration;

use kube::ResourceExt;

use super::config::Config;
use super::decide::{View, decide};
use super::facts::{Facts, OwnedLinks, PollView, SentDelete};
use super::pace::Cause;
use super::plan::{Answer, Change, Outcome, Plan, Question, Settlement, Tried, Written};
use super::reason_class::BackoffKind;
use super::state::LinkState;
use super::subject::Subject;
use super::{Error, intervals};
use crate::clock::Now;
use crate::connectwise::Keys;
use crate::crd::{ConnectWiseLink, LinkStatus, REQUESTED_AT};
use crate::kubernetes::WriteRefusal;
use crate::petra::{LinkId, PetraFault, PutAnswer};
use crate::timings::Timings;

/// A visit takes at most this many steps. The longest path has about 12 steps, plus 1 for each link that a deleted
/// resource left at Petra, or 3 where the list is out of date.
pub(super) const MAX_STEPS: usize = 64;

/// A visit makes the same change at most this many times: Petra may have answered that the first one came too late.
const MAX_SAME_CHANGES: usize = 2;

/// Everything that a visit does outside the rules. Each call only returns a value; [`Visit`] applies it.
pub(crate) trait Effects {
    /// The present moment.
    fn now(&self) -> Now;

    /// Answers a question.
    fn observe(
        &mut self,
        visit: &Visit,
        question: Question,
    ) -> impl Future<Output = Result<Answer, Error>> + Send;

    /// Makes a change outside the status.
    fn act(&mut self, visit: &Visit, change: Change) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// Writes the whole status, guarded by uid and resource version.
    fn write_status(
        &mut self,
        visit: &Visit,
        status: LinkStatus,
    ) -> impl Future<Output = Result<Written, Error>> + Send;
}

/// A visit in progress.
pub(crate) struct Visit {
    /// The resource, as last read or written.
    pub link: ConnectWiseLink,
    /// The same, parsed.
    pub subject: Subject,
    /// What this process remembers of the link.
    pub state: LinkState,
    /// What this visit found so far.
    pub facts: Facts,
    /// The keys, from the moment when the Secret is read to the end of the visit.
    pub keys: Option<Keys>,
    /// Whether the stored object fits its types. One that does not is only ever deleted, and no status is written to it.
    pub readable: bool,
    steps: usize,
    /// When this visit first asked ConnectWise.
    check_began: Option<Duration>,
    /// What this visit asked since its last change.
    asked: Vec<Question>,
    /// The changes that this visit asked for.
    changes: Vec<Change>,
}

/// How a visit ends.
pub(crate) enum End {
    /// The rules are done, and the status is written.
    Settled(Box<Settlement>),
    /// The resource is not as this visit knew it: visit it again soon.
    Outdated,
    /// The link was written too often, or the API server refused the last write: nothing was done. Visit it again after
    /// this long.
    NotYet(Duration),
    /// The API server refuses to store the status. Visit the link again after this long.
    Refused(WriteRefusal, Duration),
}

/// What an effect returned.
enum Returned {
    /// To this question, asked at this moment.
    Answer(Question, Now, Answer),
    /// Of this change.
    Outcome(Change, Outcome),
    Written(Written),
}

/// Whether the visit can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Currency {
    /// The resource is as the visit knows it.
    Current,
    /// It is not.
    Outdated,
    /// What the visit says of it cannot be stored.
    Refused(WriteRefusal),
}

impl Visit {
    /// Begins a visit with what is known without any call. `None`: the watch has not caught up with this process's own last
    /// write; its event will come.
    pub(crate) fn begin(
        link: ConnectWiseLink,
        subject: Subject,
        mut state: LinkState,
        facts: Facts,
    ) -> Option<Self> {
        let version = link.resource_version();
        if version.is_some_and(|version| state.superseded.contains(&version)) {
            return None;
        }
        state.superseded.clear();
        let (asked, changes) = (Vec::new(), Vec::new());
        let (readable, steps, check_began) = (true, 0, None);
        Some(Self { link, subject, state, facts, keys: None, readable, steps, check_began, asked, changes })
    }

    /// What the rules see of this visit.
    pub(crate) fn view<'a>(&'a self, config: &'a Config, now: Now) -> View<'a> {
        View { subject: &self.subject, state: &self.state, facts: &self.facts, config, now }
    }

    /// How long the check of this visit may still take. All its rounds together have [`crate::timings::Timeouts::check`].
    pub(crate) fn check_time_left(&self, timings: &Timings, now: Now) -> Duration {
        let taken = now.up.saturating_sub(self.check_began.unwrap_or(now.up));
        timings.timeouts.check.saturating_sub(taken)
    }

    /// Does what the rules say until they are done or the resource was changed by somebody else.
    pub(crate) async fn run(&mut self, config: &Config, effects: &mut impl Effects) -> Result<End, Error> {
        loop {
            if let Some(end) = self.step(config, effects).await? {
                return Ok(end);
            }
        }
    }

    /// Takes one step: decide, do it, take over what it returned. The end, if this was the last step.
    pub(crate) async fn step(
        &mut self,
        config: &Config,
        effects: &mut impl Effects,
    ) -> Result<Option<End>, Error> {
        let now = effects.now();
        if self.steps == 0
            && let Some(wait) = self.state.pace.wait(self.cause(), config.timings.floor, now)
        {
            return Ok(Some(End::NotYet(wait)));
        }
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(Error::Endless);
        }
        let now = effects.now();
        let plan = decide(&self.view(config, now));
        if self.repeats_itself(&plan) {
            return Err(Error::Repeated);
        }
        let returned = match plan {
            Plan::Ask(question) => {
                if let Question::Round(_) = question {
                    // Even if this visit ends by a panic, the floor counts from here.
                    self.state.last_round = Some(now.up);
                    self.check_began.get_or_insert(now.up);
                }
                let answer = effects.observe(self, question.clone()).await?;
                Returned::Answer(question, now, answer)
            }
            Plan::Change(change) => {
                let outcome = effects.act(self, change.clone()).await?;
                Returned::Outcome(change, outcome)
            }
            Plan::Publish(status, state) => {
                self.state = *state;
                if self.subject.status == *status {
                    return Ok(None);
                }
                Returned::Written(effects.write_status(self, *status).await?)
            }
            Plan::Settle(settlement) => return self.settle(*settlement, config, effects).await.map(Some),
        };
        Ok(self.apply(returned, config, effects.now()))
    }

    /// What the writes of this visit answer to.
    fn cause(&self) -> Cause {
        Cause {
            generation: self.subject.generation,
            requested_at: self.link.annotations().get(REQUESTED_AT).cloned(),
            secret: self.facts.secret_watch.clone(),
        }
    }

    /// Whether a plan asks again what was asked since the last change, or makes the same change too often. The rules never
    /// do that: no answer could be another one, and both services have a rate limit that all links share.
    fn repeats_itself(&mut self, plan: &Plan) -> bool {
        match plan {
            Plan::Ask(question) => {
                let repeated = self.asked.contains(question);
                self.asked.push(question.clone());
                repeated
            }
            Plan::Change(change) => {
                self.asked.clear();
                self.changes.push(change.clone());
                self.changes.iter().filter(|made| *made == change).count() > MAX_SAME_CHANGES
            }
            Plan::Publish(..) | Plan::Settle(_) => false,
        }
    }

    /// Writes the last status of this visit, if it differs and there is a resource to write it to.
    async fn settle(
        &mut self,
        settlement: Settlement,
        config: &Config,
        effects: &mut impl Effects,
    ) -> Result<End, Error> {
        let departing = self.subject.deleting.is_some() && !self.facts.finalizer;
        if self.readable && !departing && self.subject.status != settlement.status {
            let written = effects.write_status(self, settlement.status.clone()).await?;
            if let Some(end) = self.apply(Returned::Written(written), config, effects.now()) {
                return Ok(end);
            }
        }
        let LinkState { superseded, pace, .. } = std::mem::take(&mut self.state);
        self.state = LinkState { superseded, pace, ..settlement.state.clone() };
        Ok(End::Settled(Box::new(settlement)))
    }

    /// The state after a visit without a settlement. The result of its round is lost, so the next round is due soon. The
    /// delay grows with each such visit.
    pub(crate) fn broken_off(&self, timings: &Timings, now: Now) -> LinkState {
        let mut state = self.state.clone();
        if self.facts.round.is_some() {
            let (delay, backoff) =
                intervals::backoff_delay(timings, state.backoff, BackoffKind::Inconclusive, now);
            state.not_before = Some(now.up + delay);
            state.backoff = backoff;
            state.last_round = Some(now.up);
            state.client_id = Some(self.facts.client_id.version);
        }
        if matches!(self.facts.put_answer, Some(PutAnswer::Unknown(_))) {
            state.unknown_put_at = Some(now.up);
        }
        state
    }

    /// Applies what an effect returned. No other code does. Returns the end of the visit if it cannot go on.
    fn apply(&mut self, returned: Returned, config: &Config, now: Now) -> Option<End> {
        let currency = match returned {
            Returned::Answer(question, asked_at, answer) => {
                self.answered(question, asked_at, answer, config, now)
            }
            Returned::Outcome(change, outcome) => self.changed(change, outcome, config, now),
            Returned::Written(written) => self.wrote(written, config, now),
        };
        match currency {
            Currency::Current => None,
            Currency::Outdated => Some(End::Outdated),
            Currency::Refused(refusal) => {
                let wait = self.state.pace.refused(&config.timings, &self.subject.uid, now);
                Some(End::Refused(refusal, wait))
            }
        }
    }

    fn answered(
        &mut self,
        question: Question,
        asked_at: Now,
        answer: Answer,
        config: &Config,
        now: Now,
    ) -> Currency {
        match answer {
            Answer::Secret(read, keys) => {
                self.state.secret_read_at = Some(now.up);
                self.facts.secret = Some(read);
                self.keys = keys;
            }
            Answer::Round(round, written) => {
                self.facts.round = Some(round);
                if let Some(written) = written {
                    return self.wrote(written, config, now);
                }
            }
            Answer::Poll(known) => {
                self.facts.polled = true;
                self.facts.poll = match known {
                    // A poll that did not end in time is judged by how it ended last.
                    PollView::NotYet => PollView::Failing(PetraFault::Unavailable),
                    PollView::Known { .. } | PollView::Failing(_) => known,
                };
            }
            Answer::Rival(precedence) => self.facts.precedence = Some(precedence),
            Answer::Fleet(fleet) => self.facts.fleet = Some(fleet),
            Answer::Link(link) => {
                if let Question::Link(id) = question {
                    self.facts.petra_links.insert(id, link);
                }
            }
            Answer::Owned(Ok(list)) if list.complete && list.unreadable.is_empty() => {
                self.facts.owned = Some(Ok(OwnedLinks { asked_at, links: list.links }));
            }
            // A list with entries that cannot be read proves nothing about what is absent from it.
            Answer::Owned(Ok(_)) => self.facts.owned = Some(Err(PetraFault::Unavailable)),
            Answer::Owned(Err(fault)) => self.facts.owned = Some(Err(fault)),
            Answer::Trial(Tried::Taken) => self.facts.trial = Some(Ok(())),
            Answer::Trial(Tried::Refused(refusal)) => self.facts.trial = Some(Err(refusal)),
            Answer::Trial(Tried::Outdated) => return Currency::Outdated,
        }
        Currency::Current
    }

    fn changed(&mut self, change: Change, outcome: Outcome, config: &Config, now: Now) -> Currency {
        match (change, outcome) {
            (_, Outcome::NotMade) => {
                self.state.pace.wrote(config.timings.floor, now);
                return Currency::Outdated;
            }
            (_, Outcome::Refused(refusal)) => self.facts.finalizer_refused = Some(refusal),
            (_, Outcome::Finalizer(present, metadata)) => {
                self.state.pace.wrote(config.timings.floor, now);
                self.facts.finalizer = present;
                let link = ConnectWiseLink { metadata: *metadata, ..self.link.clone() };
                self.stored(link, config);
            }
            (change, Outcome::Put(answer)) => {
                if let Change::Put { id, expected, .. } = change {
                    if let PutAnswer::CompanyLinked { .. } = answer {
                        // Nothing was changed: what the list says of this owner's links still holds.
                        self.facts.petra_links.remove(&id);
                    } else {
                        self.changed_at_petra(&id, now);
                    }
                    if let PutAnswer::Accepted(link) = &answer {
                        // The same keys again change nothing.
                        self.state.petra_replaced = expected.filter(|replaced| *replaced != link.version);
                    }
                    self.facts.put_id = Some(id);
                }
                self.facts.puts += 1;
                self.state.held_at_petra |= matches!(
                    &answer,
                    PutAnswer::Accepted(link)
                        if link.owner_uid.as_ref().is_some_and(|uid| uid.as_str() == self.subject.uid)
                );
                self.facts.put_answer = Some(answer);
            }
            (change, Outcome::Delete(answer)) => {
                if let Change::Delete { id, .. } = change {
                    self.changed_at_petra(&id, now);
                    self.facts.deletes.push(SentDelete { id, answer });
                }
            }
        }
        Currency::Current
    }

    /// Whatever was read of a link before its change is out of date.
    fn changed_at_petra(&mut self, id: &LinkId, now: Now) {
        self.state.petra_changed_at = Some(now.up);
        self.facts.petra_links.remove(id);
    }

    fn wrote(&mut self, written: Written, config: &Config, now: Now) -> Currency {
        self.state.pace.wrote(config.timings.floor, now);
        match written {
            Written::Outdated => return Currency::Outdated,
            Written::Refused(refusal) => return Currency::Refused(refusal),
            Written::Stored(link) => self.stored(*link, config),
        }
        self.state.pace.accepted();
        self.facts.status_taken = true;
        Currency::Current
    }

    /// The resource is stored like this now.
    fn stored(&mut self, link: ConnectWiseLink, config: &Config) {
        self.state.superseded.extend(self.link.resource_version());
        self.subject = Subject::read(&link, config);
        self.link = link;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::crd::SecretLookup;
    use crate::link::client_id::ClientIdView;
    use crate::link::decide::tests_subject;

    #[test]
    fn a_visit_repeats_neither_a_question_nor_a_change_in_vain() {
        let subject = tests_subject();
        let link = ConnectWiseLink::new("acme", subject.spec.clone());
        let (watch, client_id) = (SecretLookup::NotWatched, ClientIdView::default());
        let facts = Facts::at_start(watch, PollView::NotYet, client_id, false, Clock::start().now());
        let mut visit = Visit::begin(link, subject, LinkState::default(), facts).expect("a visit");
        let (ask, change) = (Plan::Ask(Question::Poll), Plan::Change(Change::AddFinalizer));
        let mut is_repeated = |plan: &Plan| visit.repeats_itself(plan);
        assert!(!is_repeated(&ask) && !is_repeated(&Plan::Ask(Question::Secret)));
        assert!(is_repeated(&ask), "nothing happened in between");
        assert!(!is_repeated(&change) && !is_repeated(&ask), "a change may make it another answer");
        assert!(!is_repeated(&change) && is_repeated(&change), "the third time");
    }
}
