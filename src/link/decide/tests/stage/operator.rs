//! One operator's process: what it remembers, its visits in progress, and one plan of a visit at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Stage, Who};
use crate::clock::Now;
use crate::crd::{ConnectWiseLink, LinkStatus};
use crate::link::decide::tests::books::{Links, Order};
use crate::link::decide::{Plan, Settlement, decide};
use crate::link::record::{broken_off, remembered};
use crate::link::registry::Registry;
use crate::link::seen::{Change, Listing, Question, SecretRead, Seen};
use crate::link::subject::Subject;
use crate::link::visiting::Visiting;
use crate::petra::{DeleteAnswer, LinkId, PetraFault, PutAnswer, RemoteLink};

/// What the reconciler bounds a visit by.
const MAX_STEPS: usize = 64;

pub(super) struct Operator {
    /// When the process started, in true time.
    pub started: Duration,
    /// How far its wall clock is ahead.
    pub skew: Duration,
    pub registry: Registry,
    /// The shared poll's last answered list.
    list: Option<List>,
    failing: Option<PetraFault>,
    /// Links for which the shared poll looks often.
    pub waiting: BTreeSet<Who>,
    visits: BTreeMap<Who, InProgress>,
    /// When each link wants to be looked at again, in true time.
    pub due: BTreeMap<Who, Duration>,
}

struct List {
    at: Now,
    links: Links,
    unsure: bool,
}

/// A visit in progress.
pub(super) struct InProgress {
    pub visiting: Visiting,
    /// The status that it began with.
    pub began: LinkStatus,
    pub writes: usize,
    steps: usize,
}

/// Whether a visit goes on.
#[derive(PartialEq, Eq)]
enum Goes {
    On,
    /// Somebody else wrote in between.
    BrokenOff,
    Settled,
}

impl Operator {
    pub fn started_at(started: Duration) -> Self {
        Self {
            started,
            skew: Duration::ZERO,
            registry: Registry::default(),
            list: None,
            failing: None,
            waiting: BTreeSet::new(),
            visits: BTreeMap::new(),
            due: BTreeMap::new(),
        }
    }

    fn listing(&self, subject: &Subject) -> Listing {
        let Some(List { at, links, unsure }) = &self.list else {
            return self.failing.map_or(Listing::NotYet, Listing::Failing);
        };
        let recorded = subject.status.link.as_ref().and_then(|link| LinkId::parse(&link.id));
        let by_id = recorded.as_ref().and_then(|id| links.get(id));
        let owned = |link: &&RemoteLink| {
            link.owner.as_ref() == Some(&subject.owner) && Some(&link.id) != recorded.as_ref()
        };
        Listing::Known {
            answered_at: *at,
            asked_at: *at,
            links: by_id.into_iter().chain(links.values().filter(owned)).cloned().collect(),
            failing: self.failing,
            unsure: by_id.is_none() && recorded.is_some() && *unsure,
        }
    }
}

impl Stage {
    /// The process ends at once: visits and memory are lost. Another takes its place.
    pub fn crash(&mut self, operator: usize) {
        let skew = self.operators[operator].skew;
        self.operators[operator] = Operator { skew, ..Operator::started_at(self.time) };
        self.referee.restarted(operator);
    }

    /// The shared poll asks for the list.
    pub fn poll(&mut self, operator: usize) {
        let at = self.now(operator);
        let answer = self.petra.read(|_| ()).map(|()| self.own_links());
        let unsure = self.petra.list_unsure;
        let operator = &mut self.operators[operator];
        match answer {
            Ok(links) => {
                operator.failing = None;
                operator.list = Some(List { at, links, unsure });
            }
            Err(fault) => operator.failing = Some(fault),
        }
    }

    /// One whole visit.
    pub fn visit(&mut self, operator: usize, who: Who) {
        while self.step(operator, who) {}
    }

