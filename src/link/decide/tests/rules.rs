//! One rule a test: hold, debounce, fleet, the three kinds of change, clocks, restart, rotation, deletion.

use std::time::Duration;

use super::world::{SecretIs, Tenancy, World, at};
use crate::connectwise::{
    Action, Actual, BoardAnswer, CompanyAnswer, CompanyId, Depth, Inconclusive, Level, Line, Permissions,
    PermissionsAnswer, Required, Tenant,
};
use crate::crd::{ConditionType, DeletionPolicy, RegistrationMode, RegistrationSpec};
use crate::link::seen::{ClientIdView, FleetView};
use crate::petra::{LinkId, Owner, PetraFault, RemoteLink, RemoteState, Version};

const MINUTE: Duration = Duration::from_mins(1);

fn outage() -> Tenancy {
    Tenancy::out(Inconclusive::Unavailable)
}

/// Lets the link wait as long as it asked to, and visits it.
fn wait_and_visit(world: &mut World) -> super::world::Trace {
    let (settlement, _) = world.visit();
    world.wait(settlement.next.expect("it looks again"));
    world.visit().1
}

fn lacking(function: &str) -> Tenancy {
    let line = Line {
        module: "Service Desk".to_owned(),
        function: function.to_owned(),
        action: Action::Edit,
        required: Required::Level(Level::All),
        actual: Actual::Level(Level::None),
    };
    let permissions = Permissions { missing: vec![line], ..Permissions::default() };
    Tenancy { permissions: PermissionsAnswer::Judged(permissions), ..Tenancy::good() }
}

#[test]
fn an_outage_leaves_a_ready_link_ready_until_it_is_stale_and_success_mends_it() {
    let mut world = World::ready();
    world.tenancy = outage();
    world.wait(30 * MINUTE);
    let (settlement, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), settlement.held), ("True/Linked", Some("inconclusive")));
    assert_eq!(
        (trace.writes, settlement.events.len()),
        (0, 1),
        "a hold is told by one event and by no write"
    );
    for _ in 0..8 {
        assert_eq!(wait_and_visit(&mut world).writes, 0);
    }
    world.wait(60 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
    world.tenancy = Tenancy::good();
    world.wait(10 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
}

#[test]
fn an_outage_leaves_an_accusation_as_it_is() {
    for accusing in [Tenancy::refusing(), lacking("Service Tickets")] {
        let mut world = World::new();
        world.tenancy = accusing;
        world.visit();
        let before = world.row();
        world.tenancy = outage();
        world.wait(60 * MINUTE);
        let (settlement, trace) = world.visit();
        assert_eq!((world.row(), trace.writes), (before, 0));
        assert_eq!(settlement.held, Some("inconclusive"));
    }
}

#[test]
fn a_ready_link_is_accused_by_the_second_conclusive_answer_a_minute_later() {
    let mut world = World::ready();
    world.tenancy = Tenancy::refusing();
    world.wait(30 * MINUTE);
    let (settlement, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), settlement.held), ("True/Linked", Some("debounce")));
    assert_eq!(trace.rounds, [Depth::Cheap, Depth::Full], "what differs is looked at whole");
    world.wait(Duration::from_secs(58));
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked", "59 seconds are not enough");
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn a_good_answer_between_two_accusations_clears_the_first() {
    let mut world = World::ready();
    for _ in 0..3 {
        world.tenancy = Tenancy::refusing();
        world.wait(31 * MINUTE);
        world.visit();
        world.tenancy = Tenancy::good();
        world.wait(2 * MINUTE);
        world.visit();
        assert_eq!(world.ready_reason(), "True/Linked");
        assert_eq!(world.memory.suspicion, None);
    }
}

