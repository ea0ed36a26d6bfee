//! How a call to Petra ended, in closed types.

use std::time::Duration;

use super::link::RemoteLink;
use super::owner::Owner;

/// Why Petra did not answer a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PetraFault {
    /// 401 or 403: the operator's own Petra key is refused. Says nothing about any link.
    KeyRejected,
    /// 429, or not sent because our own limit is used up, with how long to wait if known. No change was made.
    RateLimited(Option<Duration>),
    /// The server has no such route: 404, 405 or 501 on the list call.
    NoContract,
    /// 5xx, no connection, timeout, or an answer that is not the contract's.
    Unavailable,
}

/// Petra's answer to a PUT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutAnswer {
    /// 200 or 202: this is the link now.
    Accepted(RemoteLink),
    /// 409: another owner holds it; `None` when made by hand or the name is unreadable.
    OwnedByOther(Option<Owner>),
    /// 412 or 410: what we believed is out of date. Look again, decide again.
    LookAgain,
    /// 422: ConnectWise refused the keys or the company.
    Refused,
    /// Not sent, because this replica is not surely the leader long enough.
    Fenced,
    /// No answer, or none that says whether the change was made: read back, do not repeat.
    Unknown(PetraFault),
}

/// Petra's answer to a DELETE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeleteAnswer {
    /// 204 or 404: there is no such link any more.
    Gone,
    /// 409: it is not ours any more; nothing to delete.
    NotOurs,
    /// 412 or 410: what we believed is out of date.
    LookAgain,
    /// Not sent, because this replica is not surely the leader long enough.
    Fenced,
    /// No answer, or none that says whether the change was made.
    Unknown(PetraFault),
}
