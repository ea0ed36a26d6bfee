//! Failures to order look on the wire as they are called.

use std::collections::BTreeMap;

use reqwest::RequestBuilder;
use serde_json::json;
use simulators::{Effect, Filter, Rule, Service};
use tokio::time::timeout;

use crate::client::{PATIENCE, Run, outcome};

async fn faulty(effect: Effect) -> Run {
    let run = Run::start().await;
    run.simulators.faults().add(Rule::on(Service::ConnectWise, effect)).expect("the rule is valid");
    run
}

fn info(run: &Run) -> RequestBuilder {
    run.call("acme", "/system/info")
}

#[tokio::test]
async fn a_reset_connection_gives_no_answer() {
    let run = faulty(Effect::Reset).await;
    let error = info(&run).send().await.expect_err("the connection is reset");
    let chain = format!("{error:?}");
    assert!(chain.contains("ConnectionReset"), "{chain}");
}

#[tokio::test]
async fn a_truncated_body_ends_before_its_promised_length() {
    let run = faulty(Effect::Truncate(10)).await;
    let response = info(&run).send().await.expect("the head of the answer comes");
    assert!(response.content_length().is_some_and(|length| length > 10));
    response.bytes().await.expect_err("the body is cut off");
}

#[tokio::test]
async fn a_key_comes_twice_in_each_object_that_has_it() {
    let effect = Effect::Twice { key: "isCloud".to_owned(), value: json!(null) };
    let (status, body) = outcome(info(&faulty(effect).await)).await;
    assert_eq!((status, body.matches(r#""isCloud":null,"isCloud":"#).count()), (200, 1), "{body}");
    let effect = Effect::Twice { key: "inquireLevel".to_owned(), value: json!("None") };
    let run = faulty(effect).await;
    let (_, body) = outcome(run.call("acme", "/system/mySecurity?pageSize=1000")).await;
    let rows = body.matches(r#""moduleName":"#).count();
    assert!(rows > 100 && body.matches(r#""inquireLevel":"None","inquireLevel":"#).count() == rows);
}

#[tokio::test]
async fn an_endless_body_goes_on_and_on() {
    let run = faulty(Effect::Endless).await;
    let mut response = info(&run).send().await.expect("the head of the answer comes");
    let mut received = 0;
    while received < 4 << 20 {
        received += response.chunk().await.expect("it goes on").expect("it does not end").len();
    }
}

#[tokio::test]
async fn html_status_redirect_json_and_named_bodies_come_as_ordered() {
    let run = faulty(Effect::Html { status: 502 }).await;
    assert_eq!(outcome(info(&run)).await, (502, "<html><body>Error 502</body></html>".to_owned()));

    let headers = BTreeMap::from([("Retry-After".to_owned(), "7".to_owned())]);
    let run = faulty(Effect::Status { status: 429, headers, body: "slow down".to_owned() }).await;
    let response = info(&run).send().await.expect("an answer comes");
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"7".parse().expect("valid"))
    );

    let run = faulty(Effect::Redirect { location: "http://evil.localhost/".to_owned() }).await;
    let response = info(&run).send().await.expect("an answer comes");
    assert_eq!(
        (response.status().as_u16(), response.headers()["location"].to_str().ok()),
        (302, Some("http://evil.localhost/"))
    );

    let run = faulty(Effect::Json(json!({"surprise": []}))).await;
    assert_eq!(outcome(info(&run)).await, (200, r#"{"surprise":[]}"#.to_owned()));

    let run = faulty(Effect::Named("maintenance-html".to_owned())).await;
    assert_eq!(outcome(info(&run)).await.0, 503);
}

#[tokio::test]
async fn each_page_of_a_list_without_end_names_the_next() {
    let run = faulty(Effect::Pages(json!([1]))).await;
    let mut path = "/system/info?pageSize=1000".to_owned();
    for next in 2..=5 {
        let response = run.call("acme", &path).send().await.expect("an answer comes");
        let link = response.headers()["link"].to_str().expect("text").to_owned();
        assert_eq!(response.text().await.expect("a body"), "[1]");
        assert!(link.ends_with(&format!("/system/info?page={next}>; rel=\"next\"")), "{link}");
        path = format!("/system/info?page={next}");
    }
}

#[tokio::test]
async fn a_hanging_request_is_counted_and_never_answered() {
    let run = faulty(Effect::Hang).await;
    let arrived = async {
        while run.simulators.counts().total(&Filter::default()) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = info(&run).send() => panic!("{answer:?}"),
        arrived = timeout(PATIENCE, arrived) => arrived.expect("the request arrives"),
    }
    assert_eq!(run.simulators.counts().log()[0].status, None);
}

#[tokio::test]
async fn latency_delays_and_still_answers() {
    let run = faulty(Effect::Latency(1)).await;
    assert_eq!(outcome(info(&run)).await.0, 200);
}

#[tokio::test]
async fn a_held_request_is_delivered_although_its_client_has_gone() {
    let run = Run::start().await;
    let rule = Rule { method: Some("PUT".to_owned()), ..Rule::on(Service::Petra, Effect::Hold(300)) };
    run.simulators.faults().add(rule).expect("the rule is valid");
    let counts = run.simulators.counts();
    let put = crate::registration::put(&run, "held").send();
    let arrived = async {
        while counts.total(&Filter { method: Some("PUT".to_owned()), ..Filter::default() }) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        arrived = timeout(PATIENCE, arrived) => arrived.expect("the request arrives"),
        answer = put => panic!("the answer came before the client could go: {answer:?}"),
    }
    let delivered = async {
        while crate::registration::links(&run).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, delivered).await.expect("the link is made after its client has gone");
    assert_eq!(counts.log()[0].status, None);
}

#[tokio::test]
async fn a_rule_for_one_company_leaves_the_others_alone() {
    let run = Run::start().await;
    let rule = Rule::on(Service::ConnectWise, Effect::Html { status: 503 }).company("ACME").times(1);
    run.simulators.faults().add(rule).expect("the rule is valid");
    assert_eq!(outcome(run.call("bravo", "/system/info")).await.0, 200);
    assert_eq!(outcome(info(&run)).await.0, 503);
    assert_eq!(outcome(info(&run)).await.0, 200);
}