#[test]
fn a_fleet_is_not_accused_at_once_unless_a_person_asks() {
    let mut world = World::ready();
    world.fleet = FleetView { ready: 15, suspected_alike: 3, released: false };
    world.tenancy = Tenancy::refusing();
    world.wait(31 * MINUTE);
    world.visit();
    world.wait(2 * MINUTE);
    let (settlement, _) = world.visit();
    assert_eq!((world.ready_reason().as_str(), settlement.held), ("True/Linked", Some("fleet")));
    world.requested_at = Some("now".to_owned());
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn a_fifth_of_the_fleet_or_three_links_or_a_fleet_with_one_that_succeeded_are_accused() {
    for fleet in [
        FleetView { ready: 20, suspected_alike: 3, released: false },
        FleetView { ready: 3, suspected_alike: 2, released: false },
        FleetView { ready: 15, suspected_alike: 3, released: true },
    ] {
        let mut world = World::ready();
        world.fleet = fleet;
        world.tenancy = Tenancy::refusing();
        world.wait(31 * MINUTE);
        world.visit();
        world.wait(2 * MINUTE);
        world.visit();
        assert_eq!(world.ready_reason(), "False/CredentialsRejected", "{fleet:?}");
    }
}

#[test]
fn a_client_id_that_was_just_changed_accuses_nobody() {
    let mut world = World::ready();
    world.client_id = ClientIdView { unproven: true, worked: true };
    world.tenancy = Tenancy::refusing();
    world.wait(31 * MINUTE);
    world.visit();
    world.wait(2 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
    world.client_id.unproven = false;
    world.wait(10 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn until_the_client_id_has_worked_a_refusal_names_it_as_a_suspect() {
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    world.client_id.worked = false;
    let (settlement, _) = world.visit();
    assert!(settlement.status.conditions[0].message.contains("clientId"));
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    let (settlement, _) = world.visit();
    assert!(!settlement.status.conditions[0].message.contains("clientId"));
}

#[test]
fn a_routine_check_is_one_cheap_call_and_one_write_of_nothing_but_its_time() {
    let mut world = World::ready();
    let before = world.status.clone();
    world.wait(31 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.as_slice(), trace.writes, trace.puts), (&[Depth::Cheap][..], 1, 0));
    let mut after = world.status.clone();
    after.last_validated_time = before.last_validated_time;
    assert_eq!(after, before);
    let (_, idle) = world.visit();
    assert_eq!((idle.rounds.len(), idle.writes, idle.secret_reads), (0, 0, 0));
}

#[test]
fn a_tenant_that_was_upgraded_is_recorded_by_a_full_round_and_then_checked_cheaply() {
    let mut world = World::ready();
    let company = CompanyId::parse("acme").expect("a company");
    let upgraded = Tenant::recorded(company, "api-na.myconnectwise.net", "v2026_1/", None).expect("a tenant");
    world.tenancy.company = CompanyAnswer::Found(upgraded);
    world.wait(31 * MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Cheap, Depth::Full]);
    assert_eq!(world.status.site.as_ref().and_then(|site| site.codebase.as_deref()), Some("v2026_1/"));
    world.wait(31 * MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Cheap]);
}

#[test]
fn the_full_round_runs_daily() {
    let mut world = World::ready();
    world.wait(24 * 60 * MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Full]);
}

#[test]
fn a_restart_with_a_healthy_link_asks_nobody_and_writes_nothing() {
    let mut world = World::ready();
    world.wait(10 * MINUTE);
    world.restart();
    let (settlement, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.secret_reads, trace.puts, trace.writes), (0, 0, 0, 0));
    let next = settlement.next.expect("the routine check is planned");
    assert!(next > 15 * MINUTE && next < 25 * MINUTE, "the stored time counts: {next:?}");
}

#[test]
fn a_link_that_became_due_while_no_operator_ran_is_spread_over_half_an_interval() {
    let mut world = World::ready();
    world.wait(600 * MINUTE);
    world.restart();
    let (settlement, trace) = world.visit();
    assert_eq!(trace.rounds.len(), 0);
    assert!(settlement.next.expect("planned") <= 15 * MINUTE);
}

#[test]
fn a_negative_verdict_found_at_start_waits_its_first_delay() {
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    world.visit();
    world.restart();
    let (settlement, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.writes), (0, 0));
    assert_eq!(settlement.next.map(|next| next.as_secs()), Some(300));
}

