//! Lets the operator see the API server otherwise than it is: late, with gaps, twice, or not at all.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, BodyDataStream};
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{Forward, Gate, NoAnswer, Passage};

/// What is seen instead of what is there. Every default shows things as they are.
pub trait View: Send + Sync {
    /// Refuses a request by this code, before the API server hears of it.
    fn refusal(&self, _request: &Request<Bytes>) -> Option<StatusCode> {
        None
    }

    /// Replaces a list; `path` is whose list it is.
    fn list(&self, _path: &str, list: Bytes) -> Bytes {
        list
    }

    /// Retells a watch from its beginning to its end. The watch ends when this returns.
    fn watch(&self, _path: &str, mut events: Events, tell: Tell) -> Retelling {
        Box::pin(async move {
            while let Some(event) = events.next().await {
                tell.event(event).await;
            }
        })
    }
}

/// A watch that is being retold.
pub type Retelling = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The events of a watch as the API server tells them: one line each, with its end of line.
pub struct Events {
    body: BodyDataStream,
    begun: Vec<u8>,
    whole: VecDeque<Bytes>,
}

impl Events {
    fn of(body: Body) -> Self {
        Self { body: body.into_data_stream(), begun: Vec::new(), whole: VecDeque::new() }
    }

    /// The next one; `None` at the end of the watch. Loses nothing where it is not waited for to the end.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.whole.pop_front() {
                return Some(line);
            }
            // However a watch ends, the operator begins another.
            for byte in self.body.next().await?.ok()? {
                self.begun.push(byte);
                if byte == b'\n' {
                    self.whole.push_back(std::mem::take(&mut self.begun).into());
                }
            }
        }
    }
}

/// Where a watch is retold to the operator.
pub struct Tell(mpsc::Sender<io::Result<Bytes>>);

impl Tell {
    /// Tells one event.
    pub async fn event(&self, line: Bytes) {
        // Who went away is told nothing more: see `retell`.
        let _ = self.0.send(Ok(line)).await;
    }

    /// Tells that the watch is too old to go on, as the API server does in the midst of one.
    pub async fn expired(&self) {
        let status = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version","reason":"Expired","code":410}"#;
        self.event(format!("{{\"type\":\"ERROR\",\"object\":{status}}}\n").into()).await;
    }

    /// Cuts the connection in the midst of the answer.
    pub async fn cut(&self) {
        let _ = self.0.send(Err(io::ErrorKind::ConnectionReset.into())).await;
    }
}

/// A gate that shows the API server through a [`View`], and counts what it is asked. Cheap to clone: all clones are one.
#[derive(Clone, Default)]
pub struct Lens(Arc<Shared>);

#[derive(Default)]
struct Shared {
    view: Mutex<Option<Arc<dyn View>>>,
    requests: AtomicU64,
}

impl Lens {
    /// Shows things so from now on; `None`: as they are. Watches that run go on as they began.
    pub fn set(&self, view: Option<Arc<dyn View>>) {
        *self.0.view.lock() = view;
    }

    /// Requests so far, those that were refused too.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    fn view(&self) -> Option<Arc<dyn View>> {
        self.0.view.lock().clone()
    }

    /// This lens before another gate.
    #[must_use]
    pub fn before(&self, gate: Arc<dyn Gate>) -> Arc<dyn Gate> {
        Arc::new(Before { lens: self.clone(), gate })
    }
}

struct Before {
    lens: Lens,
    gate: Arc<dyn Gate>,
}

impl Gate for Before {
    fn pass(&self, request: Request<Bytes>, forward: Forward) -> Passage {
        self.lens.0.requests.fetch_add(1, Ordering::Relaxed);
        let Some(view) = self.lens.view() else { return self.gate.pass(request, forward) };
        if let Some(code) = view.refusal(&request) {
            return Box::pin(async move { refuse(code) });
        }
        let shows = Shows::of(&request);
        let path = request.uri().path().to_owned();
        let answer = self.gate.pass(request, forward);
        Box::pin(async move {
            let answer = answer.await?;
            match shows {
                Shows::Watch if answer.status() == StatusCode::OK => Ok(retell(&*view, &path, answer)),
                Shows::List if answer.status() == StatusCode::OK => {
                    let (mut head, body) = answer.into_parts();
                    let list = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
                    head.headers.remove(header::CONTENT_LENGTH);
                    Ok(Response::from_parts(head, Body::from(view.list(&path, list))))
                }
                _ => Ok(answer),
            }
        })
    }
}

/// What an answer tells of.
enum Shows {
    Watch,
    List,
    Else,
}

impl Shows {
    fn of(request: &Request<Bytes>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let is_list =
            ["/secrets", "/connectwiselinks"].iter().any(|kind| request.uri().path().ends_with(kind));
        if request.method() != Method::GET {
            Self::Else
        } else if query.split('&').any(|pair| pair == "watch=true") {
            Self::Watch
        } else if is_list {
            Self::List
        } else {
            Self::Else
        }
    }
}

fn retell(view: &dyn View, path: &str, answer: Response) -> Response {
    let (head, body) = answer.into_parts();
    let (told, mut lines) = mpsc::channel(1);
    let retelling = view.watch(path, Events::of(body), Tell(told.clone()));
    tokio::spawn(async move {
        // The API server is to learn that the operator went away, though it has nothing to tell just then.
        tokio::select! {
            () = retelling => {}
            () = told.closed() => {}
        }
    });
    Response::from_parts(head, Body::from_stream(stream::poll_fn(move |cx| lines.poll_recv(cx))))
}

fn refuse(code: StatusCode) -> Result<Response, NoAnswer> {
    let reason = code.canonical_reason().unwrap_or_default().replace(' ', "");
    let status = format!(
        r#"{{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure","message":"refused by a test","reason":"{reason}","code":{}}}"#,
        code.as_u16()
    );
    let answer = Response::builder().status(code).header(header::CONTENT_TYPE, "application/json");
    answer.body(Body::from(status)).map_err(|_| NoAnswer)
}
