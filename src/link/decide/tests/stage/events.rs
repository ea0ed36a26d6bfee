//! What may happen, in any order.

use std::time::Duration;

use proptest::prelude::*;

use super::petra::Mood;
use super::{COMPANIES, NAMES, Stage, Who};
use crate::connectwise::{
    BoardAnswer, CompanyAnswer, CompanyId, Inconclusive, MemberAnswer, PermissionsAnswer,
};
use crate::crd::{ConditionType, DeletionPolicy, LinkSpec, LinkStatus, RegistrationMode, RegistrationSpec};
use crate::link::decide::tests::histories::lacking;
use crate::link::decide::tests::secret::SecretIs;
use crate::link::decide::tests::tenancy::Tenancy;
use crate::link::decide::tests::world::client_id_version;
use crate::petra::{Owner, PetraFault, RemoteLink, RemoteState};

#[derive(Clone, Debug)]
pub(super) enum Event {
    /// One plan of a visit, so that the next event comes between two of them.
    Step(usize, Who),
    /// A visit to its end.
    Visit(usize, Who),
    /// The leader looks at every link.
    Round,
    Edit(Who, Edit),
    Secret(Who, SecretIs),
    Tenancy(Who, Box<Tenancy>),
    ClientId(bool),
    Petra(Mood),
    PetraRefuses(bool),
    ListUnsure(bool),
    Remote(RemoteState),
    /// Somebody at Petra removes every link.
    Vanish,
    /// A link of the company appears that no resource made; of another installation, or made by hand.
    Foreign(Who, bool),
    Deliver(usize),
    Poll(usize),
    Wait(u64),
    /// An operator's wall clock is set ahead.
    ClockAhead(usize, u64),
    Crash(usize),
    /// The lease runs out, and the other operator takes it.
    TakeOver,
    /// The leader ends in good order and gives the lease back, and the other operator takes it at once.
    HandOver,
    LeaseIsShort(bool),
    Requested(Who, u32),
    Acknowledge(Who),
    Delete(Who),
    Create(Who),
    Backup(Who),
    Restore(Who),
    /// The cluster is lost and built again from Git.
    Rebuild,
    /// companyinfo of the third company names another host.
    Moved(bool),
    SecretsWatched(bool),
}

/// A change of the spec.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    Profile(&'static str),
    Board(bool),
    Interval(bool),
    Suspend(bool),
    Orphan(bool),
    Mode(Option<RegistrationMode>),
    Adopt(Option<Who>),
    Site(bool),
}

impl Edit {
    fn apply(self, spec: &mut LinkSpec, status: Option<&LinkStatus>) {
        match self {
            Self::Profile(name) => spec.permission_profile = Some(name.to_owned()),
            Self::Board(named) => spec.service_board = named.then(|| "Help Desk".to_owned()),
            Self::Interval(long) => spec.interval = long.then(|| "2h".to_owned()),
            Self::Suspend(suspend) => spec.suspend = Some(suspend),
            Self::Orphan(orphan) => {
                let policy = if orphan { DeletionPolicy::Orphan } else { DeletionPolicy::Unlink };
                spec.deletion_policy = Some(policy);
            }
            Self::Mode(mode) => spec.registration.get_or_insert_default().mode = mode,
            Self::Adopt(whose) => {
                let from = whose.map_or("unowned".to_owned(), |who| Stage::owner(who).as_str().to_owned());
                spec.registration.get_or_insert_default().adopt_from = Some(from);
                spec.deletion_policy.get_or_insert_default();
            }
            // The API server freezes it once there is a link.
            Self::Site(_) if status.is_some_and(|status| status.link.is_some()) => {}
            Self::Site(other) => {
                spec.site_url =
                    if other { "eu.myconnectwise.net" } else { "na.myconnectwise.net" }.to_owned();
            }
        }
    }
}

