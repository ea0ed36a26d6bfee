//! Petra asks a ConnectWise over real TLS on loopback.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::{HeaderMap, Method, StatusCode};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{KEY, LINK, Served};
use crate::petra::{CLIENT_ID, Config, ConnectWiseProbe, Error, Petra, RetryAfterHeader};

const HOST: &str = "api-na.myconnectwise.localhost";

/// `mycompany+public:private`
const PUBLIC_PRIVATE: &str = "Basic bXljb21wYW55K3B1YmxpYzpwcml2YXRl";

/// What this ConnectWise answers to `GET /system/info`, and who asked.
#[derive(Clone)]
struct Scene {
    answer: (StatusCode, &'static str),
    asked: Arc<Mutex<Vec<HeaderMap>>>,
}

async fn system_info(State(scene): State<Scene>, headers: HeaderMap) -> Response {
    scene.asked.lock().expect("not poisoned").push(headers);
    scene.answer.into_response()
}

fn connectwise(scene: Scene) -> Router {
    Router::new()
        .route("/login/companyinfo/mycompany", get(async || r#"{"Codebase":"v2025_1/","SiteUrl":null}"#))
        .route("/login/companyinfo/stranger", get(async || "null"))
        .route("/v2025_1/apis/3.0/system/info", get(system_info))
        .with_state(scene)
}

struct TlsListener {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, peer)) = self.tcp.accept().await else { continue };
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// A Petra whose keys are asked about at once, and who asked ConnectWise.
async fn petra_before(answer: (StatusCode, &'static str)) -> (Served, Arc<Mutex<Vec<HeaderMap>>>) {
    let certificate = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(certificate.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            config.with_no_client_auth().with_single_cert(vec![certificate.cert.der().clone()], key)
        })
        .expect("the certificate fits its key");
    let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = tcp.local_addr().expect("bound").port();
    let scene = Scene { answer, asked: Arc::default() };
    let asked = Arc::clone(&scene.asked);
    let listener = TlsListener { tcp, tls: TlsAcceptor::from(Arc::new(tls)) };
    tokio::spawn(async move { axum::serve(listener, connectwise(scene)).await });

    let config = Config {
        api_keys: vec![KEY.to_owned()],
        organization: "Example MSP".to_owned(),
        confirm_after: Duration::ZERO,
        rate_per_minute: None,
        retry_after_header: RetryAfterHeader::Standard,
        connectwise: ConnectWiseProbe { ca_pem: certificate.cert.pem(), port },
    };
    let served = Served::new();
    let clock = Arc::clone(&served.clock);
    let petra = Petra::with_clock(config, Arc::new(move || *clock.lock().expect("not poisoned")));
    (Served { petra: petra.expect("the certificate is good"), ..served }, asked)
}

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

async fn state_is(served: &Served, state: &str) {
    until(state, async || served.get(LINK).await.body["state"] == state).await;
}

#[tokio::test]
async fn keys_that_connectwise_accepts_are_confirmed_under_a_new_version() {
    let (served, asked) = petra_before((StatusCode::OK, r#"{"version":"v2025.1"}"#)).await;
    let put = served.put(&json!({})).await;
    state_is(&served, "connected").await;
    let link = served.get(LINK).await;
    assert_ne!(link.version(), put.version());
    assert_eq!(link.body["confirmedAt"], "2026-02-02T09:30:00Z");
    let asked = asked.lock().expect("not poisoned");
    assert_eq!(asked[0]["authorization"], PUBLIC_PRIVATE);
    assert_eq!(asked[0]["clientid"], CLIENT_ID);
}

#[tokio::test]
async fn connectwise_refusing_in_its_own_json_fails_the_link_with_the_reason() {
    for (status, reason) in
        [(StatusCode::UNAUTHORIZED, "credentials_rejected"), (StatusCode::FORBIDDEN, "permission_missing")]
    {
        let (served, _) = petra_before((status, r#"{"code":"Security","message":"no"}"#)).await;
        served.put(&json!({})).await;
        state_is(&served, "failed").await;
        assert_eq!(served.get(LINK).await.body["reason"], reason);
    }
}

#[tokio::test]
async fn a_company_that_connectwise_does_not_know_fails_the_link() {
    let (served, asked) = petra_before((StatusCode::OK, "{}")).await;
    served.put(&json!({"companyId": "stranger"})).await;
    state_is(&served, "failed").await;
    assert_eq!(served.get(LINK).await.body["reason"], "company_unknown");
    assert_eq!(asked.lock().expect("not poisoned").len(), 0);
}

#[tokio::test]
async fn an_answer_that_is_not_connectwises_leaves_the_link_pending_and_is_asked_again() {
    let (served, asked) = petra_before((StatusCode::UNAUTHORIZED, "<html>proxy</html>")).await;
    served.put(&json!({})).await;
    until("a second question", async || asked.lock().expect("not poisoned").len() > 1).await;
    assert_eq!(served.get(LINK).await.body["state"], "pending");
}

#[tokio::test]
async fn a_link_that_has_gone_or_changed_meanwhile_is_asked_about_only_as_it_stands() {
    let (served, asked) = petra_before((StatusCode::OK, "{}")).await;
    served.set(json!({"confirmAfterMs": 300})).await;
    let first = served.put(&json!({"publicKey": "first"})).await;
    served
        .put(&json!({"publicKey": "second", "credentialsVersion": "k2", "expectedVersion": first.version()}))
        .await;
    served.admin(Method::DELETE, "/links/link-1", None).await;
    served.put(&json!({"publicKey": "public"})).await;
    state_is(&served, "connected").await;
    let asked = asked.lock().expect("not poisoned");
    let about: Vec<_> = asked.iter().map(|headers| &headers["authorization"]).collect();
    assert_eq!(about, [PUBLIC_PRIVATE]);
}

#[test]
fn a_certificate_authority_that_cannot_be_trusted_is_an_error() {
    let config = |ca_pem: &str| Config {
        api_keys: vec![KEY.to_owned()],
        organization: String::new(),
        confirm_after: Duration::ZERO,
        rate_per_minute: Some(10),
        retry_after_header: RetryAfterHeader::default(),
        connectwise: ConnectWiseProbe { ca_pem: ca_pem.to_owned(), port: 1 },
    };
    assert!(matches!(Petra::new(config("")), Err(Error::CertificateAbsent)));
    let broken = "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n";
    assert!(matches!(Petra::new(config(broken)), Err(Error::CertificateUnreadable(_))));
    assert!(!format!("{:?}", config("")).contains(KEY));
}
