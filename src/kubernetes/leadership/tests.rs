//! Candidates against an API server of a few lines, on a clock that the tests hold.

mod candidates;

use tokio::time::sleep;

use super::*;
use candidates::*;

#[tokio::test(start_paused = true)]
async fn a_lease_that_does_not_exist_is_made_and_renewed_every_two_seconds() {
    let server = Server::default();
    let candidate = Candidate::start(&server, "pod-a");
    until_begun(&candidate).await;
    assert!(server.holder().is_some_and(|holder| holder.starts_with("pod-a_")), "{:?}", server.holder());
    sleep(Duration::from_secs(61)).await;
    assert_eq!(server.writes(), 1 + 30);
    let spec = server.lease().and_then(|lease| lease.spec).expect("a lease");
    assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(15), Some(0)));
    assert!(spec.acquire_time.is_some() && spec.renew_time > spec.acquire_time, "{spec:?}");
    assert!(candidate.may_act(8));
}

#[test]
fn candidates_wait_up_to_a_fifth_longer_than_the_terms_say_each_time_another_time() {
    let retry = terms().retry;
    let waits: Vec<Duration> = (0..200).map(|_| election::between_tries(terms())).collect();
    assert!(waits.iter().all(|wait| (retry..=retry.mul_f64(1.2)).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait > retry.mul_f64(1.1)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait < retry.mul_f64(1.1)), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn of_two_candidates_one_leads_however_long_they_stand() {
    let server = Server::default();
    let (a, b) = (Candidate::start(&server, "pod"), Candidate::start(&server, "pod"));
    sleep(10 * A_WHILE).await;
    assert_ne!(a.leadership.has_begun(), b.leadership.has_begun());
    assert_ne!(a.may_act(0), b.may_act(0));
}

/// Another replica would begin after 15 s; each moment at which the former one would still send has to be over by then.
#[tokio::test(start_paused = true)]
async fn a_leader_that_lost_the_api_server_stops_before_another_one_begins() {
    let server = Server::default();
    let a = Candidate::start(&server, "a");
    until_begun(&a).await;
    let b = Candidate::start(&server, "b");
    sleep(A_WHILE).await;
    a.way(Way::Cut);
    let from = Instant::now();
    let mut last_sent = Duration::ZERO;
    while !b.leadership.has_begun() {
        sleep(Duration::from_millis(50)).await;
        if a.may_act(8) {
            last_sent = from.elapsed();
        }
    }
    let begun = from.elapsed();
    assert!(last_sent + Duration::from_secs(8) < begun, "sent at {last_sent:?}, next began at {begun:?}");
    assert!(!a.may_act(0));
    assert_eq!(a.lost().await, LeadershipLost::NotRenewed("cwlink-system/cwlink".to_owned()));
    assert_eq!(server.lease().and_then(|lease| lease.spec?.lease_transitions), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_renewals_fail_says_so_within_its_deadline() {
    let server = Server::default();
    let a = Candidate::start(&server, "a");
    until_begun(&a).await;
    a.way(Way::Cut);
    let from = Instant::now();
    let lost = tokio::time::timeout(A_WHILE, a.lost()).await.expect("it ends by itself");
    assert_eq!(lost, LeadershipLost::NotRenewed("cwlink-system/cwlink".to_owned()));
    let terms = terms();
    assert!(from.elapsed() <= terms.renew_within, "after {:?}", from.elapsed());
    assert!(from.elapsed() >= terms.renew_within.saturating_sub(terms.retry), "after {:?}", from.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_renewal_was_answered_late_ends_before_another_one_may_begin() {
    let server = Server::default();
    let a = Candidate::start(&server, "a");
    until_begun(&a).await;
    a.way(Way::AnsweredLate);
    let (before, mut stored) = (server.writes(), Instant::now());
    while server.writes() == before {
        stored = Instant::now();
        sleep(Duration::from_millis(50)).await;
    }
    // The answer is still on its way, and nothing follows it.
    sleep(LATE).await;
    a.way(Way::Cut);
    a.lost().await;
    assert!(
        stored.elapsed() <= terms().renew_within + Duration::from_millis(100),
        "after {:?}",
        stored.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_clock_is_wrong_keeps_the_lease_while_it_renews() {
    for renewed in ["1970-01-01T00:00:00.000000Z", "2199-01-01T00:00:00.000000Z"] {
        let server = Server::default();
        server.held_by("other", 15, renewed);
        let candidate = Candidate::start(&server, "a");
        for _ in 0..60 {
            sleep(Duration::from_secs(2)).await;
            // The clock has stopped as well: only the version differs.
            server.held_by("other", 15, renewed);
        }
        assert!(!candidate.leadership.has_begun(), "{renewed}");
        let took = until_begun(&candidate).await;
        assert!((13.0..=20.0).contains(&took), "{renewed}: after {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn the_duration_that_the_holder_wrote_counts() {
    let server = Server::default();
    server.held_by("other", 60, "2026-01-01T00:00:00.000000Z");
    let candidate = Candidate::start(&server, "a");
    let took = until_begun(&candidate).await;
    assert!((60.0..=65.0).contains(&took), "after {took} s");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ran_out_is_taken_only_as_it_was_read() {
    let server = Server::default();
    server.held_by("other", 15, "2026-01-01T00:00:00.000000Z");
    let candidate = Candidate::start(&server, "a");
    candidate.way(Way::Raced);
    sleep(10 * A_WHILE).await;
    assert!(server.writes() > 0, "it never tried");
    assert!(!candidate.leadership.has_begun());
    assert_eq!(server.holder().as_deref(), Some("other"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_written_is_named_at_the_gate_and_a_lost_race_is_not() {
    let server = Server::default();
    server.held_by("other", 15, "2026-01-01T00:00:00.000000Z");
    let candidate = Candidate::start(&server, "a");
    candidate.way(Way::Raced);
    sleep(Duration::from_secs(3)).await;
    for _ in 0..60 {
        assert_eq!(candidate.gates.report(), (true, "[+]lease-read open\n".to_owned()));
        sleep(Duration::from_millis(500)).await;
    }
    assert!(server.writes() > 0, "it never tried");
    candidate.way(Way::Failing);
    sleep(A_WHILE).await;
    let (_, report) = candidate.gates.report();
    assert_eq!(report, "[+]lease-read open, but the operator cannot use its Lease\n", "and names nothing");
}

#[tokio::test(start_paused = true)]
async fn a_lease_in_other_hands_is_lost_at_once() {
    let server = Server::default();
    let a = Candidate::start(&server, "a");
    until_begun(&a).await;
    server.held_by("other", 15, "2026-01-01T00:00:00.000000Z");
    assert_eq!(a.lost().await, LeadershipLost::Taken("cwlink-system/cwlink".to_owned()));
    assert_eq!(server.holder().as_deref(), Some("other"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_in_other_hands_and_is_free_again_is_lost_too() {
    let server = Server::default();
    let a = Candidate::start(&server, "a");
    until_begun(&a).await;
    server.held_by("", 1, "2026-01-01T00:00:00.000000Z");
    assert_eq!(a.lost().await, LeadershipLost::Taken("cwlink-system/cwlink".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_removed_is_lost() {
    let server = Server::default();
    let a = Candidate::start(&server, "a");
    until_begun(&a).await;
    *server.lease.lock() = None;
    assert_eq!(a.lost().await, LeadershipLost::Taken("cwlink-system/cwlink".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_label_on_the_lease_costs_nobody_the_leadership() {
    let server = Server::default();
    let a = Candidate::start(&server, "a");
    until_begun(&a).await;
    let mut lease = server.lease().expect("a lease");
    lease.metadata.labels = Some([("team".to_owned(), "a".to_owned())].into());
    server.store(lease);
    sleep(A_WHILE).await;
    assert!(a.may_act(8));
    let labels = server.lease().and_then(|lease| lease.metadata.labels);
    assert!(labels.is_some_and(|labels| labels.contains_key("team")), "it was wiped out");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_got_lost_is_read_back() {
    let server = Server::default();
    let a = Candidate::start(&server, "a");
    until_begun(&a).await;
    a.way(Way::WritesUnanswered);
    sleep(Duration::from_secs(6)).await;
    a.way(Way::Open);
    sleep(A_WHILE).await;
    assert!(a.may_act(8));
}

/// As with SIGSTOP: no timer of the process runs, and the clock goes on.
#[tokio::test(start_paused = true)]
async fn a_leader_frozen_for_a_minute_may_not_act_from_the_moment_that_it_wakes() {
    let server = Server::default();
    let a = Candidate::start(&server, "a");
    until_begun(&a).await;
    assert!(a.may_act(8));
    server.held_by("other", 15, "2026-01-01T00:00:00.000000Z");
    // Moves the clock without letting any other task run before the question.
    let waking = tokio::time::advance(Duration::from_mins(1));
    let mut waking = std::pin::pin!(waking);
    let _ = futures::poll!(&mut waking);
    assert!(!a.may_act(0));
    waking.await;
    let lost = a.lost().await;
    assert!(matches!(lost, LeadershipLost::Taken(_) | LeadershipLost::NotRenewed(_)), "{lost:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_ends_gives_the_lease_back_and_the_next_one_begins_without_waiting() {
    let server = Server::default();
    let a = Candidate::start(&server, "a");
    until_begun(&a).await;
    let b = Candidate::start(&server, "b");
    sleep(A_WHILE).await;
    let leadership = a.leadership.clone();
    a.end().await;
    assert!(!leadership.outlives(Duration::ZERO));
    // As client-go leaves it: without a holder, for the shortest time that can be written.
    let spec = server.lease().and_then(|lease| lease.spec).expect("a lease");
    assert_eq!((spec.holder_identity, spec.lease_duration_seconds), (None, Some(1)));
    let took = until_begun(&b).await;
    assert!(took <= 2.5, "after {took} s");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_give_the_lease_back_ends_all_the_same() {
    let server = Server::default();
    let a = Candidate::start(&server, "a");
    until_begun(&a).await;
    a.way(Way::Cut);
    let from = Instant::now();
    a.end().await;
    assert!(from.elapsed() <= terms().renew_within / 2, "after {:?}", from.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_is_told_to_stop_while_standing_by_never_takes_the_lease() {
    let server = Server::default();
    server.held_by("other", 15, "2026-01-01T00:00:00.000000Z");
    let a = Candidate::start(&server, "a");
    sleep(Duration::from_secs(5)).await;
    a.end().await;
    assert_eq!(server.holder().as_deref(), Some("other"));
}

#[tokio::test]
async fn an_operator_that_runs_alone_may_always_act() {
    let leadership = Leadership::alone();
    assert!(leadership.has_begun() && leadership.outlives(Duration::from_hours(1)));
}

#[tokio::test(start_paused = true)]
async fn a_replica_counts_its_lead_from_when_it_took_the_lease() {
    let server = Server::default();
    server.held_by("other", 60, "2026-01-01T00:00:00.000000Z");
    let candidate = Candidate::start(&server, "a");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(candidate.leadership.led_for(), Duration::ZERO, "on standby");
    until_begun(&candidate).await;
    sleep(Duration::from_secs(30)).await;
    let led_for = candidate.leadership.led_for().as_secs();
    assert!((30..=31).contains(&led_for), "{led_for} s, whatever was renewed since");
}