fn edits() -> impl Strategy<Value = Edit> {
    let modes =
        prop_oneof![Just(None), Just(Some(RegistrationMode::Api)), Just(Some(RegistrationMode::Portal))];
    prop_oneof![
        2 => prop_oneof![3 => Just("GuideV1"), 3 => Just("TicketingV2"), 1 => Just("Nope")].prop_map(Edit::Profile),
        1 => any::<bool>().prop_map(Edit::Board),
        1 => any::<bool>().prop_map(Edit::Interval),
        2 => any::<bool>().prop_map(Edit::Suspend),
        2 => any::<bool>().prop_map(Edit::Orphan),
        2 => modes.prop_map(Edit::Mode),
        1 => prop::option::of(0..NAMES.len()).prop_map(Edit::Adopt),
        1 => any::<bool>().prop_map(Edit::Site),
    ]
}

fn tenancies() -> impl Strategy<Value = Tenancy> {
    let good = Tenancy::good();
    let board = |board| Tenancy { board, ..Tenancy::good() };
    prop_oneof![
        8 => Just(good.clone()),
        2 => Just(board(BoardAnswer::Ready)),
        1 => Just(board(BoardAnswer::NoDefaultTeam)),
        1 => Just(board(BoardAnswer::SeveralDefaultTeams)),
        1 => Just(board(BoardAnswer::Inconclusive(Inconclusive::Unavailable))),
        2 => Just(Tenancy::refusing()),
        2 => Just(lacking()),
        1 => Just(Tenancy { company: CompanyAnswer::Unknown, ..good.clone() }),
        1 => Just(Tenancy { company: CompanyAnswer::NotConnectWise, ..good.clone() }),
        1 => Just(Tenancy { company: CompanyAnswer::PrivateAddress, ..good.clone() }),
        1 => Just(Tenancy { member: MemberAnswer::Inactive, ..good.clone() }),
        1 => Just(Tenancy::out(Inconclusive::Unavailable)),
        1 => Just(Tenancy::out(Inconclusive::NoSuchName)),
        1 => Just(Tenancy::out(Inconclusive::BadCertificate)),
        1 => Just(Tenancy::out(Inconclusive::RateLimited(Some(Duration::from_hours(900))))),
        1 => Just(Tenancy {
            permissions: PermissionsAnswer::Inconclusive(Inconclusive::Unavailable),
            ..good
        }),
    ]
}

fn secrets() -> impl Strategy<Value = SecretIs> {
    let keys = |public| SecretIs::Keys { public, revision: 0 };
    prop_oneof![
        2 => Just(keys("CANARY-one")),
        2 => Just(keys("CANARY-two")),
        2 => Just(keys("CANARY-three")),
        1 => Just(SecretIs::Absent),
        1 => Just(SecretIs::Invalid),
        1 => Just(SecretIs::Forbidden),
    ]
}

fn moods() -> impl Strategy<Value = Mood> {
    prop_oneof![
        6 => Just(Mood::Good),
        2 => Just(Mood::Late),
        1 => Just(Mood::Mute),
        1 => Just(Mood::Fault(PetraFault::Unavailable)),
        1 => Just(Mood::Fault(PetraFault::KeyRejected)),
        1 => Just(Mood::Fault(PetraFault::NoContract)),
        1 => Just(Mood::Fault(PetraFault::RateLimited(Some(Duration::from_mins(3))))),
    ]
}

