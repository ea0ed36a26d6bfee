//! Levels and actions of a ConnectWise security role.

use std::fmt;

use serde::Deserialize;

/// How far a right reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Level {
    /// No right.
    None,
    /// One's own records.
    My,
    /// Every record.
    All,
}

impl Level {
    /// Reads a level of `mySecurity`: `None`, `My`, `All`, the older `NONE` and `MINE`, and null, which means none.
    /// `None` for any other word: an unknown level, not an absent right.
    #[must_use]
    pub(crate) fn read(word: Option<&str>) -> Option<Self> {
        match word.map(str::to_ascii_lowercase).as_deref() {
            None | Some("none") => Some(Self::None),
            Some("my" | "mine") => Some(Self::My),
            Some("all") => Some(Self::All),
            Some(_) => None,
        }
    }

    /// The level in ConnectWise's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::My => "My",
            Self::All => "All",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a line of a role lets one do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Making records.
    Add,
    /// Changing records.
    Edit,
    /// Removing records.
    Delete,
    /// Reading records.
    Inquire,
    /// Reaching an item of the list behind "(customize)".
    Customize,
}

impl Action {
    /// The actions that have a level, in the order of ConnectWise's role editor.
    pub(crate) const WITH_LEVEL: [Self; 4] = [Self::Add, Self::Edit, Self::Delete, Self::Inquire];

    /// The action as written to `status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::Inquire => "inquire",
            Self::Customize => "customize",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_in_the_new_and_the_older_spelling() {
        for (word, level) in [
            (Some("None"), Some(Level::None)),
            (Some("NONE"), Some(Level::None)),
            (None, Some(Level::None)),
            (Some("My"), Some(Level::My)),
            (Some("MINE"), Some(Level::My)),
            (Some("All"), Some(Level::All)),
            (Some("ALL"), Some(Level::All)),
        ] {
            assert_eq!(Level::read(word), level, "{word:?}");
        }
    }

    #[test]
    fn a_word_that_nobody_knows_is_no_level_rather_than_none() {
        for word in ["", "Team", "All ", "0"] {
            assert_eq!(Level::read(Some(word)), None, "{word:?}");
        }
    }

    #[test]
    fn levels_are_ordered_by_reach() {
        assert!(Level::None < Level::My && Level::My < Level::All);
    }
}
