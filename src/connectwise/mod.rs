//! ConnectWise PSA's side: from what a person typed to a verdict on keys, role and board. Only GET.
//!
//! A round: [`discovery`] finds the tenant's API, [`client`] asks it under the guard, [`classify`] decides what an answer
//! means, [`permissions`] compares the caller's levels with a [`profile`], and [`round`] puts the answers together. The types
//! that are exported here are all that the rules ever see of ConnectWise: closed, without remote text.

mod advice;
mod answers;
pub mod board;
pub mod classify;
pub mod client;
pub mod company;
pub mod discovery;
pub mod keys;
pub mod level;
mod line;
mod names;
pub mod paging;
pub mod permissions;
pub mod probe;
pub mod profile;
pub mod role;
pub mod round;
mod tenant;

pub use answers::{
    BoardAnswer, CompanyAnswer, Depth, Inconclusive, KeysAnswer, MemberAnswer, MemberTraits,
    PermissionsAnswer, Round,
};
pub use company::CompanyId;
pub use keys::{CredentialsVersion, KeyProblem, Keys};
pub use level::{Action, Level};
pub use line::{Actual, Line, Permissions, Required};
pub use tenant::Tenant;