pub(super) fn events() -> impl Strategy<Value = Event> {
    let states = prop_oneof![
        6 => Just(RemoteState::Connected),
        1 => Just(RemoteState::Failed),
        1 => Just(RemoteState::Pending)
    ];
    let who = || 0..NAMES.len();
    let operator = || prop_oneof![3 => Just(0_usize), 2 => Just(1_usize)];
    let waits = prop_oneof![3 => 0..20_u64, 4 => 20..900_u64, 3 => 900..20_000_u64];
    prop_oneof![
        24 => (operator(), who()).prop_map(|(operator, who)| Event::Step(operator, who)),
        12 => (operator(), who()).prop_map(|(operator, who)| Event::Visit(operator, who)),
        10 => Just(Event::Round),
        8 => (who(), edits()).prop_map(|(who, edit)| Event::Edit(who, edit)),
        5 => (who(), secrets()).prop_map(|(who, secret)| Event::Secret(who, secret)),
        6 => (who(), tenancies()).prop_map(|(who, tenancy)| Event::Tenancy(who, Box::new(tenancy))),
        1 => any::<bool>().prop_map(Event::ClientId),
        6 => moods().prop_map(Event::Petra),
        2 => prop_oneof![3 => Just(false), 1 => Just(true)].prop_map(Event::PetraRefuses),
        1 => any::<bool>().prop_map(Event::ListUnsure),
        7 => states.prop_map(Event::Remote),
        1 => Just(Event::Vanish),
        1 => (who(), any::<bool>()).prop_map(|(who, by_hand)| Event::Foreign(who, by_hand)),
        5 => any::<usize>().prop_map(Event::Deliver),
        3 => operator().prop_map(Event::Poll),
        12 => waits.prop_map(Event::Wait),
        1 => (operator(), 0..100_000_u64).prop_map(|(operator, ahead)| Event::ClockAhead(operator, ahead)),
        3 => operator().prop_map(Event::Crash),
        3 => Just(Event::TakeOver),
        2 => Just(Event::HandOver),
        2 => any::<bool>().prop_map(Event::LeaseIsShort),
        2 => (who(), any::<u32>()).prop_map(|(who, at)| Event::Requested(who, at)),
        3 => who().prop_map(Event::Acknowledge),
        4 => who().prop_map(Event::Delete),
        4 => who().prop_map(Event::Create),
        2 => who().prop_map(Event::Backup),
        2 => who().prop_map(Event::Restore),
        1 => Just(Event::Rebuild),
        1 => any::<bool>().prop_map(Event::Moved),
        1 => any::<bool>().prop_map(Event::SecretsWatched),
    ]
}

