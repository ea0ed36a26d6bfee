//! The connection to the Kubernetes API server.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Either, Full};
use kube::client::{AuthError, Body, ClientBuilder, DynBody};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use parking_lot::Mutex;
use tokio::time::Instant;
use tower::{BoxError, Service};

use crate::upstream::guard::error_chain;

/// Watches of one path begin no closer together than this. kube resumes a watch that ended well at once: an API server, or
/// a proxy before it, that ends each as it begins would be asked as fast as it answers.
const WATCH_SPACING: Duration = Duration::from_secs(1);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// `--kubeconfig` cannot be used.
    #[error("--kubeconfig: {}", shown(.0))]
    Kubeconfig(#[from] KubeconfigError),
    /// Without `--kubeconfig` and outside a cluster.
    #[error("found no Kubernetes cluster; run in a pod with a service account, or set --kubeconfig: {}", shown(.0))]
    Infer(#[from] kube::config::InferConfigError),
    /// The configuration does not make a client.
    #[error("failed to connect to the Kubernetes API server: {}", shown(.0))]
    Client(#[from] kube::Error),
}

/// An error's text. Errors that quote the lines around a mistake in a kubeconfig, or what its helper printed, are replaced:
/// they may contain keys and tokens.
fn shown(error: &(dyn Error + 'static)) -> String {
    let quotes = |cause: &(dyn Error + 'static)| {
        cause.is::<AuthError>() || matches!(cause.downcast_ref(), Some(KubeconfigError::Parse(_)))
    };
    if error_chain(error).any(quotes) {
        "the kubeconfig or its credentials cannot be used; run kubectl with it to see why".to_owned()
    } else {
        error.to_string()
    }
}

/// The API server did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the Kubernetes API server did not answer within {} s", .0.as_secs_f32())]
pub(super) struct RequestTimeout(pub(super) Duration);

/// Connects by `kubeconfig`, else by the user's own kubeconfig, else as a pod.
///
/// Every answer has to be whole within `timeout`; kube sets none by itself. A watch only has to begin within it, and ends
/// by its own timeout. Nothing is repeated unseen: each caller knows what a repetition means.
///
/// # Errors
///
/// When no configuration is found or it cannot be used. An API server that is away is no error here.
pub async fn connect(kubeconfig: Option<&Path>, timeout: Duration) -> Result<kube::Client, ConnectError> {
    let mut config = match kubeconfig {
        Some(path) => {
            kube::Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &KubeConfigOptions::default())
                .await?
        }
        None => kube::Config::infer().await?,
    };
    config.default_retry = false;
    let builder = ClientBuilder::try_from(config)?;
    Ok(builder.with_layer(&tower::layer::layer_fn(|inner| Bounded::new(inner, timeout))).build())
}

/// Bounds the time until an answer is whole, and how often watches begin.
struct Bounded<S> {
    inner: S,
    timeout: Duration,
    /// When the last watch of each path began, or is to begin.
    watches: Arc<Mutex<HashMap<String, Instant>>>,
}

impl<S> Bounded<S> {
    fn new(inner: S, timeout: Duration) -> Self {
        Self { inner, timeout, watches: Arc::default() }
    }

    /// When a watch of this path may begin.
    fn reserve_start(&self, path: &str) -> Instant {
        let mut watches = self.watches.lock();
        let now = Instant::now();
        let turn = watches.get(path).map_or(now, |last| now.max(*last + WATCH_SPACING));
        watches.insert(path.to_owned(), turn);
        turn
    }
}

type BoundedBody = Either<Full<bytes::Bytes>, Box<DynBody>>;

impl<S> Service<Request<Body>> for Bounded<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<BoundedBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let timeout = self.timeout;
        let endless = is_watch(request.uri());
        let turn = endless.then(|| self.reserve_start(request.uri().path()));
        // Nothing is sent before the future is polled.
        let answer = self.inner.call(request);
        Box::pin(async move {
            if let Some(turn) = turn {
                tokio::time::sleep_until(turn).await;
            }
            let whole = async {
                let (head, body) = answer.await?.into_parts();
                let body = if endless {
                    Either::Right(body)
                } else {
                    Either::Left(Full::new(body.collect().await?.to_bytes()))
                };
                Ok(Response::from_parts(head, body))
            };
            tokio::time::timeout(timeout, whole).await.unwrap_or_else(|_| Err(RequestTimeout(timeout).into()))
        })
    }
}

