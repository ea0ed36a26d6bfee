//! The conversation of one visit: the rules ask and order, and the world answers.

use std::time::Duration;

use futures::FutureExt;

use super::{Trace, World};
use crate::clock::Now;
use crate::connectwise::Depth;
use crate::crd::{ConnectWiseLink, LinkStatus};
use crate::kubernetes::{LinkWrite, WriteRefusal};
use crate::link::Error;
use crate::link::decide::tests::books::{self, Order};
use crate::link::facts::{Facts, PollView, Precedence, SecretRead};
use crate::link::plan::{Answer, Change, Outcome, Question, Settlement, Tried, Written};
use crate::link::visit::{Effects, End, Visit};
use crate::petra::listing::Listing;
use crate::petra::snapshot::Snapshot;
use crate::petra::{DeleteAnswer, PutAnswer, RemoteLink};

/// The world, while a visit of it goes on.
struct Visited<'a> {
    world: &'a mut World,
    trace: Trace,
}

impl World {
    fn poll_view(&self) -> PollView {
        let own_name = self.own_name();
        let owned = |link: &&RemoteLink| link.owner.as_ref() == Some(&own_name);
        let recorded = |link: &&RemoteLink| {
            self.status.link.as_ref().is_some_and(|record| record.id == link.id.as_str())
        };
        let listed = self.listed.as_ref().unwrap_or(&self.petra).values();
        let links = listed.filter(|link| owned(link) || recorded(link)).cloned().collect();
        let list = Listing { links, complete: true, ..Listing::default() };
        let at = self.answered_at;
        let snapshot = self.petra_answered.then(|| Snapshot::new(list, self.unsure, at, at));
        PollView::of(&self.subject(), snapshot.as_ref(), self.petra_fault)
    }

    /// One visit, to its end. It begins when the guard of the writer lets it.
    pub fn visit(&mut self) -> (Settlement, Trace) {
        loop {
            match self.visit_or_not() {
                (End::Settled(settlement), trace) => return (*settlement, trace),
                (End::NotYet(wait), _) => self.wait(wait),
                (End::Outdated, _) => panic!("nobody else writes here"),
                (End::Refused(refusal, _), _) => panic!("the API server refuses: {refusal:?}"),
            }
        }
    }

    /// One visit, however it ends.
    pub fn visit_or_not(&mut self) -> (End, Trace) {
        // Time passes between two visits: a list that is asked for after a change is newer than the change.
        self.wait(Duration::from_secs(1));
        if self.petra_fault.is_none() && !self.poll_stopped {
            self.answered_at = self.now;
        }
        let watch = self.secret.lookup(self.secrets_watched);
        let (poll, client_id) = (self.poll_view(), self.client_id.clone());
        let mut facts = Facts::at_start(watch, poll, client_id, self.finalizer, self.now);
        facts.leads_since = self.leads_since;
        let begun = Visit::begin(self.link(), self.subject(), self.state.clone(), facts);
        let mut visit = begun.expect("there are no resource versions here");
        let config = self.config.clone();
        let mut visited = Visited { world: self, trace: Trace::default() };
        let end = visit.run(&config, &mut visited).now_or_never().expect("nothing waits");
        let trace = visited.trace;
        let end = end.unwrap_or_else(|error| panic!("{error}: {:?}", self.status));
        if let (End::Settled(settlement), Some(fleet)) = (&end, &self.shared) {
            fleet.settled(&visit, settlement);
        }
        self.state = match end {
            End::Settled(_) => visit.state,
            End::Outdated | End::NotYet(_) | End::Refused(..) => {
                visit.broken_off(&self.config.timings, self.now)
            }
        };
        (end, trace)
    }

    /// What the API server says to a write.
    fn refusal(&self, write: LinkWrite) -> Option<WriteRefusal> {
        self.refuses.clone().filter(|refusal| refusal.write == write)
    }
}