impl Stage {
    /// Makes it happen, and lets the referee look.
    pub(super) fn apply(&mut self, event: Event) {
        self.happen(event);
        self.referee.books(&self.petra.links);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Step(operator, who) => drop(self.step(operator, who)),
            Event::Visit(operator, who) => self.visit(operator, who),
            Event::Round => (0..NAMES.len()).for_each(|who| self.visit(self.leader, who)),
            Event::Edit(who, edit) => {
                let status = self.server.get(who).and_then(|link| link.status.clone());
                self.server.edit(who, |spec| edit.apply(spec, status.as_ref()));
            }
            Event::Secret(who, secret) => self.write_secret(who, secret),
            Event::Tenancy(who, tenancy) => self.tenancies[who] = *tenancy,
            Event::ClientId(changed) => {
                self.client_id = client_id_version(if changed { "two" } else { "one" });
            }
            Event::Petra(mood) => self.petra.mood = mood,
            Event::PetraRefuses(refuses) => self.petra.refuses = refuses,
            Event::ListUnsure(unsure) => self.petra.list_unsure = unsure,
            Event::Remote(state) => self.set_remote(state),
            Event::Vanish => self.petra.links.clear(),
            Event::Foreign(who, by_hand) => self.foreign(who, by_hand),
            Event::Deliver(nth) => self.petra.deliver(nth, self.time),
            Event::Poll(operator) => self.poll(operator),
            Event::Wait(seconds) => self.wait(Duration::from_secs(seconds)),
            Event::ClockAhead(operator, seconds) => {
                self.operators[operator].skew += Duration::from_secs(seconds);
            }
            Event::Crash(operator) => self.crash(operator),
            Event::TakeOver => self.take_over(),
            Event::HandOver => self.hand_over(),
            Event::LeaseIsShort(short) => self.lease_is_short = short,
            Event::Requested(who, at) => self.server.request(who, at),
            Event::Acknowledge(who) => self.acknowledge(who),
            Event::Delete(who) => self.delete(who),
            Event::Create(who) => self.create(who),
            Event::Backup(who) => self.backup(who),
            Event::Restore(who) => self.restore(who),
            Event::Rebuild => self.rebuild(),
            Event::Moved(moved) => self.moved = moved,
            Event::SecretsWatched(watched) => self.secrets_watched = watched,
        }
    }

    /// Time passes. No visit takes longer than its time-outs, and the shared polls go on.
    pub(super) fn wait(&mut self, time: Duration) {
        if time > Duration::from_secs(30) {
            self.finish_visits();
        }
        self.time += time;
        let timings = &self.config.timings;
        let (often, idle) = (timings.poll, timings.poll_idle);
        for operator in 0..self.operators.len() {
            let waits = !self.operators[operator].waiting.is_empty();
            if time >= idle || (waits && time >= often) {
                self.poll(operator);
            }
        }
    }

    pub(super) fn finish_visits(&mut self) {
        for (operator, who) in self.busy() {
            self.visit(operator, who);
        }
    }

    /// The fence lets no request out that could arrive after the lease: whoever takes it over finds them all spent.
    fn take_over(&mut self) {
        self.time = self.time.max(self.petra.settled_after() + Duration::from_millis(1));
        self.lead_with(1 - self.leader);
    }

    /// The visits of the leader end before it gives the lease back. What it sent may still be under way.
    fn hand_over(&mut self) {
        let former = self.leader;
        self.finish_visits();
        self.lead_with(1 - former);
        self.crash(former);
    }

    fn lead_with(&mut self, operator: usize) {
        self.leader = operator;
        self.operators[operator].leads_since = self.time;
        self.lease_is_short = false;
    }

    fn foreign(&mut self, who: Who, by_hand: bool) {
        let (id, version, site) = (self.derived(who), self.petra.version(), self.tenant(who).api_host);
        self.petra.links.entry(id.clone()).or_insert_with(|| RemoteLink {
            id,
            company: CompanyId::parse(COMPANIES[who]).ok(),
            site: Some(site),
            owner: (!by_hand).then(|| Owner::new("elsewhere", "team", "acme")),
            owner_uid: None,
            state: RemoteState::Connected,
            refusal: None,
            credentials_version: None,
            version,
            confirmed_at: None,
        });
    }

    /// A person reads the token in the message and puts it into the spec.
    pub(super) fn acknowledge(&mut self, who: Who) {
        let status = self.server.get(who).and_then(|link| link.status.as_ref());
        let ready = status.and_then(|status| status.condition(ConditionType::Ready));
        let token = ready
            .and_then(|ready| ready.message.rsplit_once("to this token: "))
            .map(|(_, token)| token.to_owned());
        if token.is_some() {
            self.server.edit(who, |spec| {
                spec.registration.get_or_insert_with(RegistrationSpec::default).acknowledged = token;
            });
        }
    }

    fn delete(&mut self, who: Who) {
        let now = self.wall();
        if let Some(policy) = self.server.delete(who, now) {
            self.departed(who, policy);
        }
    }

    fn create(&mut self, who: Who) {
        if self.server.get(who).is_none() {
            let now = self.wall();
            self.server.create(who, now);
            self.referee.came(who);
            self.backups[who] = None;
        }
    }

    fn backup(&mut self, who: Who) {
        self.backups[who] = self.server.get(who).and_then(|link| link.status.clone());
    }

    fn restore(&mut self, who: Who) {
        if let Some(status) = self.backups[who].clone() {
            self.server.restore(who, status);
        }
    }

    fn rebuild(&mut self) {
        let now = self.wall();
        for who in 0..NAMES.len() {
            if self.server.get(who).is_some() {
                self.server.rebuild(who, now);
                self.referee.came(who);
            }
        }
        self.crash(0);
        self.crash(1);
    }
}