#[test]
fn a_label_on_the_secret_is_read_once_and_asks_nobody() {
    let mut world = World::ready();
    world.secret = SecretIs::Keys { public: "one", revision: 2 };
    let (_, trace) = world.visit();
    assert_eq!((trace.secret_reads, trace.rounds.len(), trace.puts, trace.writes), (1, 0, 0, 1));
    assert_eq!(world.ready_reason(), "True/Linked");
    assert_eq!(world.visit().1.secret_reads, 0, "the version is remembered in the status");
}

#[test]
fn rotation_proves_the_new_keys_before_they_replace_the_old_ones_at_petra() {
    let mut world = World::ready();
    world.secret = SecretIs::Keys { public: "two", revision: 2 };
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!(
        trace.shown,
        ["Unknown/Pending", "Unknown/AwaitingConfirmation"],
        "Unknown before anybody is asked"
    );
    assert_eq!((trace.rounds.as_slice(), trace.puts), (&[Depth::Full][..], 1));
    assert_eq!(world.petra.len(), 1);
    world.confirm();
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
}

#[test]
fn rotation_to_refused_keys_sends_nothing_and_says_that_petra_holds_the_previous_ones() {
    let mut world = World::ready();
    world.secret = SecretIs::Keys { public: "two", revision: 2 };
    world.tenancy = Tenancy::refusing();
    world.wait(MINUTE);
    let (settlement, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.puts), ("False/CredentialsRejected", 0));
    assert_eq!(world.shown(ConditionType::Registered), "True/Confirmed");
    assert!(settlement.status.conditions[0].message.contains("Petra still holds the previous keys"));
    world.secret = SecretIs::Keys { public: "one", revision: 3 };
    world.tenancy = Tenancy::good();
    world.wait(MINUTE);
    let (_, back) = world.visit();
    assert_eq!(
        (world.ready_reason().as_str(), back.puts),
        ("True/Linked", 0),
        "the first keys never left Petra"
    );
}

#[test]
fn a_neutral_change_moves_the_generation_and_nothing_else() {
    let mut world = World::ready();
    world.edit(|spec| {
        spec.interval = Some("1h".to_owned());
        spec.deletion_policy = Some(DeletionPolicy::Orphan);
    });
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.secret_reads, trace.puts, trace.writes), (0, 0, 0, 1));
    assert_eq!(world.status.observed_generation, Some(2));
    assert!(world.status.conditions.iter().all(|condition| condition.observed_generation == Some(2)));
    assert_eq!(world.ready_reason(), "True/Linked");
}

#[test]
fn another_site_before_there_is_a_link_forgets_everything_first() {
    let mut world = World::new();
    world.tenancy = Tenancy { company: CompanyAnswer::Unknown, ..Tenancy::good() };
    world.visit();
    world.tenancy = Tenancy::good();
    world.edit(|spec| spec.site_url = "eu.myconnectwise.net".to_owned());
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!(trace.shown, ["Unknown/Pending", "Unknown/AwaitingConfirmation"]);
}

#[test]
fn edits_in_a_loop_never_ask_more_often_than_the_floor() {
    let mut world = World::new();
    let mut rounds = 0;
    for second in 0..120 {
        let name = if second % 2 == 0 { "one" } else { "two" };
        world.secret = SecretIs::Keys { public: name, revision: second };
        world.requested_at = Some(second.to_string());
        let (_, trace) = world.visit();
        rounds += trace.rounds.len();
    }
    assert!(rounds <= 5, "{rounds} rounds in two minutes");
}

#[test]
fn requested_at_forces_a_full_round_once_and_is_echoed() {
    let mut world = World::ready();
    world.wait(MINUTE);
    world.requested_at = Some("2026-01-01T00:00:00Z".to_owned());
    assert_eq!(world.visit().1.rounds, [Depth::Full]);
    assert_eq!(world.status.last_handled_reconcile_at.as_deref(), Some("2026-01-01T00:00:00Z"));
    world.wait(MINUTE);
    assert_eq!(world.visit().1.rounds.len(), 0);
}

