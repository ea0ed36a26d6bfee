//! Generated histories: whatever happens in whatever order, the promises hold after every visit.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use super::soak;
use super::world::{PRIVATE, SecretIs, Tenancy, Trace, World};
use crate::connectwise::{
    Action, Actual, CompanyAnswer, Inconclusive, KeysAnswer, Level, Line, MemberAnswer, Permissions,
    PermissionsAnswer, Required,
};
use crate::crd::{ConditionStatus, ConditionType, DeletionPolicy, Reason};
use crate::link::plan::Settlement;
use crate::petra::{PetraFault, RemoteState};

#[derive(Clone, Debug)]
enum Event {
    Tenancy(Box<Tenancy>),
    Secret(SecretIs),
    Petra(Option<PetraFault>),
    Remote(RemoteState),
    Vanish,
    Wait(u64),
    Restart,
    Profile(bool),
    Suspend(bool),
    Interval(bool),
    Requested(u32),
    Delete,
    Orphan,
}

pub(super) fn lacking() -> Tenancy {
    let line = Line {
        module: "Companies".to_owned(),
        function: "Contacts".to_owned(),
        action: Action::Inquire,
        required: Required::Level(Level::All),
        actual: Actual::Level(Level::None),
    };
    let permissions = Permissions { missing: vec![line], ..Permissions::default() };
    Tenancy { permissions: PermissionsAnswer::Judged(permissions), ..Tenancy::good() }
}