    /// The next plan of a visit, or the first of a new one. Whether the visit goes on after it.
    pub fn step(&mut self, operator: usize, who: Who) -> bool {
        let Some(mut progress) =
            self.operators[operator].visits.remove(&who).or_else(|| self.begin(operator, who))
        else {
            return false;
        };
        progress.steps += 1;
        assert!(progress.steps <= MAX_STEPS, "the visit does not settle: {:?}", progress.visiting.seen);
        self.referee.stepped();
        let now = self.now(operator);
        let plan = decide(&progress.visiting.view(&self.rules, now));
        let goes = match plan {
            Plan::Ask(question) => self.answer(operator, who, question, &mut progress),
            Plan::Change(change) => self.change(operator, who, change, &mut progress),
            Plan::Publish(status, memory) => {
                progress.visiting.memory = *memory;
                if progress.visiting.subject.status == *status {
                    Goes::On
                } else {
                    self.write(who, *status, &mut progress)
                }
            }
            Plan::Settle(settlement) => self.settle(operator, who, *settlement, &mut progress),
        };
        match goes {
            Goes::On => drop(self.operators[operator].visits.insert(who, progress)),
            Goes::BrokenOff => {
                let memory = broken_off(&progress.visiting, &self.rules.timings, now);
                self.operators[operator].registry.remember_memory(&progress.visiting.subject, memory);
                self.operators[operator].due.insert(who, self.time + Visiting::CATCH_UP);
            }
            Goes::Settled => {}
        }
        goes == Goes::On
    }

    /// Only who leads begins a visit; one that was begun before the lease ran out goes on in a process that was paused.
    fn begin(&mut self, operator: usize, who: Who) -> Option<InProgress> {
        if operator != self.leader {
            return None;
        }
        let link = self.server.get(who)?.clone();
        // Time passes between two visits: a list that is asked for after a change is newer than the change.
        self.time += Duration::from_millis(10);
        let subject = Subject::read(&link, &self.rules);
        let process = &self.operators[operator];
        let memory = process.registry.recall(&subject).memory;
        let watch = self.secrets[who].lookup(self.secrets_watched);
        let seen = Seen::at_start(watch, process.listing(&subject), self.client_id, subject.finalizer);
        let began = subject.status.clone();
        let visiting =
            Visiting { link, subject, memory, seen, keys: None, readable: true, superseded: Vec::new() };
        Some(InProgress { visiting, began, writes: 0, steps: 0 })
    }

    fn write(&mut self, who: Who, status: LinkStatus, progress: &mut InProgress) -> Goes {
        match self.server.put_status(&progress.visiting.link, who, status) {
            Some(link) => self.wrote(who, link, progress),
            None => Goes::BrokenOff,
        }
    }

    fn wrote(&mut self, who: Who, link: ConnectWiseLink, progress: &mut InProgress) -> Goes {
        let before = progress.visiting.subject.status.clone();
        progress.writes += 1;
        progress.visiting.wrote(link, &self.rules);
        self.referee.wrote(who, &before, &progress.visiting);
        Goes::On
    }

    fn settle(
        &mut self,
        operator: usize,
        who: Who,
        settlement: Settlement,
        progress: &mut InProgress,
    ) -> Goes {
        let Settlement { status, memory, next, waits, claim, held, disproved, .. } = settlement;
        let departing = progress.visiting.subject.deleting.is_some() && !progress.visiting.seen.finalizer;
        if !departing
            && progress.visiting.subject.status != status
            && self.write(who, status, progress) == Goes::BrokenOff
        {
            return Goes::BrokenOff;
        }
        let now = self.now(operator);
        self.referee.settled(operator, who, progress, held, now.up, self.rules.timings.debounce);
        let (remembered, claims) = remembered(&progress.visiting, memory, claim, held);
        let process = &mut self.operators[operator];
        let aftermath = process.registry.remember(&Self::key(who), remembered, claims, disproved);
        for link in aftermath.waiting {
            if let Some(other) = super::NAMES.iter().position(|name| *name == link.name) {
                process.due.insert(other, self.time);
            }
        }
        if waits {
            process.waiting.insert(who);
        } else {
            process.waiting.remove(&who);
        }
        match next {
            Some(delay) => process.due.insert(who, self.time + delay),
            None => process.due.remove(&who),
        };
        Goes::Settled
    }

