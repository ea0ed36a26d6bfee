//! The conversation of one visit: the rules ask and order, and the world answers.

use std::time::Duration;

use super::{Trace, World};
use crate::connectwise::Depth;
use crate::crd::LinkStatus;
use crate::link::decide::tests::books::{self, Order};
use crate::link::decide::{Plan, Settlement, Visit, decide};
use crate::link::seen::{Change, Listing, Question, SecretRead, Seen};
use crate::petra::{DeleteAnswer, PetraFault, PutAnswer};

impl World {
    fn listing(&self) -> Listing {
        match (self.petra_answered, self.petra_fault) {
            (false, None) => Listing::NotYet,
            (false, Some(fault)) => Listing::Failing(fault),
            (true, failing) => Listing::Known {
                answered_at: self.answered_at,
                asked_at: self.answered_at,
                links: self
                    .listed
                    .as_ref()
                    .unwrap_or(&self.petra)
                    .values()
                    .filter(|link| link.owner == Some(Self::owner()))
                    .cloned()
                    .collect(),
                failing,
                unsure: self.unsure,
            },
        }
    }

    /// One visit, to its end.
    pub fn visit(&mut self) -> (Settlement, Trace) {
        // Time passes between two visits: a list that is asked for after a change is newer than the change.
        self.wait(Duration::from_secs(1));
        if self.petra_fault.is_none() && !self.poll_stopped {
            self.answered_at = self.now;
        }
        let mut trace = Trace::default();
        let mut seen = Seen::at_start(
            self.secret.lookup(self.secrets_watched),
            self.listing(),
            self.client_id,
            self.finalizer,
        );
        for _ in 0..24 {
            let subject = self.subject();
            let (memory, now) = (self.memory.clone(), self.now);
            let plan =
                decide(&Visit { subject: &subject, memory: &memory, seen: &seen, rules: &self.rules, now });
            match plan {
                Plan::Ask(question) => self.answer(question, &mut seen, &mut trace),
                Plan::Change(change) => self.change(change, &mut seen, &mut trace),
                Plan::Publish(status, memory) => {
                    self.memory = *memory;
                    self.write(*status, &mut trace);
                }
                Plan::Settle(settlement) => {
                    self.memory = settlement.memory.clone();
                    if !self.gone {
                        self.write(settlement.status.clone(), &mut trace);
                    }
                    return (*settlement, trace);
                }
            }
        }
        panic!("the visit did not settle: {:?}", self.status);
    }

    fn write(&mut self, status: LinkStatus, trace: &mut Trace) {
        if self.status != status {
            trace.writes += 1;
            self.status = status;
            trace.shown.push(self.ready_reason());
            trace.written.push(self.status.clone());
        }
    }

    fn answer(&mut self, question: Question, seen: &mut Seen, trace: &mut Trace) {
        match question {
            Question::Secret => {
                trace.secret_reads += 1;
                seen.secret = Some(self.secret.read(&self.spec.company_id));
            }
            Question::Round(depth) => {
                assert!(matches!(seen.secret, Some(SecretRead::Keys { .. })), "a round without keys");
                trace.rounds.push(depth);
                seen.round = Some(match (&self.rounds, depth) {
                    (None, depth) => self.tenancy.round(depth),
                    (Some([cheap, _]), Depth::Cheap) => cheap.clone(),
                    (Some([_, full]), Depth::Full) => full.clone(),
                });
            }
            Question::Listing => {
                trace.petra_reads += 1;
                self.petra_answered |= self.petra_fault.is_none();
                seen.listing = match self.listing() {
                    Listing::NotYet => Listing::Failing(PetraFault::Unavailable),
                    known => known,
                };
            }
            Question::Rival(_) => seen.rival = Some(self.rival.clone()),
            Question::Fleet(_) => seen.fleet = Some(self.fleet),
            Question::Link(id) => {
                trace.petra_reads += 1;
                seen.read = Some(match self.petra_fault {
                    Some(fault) => Err(fault),
                    None => Ok(self.petra.get(&id).cloned()),
                });
            }
            Question::Owned(owner) => {
                trace.petra_reads += 1;
                seen.owned = Some(match self.petra_fault {
                    Some(fault) => Err(fault),
                    None if self.list_lags => Ok(Vec::new()),
                    None => Ok(self
                        .petra
                        .values()
                        .filter(|link| link.owner.as_ref() == Some(&owner))
                        .cloned()
                        .collect()),
                });
            }
        }
    }

    fn change(&mut self, change: Change, seen: &mut Seen, trace: &mut Trace) {
        match change {
            Change::AddFinalizer => {
                self.finalizer = true;
                seen.finalizer = true;
            }
            Change::RemoveFinalizer => {
                self.finalizer = false;
                seen.finalizer = false;
                self.gone = self.deleting.is_some();
            }
            Change::Put { id, company, expected, adopt_from, credentials, .. } => {
                trace.puts += 1;
                assert!(self.finalizer, "a PUT before the finalizer");
                let answer = if let Some(fault) = self.petra_fault {
                    PutAnswer::Unknown(fault)
                } else {
                    let (credentials, owner) = (credentials.as_str().to_owned(), Self::owner());
                    let order = Order { id, company, owner, expected, adopt_from, credentials };
                    let version = self.next_version();
                    books::put(&mut self.petra, &order, self.petra_refuses, version)
                };
                self.memory.changed = Some(self.now.up);
                seen.read = None;
                seen.puts += 1;
                seen.put = Some(answer);
            }
            Change::Delete { id, expected } => {
                trace.deletes += 1;
                let answer = match self.petra_fault {
                    Some(fault) => DeleteAnswer::Unknown(fault),
                    None if self.petra_moves_on && self.petra.contains_key(&id) => DeleteAnswer::LookAgain,
                    None => books::delete(&mut self.petra, &id, &Self::owner(), &expected),
                };
                self.memory.changed = Some(self.now.up);
                seen.read = None;
                seen.owned = None;
                if matches!(answer, DeleteAnswer::LookAgain | DeleteAnswer::NotOurs) {
                    seen.deletes_in_vain += 1;
                }
                seen.deleted = Some(answer);
            }
        }
    }
}
