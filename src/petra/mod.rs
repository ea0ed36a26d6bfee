//! Petra's side: the link contract of `petra-links.openapi.yaml`, which is this project's own, and the published
//! `GET /v1/usage` that proves the account.
//!
//! [`client`] makes the calls, `answer` decides what an answer means, [`wire`] reads bodies into the closed types of `link`
//! and `owner`, and [`poll`] is the one shared poll of the list route.

pub(crate) mod answer;
pub(crate) mod client;
mod link;
pub(crate) mod listing;
mod outcome;
mod owner;
pub(crate) mod poll;
pub(crate) mod snapshot;
pub(crate) mod wire;

pub use link::LinkId;
pub(crate) use link::{Refusal, RemoteLink, RemoteState, Version};
pub(crate) use outcome::{DeleteAnswer, Holder, PetraFault, PutAnswer};
pub(crate) use owner::Owner;
#[cfg(any(test, fuzzing))]
pub(crate) use owner::OwnerUid;
