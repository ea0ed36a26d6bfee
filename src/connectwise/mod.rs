//! ConnectWise PSA's side: from what a person typed to a verdict on keys, role and board. Only GET.
//!
//! A round: [`discovery`] finds the tenant's API, [`client`] asks it under the guard, [`classify`] decides what an answer
//! means, [`permissions`] compares the caller's levels with a [`profile`], and [`round`] puts the answers together. The types
//! that are exported here are all that the rules ever see of ConnectWise: closed, without remote text.

mod advice;
mod answers;
pub(crate) mod board;
pub(crate) mod classify;
pub(crate) mod client;
mod client_id;
pub(crate) mod company;
pub(crate) mod discovery;
pub(crate) mod keys;
pub(crate) mod level;
mod line;
mod names;
pub(crate) mod paging;
pub(crate) mod permissions;
pub(crate) mod probe;
pub mod profile;
pub(crate) mod role;
pub(crate) mod round;
mod tenant;

pub use answers::Depth;
pub(crate) use answers::{
    BoardAnswer, CompanyAnswer, Inconclusive, KeysAnswer, MemberAnswer, MemberTraits, PermissionsAnswer,
    Round,
};
pub(crate) use client_id::ClientIdVersion;
pub use company::CompanyId;
pub use keys::Keys;
pub(crate) use keys::{CredentialsVersion, KeyProblem};
pub use level::{Action, Level};
pub(crate) use line::{Actual, Line, Permissions, Required};
pub(crate) use tenant::Tenant;
