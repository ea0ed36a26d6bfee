//! The guard against a TLS server on the loopback interface that answers as each test says.

mod check;
mod names;

use http::HeaderName;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

use super::*;
use crate::testing::tls_server::{Reply, TestServer, read_head};
use crate::upstream::request::{Body, PetraMethod, secret_header};

/// An empty 200.
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[derive(Default)]
struct Log(Mutex<Vec<(&'static str, &'static str)>>);

impl Observer for Log {
    fn called(&self, _: Service, operation: &'static str, outcome: &'static str, _: Duration) {
        self.0.lock().push((operation, outcome));
    }

    fn waited(&self, _: Service, _: &'static str, _: Duration) {}
}

struct Rig {
    guard: Guard,
    log: Arc<Log>,
}

fn rig(sites: &[&HostPort], ca_pem: Option<&str>, egress_proxy: Option<Url>) -> Rig {
    let (config, log) = config(sites, ca_pem, egress_proxy);
    Rig { guard: Guard::new(config).expect("a guard"), log }
}

fn config(sites: &[&HostPort], ca_pem: Option<&str>, egress_proxy: Option<Url>) -> (GuardConfig, Arc<Log>) {
    let log = Arc::new(Log::default());
    let config = GuardConfig {
        allow: AllowList::new(sites.iter().copied().cloned(), sites.first().copied().cloned()),
        ca_bundle_pem: ca_pem.map(|pem| pem.as_bytes().to_vec()),
        egress_proxy,
        timings: Timings::default(),
        rates: Rates::default(),
        user_agent: "cwlink/test".to_owned(),
        observer: Arc::clone(&log) as Arc<dyn Observer>,
    };
    (config, log)
}

impl Rig {
    async fn get(&self, host: &HostPort) -> Result<Answer, Fault> {
        let target = Target::ConnectWise { host, company: "acme", purpose: Purpose::Api };
        self.guard
            .send(Call { operation: "systemInfo", target, share: Some("team"), check: None }, message())
            .await
    }

