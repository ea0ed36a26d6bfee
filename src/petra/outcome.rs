//! How a call to Petra ended, in closed types.

use std::time::Duration;

use super::link::{LinkId, Refusal, RemoteLink};
use super::owner::Owner;

/// Why Petra did not answer a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PetraFault {
    /// 401 or 403 in Petra's own words: the operator's own Petra key is refused. Says nothing about any link.
    KeyRejected,
    /// 429, or not sent because our own limit is used up, with how long to wait if known. No change was made.
    RateLimited(Option<Duration>),
    /// The server has no such route: 404, 405 or 501 on the list call.
    NoContract,
    /// 5xx, no connection, timeout, or an answer that is not the contract's.
    Unavailable,
}

/// Who holds a link that another caller may not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Nobody: a person made it by hand.
    Nobody,
    /// This owner.
    Owner(Owner),
    /// Somebody whose name is not the contract's.
    Unreadable,
}

impl From<Option<Owner>> for Holder {
    fn from(owner: Option<Owner>) -> Self {
        owner.map_or(Self::Nobody, Self::Owner)
    }
}

/// Petra's answer to a PUT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutAnswer {
    /// 200 or 202: this is the link now.
    Accepted(RemoteLink),
    /// 409: another owner holds it, or nobody.
    OwnedByOther(Holder),
    /// 409: the company has a link already, under another id. Nothing was changed.
    CompanyLinked {
        /// The id; `None` when it is unreadable.
        id: Option<LinkId>,
        /// Who holds it.
        holder: Holder,
    },
    /// 412 or 410: what we believed is out of date. Look again, decide again.
    LookAgain,
    /// 422: ConnectWise refused the keys or the company.
    Refused(Refusal),
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
