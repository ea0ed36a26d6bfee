//! A security role compared with a profile, line by line.

use super::level::{Action, Level};

/// One line of a security role, as judged. All strings are the profile's own spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Module, such as `Service Desk`.
    pub module: String,
    /// Function, such as `Close Service Tickets`; for an allow-list item `Table Setup / Service / Source`, and for two of which
    /// one is missing for sure `Table Setup / Project / Project Board and Service / Service Board`.
    pub function: String,
    /// Which right.
    pub action: Action,
    /// Level that the profile asks for; for an allow-list item `allowed`.
    pub required: Required,
    /// Level that the role has.
    pub actual: Actual,
}

/// What a profile asks of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Required {
    /// At least this level.
    Level(Level),
    /// On the allow-list.
    Allowed,
    /// Nothing at all: the right is in excess (advice only).
    Nothing,
}

/// What the keys can see of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actual {
    /// This level.
    Level(Level),
    /// On the disallow list.
    Disallowed,
    /// On the allow-list.
    Allowed,
    /// A probe was refused with the permission message: no right at all.
    Refused,
    /// Not visible through the API.
    Unknown,
}

/// The role compared with a profile. The lists are sorted.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Permissions {
    /// Missing for sure.
    pub missing: Vec<Line>,
    /// Cannot be verified.
    pub unknown: Vec<Line>,
    /// Could only be verified by a probe, and the cheap round sent none. Empty after a full round.
    pub unasked: Vec<Line>,
    /// Neither missing nor unknown, but worth a look: rights in excess, lines of a module that do not decide.
    pub advice: Vec<Line>,
}
