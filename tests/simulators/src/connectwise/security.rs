//! The functions of a security role, and a role as `/system/mySecurity` and its `customizeItems` show it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::schema;
use crate::scenario::{Action, Polarity, Role};
use crate::world::Caller;

/// `customizeIdentifier` of the setup tables, one of the 18 that the vendor's schema lists.
const TABLE_SETUP: &str = "SystemTableSetup";

/// Items of other identifiers: a client has to tell them from the tables, though one has a table's name.
const OTHER_ITEMS: [(&str, &str); 3] = [
    ("CompanyReports", "Client List"),
    ("ServiceReports", "Service / Service Board"),
    ("SystemMyAccount", "Preferences"),
];

/// Functions that have a "(customize)" link in the role editor.
const CUSTOMIZABLE: [&str; 5] =
    ["Agreements", "Configurations", "Mass Maintenance", "My Account", "Table Setup"];

#[derive(Debug, Deserialize)]
struct Module {
    functions: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Published {
    modules: BTreeMap<String, Module>,
    customize: BTreeMap<String, Vec<String>>,
}

struct Functions {
    modules: BTreeMap<String, Vec<String>>,
    tables: Vec<String>,
}

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
    let published: Published = serde_saphyr::from_str(include_str!("../../data/security-functions.yaml"))
        .expect("the shipped security functions are valid");
    let filler: BTreeMap<String, Vec<String>> =
        serde_saphyr::from_str(include_str!("../../data/security-filler.yaml"))
            .expect("the shipped filler functions are valid");
    let mut modules: BTreeMap<_, _> =
        published.modules.into_iter().map(|(name, module)| (name, module.functions)).collect();
    for (module, functions) in filler {
        modules.entry(module).or_default().extend(functions);
    }
    Functions { modules, tables: published.customize.into_values().flatten().collect() }
});

/// Every module with its functions.
pub(crate) fn modules() -> impl Iterator<Item = (&'static str, &'static [String])> {
    FUNCTIONS.modules.iter().map(|(module, functions)| (module.as_str(), functions.as_slice()))
}

/// The functions of a module.
pub(crate) fn functions_of(module: &str) -> Option<&'static [String]> {
    FUNCTIONS.modules.get(module).map(Vec::as_slice)
}

/// The setup tables, as `Group / Table`.
pub(crate) fn table_items() -> &'static [String] {
    &FUNCTIONS.tables
}

/// The rows of `/system/mySecurity` for a caller: one for each function of each module.
pub(super) fn my_security(caller: &Caller) -> Vec<Value> {
    let role = &caller.role;
    let functions =
        modules().flat_map(|(module, functions)| functions.iter().map(move |name| (module, name)));
    (1..)
        .zip(functions)
        .filter(|(_, (_, function))| !role.unlisted.contains(function))
        .map(|(id, (module, function))| function_row(id, module, function, caller))
        .collect()
}

fn function_row(id: u64, module: &str, function: &str, caller: &Caller) -> Value {
    let role = &caller.role;
    let levels = role.levels_of(module, function);
    let word = |action| json!(role.level_spelling.word(levels.of(action)));
    let spelled = |name| role.spellings.get(name).map_or(name, String::as_str);
    let (module_name, name) = (spelled(module), spelled(function));
    let mut row = schema::row("MySecurity", id);
    row["moduleName"] = json!(module_name);
    row["moduleIdentifier"] = json!(compact(module));
    row["moduleDescription"] = json!(module_name);
    row["moduleFunctionName"] = json!(name);
    row["moduleFunctionIdentifier"] = json!(compact(function));
    row["moduleFunctionDescription"] = json!(name);
    row["addLevel"] = word(Action::Add);
    row["editLevel"] = word(Action::Edit);
    row["deleteLevel"] = word(Action::Delete);
    row["inquireLevel"] = word(Action::Inquire);
    row["customFlag"] = json!(CUSTOMIZABLE.contains(&function));
    row["reportFlag"] = json!(function.ends_with("Reports"));
    row["myAllFlag"] = json!(true);
    row["member"]["identifier"] = json!(caller.member.identifier);
    row
}

/// The rows of `/system/mySecurity/customizeItems/`.
pub(super) fn customize_items(role: &Role) -> Vec<Value> {
    let custom = &role.customize;
    let listed = table_items().iter().filter(|item| {
        let allowed = custom.allow.contains(item);
        allowed == (custom.polarity == Polarity::Allowed)
    });
    let tables = listed.map(|item| (TABLE_SETUP, custom.spelling.spell(item)));
    let others = OTHER_ITEMS.iter().map(|(identifier, item)| (*identifier, Some((*item).to_owned())));
    (1..)
        .zip(tables.chain(others))
        .map(|(id, (identifier, item)): (u64, _)| {
            json!({"id": id, "customizeIdentifier": identifier, "itemIdentifier": item})
        })
        .collect()
}

/// A name without everything but letters and digits.
fn compact(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_well_over_a_hundred_functions_and_none_twice() {
        let names: Vec<_> = modules()
            .flat_map(|(module, functions)| functions.iter().map(move |name| (module, name)))
            .collect();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert!(names.len() > 110, "{}", names.len());
        assert_eq!(distinct.len(), names.len());
    }

    #[test]
    fn the_two_polarities_list_every_table_between_them() {
        let of = |polarity| {
            let mut role = Role::default();
            role.customize.allow = vec!["Service / Source".to_owned()];
            role.customize.polarity = polarity;
            let rows = customize_items(&role);
            rows.iter().filter(|row| row["customizeIdentifier"] == TABLE_SETUP).count()
        };
        assert_eq!(of(Polarity::Allowed), 1);
        assert_eq!(of(Polarity::Allowed) + of(Polarity::Disallowed), table_items().len());
    }
}
