//! The documented intervals against the timings of the operator.

use std::collections::BTreeMap;
use std::time::Duration;

use cwlink::crd::Reason;
use cwlink::link::intervals;
use cwlink::link::reason_class::BackoffKind;
use cwlink::timings::{LeaseTerms, Timeouts, Timings};

use crate::table::{assert_same, rows};
use crate::{CONDITIONS, NOTHING};

const INTERVALS: &str = include_str!("../../docs/intervals.md");
#[test]
fn the_next_check_of_every_reason_is_a_row_of_the_intervals() {
    let next_checks: BTreeMap<String, String> = rows(CONDITIONS, "Reason")
        .into_iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[4].clone()))
        .collect();
    let delays = delays(&Timings::default());
    for (reason, next_check) in &next_checks {
        let known = delays.iter().any(|(_, delay)| delay == next_check) || next_check == NOTHING;
        assert!(known, "docs/conditions.md, {reason}: {next_check:?} is not a row of docs/intervals.md");
    }
    // The faults that ConnectWise reports, each with the rule that the operator itself applies.
    for fault in [
        Reason::SiteInvalid,
        Reason::SiteUnreachable,
        Reason::CompanyUnknown,
        Reason::CredentialsRejected,
        Reason::MemberInactive,
        Reason::PermissionsMissing,
        Reason::ServiceBoardNotReady,
    ] {
        let expected = repeated(&Timings::default(), intervals::backoff_of(fault));
        let name = fault.as_str();
        assert_eq!(
            next_checks[name], expected,
            "docs/conditions.md, {name}: link::intervals::backoff_of says otherwise"
        );
    }
}

#[test]
fn the_documented_delays_are_those_of_the_operator() {
    let expected =
        delays(&Timings::default()).into_iter().map(|(after, delay)| vec![after.to_owned(), delay]);
    assert_same(
        "docs/intervals.md",
        "src/timings.rs",
        &rows(INTERVALS, "After"),
        &expected.collect::<Vec<_>>(),
    );
}

#[test]
fn the_documented_waits_and_timeouts_are_those_of_the_operator() {
    let mut documented = Vec::new();
    for head in ["Rule", "Wait", "Call", "Term"] {
        documented.extend(rows(INTERVALS, head).into_iter().map(|row| row[1].clone()));
    }
    assert_eq!(
        documented,
        waits(&Timings::default()),
        "docs/intervals.md: the last four tables do not say what src/timings.rs does; left: documented, right: real"
    );
}

/// The first table of the intervals. The text is here, the numbers come from the operator.
fn delays(timings: &Timings) -> Vec<(&'static str, String)> {
    let t = timings;
    let (poll, later) = (shown(t.secret_poll), shown(t.secret_poll_later));
    vec![
        (
            "a check that found the link valid",
            format!("every `spec.interval`, {} by default", shown(t.interval)),
        ),
        (
            "a missing permission, an inactive API member, a service board that is not ready",
            repeated(t, BackoffKind::Fixing),
        ),
        (
            "rejected API keys, a wrong company or site, a rejection by Petra",
            repeated(t, BackoffKind::Rejected),
        ),
        (
            "a Petra server that does not support the link API",
            format!("{}, doubling to {}, one request for all links", shown(t.poll), shown(t.poll * 6)),
        ),
        ("no conclusive response, and no earlier result", repeated(t, BackoffKind::Inconclusive)),
        ("no conclusive response, and an earlier result that still applies", repeated(t, BackoffKind::Held)),
        (
            "a missing Secret",
            format!(
                "when the Secret is created; if Secrets are not watched, {poll}, then {later} after {}",
                shown(t.secret_grace)
            ),
        ),
        (
            "a Secret without valid API keys",
            format!("when the Secret changes; if Secrets are not watched, {later}"),
        ),
        ("a Secret that the operator is not allowed to read", later.clone()),
        ("Petra accepted the link", format!("{}, one request for all links", shown(t.poll))),
        ("a problem that only a change of the spec can fix", "when the resource changes".to_owned()),
        ("a step that the next step follows directly", "immediately".to_owned()),
    ]
}

fn repeated(t: &Timings, kind: BackoffKind) -> String {
    let doubling = |first, max| format!("{}, doubling to {}", shown(first), shown(max));
    match kind {
        BackoffKind::Fixing => {
            format!("{} for {}, then {}", shown(t.recheck), shown(t.recheck_for), shown(t.recheck_later))
        }
        BackoffKind::Rejected => doubling(t.refused, t.refused_max),
        BackoffKind::Inconclusive => doubling(t.retry, t.retry_max),
        BackoffKind::Held => doubling(t.held_retry, t.held_retry_max),
    }
}

/// The other tables of the intervals, in their order. Every field is named, so that a new one cannot be left out of the
/// documentation unseen.
fn waits(timings: &Timings) -> Vec<String> {
    let Timings {
        jitter,
        floor,
        retry_after_max,
        // Also in the first table.
        secret_poll_later,
        checking_after,
        secret_grace,
        site_grace,
        debounce,
        stale_intervals,
        stale_cap,
        full_round,
        confirm,
        deletion_grace,
        poll_idle,
        account,
        timeouts,
        lease,
        // For tests alone.
        speed: _,
        // In the first table.
        interval: _,
        recheck: _,
        recheck_for: _,
        recheck_later: _,
        refused: _,
        refused_max: _,
        retry: _,
        retry_max: _,
        held_retry: _,
        held_retry_max: _,
        secret_poll: _,
        poll: _,
    } = timings;
    let Timeouts { connect, connectwise, check, petra_read, petra_change, kubernetes } = timeouts;
    let LeaseTerms { duration, renew_within, retry } = lease;
    let mut waits = vec![format!("{:.0} %", jitter * 100.0)];
    waits.extend([floor, retry_after_max, secret_poll_later].map(|wait| shown(*wait)));
    // The floor is also the time within which refused new keys are checked once more.
    waits.extend([checking_after, secret_grace, site_grace, debounce, floor].map(|wait| shown(*wait)));
    waits.push(stale_intervals.to_string());
    waits.extend(
        [stale_cap, full_round, confirm, deletion_grace, poll_idle, account].map(|wait| shown(*wait)),
    );
    waits.extend(
        [connect, connectwise, check, petra_read, petra_change, kubernetes].map(|timeout| shown(*timeout)),
    );
    waits.extend([duration, renew_within, retry].map(|term| shown(*term)));
    waits
}

/// A period as the documentation writes it.
fn shown(period: Duration) -> String {
    match period.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