#[test]
fn a_missing_line_is_looked_at_each_minute_for_a_quarter_of_an_hour_then_every_five() {
    let mut world = World::new();
    world.tenancy = lacking("Service Tickets");
    let (mut settlement, _) = world.visit();
    let mut delays = Vec::new();
    for _ in 0..20 {
        let delay = settlement.next.expect("it looks again");
        delays.push(delay.as_secs());
        world.wait(delay);
        settlement = world.visit().0;
    }
    assert_eq!(delays[..14], [60; 14]);
    assert_eq!(delays[16..], [300; 4]);
}

#[test]
fn refused_keys_are_looked_at_after_five_minutes_doubling_to_an_hour() {
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    let (mut settlement, _) = world.visit();
    let mut delays = Vec::new();
    for _ in 0..6 {
        let delay = settlement.next.expect("it looks again");
        delays.push(delay.as_secs() / 60);
        world.wait(delay);
        settlement = world.visit().0;
    }
    assert_eq!(delays, [5, 10, 20, 40, 60, 60]);
}

#[test]
fn retry_after_is_honoured_up_to_a_quarter_of_an_hour() {
    for (asked, kept) in [(Some(120), 120), (Some(86_400), 900), (None, 5), (Some(0), 5)] {
        let mut world = World::new();
        world.tenancy = Tenancy::out(Inconclusive::RateLimited(asked.map(Duration::from_secs)));
        let (settlement, _) = world.visit();
        assert_eq!(settlement.next.map(|next| next.as_secs()), Some(kept));
    }
}

#[test]
fn a_link_that_vanished_at_petra_is_registered_again_after_its_second_404() {
    let mut world = World::ready();
    world.petra.clear();
    let (settlement, trace) = world.visit();
    assert_eq!((settlement.held, trace.puts), (Some("debounce"), 0));
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!(trace.shown, ["Unknown/RemoteLinkMissing", "Unknown/AwaitingConfirmation"]);
    assert_eq!((trace.puts, world.petra.len()), (1, 1));
}

#[test]
fn an_outage_of_petra_says_nothing_about_a_registered_link() {
    for fault in [
        PetraFault::Unavailable,
        PetraFault::KeyRejected,
        PetraFault::NoContract,
        PetraFault::RateLimited(None),
    ] {
        let mut world = World::ready();
        let before = world.row();
        world.petra.clear();
        world.petra_fault = Some(fault);
        let (_, trace) = world.visit();
        assert_eq!((world.row(), trace.writes), (before, 0), "{fault:?}");
    }
}

#[test]
fn a_ready_link_of_which_petra_tells_nothing_for_too_long_is_stale_and_its_keys_are_not() {
    let mut world = World::ready();
    world.petra_fault = Some(PetraFault::Unavailable);
    for _ in 0..4 {
        world.wait(30 * MINUTE);
        world.visit();
    }
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
    assert_eq!(world.shown(ConditionType::AuthFailed), "False/CredentialsAccepted", "ConnectWise was heard");
    world.petra_fault = None;
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.puts), ("True/Linked", 0));
}

#[test]
fn an_unknown_outcome_of_a_put_is_read_back_and_not_repeated_in_the_same_visit() {
    let mut world = World::new();
    world.visit();
    world.secret = SecretIs::Keys { public: "two", revision: 2 };
    world.wait(MINUTE);
    world.petra_fault = Some(PetraFault::Unavailable);
    let (_, trace) = world.visit();
    assert!(trace.puts <= 1);
    world.petra_fault = None;
    world.wait(10 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
}

#[test]
fn a_poll_from_before_ten_minutes_never_times_a_confirmation_out() {
    let mut world = World::new();
    world.visit();
    world.wait(15 * MINUTE);
    world.restart();
    world.petra_fault = Some(PetraFault::Unavailable);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation", "no poll was answered to this process");
    world.petra_fault = None;
    world.petra_answered = true;
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/ConfirmationTimedOut");
    world.confirm();
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked", "it is polled on");
}

#[test]
fn a_board_that_cannot_be_asked_about_holds_ready_back_and_accuses_nothing() {
    let mut world = World::new();
    world.spec.service_board = Some("Help Desk".to_owned());
    world.tenancy.board = BoardAnswer::Inconclusive(Inconclusive::Unavailable);
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.puts), ("Unknown/ConnectWiseUnavailable", 0));
    assert_eq!(world.shown(ConditionType::PermissionDenied), "False/PermissionsGranted");
}

