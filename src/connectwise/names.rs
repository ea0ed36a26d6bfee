//! Names of modules and functions. Every public role table spells them differently, so they are compared in a normalised
//! form, and a tenant's spelling is never shown: `status` holds the profile's or this catalogue's.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// `profiles/functions.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueFile {
    modules: BTreeMap<String, Vec<String>>,
    spellings: BTreeMap<String, Vec<String>>,
}

struct Catalogue {
    /// By levelled module and function: the spelling to show.
    functions: BTreeMap<(String, String), (String, String)>,
    /// By levelled other spelling: the levelled usual one.
    spellings: BTreeMap<String, String>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let file: CatalogueFile = serde_saphyr::from_str(include_str!("../../profiles/functions.yaml"))
        .expect("the catalogue is part of the program, and a test reads it");
    let mut functions = BTreeMap::new();
    for (module, names) in &file.modules {
        for name in names {
            functions.insert((level_out(module), level_out(name)), (module.clone(), name.clone()));
        }
    }
    let spellings = file
        .spellings
        .iter()
        .flat_map(|(usual, others)| others.iter().map(|other| (level_out(other), level_out(usual))))
        .collect();
    Catalogue { functions, spellings }
});

/// The form on which names are compared: lower case, `&` as `and`, words in the singular, any dash, slash or space as one
/// space, and other known spellings as the usual one.
pub(crate) fn normalise(name: &str) -> String {
    let levelled = level_out(name);
    CATALOGUE.spellings.get(&levelled).cloned().unwrap_or(levelled)
}

/// The spelling of a tenant's function that may be shown: the catalogue's. `None` when it does not know the function.
pub(crate) fn shown(module: &str, function: &str) -> Option<(&'static str, &'static str)> {
    let (module, function) = CATALOGUE.functions.get(&(normalise(module), normalise(function)))?;
    Some((module, function))
}

fn level_out(name: &str) -> String {
    let name = name.to_lowercase().replace('&', " and ");
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(singular).collect::<Vec<_>>().join(" ")
}

/// The singular of a word, or at least the same for both numbers: the result is compared, never shown.
fn singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    match word.strip_suffix('s') {
        Some(stem) if word.len() > 3 && !stem.ends_with(['s', 'u']) => stem.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_that_were_seen_for_one_function_are_one_name() {
        for (one, other) in [
            ("Close Service Tickets", "Close Service Ticket"),
            ("Close Service Tickets", "Close service tickets"),
            ("Close Service Tickets", "  close   service tickets "),
            ("Team Members", "Teams Members"),
            ("UserCentric", "User Scenarios"),
            ("Time & Expense", "Time and Expense"),
            ("Time & Expense", "Time & Expenses"),
            ("Configuration - Display Passwords", "Configuration \u{2013} Display Passwords"),
            ("Service / Service Board", "Service/Service Boards"),
            ("CRM/Sales Activities", "CRM / Sales Activity"),
            ("Company / Company Status", "company/company status"),
        ] {
            assert_eq!(normalise(one), normalise(other));
        }
    }

    #[test]
    fn different_functions_stay_different_names() {
        let file: CatalogueFile =
            serde_saphyr::from_str(include_str!("../../profiles/functions.yaml")).unwrap();
        for (module, functions) in &file.modules {
            let names: BTreeSet<_> = functions.iter().map(|function| normalise(function)).collect();
            assert_eq!(names.len(), functions.len(), "{module}");
        }
    }

    #[test]
    fn a_tenants_function_is_shown_in_the_catalogues_spelling_or_not_at_all() {
        assert_eq!(
            shown("SERVICE DESK", "close service ticket"),
            Some(("Service Desk", "Close Service Tickets"))
        );
        assert_eq!(shown("Companies", "User Scenarios"), Some(("Companies", "UserCentric")));
        assert_eq!(shown("Companies", "<b>hello</b>"), None);
    }

    proptest! {
        #[test]
        fn a_levelled_name_stays_as_it_is(name in any::<String>()) {
            let levelled = normalise(&name);
            prop_assert_eq!(normalise(&levelled), levelled);
        }
    }
}
