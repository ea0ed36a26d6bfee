//! The whole controller against an API server of a few lines.

use std::collections::HashMap;
use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::{Body, DynBody};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::BoxError;

use super::*;
use crate::admin::Gates;
use crate::clock::Clock;
use crate::kubernetes::{Wake, WatchOptions};
use crate::upstream::hosts::HostPort;

/// Lists by path (`/NAMESPACE/PLURAL`); what is not here is forbidden. Watches begin and stay silent.
type Lists = HashMap<&'static str, Vec<Value>>;

fn api_server(lists: Lists) -> kube::Client {
    let lists = Arc::new(lists);
    let service = tower::service_fn(move |request: Request<Body>| {
        let lists = Arc::clone(&lists);
        async move {
            let path =
                request.uri().path().rsplit_once("/namespaces").map_or("", |(_, rest)| rest).to_owned();
            let watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
            let (status, body) = match lists.get(path.as_str()) {
                None => (
                    StatusCode::FORBIDDEN,
                    json!({"kind": "Status", "code": 403, "message": "no", "reason": "Forbidden"}),
                ),
                Some(items) => (
                    StatusCode::OK,
                    json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": items}),
                ),
            };
            let body: Box<DynBody> = if watch && status == StatusCode::OK {
                let silence = stream::pending::<Result<http_body::Frame<Bytes>, Infallible>>();
                Box::new(BodyExt::boxed_unsync(StreamBody::new(silence).map_err(BoxError::from)))
            } else {
                Box::new(Full::new(Bytes::from(body.to_string())).map_err(BoxError::from))
            };
            Ok::<_, BoxError>(Response::builder().status(status).body(body).expect("an answer"))
        }
    });
    kube::Client::new(service, "default")
}

fn link(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "integrations.petrasecurity.com/v1alpha1",
        "kind": "ConnectWiseLink",
        "metadata": {"namespace": namespace, "name": name, "uid": name, "resourceVersion": "1"},
        "spec": {"companyId": "acme", "siteUrl": site(name), "credentialsSecretRef": {"name": "keys"}},
    })
}

/// Links that wait have a server of their own.
fn site(name: &str) -> &'static str {
    if name.starts_with("waits") { "psa.example.com" } else { "na.myconnectwise.net" }
}

/// Panics, fails, waits or succeeds by the link's name, and remembers what it was asked.
#[derive(Default)]
struct Stub {
    seen: Mutex<Vec<String>>,
    forgotten: Mutex<Vec<String>>,
    news: Notify,
    go_on: Notify,
}

#[derive(Debug, thiserror::Error)]
#[error("failed on purpose")]
struct OnPurpose;

impl Reconcile for Stub {
    type Error = OnPurpose;

    async fn reconcile(&self, link: Arc<Link>) -> Result<NextVisit, OnPurpose> {
        let at = LinkRef::of(&link);
        self.seen.lock().push(at.to_string());
        self.news.notify_one();
        match at.name.as_str() {
            "panics" => panic!("on purpose"),
            "fails" => Err(OnPurpose),
            name if name.starts_with("waits") => {
                self.go_on.notified().await;
                self.seen.lock().push(format!("{at} finished"));
                Ok(NextVisit::OnChange)
            }
            _ => Ok(NextVisit::OnChange),
        }
    }

    fn server(&self, link: &Link) -> Option<HostPort> {
        Some(site(&LinkRef::of(link).name).parse().expect("a host"))
    }

    fn forget(&self, link: &LinkRef) {
        self.forgotten.lock().push(link.to_string());
        self.news.notify_one();
    }
}

struct Running {
    stub: Arc<Stub>,
    links: Links,
    secrets: SecretVersions,
    wake: Wake,
    gates: Gates,
    stop: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
}

fn run(namespaces: &[&str], lists: Lists) -> Running {
    run_as(Leadership::alone(), namespaces, lists)
}

fn run_as(leadership: Leadership, namespaces: &[&str], lists: Lists) -> Running {
    let (metrics, gates) = (Arc::new(Metrics::new()), Gates::default());
    let client = api_server(lists);
    let namespaces = WatchNamespaces::These(namespaces.iter().map(|name| (*name).to_owned()).collect());
    let options = WatchOptions {
        namespaces: &namespaces,
        watch_secrets: true,
        gates: &gates,
        metrics: Arc::clone(&metrics),
    };
    let watches = Watches::new(client, options);
    let (links, secrets, wake) = (watches.links(), watches.secrets(), watches.wake());
    let options = Options {
        namespaces: &namespaces,
        concurrency: 4,
        timings: &Timings::default(),
        operator: &OperatorName::new(None, "cwlink"),
        liveness: Arc::new(Liveness::new(Clock::start())),
        metrics,
    };
    let controller = Controller::new(watches, options);
    let (stub, stop) = (Arc::<Stub>::default(), CancellationToken::new());
    let ended = tokio::spawn(controller.run(Arc::clone(&stub), leadership, stop.clone()));
    Running { stub, links, secrets, wake, gates, stop, ended }
}

