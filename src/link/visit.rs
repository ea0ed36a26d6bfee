//! One visit of a link: a pure value, and the one loop that drives it.
//!
//! The rules ([`decide`]) say what comes next, [`Effects`] does it and returns a value, and [`Visit`] takes that value over.
//! The operator, the tests' stage and world, and the fuzzed conversation differ in their [`Effects`] alone.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::config::Config;
use super::decide::{View, decide};
use super::facts::{Facts, PollView};
use super::plan::{Answer, Change, Outcome, Plan, Question, Settlement, Written};
use super::reason_class::BackoffKind;
use super::state::LinkState;
use super::subject::Subject;
use super::{Error, intervals};
use crate::clock::Now;
use crate::connectwise::Keys;
use crate::crd::{ConnectWiseLink, LinkStatus};
use crate::petra::{DeleteAnswer, PetraFault, PutAnswer};
use crate::timings::Timings;

/// A visit takes at most this many steps. The longest path has about 12 steps, plus 2 for each link that a deleted
/// resource left at Petra.
pub(super) const MAX_STEPS: usize = 64;

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
}

/// How a visit ends.
pub(crate) enum End {
    /// The rules are done, and the status is written.
    Settled(Box<Settlement>),
    /// The resource is not as this visit knew it: visit it again soon.
    Outdated,
}

/// What an effect returned.
enum Returned {
    Answer(Answer),
    Outcome(Outcome),
    Written(Written),
}

/// Whether the resource is still as the visit knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Currency {
    Current,
    Outdated,
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
        Some(Self { link, subject, state, facts, keys: None, readable: true, steps: 0, check_began: None })
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
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(Error::Endless);
        }
        let now = effects.now();
        let returned = match decide(&self.view(config, now)) {
            Plan::Ask(question) => {
                if let Question::Round(_) = question {
                    // Even if this visit ends by a panic, the floor counts from here.
                    self.state.last_round = Some(now.up);
                    self.check_began.get_or_insert(now.up);
                }
                Returned::Answer(effects.observe(self, question).await?)
            }
            Plan::Change(change) => Returned::Outcome(effects.act(self, change).await?),
            Plan::Publish(status, state) => {
                self.state = *state;
                if self.subject.status == *status {
                    return Ok(None);
                }
                Returned::Written(effects.write_status(self, *status).await?)
            }
            Plan::Settle(settlement) => return self.settle(*settlement, config, effects).await.map(Some),
        };
        let currency = self.apply(returned, config, effects.now());
        Ok((currency == Currency::Outdated).then_some(End::Outdated))
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
            if self.apply(Returned::Written(written), config, effects.now()) == Currency::Outdated {
                return Ok(End::Outdated);
            }
        }
        self.state =
            LinkState { superseded: std::mem::take(&mut self.state.superseded), ..settlement.state.clone() };
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
            state.client_id_generation = self.facts.client_id.generation;
        }
        if matches!(self.facts.put_answer, Some(PutAnswer::Unknown(_))) {
            state.unknown_put_at = Some(now.up);
        }
        state
    }

    /// Applies what an effect returned. No other code does.
    fn apply(&mut self, returned: Returned, config: &Config, now: Now) -> Currency {
        match returned {
            Returned::Answer(answer) => self.answered(answer, config, now),
            Returned::Outcome(outcome) => self.changed(outcome, config, now),
            Returned::Written(written) => self.wrote(written, config),
        }
    }

    fn answered(&mut self, answer: Answer, config: &Config, now: Now) -> Currency {
        match answer {
            Answer::Secret(read, keys) => {
                self.state.secret_read_at = Some(now.up);
                self.facts.secret = Some(read);
                self.keys = keys;
            }
            Answer::Round(round, written) => {
                self.facts.round = Some(round);
                if let Some(written) = written {
                    return self.wrote(written, config);
                }
            }
            // A poll that did not end in time is judged by how it ended last.
            Answer::Poll(PollView::NotYet) => self.facts.poll = PollView::Failing(PetraFault::Unavailable),
            Answer::Poll(known) => self.facts.poll = known,
            Answer::Rival(precedence) => self.facts.precedence = Some(precedence),
            Answer::Fleet(fleet) => self.facts.fleet = Some(fleet),
            Answer::Link(link) => self.facts.petra_link = Some(link),
            Answer::Owned(Ok(list)) if list.complete && list.unreadable.is_empty() => {
                self.facts.owned = Some(Ok(list.links));
            }
            // A list with entries that cannot be read proves nothing about what is absent from it.
            Answer::Owned(Ok(_)) => self.facts.owned = Some(Err(PetraFault::Unavailable)),
            Answer::Owned(Err(fault)) => self.facts.owned = Some(Err(fault)),
        }
        Currency::Current
    }

    fn changed(&mut self, outcome: Outcome, config: &Config, now: Now) -> Currency {
        match outcome {
            Outcome::NotMade => return Currency::Outdated,
            Outcome::Finalizer(present, metadata) => {
                self.facts.finalizer = present;
                self.wrote_metadata(*metadata, config);
            }
            Outcome::Put(answer) => {
                self.changed_at_petra(now);
                self.facts.puts += 1;
                self.state.held_at_petra |= matches!(
                    &answer,
                    PutAnswer::Accepted(link)
                        if link.owner_uid.as_ref().is_some_and(|uid| uid.as_str() == self.subject.uid)
                );
                self.facts.put_answer = Some(answer);
            }
            Outcome::Delete(answer) => {
                self.changed_at_petra(now);
                self.facts.owned = None;
                if matches!(answer, DeleteAnswer::LookAgain | DeleteAnswer::NotOurs) {
                    self.facts.ineffective_deletes += 1;
                }
                self.facts.delete_answer = Some(answer);
            }
        }
        Currency::Current
    }

    /// Whatever was read before a change is out of date.
    fn changed_at_petra(&mut self, now: Now) {
        self.state.petra_changed_at = Some(now.up);
        self.facts.petra_link = None;
    }

    fn wrote(&mut self, written: Written, config: &Config) -> Currency {
        let Some(link) = written else { return Currency::Outdated };
        self.state.superseded.extend(self.link.resource_version());
        self.subject = Subject::read(&link, config);
        self.link = *link;
        Currency::Current
    }

    fn wrote_metadata(&mut self, metadata: ObjectMeta, config: &Config) {
        let link = ConnectWiseLink { metadata, ..self.link.clone() };
        self.wrote(Some(Box::new(link)), config);
    }
}