    fn outcomes(&self) -> Vec<(&'static str, &'static str)> {
        self.log.0.lock().clone()
    }
}

fn message() -> Message {
    let key = secret_header(Zeroizing::new(b"Bearer key".to_vec())).expect("visible ASCII");
    Message {
        path_and_query: "/v/apis/3.0/system/info?fields=id".to_owned(),
        headers: vec![(HeaderName::from_static("authorization"), key)],
        body: None,
        timeout: Duration::from_secs(20),
        max_bytes: 16,
    }
}

/// A server that answers `reply`, and a guard that trusts it and may call it.
async fn pair(reply: &'static str) -> (TestServer, HostPort, Rig) {
    let server = TestServer::start("psa.localhost", move |_| Reply::Text(reply.to_owned())).await;
    let host = server.host("psa.localhost");
    let rig = rig(&[&host], Some(&server.ca_pem), None);
    (server, host, rig)
}

#[test]
fn a_status_is_counted_by_its_class() {
    let classes = [100, 204, 302, 404, 503, 600, 99].map(status_class);
    assert_eq!(classes, ["1xx", "2xx", "3xx", "4xx", "5xx", "other", "other"]);
}

#[tokio::test]
async fn an_answer_comes_back_whole_and_the_request_says_what_it_should() {
    let reply = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nnull";
    let (server, host, rig) = pair(reply).await;
    let answer = rig.get(&host).await.expect("an answer");
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"));
    assert_eq!(answer.body, b"null");
    let request = server.requests().concat().to_lowercase();
    assert!(request.starts_with("get /v/apis/3.0/system/info?fields=id http/1.1\r\n"), "{request}");
    for header in ["user-agent: cwlink/test", "accept-encoding: identity", "authorization: bearer key"] {
        assert!(request.contains(&format!("\r\n{header}\r\n")), "{header} in {request}");
    }
    assert_eq!(rig.outcomes(), [("systemInfo", "2xx")]);
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_key_and_no_answer_is_logged_at_any_level() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _scope = tracing::subscriber::set_default(subscriber);
    // While there is but one subscriber, tracing asks the thread that first meets a callsite whether it is wanted, and
    // that may be another test's; as soon as there are two, it asks all of them.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let reply = "HTTP/1.1 200 OK\r\nX-Said: remote-header\r\nContent-Length: 11\r\n\r\nremote-body";
    let (server, host, rig) = pair(reply).await;
    rig.get(&host).await.expect("an answer");
    let body = Body(Zeroizing::new(br#"{"privateKey":"key in a body"}"#.to_vec()));
    let put = Message { body: Some(body), ..message() };
    let call =
        Call { operation: "putLink", target: Target::Petra(PetraMethod::Put), share: None, check: None };
    // As a person would who looks for a fault.
    tracing::trace!(?call, ?put, "sending");
    rig.guard.send(call, put).await.expect("an answer");
    let sent = server.requests().concat();
    assert!(sent.contains("Bearer key") && sent.contains("key in a body"), "{sent}");
    let logged = String::from_utf8_lossy(&lines.0.lock()).into_owned();
    assert!(logged.contains("TRACE"), "the clients log something: {logged}");
    for secret in ["Bearer key", "key in a body", "remote-header", "remote-body"] {
        let as_bytes = format!("{:?}", secret.as_bytes());
        for spelling in [secret, as_bytes.trim_matches(['[', ']'])] {
            assert!(!logged.contains(spelling), "{secret} in {logged}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let reply = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    let (server, host, rig) = pair(reply).await;
    assert_eq!(rig.get(&host).await.map(|answer| answer.status), Ok(302));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_no_answer_whether_or_not_it_says_its_length() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n12345678901234567",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n12345678901234567",
    ] {
        let (_server, host, rig) = pair(reply).await;
        assert_eq!(rig.get(&host).await.map(|answer| answer.status), Err(Fault::TooLarge));
    }
    let (_server, host, rig) = pair("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n1234567890123456").await;
    assert_eq!(rig.get(&host).await.map(|answer| answer.body.len()), Ok(16), "the limit itself is allowed");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let (_server, host, rig) = pair("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234").await;
    assert_eq!(rig.get(&host).await.map(|answer| answer.status), Err(Fault::Connection));
    assert_eq!(rig.outcomes(), [("systemInfo", "connection")]);
}

#[tokio::test]
async fn a_server_that_stays_silent_is_given_up() {
    let server = TestServer::start("psa.localhost", |_| Reply::Silence).await;
    let host = server.host("psa.localhost");
    let rig = rig(&[&host], Some(&server.ca_pem), None);
    let target = Target::ConnectWise { host: &host, company: "acme", purpose: Purpose::Api };
    let short = Message { timeout: Duration::from_millis(200), ..message() };
    let answer =
        rig.guard.send(Call { operation: "systemInfo", target, share: None, check: None }, short).await;
    assert_eq!(answer.map(|answer| answer.status), Err(Fault::Timeout));
}

#[tokio::test]
async fn a_certificate_for_another_name_or_from_an_unknown_issuer_is_bad() {
    let server = TestServer::start("other.localhost", |_| Reply::Text(EMPTY.to_owned())).await;
    let host = server.host("psa.localhost");
    let wrong_name = rig(&[&host], Some(&server.ca_pem), None);
    assert_eq!(wrong_name.get(&host).await.map(|answer| answer.status), Err(Fault::BadCertificate));

    let (other, _, _) = pair(EMPTY).await;
    let unknown_issuer = rig(&[&server.host("other.localhost")], Some(&other.ca_pem), None);
    let answer = unknown_issuer.get(&server.host("other.localhost")).await;
    assert_eq!(answer.map(|answer| answer.status), Err(Fault::BadCertificate));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_host_that_nobody_allowed_is_not_called() {
    let (server, host, rig) = pair(EMPTY).await;
    let stranger = server.host("stranger.localhost");
    assert_eq!(rig.get(&stranger).await.map(|answer| answer.status), Err(Fault::HostNotAllowed));
    assert!(server.requests().is_empty());
    assert_eq!(rig.outcomes(), [("systemInfo", "host_not_allowed")]);
    assert_eq!(rig.get(&host).await.map(|answer| answer.status), Ok(200));
}

#[tokio::test]
async fn a_path_cannot_change_the_host() {
    let (server, host, rig) = pair(EMPTY).await;
    for path in ["@evil.example/", ".evil.example/", "//evil.example/", "\\\\evil.example/", ":1/"] {
        let target = Target::ConnectWise { host: &host, company: "acme", purpose: Purpose::Api };
        let call = Call { operation: "systemInfo", target, share: None, check: None };
        let sent = rig.guard.send(call, Message { path_and_query: path.to_owned(), ..message() }).await;
        assert_eq!(sent.map(|answer| answer.status), Ok(200), "{path}");
    }
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn what_the_resolver_found_is_told_through_the_client() {
    let host: HostPort = "psa.invalid".parse().expect("a host");
    assert_eq!(rig(&[&host], None, None).get(&host).await.map(|a| a.status), Err(Fault::NoSuchName));
}

#[tokio::test]
async fn a_server_that_asks_for_time_is_given_it() {
    let reply = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n";
    let (server, host, rig) = pair(reply).await;
    assert_eq!(rig.get(&host).await.map(|answer| answer.retry_after), Ok(Some(Duration::from_mins(1))));
    assert!(matches!(rig.get(&host).await, Err(Fault::RateLimited(Some(_)))));
    assert_eq!(server.requests().len(), 1);
    assert_eq!(rig.outcomes(), [("systemInfo", "4xx"), ("systemInfo", "rate_limited")]);
}

#[tokio::test]
async fn petra_is_called_on_its_configured_host() {
    let (server, _, rig) = pair("HTTP/1.1 204 No Content\r\n\r\n").await;
    let call = Call {
        operation: "deleteLink",
        target: Target::Petra(PetraMethod::Delete),
        share: None,
        check: None,
    };
    assert_eq!(rig.guard.send(call, message()).await.map(|answer| answer.status), Ok(204));
    assert!(server.requests().concat().starts_with("DELETE "));
}

#[tokio::test]
async fn behind_a_proxy_the_proxy_resolves_names_and_carries_tls() {
    let server = TestServer::start("psa.invalid", |_| Reply::with_headers(200, "", "ok")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = format!("http://proxy.localhost:{}", listener.local_addr().expect("an address").port());
    let port = server.port;
    let proxied = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.expect("a connection");
        let head = read_head(&mut client).await;
        let mut upstream = TcpStream::connect(("127.0.0.1", port)).await.expect("the server");
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("the client");
        let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
        head
    });
    let host: HostPort = "psa.invalid".parse().expect("a host");
    let rig = rig(&[&host], Some(&server.ca_pem), Some(proxy.parse().expect("a URL")));
    assert_eq!(rig.get(&host).await.map(|answer| answer.body), Ok(b"ok".to_vec()));
    drop(rig);
    assert!(proxied.await.expect("no panic").starts_with("CONNECT psa.invalid:443 HTTP/1.1\r\n"));
}

#[test]
fn a_proxy_is_a_host_and_a_port_without_a_password() {
    for proxy in [
        "http://me:secret@proxy.example:3128",
        "http://me@proxy.example",
        "socks5://proxy.example",
        "http://proxy:3128",
    ] {
        let proxy = proxy.parse().expect("a URL");
        assert!(matches!(usable_proxy(proxy), Err(GuardError::Proxy)));
    }
    let named = usable_proxy("http://proxy.example:3128".parse().expect("a URL")).expect("a proxy");
    assert_eq!(named.0, Host::parse("proxy.example").ok());
    assert!(
        usable_proxy("https://10.0.0.1:3128".parse().expect("a URL")).is_ok_and(|(name, _)| name.is_none())
    );
}
