//! Security roles: levels for each function, and how the role's tables and spellings appear.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How much of something a role may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Nothing.
    #[default]
    None,
    /// One's own records.
    My,
    /// Every record.
    All,
}

/// The four actions of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Making records.
    Add,
    /// Changing records.
    Edit,
    /// Deleting records.
    Delete,
    /// Reading records.
    Inquire,
}

/// A level for each action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Levels {
    /// Making records.
    pub add: Level,
    /// Changing records.
    pub edit: Level,
    /// Deleting records.
    pub delete: Level,
    /// Reading records.
    pub inquire: Level,
}

impl Levels {
    /// The level of one action.
    #[must_use]
    pub fn of(self, action: Action) -> Level {
        match action {
            Action::Add => self.add,
            Action::Edit => self.edit,
            Action::Delete => self.delete,
            Action::Inquire => self.inquire,
        }
    }
}

/// A security role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Role {
    /// Levels of every function that no override names.
    pub levels: Levels,
    /// Levels of named functions; a later entry wins over an earlier one.
    pub overrides: Vec<Override>,
    /// The allow lists behind "(customize)".
    pub customize: CustomItems,
    /// Status of a setup table that the role may not see: 403, or 200 as some installations answer.
    pub table_without_right: TableWithoutRight,
    /// Which setup tables the list of boards takes.
    pub board_list: BoardList,
    /// What `/system/mySecurity` answers.
    pub my_security: MySecurity,
    /// How levels are spelled there.
    pub level_spelling: LevelSpelling,
    /// Other spellings of modules and functions there, by the name used in this file.
    pub spellings: BTreeMap<String, String>,
    /// Functions that the list there leaves out.
    pub unlisted: Vec<String>,
}

/// Levels of one function, or of a whole module.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The module, as in `data/security-functions.yaml`.
    pub module: String,
    /// The function; `*` means each one of the module.
    pub function: String,
    /// Making records; absent: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add: Option<Level>,
    /// Changing records; absent: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Level>,
    /// Deleting records; absent: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<Level>,
    /// Reading records; absent: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inquire: Option<Level>,
}

impl Role {
    /// The levels that this role gives for a function.
    #[must_use]
    pub fn levels_of(&self, module: &str, function: &str) -> Levels {
        self.overrides
            .iter()
            .filter(|entry| entry.module == module && (entry.function == "*" || entry.function == function))
            .fold(self.levels, |levels, entry| Levels {
                add: entry.add.unwrap_or(levels.add),
                edit: entry.edit.unwrap_or(levels.edit),
                delete: entry.delete.unwrap_or(levels.delete),
                inquire: entry.inquire.unwrap_or(levels.inquire),
            })
    }

    /// Whether the role may read the list of boards.
    #[must_use]
    pub fn reads_boards(&self, service: &str, project: &str) -> bool {
        match self.board_list {
            BoardList::Either => self.sees_table(service) || self.sees_table(project),
            BoardList::Both => self.sees_table(service) && self.sees_table(project),
            BoardList::Service => self.sees_table(service),
        }
    }

    /// Whether the role may see a setup table, named as `Service / Service Board`.
    #[must_use]
    pub fn sees_table(&self, item: &str) -> bool {
        self.levels_of("System", "Table Setup").inquire > Level::None
            && self.customize.allow.iter().any(|allowed| allowed == item)
    }
}

/// Status of a setup table that the role may not see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TableWithoutRight {
    /// 403 with the permission message.
    #[default]
    Forbidden,
    /// 200 with the rows, as the vendor says setup tables may.
    Answered,
}

/// Which setup tables a role must see to read the list of boards, which holds service and project boards: not public. Of a
/// list that may be read, the boards of a table that the role may not see are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BoardList {
    /// One of the two.
    #[default]
    Either,
    /// Both.
    Both,
    /// That of service boards.
    Service,
}

/// What `/system/mySecurity` does for members of a role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MySecurity {
    /// Lists the role.
    #[default]
    Listed,
    /// 403 with the permission message.
    Forbidden,
    /// An empty list.
    Empty,
}

/// How levels are spelled in `/system/mySecurity`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LevelSpelling {
    /// `None`, `My`, `All`.
    #[default]
    Api,
    /// `NONE`, `MINE`, `ALL`.
    Older,
    /// `NONE`, `MY`, `ALL`, as public role tables write them (`data/security-functions.yaml`).
    Capitals,
    /// `null`, `My`, `All`.
    NullForNone,
}

impl LevelSpelling {
    /// The word for a level; `None` stands for JSON's null.
    #[must_use]
    pub fn word(self, level: Level) -> Option<&'static str> {
        match (self, level) {
            (Self::Api, Level::None) => Some("None"),
            (Self::Api | Self::NullForNone, Level::My) => Some("My"),
            (Self::Api | Self::NullForNone, Level::All) => Some("All"),
            (Self::Older | Self::Capitals, Level::None) => Some("NONE"),
            (Self::Older, Level::My) => Some("MINE"),
            (Self::Capitals, Level::My) => Some("MY"),
            (Self::Older | Self::Capitals, Level::All) => Some("ALL"),
            (Self::NullForNone, Level::None) => None,
        }
    }
}

/// The items behind "(customize)" of System / Table Setup, and how `/system/mySecurity/customizeItems/` shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct CustomItems {
    /// The tables that the role may see, as `data/security-functions.yaml` spells them.
    pub allow: Vec<String>,
    /// Whether the rows are the allowed or the disallowed items: not public.
    pub polarity: Polarity,
    /// How an item is spelled: not public.
    pub spelling: ItemSpelling,
}

/// Which items `customizeItems` lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Polarity {
    /// Those that the role may use.
    #[default]
    Allowed,
    /// Those that it may not use.
    Disallowed,
}

/// How `customizeItems` spells an item. No reply is public: each of these is how a published source spells such a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ItemSpelling {
    /// `Service / Service Board`, as guides write it (`customize` in `data/security-functions.yaml`).
    #[default]
    GroupAndTable,
    /// `Service/Service Board`, as role tables write function names with a slash (`Company/Contact Group Maintenance`).
    Slash,
    /// `Service Board`, the table's own name in the role editor's list of a group.
    Table,
    /// `ServiceBoard`, as the vendor's routes and schemas name tables.
    Compact,
    /// `ServiceServiceBoard`, as the vendor's own enum forms a `customizeIdentifier`: `SystemTableSetup` is System / Table
    /// Setup (`MySecurityCustomizeItem` in `data/openapi-subset.json`).
    Identifier,
    /// JSON's null, which the same schema allows.
    Null,
}

impl ItemSpelling {
    /// Every spelling.
    pub const ALL: [Self; 6] =
        [Self::GroupAndTable, Self::Slash, Self::Table, Self::Compact, Self::Identifier, Self::Null];

    /// Spells an item that is given as `Group / Table`; `None` stands for JSON's null.
    #[must_use]
    pub fn spell(self, item: &str) -> Option<String> {
        let table = item.rsplit_once(" / ").map_or(item, |(_, table)| table);
        match self {
            Self::GroupAndTable => Some(item.to_owned()),
            Self::Slash => Some(item.replace(" / ", "/")),
            Self::Table => Some(table.to_owned()),
            Self::Compact => Some(table.replace(' ', "")),
            Self::Identifier => Some(item.replace(['/', ' '], "")),
            Self::Null => None,
        }
    }
}