#[test]
fn deleting_removes_the_link_and_then_the_finalizer() {
    let mut world = World::ready();
    world.deleting = Some(world.now.wall);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len(), world.gone), (1, 0, true));
    assert_eq!((trace.secret_reads, trace.rounds.len()), (0, 0), "it needs no Secret and no ConnectWise");
}

#[test]
fn deleting_finds_a_link_of_this_owner_under_another_id_and_leaves_others_alone() {
    let mut world = World::ready();
    place(&mut world, "leftover", "acme", Some(World::owner()));
    place(&mut world, "foreign", "acme", Some(Owner::new("here", "team", "other")));
    world.deleting = Some(world.now.wall);
    world.visit();
    let left: Vec<&str> = world.petra.keys().map(LinkId::as_str).collect();
    assert_eq!((left, world.gone), (vec!["foreign"], true));
}

fn place(world: &mut World, id: &str, company: &str, owner: Option<Owner>) {
    let id = LinkId::parse(id).expect("an id");
    let link = RemoteLink {
        id: id.clone(),
        company: CompanyId::parse(company).ok(),
        owner,
        state: RemoteState::Connected,
        credentials_version: None,
        version: Version::parse("x").expect("a version"),
        confirmed_at: None,
    };
    world.petra.insert(id, link);
}

#[test]
fn a_leftover_of_a_namesake_goes_once_the_link_is_ready_and_orphan_keeps_it() {
    for (policy, left) in [(None, 1), (Some(DeletionPolicy::Orphan), 2)] {
        let mut world = World::new();
        place(&mut world, "leftover", "former", Some(World::owner()));
        world.spec.deletion_policy = policy;
        world.visit();
        assert_eq!((world.ready_reason().as_str(), world.petra.len()), ("Unknown/AwaitingConfirmation", 2));
        world.confirm();
        world.visit();
        assert_eq!((world.ready_reason().as_str(), world.petra.len()), ("True/Linked", left), "{policy:?}");
    }
}

#[test]
fn a_lost_status_finds_the_standing_link_of_the_company_and_keeps_its_id() {
    let mut world = World::new();
    place(&mut world, "older", "ACME", Some(World::owner()));
    world.visit();
    assert_eq!(world.petra.len(), 1, "no second link for the company");
    assert_eq!(world.status.link.as_ref().map(|link| link.id.as_str()), Some("older"));
    world.confirm();
    let (settlement, _) = world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
    assert!(
        settlement.events.iter().all(|note| note.reason != "LinkIdKept"),
        "it is told with a full round only"
    );
    world.wait(24 * 60 * MINUTE);
    let (settlement, _) = world.visit();
    assert!(settlement.events.iter().any(|note| note.reason == "LinkIdKept"));
}

#[test]
fn orphan_ends_a_deletion_without_a_call_to_petra() {
    let mut world = World::ready();
    world.deleting = Some(at(world.now.wall.as_second() - 600));
    world.petra_fault = Some(PetraFault::Unavailable);
    world.visit();
    assert_eq!(world.ready_reason(), "False/DeletionBlocked");
    world.edit(|spec| spec.deletion_policy = Some(DeletionPolicy::Orphan));
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.gone, world.petra.len()), (0, true, 1));
}

#[test]
fn a_deletion_right_after_a_crash_waits_until_no_put_can_arrive_any_more() {
    let mut world = World::ready();
    world.restart();
    world.now.up = Duration::from_secs(1);
    world.petra.clear();
    world.deleting = Some(world.now.wall);
    let (settlement, _) = world.visit();
    assert!(!world.gone, "absence proves nothing within the lifetime of a PUT of the process before");
    world.wait(settlement.next.expect("it looks again"));
    world.visit();
    assert!(world.gone);
}