fn is_watch(uri: &http::Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use futures::{StreamExt, stream};
    use http_body_util::StreamBody;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::{Api, ListParams, WatchParams};

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_kubeconfig_that_cannot_be_used_is_not_repeated() {
        let user = |user: &str| {
            format!(
                "{{apiVersion: v1, kind: Config, current-context: a, \
                 clusters: [{{name: a, cluster: {{server: \"https://127.0.0.1:1\"}}}}], \
                 contexts: [{{name: a, context: {{cluster: a, user: a}}}}], \
                 users: [{{name: a, user: {user}}}]}}"
            )
        };
        let helper = "{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: sh, \
                      args: [-c, echo CANARY; exit 1]}}";
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kubeconfig");
        for text in [user("{token: [CANARY]}"), "token: \"CANARY".to_owned(), user(helper)] {
            std::fs::write(&path, text).expect("a file");
            let Err(error) = connect(Some(&path), TIMEOUT).await else { panic!("it cannot be used") };
            assert!(format!("{error:?}").contains("CANARY"), "it would be repeated: {error:?}");
            assert!(error.to_string().ends_with("run kubectl with it to see why"), "{error}");
        }
        let other = user("{token: CANARY}").replace("current-context: a", "current-context: b");
        std::fs::write(&path, other).expect("a file");
        let Err(error) = connect(Some(&path), TIMEOUT).await else { panic!("it cannot be used") };
        assert_eq!(error.to_string(), "--kubeconfig: failed to load current context: b");
    }

    /// A client whose server sends `first` at once and never ends its answer.
    fn client(first: &'static str) -> kube::Client {
        let server = tower::service_fn(move |_: Request<Body>| async move {
            let begun =
                stream::once(async move { Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(first))) });
            let body = StreamBody::new(begun.chain(stream::pending())).map_err(BoxError::from);
            Ok::<_, BoxError>(Response::new(Box::new(BodyExt::boxed_unsync(body)) as Box<DynBody>))
        });
        kube::Client::new(Bounded::new(server, TIMEOUT), "default")
    }

    #[tokio::test]
    async fn an_answer_that_never_ends_is_given_up() {
        let api: Api<ConfigMap> = Api::namespaced(client(r#"{"kind":"ConfigMapList","#), "a");
        let error = api.list(&ListParams::default()).await.expect_err("no whole answer");
        assert!(error.to_string().contains("did not answer within 0.05 s"), "{error}");
    }

    #[tokio::test]
    async fn a_watch_goes_on_for_longer_than_the_timeout() {
        let event = concat!(
            r#"{"type":"ADDED","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","resourceVersion":"1"}}}"#,
            "\n"
        );
        let api: Api<ConfigMap> = Api::namespaced(client(event), "a");
        let mut events = api.watch(&WatchParams::default(), "0").await.expect("begins").boxed();
        assert!(matches!(events.next().await, Some(Ok(_))));
        let silence = tokio::time::timeout(4 * TIMEOUT, events.next()).await;
        assert!(silence.is_err(), "the watch was cut");
    }

    #[tokio::test(start_paused = true)]
    async fn watches_that_end_at_once_are_spaced_and_those_of_other_paths_do_not_wait() {
        let ends = tower::service_fn(|_: Request<Body>| async {
            let body = Full::new(Bytes::new()).map_err(BoxError::from);
            Ok::<_, BoxError>(Response::new(Box::new(BodyExt::boxed_unsync(body)) as Box<DynBody>))
        });
        let client = kube::Client::new(Bounded::new(ends, TIMEOUT), "default");
        let began = Instant::now();
        for namespace in ["a", "b"] {
            let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
            api.watch(&WatchParams::default(), "0").await.expect("begins").count().await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        let api: Api<ConfigMap> = Api::namespaced(client, "a");
        for _ in 0..3 {
            api.watch(&WatchParams::default(), "0").await.expect("begins").count().await;
        }
        assert_eq!(began.elapsed(), 3 * WATCH_SPACING);
    }

    #[test]
    fn only_a_watch_may_go_on() {
        let uri = |text: &str| text.parse::<http::Uri>().expect("uri");
        assert!(is_watch(&uri("/api/v1/secrets?&watch=true&timeoutSeconds=200")));
        assert!(!is_watch(&uri("/api/v1/secrets?&limit=500")));
        assert!(!is_watch(&uri("/api/v1/namespaces/watch=true")));
    }
}
