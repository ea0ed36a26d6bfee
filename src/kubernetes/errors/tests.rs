use std::convert::Infallible;
use std::fmt;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::client::{AuthError, Body};
use kube::runtime::watcher;
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::*;
use crate::testing::tls_server::read_head;

const CANARY: &str = "CANARY";

/// What kube makes of this answer to the question for a Secret.
async fn answered(code: u16, body: impl Into<Bytes>) -> kube::Error {
    let body = body.into();
    let server = tower::service_fn(move |_: Request<Body>| {
        let answer = Response::builder().status(code).body(Full::new(body.clone()));
        async move { Ok::<_, Infallible>(answer.expect("an answer")) }
    });
    let secrets: Api<Secret> = Api::default_namespaced(kube::Client::new(server, "default"));
    secrets.get("keys").await.expect_err("no Secret")
}

/// What hyper and reqwest make of a server that speaks no HTTP.
async fn spoken_to_badly() -> reqwest::Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("a client");
        read_head(&mut stream).await;
        stream.write_all(b"CANARY\r\n\r\n").await.expect("it listens");
    };
    let tls = crate::upstream::tls::client_config(None).expect("roots");
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).build().expect("a client");
    let (answer, ()) = tokio::join!(client.get(format!("http://{address}/?key=CANARY")).send(), server);
    answer.expect_err("no answer")
}

fn service(error: impl Into<tower::BoxError>) -> kube::Error {
    kube::Error::Service(error.into())
}

fn refused(message: &str, reason: &str) -> Box<Status> {
    Status::failure(message, reason).with_code(403).boxed()
}

fn said(status: &Status) -> Vec<u8> {
    serde_json::to_vec(status).expect("a Status is JSON")
}

/// Errors around errors, all with a lot to say.
#[derive(Debug)]
struct Talkative(&'static str, Option<Box<Talkative>>);

impl fmt::Display for Talkative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.repeat(10_000))
    }
}

impl Error for Talkative {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|cause| cause as _)
    }
}

/// Its own cause.
#[derive(Debug)]
struct Circle(&'static str);

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Circle {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

#[tokio::test]
async fn no_error_tells_anything_that_it_met() {
    let certificate = rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
        expected: ServerName::try_from("kubernetes.default").expect("a name"),
        presented: vec![CANARY.to_owned()],
    });
    let innermost = Talkative(CANARY, None);
    let chain = (0..1_000).fold(innermost, |cause, _| Talkative(CANARY, Some(Box::new(cause))));
    let errors: Vec<(&str, Box<dyn Error>)> = vec![
        (UNREADABLE, answered(200, r#"{"data":"CANARY"}"#).await.into()),
        (UNREADABLE, answered(200, [b"CANARY".as_slice(), &[0xff]].concat()).await.into()),
        ("it answers 502", answered(502, "<html>CANARY</html>").await.into()),
        (
            "it answers 422 Invalid",
            answered(422, said(&refused(CANARY, "Invalid").with_code(422))).await.into(),
        ),
        ("it answers 403 Forbidden", kube::Error::Api(refused(CANARY, "Forbidden")).into()),
        ("it answers 403", kube::Error::Api(refused("no", CANARY)).into()),
        ("it answers 403 Forbidden", watcher::Error::WatchError(refused(CANARY, "Forbidden")).into()),
        (
            UNREADABLE,
            watcher::Error::InitialListFailed(answered(200, r#"{"metadata":"CANARY"}"#).await).into(),
        ),
        (
            "other error",
            watcher::Error::WatchFailed(kube::Error::ReadEvents(io::Error::other(CANARY))).into(),
        ),
        (
            "invalid data: its certificate is not trusted",
            service(io::Error::new(io::ErrorKind::InvalidData, certificate)).into(),
        ),
        ("client error (SendRequest): invalid HTTP version parsed", spoken_to_badly().await.into()),
        (HIDDEN, service(AuthError::AuthExec(CANARY.to_owned())).into()),
        (HIDDEN, service(CANARY).into()),
        (HIDDEN, service(chain).into()),
        (HIDDEN, service(Circle(CANARY)).into()),
    ];
    for (described, error) in errors {
        let all = format!("{error:?}");
        let as_bytes = format!("{:?}", CANARY.as_bytes());
        assert!(
            all.contains(CANARY) || all.contains(as_bytes.trim_end_matches(']')),
            "it would tell: {all:.999}"
        );
        assert_eq!(describe_error(error.as_ref()), described);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("failed to write the status")]
struct Own(#[source] kube::Error);

#[tokio::test]
async fn what_has_fixed_words_is_told_behind_the_operators_own() {
    let own = |error| describe_own_error(&Own(error));
    let refused = kube::Error::Api(refused("secrets is forbidden", "Forbidden"));
    assert_eq!(own(refused), "failed to write the status: it answers 403 Forbidden");
    let silence = service(RequestTimeout(std::time::Duration::from_secs(20)));
    let described = "failed to write the status: the Kubernetes API server did not answer within 20 s";
    assert_eq!(own(silence), described);
    let away = service(io::Error::from_raw_os_error(111));
    assert_eq!(own(away), "failed to write the status: Connection refused (os error 111)");
}
