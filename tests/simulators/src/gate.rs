//! A place between a client and a server where a test can hold, lose, repeat or change what passes.

use std::pin::Pin;
use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use http::Request;

/// The connection is to end without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection ends without an answer")]
pub struct NoAnswer;

/// An answer under way.
pub type Passage = Pin<Box<dyn Future<Output = Result<Response, NoAnswer>> + Send>>;

/// Sends a request on to the server, as often as it is called.
pub type Forward = Arc<dyn Fn(Request<Bytes>) -> Passage + Send + Sync>;

/// Decides what becomes of every request, and of its answer: the body of a watch is its events as they come.
pub trait Gate: Send + Sync {
    /// Answers `request`, as a rule by `forward`. The answer is dropped when the client goes away first; what shall arrive
    /// all the same needs a task of its own.
    fn pass(&self, request: Request<Bytes>, forward: Forward) -> Passage;
}
