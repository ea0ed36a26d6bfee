//! What a profile asks of a security role.

use std::collections::BTreeMap;

use crate::connectwise::level::{Action, Level};

/// What a role must grant.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name that `permissionProfile` gives.
    pub name: String,
    /// Where the list comes from, for people.
    pub source: String,
    /// The lines, in the file's order.
    pub lines: Vec<FunctionLine>,
}

/// A module's function, or all of its functions, and the levels asked of it.
#[derive(Debug, PartialEq, Eq)]
pub struct FunctionLine {
    /// The module.
    pub module: String,
    /// The function or functions.
    pub function: Function,
    /// The lowest level for each action that the line names; never empty, never [`Level::None`].
    pub levels: BTreeMap<Action, Level>,
    /// The items behind the function's "(customize)" link that must be allowed.
    pub customize: Option<CustomizeList>,
}

/// What a line is about.
#[derive(Debug, PartialEq, Eq)]
pub enum Function {
    /// One function.
    Named(String),
    /// `*`: the whole module. What is not decisive is advice.
    WholeModule {
        /// The functions that decide; never empty.
        decisive: Vec<String>,
    },
}

/// Items that must be on the Allow list behind "(customize)".
#[derive(Debug, PartialEq, Eq)]
pub struct CustomizeList {
    /// ConnectWise's `customizeIdentifier` of that list.
    pub identifier: String,
    /// The items, as `Service / Service Board`.
    pub allow: Vec<String>,
}

impl Profile {
    /// Whether any line has an allow-list.
    #[must_use]
    pub(crate) fn has_allow_list(&self) -> bool {
        self.lines.iter().any(|line| line.customize.is_some())
    }
}
