//! One operator's process: what it remembers, its visits in progress, and one step of a visit at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::FutureExt;

use super::referee::Referee;
use super::{Stage, Who};
use crate::clock::Now;
use crate::connectwise::{CompanyAnswer, KeysAnswer};
use crate::crd::LinkStatus;
use crate::link::client_id::AcceptedClientId;
use crate::link::decide::tests::books::{Links, Order};
use crate::link::facts::{Facts, PollView, SecretRead};
use crate::link::fleet::Fleet;
use crate::link::origin::Origin;
use crate::link::plan::{Answer, Change, Outcome, Question, Settlement, Tried, Written};
use crate::link::subject::Subject;
use crate::link::visit::{Effects, End, Visit};
use crate::link::{CATCH_UP, Error};
use crate::petra::listing::Listing;
use crate::petra::snapshot::Snapshot;
use crate::petra::{DeleteAnswer, OwnerUid, PetraFault, PutAnswer};

pub(super) struct Operator {
    /// When the process started, in true time.
    pub started: Duration,
    /// When it began to lead, in true time, if that was later.
    pub leads_since: Duration,
    /// How far its wall clock is ahead.
    pub skew: Duration,
    pub fleet: Fleet,
    accepted: AcceptedClientId,
    /// The shared poll's last answered list.
    list: Option<Snapshot>,
    failing: Option<PetraFault>,
    /// Links for which the shared poll looks often.
    pub waiting: BTreeSet<Who>,
    visits: BTreeMap<Who, InProgress>,
    /// When each link wants to be visited again, in true time.
    pub due: BTreeMap<Who, Duration>,
}

/// A visit in progress.
pub(super) struct InProgress {
    pub visit: Visit,
    /// The status that it began with.
    pub began: LinkStatus,
    pub writes: usize,
}

/// The stage as one operator's visit of one resource sees it.
struct Visited<'a> {
    stage: &'a mut Stage,
    operator: usize,
    who: Who,
    writes: usize,
}

impl Operator {
    pub fn started_at(started: Duration) -> Self {
        Self {
            started,
            leads_since: started,
            skew: Duration::ZERO,
            fleet: Fleet::default(),
            accepted: AcceptedClientId::default(),
            list: None,
            failing: None,
            waiting: BTreeSet::new(),
            visits: BTreeMap::new(),
            due: BTreeMap::new(),
        }
    }

    fn poll_view(&self, subject: &Subject) -> PollView {
        PollView::of(subject, self.list.as_ref(), self.failing)
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
        let suspicious = self.petra.list_unsure;
        let operator = &mut self.operators[operator];
        match answer {
            Ok(links) => {
                operator.failing = None;
                operator.list = Some(Snapshot::new(listing(links, true), suspicious, at, at));
            }
            Err(fault) => operator.failing = Some(fault),
        }
    }

    /// One whole visit.
    pub fn visit(&mut self, operator: usize, who: Who) {
        while self.step(operator, who) {}
    }

    /// The next step of a visit, or the first of a new one. Whether the visit goes on after it.
    pub fn step(&mut self, operator: usize, who: Who) -> bool {
        let Some(mut progress) =
            self.operators[operator].visits.remove(&who).or_else(|| self.begin(operator, who))
        else {
            return false;
        };
        self.referee.stepped();
        let (config, now) = (self.config.clone(), self.now(operator));
        let mut visited = Visited { stage: self, operator, who, writes: 0 };
        let end = progress.visit.step(&config, &mut visited).now_or_never().expect("nothing waits");
        progress.writes += visited.writes;
        match end.unwrap_or_else(|error| panic!("{error}: {:?}", progress.visit.facts)) {
            None => {
                self.operators[operator].visits.insert(who, progress);
                return true;
            }
            Some(End::Settled(settlement)) => self.settled(operator, who, &settlement, &progress),
            Some(End::Outdated) => {
                self.operators[operator].fleet.broken_off(&progress.visit, &config.timings, now);
                self.operators[operator].due.insert(who, self.time + CATCH_UP);
            }
            Some(End::NotYet(wait)) => {
                self.operators[operator].fleet.broken_off(&progress.visit, &config.timings, now);
                self.operators[operator].due.insert(who, self.time + wait);
            }
            Some(End::Refused(refusal, _)) => panic!("this API server refuses nothing: {refusal:?}"),
        }
        false
    }

    /// Only the leader begins a visit; one that began before the lease ran out goes on in a process that was paused.
    fn begin(&mut self, operator: usize, who: Who) -> Option<InProgress> {
        if operator != self.leader {
            return None;
        }
        let link = self.server.get(who)?.clone();
        // Time passes between two visits: a list that is asked for after a change is newer than the change.
        self.time += Duration::from_millis(10);
        let subject = Subject::read(&link, &self.config);
        let process = &self.operators[operator];
        let state = process.fleet.recall(&subject);
        let watch = self.secrets[who].lookup(self.secrets_watched);
        let poll = process.poll_view(&subject);
        let client_id = process.accepted.view(self.client_id);
        let mut facts = Facts::at_start(watch, poll, client_id, subject.finalizer, self.now(operator));
        facts.leads_since = process.leads_since.saturating_sub(process.started);
        let began = subject.status.clone();
        let visit = Visit::begin(link, subject, state, facts).expect("the watch is never behind here");
        Some(InProgress { visit, began, writes: 0 })
    }