impl Effects for Visited<'_> {
    fn now(&self) -> Now {
        self.world.now
    }

    async fn write_status(&mut self, _: &Visit, status: LinkStatus) -> Result<Written, Error> {
        if let Some(refusal) = self.world.refusal(LinkWrite::Status) {
            return Ok(Written::Refused(refusal));
        }
        self.trace.writes += 1;
        self.world.status = status.clone();
        if self.world.drops_operator {
            self.world.status.operator = None;
        }
        self.trace.shown.push(self.world.ready_reason());
        self.trace.written.push(status);
        Ok(Written::Stored(Box::new(self.world.link())))
    }

    async fn observe(&mut self, visit: &Visit, question: Question) -> Result<Answer, Error> {
        let Self { world, trace } = self;
        Ok(match question {
            Question::Secret => {
                trace.secret_reads += 1;
                Answer::Secret(world.secret.read(&world.spec.company_id), None)
            }
            Question::Round(depth) => {
                assert!(matches!(visit.facts.secret, Some(SecretRead::Keys { .. })), "a round without keys");
                trace.rounds.push(depth);
                trace.times_left.push(visit.check_time_left(&world.config.timings, world.now));
                world.wait(world.round_takes);
                let round = match (&world.rounds, depth) {
                    (None, depth) => world.tenancy.round(depth),
                    (Some([cheap, _]), Depth::Cheap) => cheap.clone(),
                    (Some([_, full]), Depth::Full) => full.clone(),
                };
                Answer::Round(round, None)
            }
            Question::Poll => {
                trace.petra_reads += 1;
                if world.petra_fault.is_none() && !world.poll_stopped {
                    (world.petra_answered, world.answered_at) = (true, world.now);
                }
                world.wait(world.petra_takes);
                Answer::Poll(world.poll_view())
            }
            Question::Rival(_) => {
                let first = if world.unproved_rival { Precedence::Unproved } else { Precedence::First };
                Answer::Rival(world.rival.clone().map_or(first, Precedence::After))
            }
            Question::Fleet(accused) => Answer::Fleet(match &world.shared {
                Some(fleet) => fleet.view(&visit.subject, accused, world.now.up),
                None => world.fleet,
            }),
            Question::Link(id) => {
                trace.petra_reads += 1;
                world.wait(world.petra_takes);
                Answer::Link(world.petra_fault.map_or_else(|| Ok(world.petra.get(&id).cloned()), Err))
            }
            Question::Owned(owner) => {
                trace.petra_reads += 1;
                world.wait(world.petra_takes);
                let is_listed =
                    |link: &&RemoteLink| world.list_unfiltered || link.owner.as_ref() == Some(&owner);
                let listed = world.listed.as_ref().unwrap_or(&world.petra).values();
                let links = listed.filter(is_listed).cloned().collect();
                let list = Listing { links, complete: true, ..Listing::default() };
                Answer::Owned(world.petra_fault.map_or(Ok(list), Err))
            }
            Question::Trial(write) => {
                trace.trials += 1;
                Answer::Trial(world.refusal(write).map_or(Tried::Taken, Tried::Refused))
            }
        })
    }

    async fn act(&mut self, _: &Visit, change: Change) -> Result<Outcome, Error> {
        let Self { world, trace } = self;
        Ok(match change {
            Change::AddFinalizer => world.set_finalizer(true),
            Change::RemoveFinalizer if world.refusal(LinkWrite::Finalizer).is_some() => {
                world.set_finalizer(false)
            }
            Change::RemoveFinalizer => {
                world.gone = world.deleting.is_some();
                world.set_finalizer(false)
            }
            Change::Put { id, company, site, expected, adopt_from, credentials } => {
                trace.puts += 1;
                world.wait(world.petra_takes);
                assert!(world.finalizer, "a PUT before the finalizer");
                Outcome::Put(if let Some(answer) = world.put_answer.clone() {
                    answer
                } else if let Some(fault) = world.petra_fault.or(world.put_fault) {
                    PutAnswer::Unknown(fault)
                } else {
                    let (credentials, owner) = (credentials.as_str().to_owned(), world.own_name());
                    let owner_uid = world.uid.clone();
                    let order =
                        Order { id, company, site, owner, owner_uid, expected, adopt_from, credentials };
                    let version = world.next_version();
                    books::put(&mut world.petra, &order, world.petra_refuses, version)
                })
            }
            Change::Delete { id, expected } => {
                trace.deletes += 1;
                world.wait(world.petra_takes);
                Outcome::Delete(match world.petra_fault {
                    Some(fault) => DeleteAnswer::Unknown(fault),
                    None if world.petra_moves_on && world.petra.contains_key(&id) => DeleteAnswer::LookAgain,
                    None => {
                        let owner = world.own_name();
                        books::delete(&mut world.petra, &id, &owner, &expected)
                    }
                })
            }
        })
    }
}

impl World {
    fn set_finalizer(&mut self, present: bool) -> Outcome {
        if let Some(refusal) = self.refusal(LinkWrite::Finalizer) {
            return Outcome::Refused(refusal);
        }
        self.finalizer = present;
        let ConnectWiseLink { metadata, .. } = self.link();
        Outcome::Finalizer(present, Box::new(metadata))
    }
}