impl Running {
    /// Waits until `done`, which is asked again whenever the stub has news.
    async fn until(&self, done: impl Fn(&Stub) -> bool) {
        let wait = async {
            while !done(&self.stub) {
                self.stub.news.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it happens");
    }

    async fn end(self) -> Arc<Stub> {
        self.stop.cancel();
        tokio::time::timeout(GRACE, self.ended).await.expect("ends").expect("joins");
        self.stub
    }
}

fn has(list: &Mutex<Vec<String>>, text: &str) -> bool {
    list.lock().iter().any(|seen| seen == text)
}

#[tokio::test]
async fn a_forbidden_namespace_a_panic_and_a_failure_leave_all_other_links_alone() {
    let links = vec![link("a", "panics"), link("a", "fails"), link("a", "good")];
    let running = run(
        &["a", "b", "c"],
        HashMap::from([
            ("/a/connectwiselinks", links),
            ("/a/secrets", vec![]),
            ("/c/connectwiselinks", vec![link("c", "good")]),
        ]),
    );
    running
        .until(|stub| ["a/panics", "a/fails", "a/good", "c/good"].iter().all(|link| has(&stub.seen, link)))
        .await;
    assert!(running.gates.report().0, "{}", running.gates.report().1);
    assert_eq!(running.links.all().len(), 4);
    running.end().await;
}

#[tokio::test]
async fn a_standby_replica_knows_all_links_and_reconciles_none() {
    let links = vec![link("a", "good"), link("a", "other")];
    let lists = HashMap::from([("/a/connectwiselinks", links), ("/a/secrets", vec![])]);
    let leadership = Leadership::not_leading();
    let running = run_as(leadership.clone(), &["a"], lists);
    let listed = async {
        while !running.gates.report().0 || running.links.all().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), listed).await.expect("it lists");
    running.wake.link("a", "good");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(running.stub.seen.lock().is_empty(), "{:?}", running.stub.seen);
    leadership.extend(Instant::now() + Duration::from_mins(1));
    running.until(|stub| ["a/good", "a/other"].iter().all(|link| has(&stub.seen, link))).await;
    running.end().await;
}

#[tokio::test]
async fn a_wake_runs_a_link_again_and_forgets_one_that_is_not_there() {
    let lists = HashMap::from([("/a/connectwiselinks", vec![link("a", "good")]), ("/a/secrets", vec![])]);
    let running = run(&["a"], lists);
    running.until(|stub| has(&stub.seen, "a/good")).await;
    running.wake.link("a", "good");
    running.until(|stub| stub.seen.lock().len() == 2).await;
    running.wake.link("a", "absent");
    running.until(|stub| has(&stub.forgotten, "a/absent")).await;
    running.end().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_leaves_workers_to_other_servers() {
    let slow = (1..=4).map(|nth| link("a", &format!("waits-{nth}")));
    let links = slow.chain([link("a", "good")]).collect();
    let running = run(&["a"], HashMap::from([("/a/connectwiselinks", links), ("/a/secrets", vec![])]));
    running.until(|stub| has(&stub.seen, "a/good")).await;
    let waiting = |stub: &Stub| stub.seen.lock().iter().filter(|seen| seen.contains("waits")).count();
    running.until(|stub| waiting(stub) == 2).await;
    running.stub.go_on.notify_one();
    // One ends, which makes room for the next.
    running.until(|stub| waiting(stub) == 4).await;
    (0..4).for_each(|_| running.stub.go_on.notify_one());
    running.end().await;
}

#[tokio::test]
async fn a_running_reconcile_may_finish_after_the_stop() {
    let lists = HashMap::from([("/a/connectwiselinks", vec![link("a", "waits")]), ("/a/secrets", vec![])]);
    let running = run(&["a"], lists);
    running.until(|stub| has(&stub.seen, "a/waits")).await;
    running.stop.cancel();
    running.wake.link("a", "waits");
    running.stub.go_on.notify_one();
    let stub = running.end().await;
    assert_eq!(*stub.seen.lock(), ["a/waits", "a/waits finished"]);
}

#[tokio::test]
async fn the_store_knows_which_secret_exists() {
    use crate::crd::SecretLookup;
    let secret = json!({"metadata": {"namespace": "a", "name": "keys", "uid": "u", "resourceVersion": "5"}});
    let lists =
        HashMap::from([("/a/connectwiselinks", vec![link("a", "good")]), ("/a/secrets", vec![secret])]);
    let running = run(&["a", "b"], lists);
    running.until(|stub| has(&stub.seen, "a/good")).await;
    assert!(
        matches!(running.secrets.get("a", "keys"), SecretLookup::Present(version) if version.resource_version == "5")
    );
    assert_eq!(running.secrets.get("a", "other"), SecretLookup::Absent);
    assert_eq!(running.secrets.get("b", "keys"), SecretLookup::NotWatched);
    running.end().await;
}