    fn answer(&mut self, operator: usize, who: Who, question: Question, progress: &mut InProgress) -> Goes {
        let seen = &mut progress.visiting.seen;
        match question {
            Question::Secret => {
                seen.secret = Some(self.secrets[who].read(&progress.visiting.subject.spec.company_id));
            }
            Question::Round(depth) => {
                assert!(matches!(seen.secret, Some(SecretRead::Keys { .. })), "a round without keys");
                let round = self.round(who, depth, &progress.visiting.link);
                seen.round = Some(round);
                self.referee.asked(who, depth, &progress.visiting);
            }
            Question::Listing => {
                self.poll(operator);
                progress.visiting.seen.listing =
                    match self.operators[operator].listing(&progress.visiting.subject) {
                        Listing::NotYet => Listing::Failing(PetraFault::Unavailable),
                        known => known,
                    };
            }
            Question::Rival(id) => {
                let registry = &self.operators[operator].registry;
                seen.rival = Some(registry.rival(&progress.visiting.subject, &id));
            }
            Question::Fleet(of) => {
                let (now, window) = (self.now(operator).up, self.rules.timings.interval);
                let registry = &self.operators[operator].registry;
                seen.fleet = Some(registry.fleet(&progress.visiting.subject, of, now, window));
            }
            Question::Link(id) => {
                seen.read = Some(self.petra.read(|links| links.get(&id).cloned()));
            }
            Question::Owned(owner) => {
                let of_owner = |links: &Links| {
                    links.values().filter(|link| link.owner.as_ref() == Some(&owner)).cloned().collect()
                };
                seen.owned = Some(match self.petra.read(of_owner) {
                    // A list with entries that cannot be read tells nothing of what is absent.
                    Ok(_) if self.petra.list_unsure => Err(PetraFault::Unavailable),
                    answer => answer,
                });
            }
        }
        Goes::On
    }

    fn change(&mut self, operator: usize, who: Who, change: Change, progress: &mut InProgress) -> Goes {
        let leads = operator == self.leader && !self.lease_is_short;
        let not_after = self.time + self.rules.timings.timeouts.petra_change;
        let up = self.now(operator).up;
        match change {
            Change::AddFinalizer => return self.set_finalizer(who, true, progress),
            Change::RemoveFinalizer => return self.set_finalizer(who, false, progress),
            Change::Put { id, company, expected, adopt_from, credentials, .. } => {
                self.referee.puts(who, &progress.visiting, adopt_from.as_ref());
                let owner = Self::owner(who);
                let credentials = credentials.as_str().to_owned();
                let order = Order { id, company, owner, expected, adopt_from, credentials };
                let answer = if leads { self.petra.put(order, not_after) } else { PutAnswer::Fenced };
                let Visiting { memory, seen, .. } = &mut progress.visiting;
                memory.changed = Some(up);
                seen.read = None;
                seen.puts += 1;
                seen.put = Some(answer);
            }
            Change::Delete { id, expected } => {
                let answer = if leads {
                    self.petra.delete(&id, &Self::owner(who), &expected, not_after)
                } else {
                    DeleteAnswer::Fenced
                };
                if answer == DeleteAnswer::Gone
                    && let Some(list) = &mut self.operators[operator].list
                {
                    list.links.remove(&id);
                }
                let Visiting { memory, seen, .. } = &mut progress.visiting;
                memory.changed = Some(up);
                seen.read = None;
                seen.owned = None;
                if matches!(answer, DeleteAnswer::LookAgain | DeleteAnswer::NotOurs) {
                    seen.deletes_in_vain += 1;
                }
                seen.deleted = Some(answer);
            }
        }
        Goes::On
    }

    fn set_finalizer(&mut self, who: Who, present: bool, progress: &mut InProgress) -> Goes {
        let Some(metadata) = self.server.set_finalizer(&progress.visiting.link, who, present) else {
            return Goes::BrokenOff;
        };
        progress.visiting.seen.finalizer = present;
        progress.visiting.wrote_metadata(metadata, &self.rules);
        let policy = progress.visiting.subject.spec.deletion_policy();
        if self.server.get(who).is_none() {
            self.departed(who, policy);
        } else if !present {
            self.referee.departed(who, policy);
        }
        Goes::On
    }

    /// Whether any visit is in progress.
    pub fn busy(&self) -> Vec<(usize, Who)> {
        let visits = self.operators.iter().enumerate();
        visits
            .flat_map(|(operator, process)| process.visits.keys().map(move |who| (operator, *who)))
            .collect()
    }
}