    fn settled(&mut self, operator: usize, who: Who, settlement: &Settlement, progress: &InProgress) {
        let now = self.now(operator);
        let debounce = self.config.timings.debounce;
        self.referee.settled(operator, who, progress, settlement.held, now.up, debounce);
        let process = &mut self.operators[operator];
        for link in process.fleet.settled(&progress.visit, settlement).wake {
            if let Some(other) = super::NAMES.iter().position(|name| *name == link.name) {
                process.due.insert(other, self.time);
            }
        }
        if settlement.awaits_petra {
            process.waiting.insert(who);
        } else {
            process.waiting.remove(&who);
        }
        match settlement.next {
            Some(delay) => process.due.insert(who, self.time + delay),
            None => process.due.remove(&who),
        };
    }

    /// Whether any visit is in progress.
    pub fn busy(&self) -> Vec<(usize, Who)> {
        let visits = self.operators.iter().enumerate();
        visits
            .flat_map(|(operator, process)| process.visits.keys().map(move |who| (operator, *who)))
            .collect()
    }
}

fn listing(links: Links, complete: bool) -> Listing {
    Listing { links: links.into_values().collect(), complete, ..Listing::default() }
}

impl Visited<'_> {
    /// Whether this operator is the leader, and its lease outlives a call.
    fn surely_leads(&self) -> bool {
        self.operator == self.stage.leader && !self.stage.lease_is_short
    }

    fn set_finalizer(&mut self, visit: &Visit, present: bool) -> Outcome {
        let Self { stage, who, .. } = self;
        let metadata = stage.server.set_finalizer(&visit.link, *who, present);
        if metadata.is_some() {
            let policy = visit.subject.spec.deletion_policy();
            if stage.server.get(*who).is_none() {
                stage.departed(*who, policy);
            } else if !present {
                stage.referee.departed(*who, policy);
            }
        }
        metadata.map_or(Outcome::NotMade, |metadata| Outcome::Finalizer(present, Box::new(metadata)))
    }
}

impl Effects for Visited<'_> {
    fn now(&self) -> Now {
        self.stage.now(self.operator)
    }

    async fn write_status(&mut self, visit: &Visit, status: LinkStatus) -> Result<Written, Error> {
        let stored = self.stage.server.put_status(&visit.link, self.who, status.clone());
        let Some(stored) = stored else { return Ok(Written::Outdated) };
        self.writes += 1;
        self.stage.referee.wrote(self.who, visit, &status);
        Ok(Written::Stored(Box::new(stored)))
    }

    async fn observe(&mut self, visit: &Visit, question: Question) -> Result<Answer, Error> {
        let (stage, operator, who) = (&mut *self.stage, self.operator, self.who);
        let subject = &visit.subject;
        Ok(match question {
            Question::Secret => Answer::Secret(stage.secrets[who].read(&subject.spec.company_id), None),
            Question::Round(depth) => {
                assert!(matches!(visit.facts.secret, Some(SecretRead::Keys { .. })), "a round without keys");
                let round = stage.round(who, depth, &visit.link);
                if let (KeysAnswer::Accepted, CompanyAnswer::Found(tenant)) = (round.keys, &round.company) {
                    let server = Origin::of_server(&tenant.api_host);
                    stage.operators[operator].accepted.accept(visit.facts.client_id.version, server);
                }
                stage.referee.asked(who, &round, visit);
                Answer::Round(round, None)
            }
            Question::Poll => {
                stage.poll(operator);
                Answer::Poll(stage.operators[operator].poll_view(subject))
            }
            Question::Rival(claim) => {
                Answer::Rival(stage.operators[operator].fleet.precedence(subject, &claim))
            }
            Question::Fleet(accused) => {
                let now = stage.now(operator).up;
                Answer::Fleet(stage.operators[operator].fleet.view(subject, accused, now))
            }
            Question::Trial(_) => Answer::Trial(Tried::Taken),
            Question::Link(id) => Answer::Link(stage.petra.read(|links| links.get(&id).cloned())),
            Question::Owned(owner) => {
                let list = stage.petra.read(|links| {
                    let mut listed = links.clone();
                    listed.retain(|_, link| link.owner.as_ref() == Some(&owner));
                    listing(listed, !stage.petra.list_unsure)
                });
                Answer::Owned(list)
            }
        })
    }

    async fn act(&mut self, visit: &Visit, change: Change) -> Result<Outcome, Error> {
        let (leads, owner) = (self.surely_leads(), Stage::owner(self.who));
        let not_after = self.stage.time + self.stage.config.timings.timeouts.petra_change;
        Ok(match change {
            Change::AddFinalizer => self.set_finalizer(visit, true),
            Change::RemoveFinalizer if !leads => Outcome::NotMade,
            Change::RemoveFinalizer => self.set_finalizer(visit, false),
            Change::Put { id, company, site, expected, adopt_from, credentials } => {
                self.stage.referee.puts(self.who, visit, adopt_from.as_ref());
                let credentials = credentials.as_str().to_owned();
                let owner_uid = OwnerUid::parse(&visit.subject.uid).expect("a uid");
                let order = Order { id, company, site, owner, owner_uid, expected, adopt_from, credentials };
                Outcome::Put(if leads { self.stage.petra.put(order, not_after) } else { PutAnswer::Fenced })
            }
            Change::Delete { id, expected } => {
                Referee::deletes(&self.stage.petra.links, &id, &expected, visit);
                let answer = if leads {
                    self.stage.petra.delete(&id, &owner, &expected, not_after)
                } else {
                    DeleteAnswer::Fenced
                };
                if answer == DeleteAnswer::Gone
                    && let Some(list) = &mut self.stage.operators[self.operator].list
                {
                    list.forget(&id);
                }
                Outcome::Delete(answer)
            }
        })
    }
}
