//! Petra's side: the link contract of `petra-links.openapi.yaml`, which is this project's own, and the published
//! `GET /v1/usage` that proves the account.
//!
//! [`client`] makes the calls, `answer` decides what an answer means, [`wire`] reads bodies into the closed types of `link`
//! and `owner`, and [`poll`] is the one shared poll of the list route.

pub(crate) mod answer;
pub mod client;
mod link;
pub mod listing;
mod outcome;
mod owner;
pub mod poll;
pub mod snapshot;
pub mod wire;

pub use link::{LinkId, RemoteLink, RemoteState, Version};
pub use outcome::{DeleteAnswer, PetraFault, PutAnswer};
pub use owner::Owner;
