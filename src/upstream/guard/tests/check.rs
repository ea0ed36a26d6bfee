//! Calls within the limits of a check.

use tokio::time::Instant;

use super::*;
use crate::upstream::memory::{ALL, Budget, LARGE, Memory, SMALL_BODY};
use crate::upstream::request::CheckLimits;

/// A call of a check; the answer may be larger than what is read without a place.
async fn get(rig: &Rig, host: &HostPort, check: CheckLimits<'_>) -> Result<usize, Fault> {
    let target = Target::ConnectWise { host, company: "acme", purpose: Purpose::Api };
    let call = Call { operation: "systemInfo", target, share: Some("team"), check: Some(check) };
    let large = Message { max_bytes: 4 * SMALL_BODY, ..message() };
    rig.guard.send(call, large).await.map(|answer| answer.body.len())
}

fn limits(memory: &Memory, left: Duration) -> CheckLimits<'_> {
    CheckLimits { deadline: Instant::now() + left, memory }
}

const AN_HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_call_ends_with_its_check_whether_it_waits_or_was_sent() {
    let server = TestServer::start("psa.localhost", |_| Reply::Silence).await;
    let host = server.host("psa.localhost");
    let rig = rig(&[&host], Some(&server.ca_pem), None);
    let memory = Budget::default().of_check();
    assert_eq!(get(&rig, &host, limits(&memory, Duration::ZERO)).await, Err(Fault::Timeout));
    assert!(server.requests().is_empty(), "the check was over");
    assert_eq!(get(&rig, &host, limits(&memory, Duration::from_millis(500))).await, Err(Fault::Timeout));
    assert_eq!(rig.outcomes(), [("systemInfo", "timeout"); 2], "each is counted");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_large_answer_waits_for_a_place_and_a_small_one_does_not() {
    let body = |size: usize| Reply::json(200, &"1".repeat(size));
    let large = TestServer::start("psa.localhost", move |_| body(2 * SMALL_BODY)).await;
    let small = TestServer::start("psa.localhost", move |_| body(SMALL_BODY)).await;
    let hosts = [large.host("psa.localhost"), small.host("psa.localhost")];
    let pem = large.ca_pem.clone() + &small.ca_pem;
    let rig = rig(&[&hosts[0], &hosts[1]], Some(&pem), None);
    let budget = Budget::default();

    let others: Vec<Memory> = (0..ALL / LARGE).map(|_| budget.of_check()).collect();
    for other in &others {
        assert_eq!(get(&rig, &hosts[0], limits(other, AN_HOUR)).await, Ok(2 * SMALL_BODY));
    }
    let memory = budget.of_check();
    assert_eq!(get(&rig, &hosts[1], limits(&memory, AN_HOUR)).await, Ok(SMALL_BODY));
    let waiting = get(&rig, &hosts[0], limits(&memory, Duration::from_secs(1))).await;
    assert_eq!(waiting, Err(Fault::Timeout), "the other checks go on");
    drop(others);
    assert_eq!(get(&rig, &hosts[0], limits(&memory, AN_HOUR)).await, Ok(2 * SMALL_BODY));
}
