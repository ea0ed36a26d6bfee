//! The caller's own role, as `GET /system/mySecurity` lists it.

use serde_json::Value;

use super::level::{Action, Level};
use super::names::normalise;

/// What `mySecurity` returned. Anything but [`MySecurity::Rows`] proves nothing about any right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MySecurity {
    /// At least one row.
    Rows(Vec<Row>),
    /// The tenant refuses the call, or its server has no such route.
    Refused,
    /// 200 without a row that names a function.
    Empty,
}

/// One function of the role. A level is `None` when the row lacks it or spells it in a word that nobody knows: unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `moduleName`, as the tenant spells it: compared, never shown.
    module: String,
    /// `moduleFunctionName`: likewise.
    function: String,
    levels: [Option<Level>; 4],
}

impl Row {
    /// Reads a row; `None` when it does not name its module and function.
    ///
    /// **U**: no reply of a real tenant is public, so that it is these two fields, not `…Identifier` or `…Description`,
    /// that hold the names as the role editor shows them, is read from the schema alone. Should it be otherwise, this is
    /// the place; until then a function that is named elsewhere counts as not listed, which is unknown, not missing.
    pub(crate) fn read(row: &Value) -> Option<Self> {
        Some(Self {
            module: normalise(row.get("moduleName")?.as_str()?),
            function: normalise(row.get("moduleFunctionName")?.as_str()?),
            levels: ["addLevel", "editLevel", "deleteLevel", "inquireLevel"].map(|field| {
                match row.get(field)? {
                    Value::Null => Level::read(None),
                    Value::String(word) => Level::read(Some(word)),
                    _ => None,
                }
            }),
        })
    }

    /// The levelled name of the module.
    pub(crate) fn module(&self) -> &str {
        &self.module
    }

    /// The levelled name of the function.
    pub(crate) fn function(&self) -> &str {
        &self.function
    }

    /// The level of an action; `None`: unknown.
    pub(crate) fn level(&self, action: Action) -> Option<Level> {
        let index = Action::WITH_LEVEL.iter().position(|with_level| *with_level == action)?;
        self.levels[index]
    }
}

impl MySecurity {
    /// Reads the rows of all pages.
    pub(crate) fn of(rows: &[Value]) -> Self {
        let rows: Vec<Row> = rows.iter().filter_map(Row::read).collect();
        if rows.is_empty() { Self::Empty } else { Self::Rows(rows) }
    }

    /// The rows; none when the answer had none.
    pub(crate) fn rows(&self) -> &[Row] {
        match self {
            Self::Rows(rows) => rows,
            Self::Refused | Self::Empty => &[],
        }
    }

    /// The level that the role has for a function, whose names are compared on their levelled form. `None`, unknown: not
    /// listed, a word that nobody knows, or two rows that say different things.
    pub(crate) fn level(&self, module: &str, function: &str, action: Action) -> Option<Level> {
        let (module, function) = (normalise(module), normalise(function));
        let mut levels = self
            .rows()
            .iter()
            .filter(|row| row.module == module && row.function == function)
            .map(|row| row.level(action));
        let first = levels.next()??;
        levels.all(|level| level == Some(first)).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn security(rows: &Value) -> MySecurity {
        MySecurity::of(rows.as_array().unwrap())
    }

    #[test]
    fn a_level_is_found_whatever_the_spelling_of_the_function() {
        let role = security(&json!([
            {"moduleName": "SERVICE DESK", "moduleFunctionName": "close service ticket", "editLevel": "MINE"}
        ]));
        assert_eq!(role.level("Service Desk", "Close Service Tickets", Action::Edit), Some(Level::My));
    }

    #[test]
    fn null_is_none_but_an_absent_field_a_strange_word_or_a_number_is_unknown() {
        let role = security(&json!([
            {"moduleName": "System", "moduleFunctionName": "API Reports", "addLevel": null, "editLevel": "Team", "deleteLevel": 2}
        ]));
        let level = |action| role.level("System", "API Reports", action);
        assert_eq!(level(Action::Add), Some(Level::None));
        for action in [Action::Edit, Action::Delete, Action::Inquire, Action::Customize] {
            assert_eq!(level(action), None, "{action}");
        }
    }

    #[test]
    fn rows_that_contradict_each_other_tell_nothing() {
        let row = |level| json!({"moduleName": "System", "moduleFunctionName": "API Reports", "inquireLevel": level});
        let level = |rows: Value| security(&rows).level("System", "API Reports", Action::Inquire);
        assert_eq!(level(json!([row("All"), row("ALL")])), Some(Level::All));
        assert_eq!(level(json!([row("All"), row("None")])), None);
        assert_eq!(level(json!([row("All"), row("Team")])), None);
    }

    #[test]
    fn rows_that_name_no_function_are_no_answer() {
        assert_eq!(security(&json!([])), MySecurity::Empty);
        assert_eq!(security(&json!([1, {"moduleName": "System"}, null])), MySecurity::Empty);
    }

    proptest! {
        #[test]
        fn no_row_makes_the_reader_panic(module in any::<String>(), function in any::<String>(), level in any::<String>()) {
            let row = json!({"moduleName": module, "moduleFunctionName": function, "inquireLevel": level});
            let role = MySecurity::of(&[row]);
            prop_assert_eq!(role.level(&module, &function, Action::Inquire), Level::read(Some(&level)));
        }
    }
}