#[test]
fn from_api_to_portal_the_link_goes_and_a_person_is_asked() {
    let mut world = World::ready();
    world.edit(|spec| {
        let mode = Some(RegistrationMode::Portal);
        spec.registration = Some(RegistrationSpec { mode, ..RegistrationSpec::default() });
    });
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len(), world.finalizer), (1, 0, false));
    assert_eq!(world.ready_reason(), "False/PortalActionRequired");
}

#[test]
fn portal_keeps_an_acknowledgement_for_the_same_keys_whatever_becomes_of_the_status() {
    let mut world = World::portal();
    let (settlement, _) = world.visit();
    let token = settlement.status.conditions[0].message.rsplit(' ').next().expect("a token").to_owned();
    world.edit(|spec| {
        spec.registration =
            Some(RegistrationSpec { acknowledged: Some(token), ..RegistrationSpec::default() });
    });
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
    world.status = crate::crd::LinkStatus::default();
    world.restart();
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked", "a backup without status needs no new acknowledgement");
    world.secret = SecretIs::Keys { public: "two", revision: 2 };
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/PortalActionRequired", "other keys need another");
    assert_eq!(world.shown(ConditionType::Registered), "True/Acknowledged", "Petra still holds the old ones");
}

#[test]
fn adopt_from_is_tried_as_soon_as_it_is_written_and_not_when_the_conflict_would_be_looked_at_again() {
    let mut world = super::table::foreign_link(None);
    world.visit();
    assert_eq!(world.ready_reason(), "False/LinkConflict");
    world.edit(|spec| {
        spec.deletion_policy = Some(DeletionPolicy::Unlink);
        spec.registration =
            Some(RegistrationSpec { adopt_from: Some("unowned".to_owned()), ..RegistrationSpec::default() });
    });
    let (_, trace) = world.visit();
    assert_eq!((trace.puts, world.ready_reason().as_str()), (1, "Unknown/AwaitingConfirmation"));
}

#[test]
fn a_stale_link_reads_the_same_for_as_long_as_nothing_is_heard() {
    let mut world = World::ready();
    world.tenancy = Tenancy::out(Inconclusive::Unavailable);
    world.wait(90 * MINUTE);
    world.visit();
    let stale = world.row();
    assert_eq!(stale[0], "Unknown/ValidationStale");
    world.wait(15 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.writes), (1, 0));
    assert_eq!(world.row(), stale);
}

#[test]
fn a_confirmation_is_not_timed_out_by_a_list_from_before_its_time_was_up() {
    let mut world = World::new();
    world.visit();
    world.wait(MINUTE);
    world.visit();
    world.poll_stopped = true;
    world.wait(20 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
    world.poll_stopped = false;
    world.visit();
    assert_eq!(world.ready_reason(), "False/ConfirmationTimedOut");
}

#[test]
fn keys_that_change_in_a_loop_are_asked_about_once_in_each_floor() {
    let mut world = World::new();
    let mut rounds = 0;
    for second in 0..120 {
        let public = if second % 2 == 0 { "one" } else { "two" };
        world.secret = SecretIs::Keys { public, revision: second };
        rounds += world.visit().1.rounds.len();
    }
    assert!((3..=5).contains(&rounds), "{rounds} rounds in two minutes");
}

#[test]
fn an_accusation_ends_with_the_answer_that_contradicts_it_even_if_the_rest_stays_open() {
    for accusing in [Tenancy { company: CompanyAnswer::Unknown, ..Tenancy::good() }, Tenancy::refusing()] {
        let mut world = World::new();
        world.tenancy = accusing;
        world.visit();
        assert_eq!(world.shown(ConditionType::AuthFailed).split_once('/').map(|it| it.0), Some("True"));
        world.tenancy.company = Tenancy::good().company;
        world.tenancy.keys = Tenancy::good().keys;
        world.tenancy.permissions = PermissionsAnswer::Inconclusive(Inconclusive::Unavailable);
        world.requested_at = Some("now".to_owned());
        world.wait(MINUTE);
        world.visit();
        assert_eq!(world.shown(ConditionType::AuthFailed), "False/CredentialsAccepted");
        assert_eq!(world.ready_reason(), "Unknown/ConnectWiseUnavailable");
    }
}
