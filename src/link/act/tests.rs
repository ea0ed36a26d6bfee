//! Changes to the resource, against an API server of a few lines.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::client::Body;
use tower::BoxError;

use super::*;
use crate::admin::{Gates, Metrics};
use crate::clock::Clock;
use crate::connectwise::client::ConnectWise;
use crate::kubernetes::{Events, WatchOptions, Watches};
use crate::link::Begun;
use crate::link::{Deps, PetraSide};
use crate::petra::client::{Fence, PetraClient};
use crate::petra::poll::Poll;
use crate::secret_file::SecretFile;
use crate::testing::tls_server::Blind;
use crate::timings::Timings;
use crate::upstream::allow::AllowList;
use crate::upstream::guard::{Guard, GuardConfig};
use crate::upstream::limits::Rates;
use crate::watch_scope::WatchNamespaces;

/// How long the Lease still is this replica's.
struct Leads(Duration);

impl Fence for Leads {
    fn outlives(&self, call: Duration) -> bool {
        call < self.0
    }

    fn led_for(&self) -> Duration {
        Duration::MAX
    }
}

/// The path and the body of each request.
type Requests = Arc<Mutex<Vec<String>>>;

/// An API server that takes every change, and answers with the link without a finalizer after `delay`.
fn api_server(requests: &Requests, delay: Duration) -> kube::Client {
    let requests = Arc::clone(requests);
    let service = tower::service_fn(move |request: Request<Body>| {
        let requests = Arc::clone(&requests);
        async move {
            tokio::time::sleep(delay).await;
            let line = format!("{} {}", request.method(), request.uri().path());
            let body = request.into_body().collect_bytes().await?;
            requests.lock().expect("lock").push(format!("{line} {}", String::from_utf8_lossy(&body)));
            Ok::<_, BoxError>(Response::new(Body::from(link(&[]).to_string().into_bytes())))
        }
    });
    kube::Client::new(service, "default")
}

fn link(finalizers: &[&str]) -> serde_json::Value {
    json!({
        "apiVersion": "integrations.petrasecurity.com/v1alpha1",
        "kind": "ConnectWiseLink",
        "metadata": {
            "namespace": "clients", "name": "acme", "uid": "u", "resourceVersion": "7", "finalizers": finalizers,
        },
        "spec": {"companyId": "acme", "siteUrl": "na.myconnectwise.net", "credentialsSecretRef": {"name": "keys"}},
    })
}

/// A reconciler of a replica that surely leads for so many seconds, with such an API server.
fn reconciler(leads: u64, client: kube::Client) -> Reconciler {
    let timings = Timings::default();
    let (clock, metrics) = (Clock::start(), Arc::new(Metrics::new()));
    let (events, _publisher) =
        Events::new(client.clone(), "test".to_owned(), None, None, Arc::clone(&metrics));
    let options = WatchOptions {
        namespaces: &WatchNamespaces::All,
        watch_secrets: true,
        gates: &Gates::default(),
        metrics: Arc::clone(&metrics),
    };
    let watches = Watches::new(client.clone(), options);
    let (secrets, links, wake) = (watches.secrets(), watches.links(), watches.wake());
    let deps = Deps { client, secrets, links, wake, events, metrics };
    let guard = Guard::new(GuardConfig {
        allow: AllowList::new([], None),
        ca_bundle_pem: None,
        egress_proxy: None,
        timings: timings.clone(),
        rates: Rates::default(),
        user_agent: "cwlink/test".to_owned(),
        observer: Arc::new(Blind),
    });
    let guard = Arc::new(guard.expect("a guard"));
    let key = SecretFile::fixed("petra_key");
    let petra = PetraSide {
        client: Arc::new(PetraClient::new(Arc::clone(&guard), key.clone(), clock, timings.timeouts.clone())),
        key: key.clone(),
        poll: Arc::new(Poll::new("here".to_owned(), timings.clone())),
        fence: Box::new(Leads(Duration::from_secs(leads))),
    };
    let connectwise = ConnectWise::new(guard, key.clone(), timings.timeouts.connectwise);
    let config = crate::testing::config(timings);
    Reconciler::new(config, clock, connectwise, key, Some(petra), deps)
}

/// Takes the finalizer off.
async fn take_the_finalizer_off(reconciler: &Reconciler) -> Result<Outcome, Error> {
    let object = serde_json::from_value(link(&[FINALIZER, "somebody.else/holds"])).expect("a link");
    let Begun::Visit(visit) = reconciler.begin_readable(object) else { panic!("the visit begins") };
    reconciler.act(&visit, Change::RemoveFinalizer).await
}

/// Takes the finalizer off. Returns whether it is off, and what the API server was asked.
async fn finalizer_of_a_leader_for(seconds: u64) -> (bool, Vec<String>) {
    let requests = Requests::default();
    let reconciler = reconciler(seconds, api_server(&requests, Duration::ZERO));
    let is_off = match take_the_finalizer_off(&reconciler).await.expect("it is answered") {
        Outcome::Finalizer(present, _) => !present,
        Outcome::NotMade => false,
        Outcome::Refused(_) | Outcome::Put(_) | Outcome::Delete(_) => panic!("another outcome"),
    };
    let requests = requests.lock().expect("lock").clone();
    (is_off, requests)
}

#[tokio::test]
async fn a_replica_that_lost_the_lead_leaves_the_finalizer_to_the_next() {
    // The change may take eight seconds, and another replica may lead before it is made.
    for seconds in [0, 1, 8] {
        assert_eq!(finalizer_of_a_leader_for(seconds).await, (false, vec![]), "{seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_patch_is_given_up_before_another_replica_may_lead() {
    let reconciler = reconciler(9, api_server(&Requests::default(), Duration::from_secs(19)));
    let began = tokio::time::Instant::now();
    let outcome = take_the_finalizer_off(&reconciler).await;
    assert!(matches!(outcome, Err(Error::TimedOut { .. })));
    assert_eq!(began.elapsed().as_secs(), 8);
}

#[tokio::test]
async fn the_finalizer_patch_is_tied_to_the_version_and_keeps_others() {
    let (written, requests) = finalizer_of_a_leader_for(9).await;
    assert!(written);
    let [request] = requests.as_slice() else { panic!("one request, not {requests:?}") };
    let (line, body) = request.split_once(" {").expect("a body");
    let path = "/apis/integrations.petrasecurity.com/v1alpha1/namespaces/clients/connectwiselinks/acme";
    assert_eq!(line, format!("PATCH {path}"));
    let body: serde_json::Value = serde_json::from_str(&format!("{{{body}")).expect("JSON");
    assert_eq!(body, json!({"metadata": {"resourceVersion": "7", "finalizers": ["somebody.else/holds"]}}));
}