fn tenancies() -> impl Strategy<Value = Tenancy> {
    prop_oneof![
        4 => Just(Tenancy::good()),
        1 => Just(Tenancy::refusing()),
        1 => Just(lacking()),
        1 => Just(Tenancy { company: CompanyAnswer::Unknown, ..Tenancy::good() }),
        1 => Just(Tenancy { company: CompanyAnswer::NotConnectWise, ..Tenancy::good() }),
        1 => Just(Tenancy { member: MemberAnswer::Inactive, ..Tenancy::good() }),
        1 => Just(Tenancy::out(Inconclusive::Unavailable)),
        1 => Just(Tenancy::out(Inconclusive::NoSuchName)),
        1 => Just(Tenancy::out(Inconclusive::RateLimited(Some(Duration::from_secs(9))))),
        1 => Just(Tenancy {
            permissions: PermissionsAnswer::Inconclusive(Inconclusive::Unavailable),
            ..Tenancy::good()
        }),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    let keys = prop_oneof![Just("CANARY-one"), Just("CANARY-two"), Just("CANARY-three")];
    let faults = prop_oneof![
        Just(PetraFault::Unavailable),
        Just(PetraFault::KeyRejected),
        Just(PetraFault::NoContract),
        Just(PetraFault::RateLimited(None))
    ];
    prop_oneof![
        4 => tenancies().prop_map(|tenancy| Event::Tenancy(Box::new(tenancy))),
        2 => keys.prop_map(|public| Event::Secret(SecretIs::Keys { public, revision: 0 })),
        1 => prop_oneof![Just(SecretIs::Absent), Just(SecretIs::Invalid), Just(SecretIs::Forbidden)]
            .prop_map(Event::Secret),
        1 => prop::option::of(faults).prop_map(Event::Petra),
        3 => prop_oneof![4 => Just(RemoteState::Connected), 1 => Just(RemoteState::Failed), 1 => Just(RemoteState::Pending)]
            .prop_map(Event::Remote),
        1 => Just(Event::Vanish),
        6 => (0..7200_u64).prop_map(Event::Wait),
        1 => Just(Event::Restart),
        1 => any::<bool>().prop_map(Event::Profile),
        1 => any::<bool>().prop_map(Event::Suspend),
        1 => any::<bool>().prop_map(Event::Interval),
        1 => any::<u32>().prop_map(Event::Requested),
        1 => Just(Event::Orphan),
    ]
}

/// What a referee who sees both sides knows.
#[derive(Default)]
struct Referee {
    /// Inputs that a whole round found good, and that Petra confirmed.
    proved: HashSet<(String, String)>,
    confirmed: HashSet<String>,
    /// What the last conclusive answer said of the keys and of the role.
    refused: bool,
    denied: bool,
}

impl Referee {
    fn watch(&mut self, world: &World, trace: &Trace) {
        for link in world.petra.values().filter(|link| link.state == RemoteState::Connected) {
            self.confirmed.extend(link.credentials_version.clone());
        }
        if trace.rounds.is_empty() {
            return;
        }
        let Tenancy { company, keys, member, permissions, .. } = &world.tenancy;
        match company {
            CompanyAnswer::Unknown => self.refused = true,
            CompanyAnswer::Found(_) if *keys == KeysAnswer::Rejected => self.refused = true,
            CompanyAnswer::Found(_) if *keys == KeysAnswer::Accepted => {
                self.refused = false;
                match permissions {
                    _ if *member == MemberAnswer::Inactive => self.denied = true,
                    PermissionsAnswer::Judged(found) => self.denied = !found.missing.is_empty(),
                    PermissionsAnswer::Inconclusive(_) => {}
                }
                let good =
                    matches!(permissions, PermissionsAnswer::Judged(found) if found.missing.is_empty());
                if good && *member != MemberAnswer::Inactive {
                    self.proved.extend(inputs(world));
                }
            }
            _ => {}
        }
    }
}

fn inputs(world: &World) -> Option<(String, String)> {
    let inputs = world.status.inputs.as_ref()?;
    Some((inputs.credentials_version.clone()?, inputs.permission_profile.clone()?))
}

fn apply(world: &mut World, event: Event) {
    match event {
        Event::Tenancy(tenancy) => world.tenancy = *tenancy,
        Event::Secret(secret) => world.write_secret(secret),
        Event::Petra(fault) => world.petra_fault = fault,
        Event::Remote(state) => world.set_remote(state),
        Event::Vanish => world.petra.clear(),
        Event::Wait(seconds) => world.wait(Duration::from_secs(seconds)),
        Event::Restart => world.restart(),
        Event::Profile(second) => {
            world.edit(|spec| spec.permission_profile = second.then(|| "TicketingV2".to_owned()));
        }
        Event::Suspend(suspend) => world.edit(|spec| spec.suspend = Some(suspend)),
        Event::Interval(long) => world.edit(|spec| spec.interval = long.then(|| "2h".to_owned())),
        Event::Requested(at) => world.requested_at = Some(at.to_string()),
        Event::Delete => world.deleting = Some(world.now.wall),
        Event::Orphan => world.edit(|spec| spec.deletion_policy = Some(DeletionPolicy::Orphan)),
    }
}

/// Promise 1: Ready only for inputs that were proved, with a confirmed link of these keys.
fn ready_was_proved(world: &World, referee: &Referee) {
    if !world.is(ConditionType::Ready, ConditionStatus::True) {
        return;
    }
    let (keys, profile) = inputs(world).expect("a Ready link has inputs");
    assert!(referee.proved.contains(&(keys.clone(), profile)), "Ready without a good round for these inputs");
    assert!(referee.confirmed.contains(&keys), "Ready without a confirmation of these keys");
    let suspended = world.spec.suspended();
    if let (SecretIs::Keys { public, .. }, false) = (&world.secret, suspended) {
        assert_eq!(keys, world.version_of(public), "Ready for other keys than the Secret's");
    }
}

/// Promise 2: an accusation is what the last conclusive answer said.
fn accusations_are_backed(world: &World, referee: &Referee) {
    if world.is(ConditionType::AuthFailed, ConditionStatus::True) {
        assert!(referee.refused, "accused keys that were not refused");
    }
    if world.is(ConditionType::PermissionDenied, ConditionStatus::True) {
        assert!(referee.denied, "accused a role that was not found lacking");
    }
}

/// Promise 4: nothing from the Secret is in what is written.
fn nothing_leaked(world: &World, settlement: &Settlement) {
    let status = serde_json::to_string(&world.status).expect("json");
    let rest = format!("{settlement:?}");
    for canary in [PRIVATE, "CANARY"] {
        assert!(!status.contains(canary) && !rest.contains(canary), "a key leaked");
    }
}

/// Promise 7: a visit that finds nothing new writes nothing; grace periods that ended are news.
fn idle_is_free(world: &mut World, referee: &mut Referee) {
    let before = world.ready_reason();
    let (_, again) = world.visit();
    referee.watch(world, &again);
    let asked = again.rounds.len()
        + usize::try_from(again.secret_reads + again.petra_reads + again.puts + again.deletes)
            .expect("small");
    let ended = [Reason::SecretNotFound, Reason::ConfirmationTimedOut, Reason::ValidationStale];
    // So is another answer of the shared poll that a visit in its backoff did not act upon yet.
    let news = before != world.ready_reason()
        && (world.petra_fault.is_some()
            || world.reason(ConditionType::Ready).is_some_and(|reason| ended.contains(&reason)));
    if asked == 0 && !news && !world.gone {
        assert_eq!(again.writes, 0, "an idle visit wrote {before} -> {}", world.ready_reason());
    }
}

/// What kstatus and Flux expect of conditions.
fn conforms(world: &World) {
    let is_true = |kind| world.is(kind, ConditionStatus::True);
    for kind in ConditionType::LASTING {
        assert!(world.reason(kind).is_some(), "{} is not there", kind.as_str());
    }
    assert!(!(is_true(ConditionType::Reconciling) && is_true(ConditionType::Stalled)));
    if is_true(ConditionType::Ready) {
        for kind in [
            ConditionType::AuthFailed,
            ConditionType::PermissionDenied,
            ConditionType::Reconciling,
            ConditionType::Stalled,
        ] {
            assert!(!is_true(kind), "Ready and {}", kind.as_str());
        }
    }
    let suspended = world.reason(ConditionType::Ready) == Some(Reason::Suspended) || world.spec.suspended();
    if world.is(ConditionType::Ready, ConditionStatus::Unknown) && !suspended {
        assert!(is_true(ConditionType::Reconciling), "Unknown without Reconciling: {:?}", world.row());
    }
    if world.is(ConditionType::Ready, ConditionStatus::False) && !suspended && world.deleting.is_none() {
        assert!(is_true(ConditionType::Stalled), "False without Stalled: {:?}", world.row());
    }
    assert_eq!(world.status.observed_generation, Some(world.generation));
    for condition in &world.status.conditions {
        assert_eq!(condition.observed_generation, Some(world.generation), "{}", condition.type_);
    }
}

/// Promise 3, as far as one process sees it: no link of this owner is left when the resource is gone.
fn deletion_ends_clean(world: &mut World) {
    world.petra_fault = None;
    world.spec.deletion_policy = None;
    apply(world, Event::Delete);
    for _ in 0..20 {
        if world.gone {
            break;
        }
        let (settlement, _) = world.visit();
        world.wait(settlement.next.unwrap_or_default());
    }
    assert!(world.gone || !world.finalizer, "the deletion did not end: {:?}", world.row());
    assert!(world.petra.is_empty(), "a link was left behind");
}

#[test]
fn the_promises_hold_after_every_step_of_any_history() {
    let test = ("the_promises_hold_after_every_step_of_any_history", file!());
    soak::histories(test, 100, &prop::collection::vec(events(), 1..60), |history| {
        let mut world = World::new();
        let mut referee = Referee::default();
        let mut steps = 0;
        for event in history {
            apply(&mut world, event);
            let (settlement, trace) = world.visit();
            referee.watch(&world, &trace);
            ready_was_proved(&world, &referee);
            accusations_are_backed(&world, &referee);
            nothing_leaked(&world, &settlement);
            conforms(&world);
            let rounds_then = trace.rounds.len();
            idle_is_free(&mut world, &mut referee);
            assert!(rounds_then <= 2, "one visit asked {rounds_then} rounds");
            steps += 2;
        }
        deletion_ends_clean(&mut world);
        steps
    });
}

#[test]
fn when_faults_stop_every_link_becomes_ready() {
    let test = ("when_faults_stop_every_link_becomes_ready", file!());
    soak::histories(test, 100, &prop::collection::vec(events(), 1..40), |history| {
        let mut world = World::new();
        let mut steps = 0;
        for event in history {
            apply(&mut world, event);
            world.visit();
            steps += 1;
        }
        world.tenancy = Tenancy::good();
        world.write_secret(SecretIs::Keys { public: "CANARY-last", revision: 0 });
        world.petra_fault = None;
        world.edit(|spec| spec.suspend = None);
        for _ in 0..40 {
            let (settlement, _) = world.visit();
            steps += 1;
            if world.is(ConditionType::Ready, ConditionStatus::True) {
                break;
            }
            world.set_remote(RemoteState::Connected);
            world.wait(settlement.next.unwrap_or(Duration::from_mins(1)));
        }
        assert_eq!(world.ready_reason(), "True/Linked");
        steps
    });
}
