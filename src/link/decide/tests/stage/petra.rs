//! Petra, and the requests to it that arrive late.

use std::time::Duration;

use jiff::Timestamp;

use crate::link::decide::tests::books::{self, Links, Order};
use crate::petra::{DeleteAnswer, LinkId, Owner, PetraFault, PutAnswer, Refusal, RemoteState, Version};

/// How Petra takes requests now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    /// Not answered, and no change made.
    Fault(PetraFault),
    /// Changes are made, but the answer is lost, garbage or too large.
    Mute,
    /// Changes arrive when something delivers them, and nobody hears of it.
    Late,
}

/// A change on its way.
#[derive(Clone, Debug)]
enum Request {
    Put(Order),
    Delete { id: LinkId, owner: Owner, expected: Version },
}

pub(super) struct Petra {
    pub links: Links,
    pub mood: Mood,
    /// ConnectWise refuses what is registered: 422.
    pub refuses: bool,
    /// The list route leaves out what it cannot read.
    pub list_unsure: bool,
    /// Requests under way, with their `notAfter`.
    in_flight: Vec<(Request, Duration)>,
    versions: u32,
    /// Links that were changed or removed, for whom.
    pub changes: u64,
}

impl Default for Petra {
    fn default() -> Self {
        Self {
            links: Links::new(),
            mood: Mood::Good,
            refuses: false,
            list_unsure: false,
            in_flight: Vec::new(),
            versions: 0,
            changes: 0,
        }
    }
}

impl Petra {
    pub fn put(&mut self, order: Order, not_after: Duration) -> PutAnswer {
        match self.mood {
            Mood::Good => self.take(&order),
            Mood::Fault(fault) => PutAnswer::Unknown(fault),
            Mood::Mute => {
                self.take(&order);
                PutAnswer::Unknown(PetraFault::Unavailable)
            }
            Mood::Late => {
                self.in_flight.push((Request::Put(order), not_after));
                PutAnswer::Unknown(PetraFault::Unavailable)
            }
        }
    }

    pub fn delete(
        &mut self,
        id: &LinkId,
        owner: &Owner,
        expected: &Version,
        not_after: Duration,
    ) -> DeleteAnswer {
        match self.mood {
            Mood::Good => self.remove(id, owner, expected),
            Mood::Fault(fault) => DeleteAnswer::Unknown(fault),
            Mood::Mute => {
                self.remove(id, owner, expected);
                DeleteAnswer::Unknown(PetraFault::Unavailable)
            }
            Mood::Late => {
                let (id, owner, expected) = (id.clone(), owner.clone(), expected.clone());
                self.in_flight.push((Request::Delete { id, owner, expected }, not_after));
                DeleteAnswer::Unknown(PetraFault::Unavailable)
            }
        }
    }

    /// What a question is answered with.
    pub fn read<T>(&self, answer: impl FnOnce(&Links) -> T) -> Result<T, PetraFault> {
        match self.mood {
            Mood::Good => Ok(answer(&self.links)),
            Mood::Fault(fault) => Err(fault),
            Mood::Mute | Mood::Late => Err(PetraFault::Unavailable),
        }
    }

    /// A request arrives at last; Petra's own clock decides whether it is too late.
    pub fn deliver(&mut self, nth: usize, time: Duration) {
        if self.in_flight.is_empty() {
            return;
        }
        let (request, not_after) = self.in_flight.remove(nth % self.in_flight.len());
        if time > not_after {
            return;
        }
        match request {
            Request::Put(order) => drop(self.take(&order)),
            Request::Delete { id, owner, expected } => drop(self.remove(&id, &owner, &expected)),
        }
    }

    /// Until when anything that is under way could still change something.
    pub fn settled_after(&self) -> Duration {
        self.in_flight.iter().map(|(_, not_after)| *not_after).max().unwrap_or_default()
    }

    pub fn set_state(&mut self, state: RemoteState, at: Timestamp) {
        let ids: Vec<LinkId> = self.links.keys().cloned().collect();
        for id in ids {
            let version = self.version();
            if let Some(link) = self.links.get_mut(&id) {
                link.state = state;
                link.refusal = (state == RemoteState::Failed).then_some(Refusal::CredentialsRejected);
                link.confirmed_at = (state == RemoteState::Connected).then_some(at);
                link.version = version;
            }
        }
    }

    pub fn version(&mut self) -> Version {
        self.versions += 1;
        Version::parse(&format!("v{}", self.versions)).expect("a version")
    }

    fn take(&mut self, order: &Order) -> PutAnswer {
        let version = self.version();
        self.changes += 1;
        books::put(&mut self.links, order, self.refuses, version)
    }

    fn remove(&mut self, id: &LinkId, owner: &Owner, expected: &Version) -> DeleteAnswer {
        self.changes += 1;
        books::delete(&mut self.links, id, owner, expected)
    }
}
