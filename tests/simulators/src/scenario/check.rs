//! What a scenario must hold to, and errors that name the field.

use std::collections::BTreeSet;

use thiserror::Error;

use super::{Company, Member, Role, Scenario, Site};
use crate::connectwise::security;

/// Why a scenario cannot be used.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// It is not YAML of the right shape; the message has field, line and column.
    #[error("failed to read the scenario: {0}")]
    Yaml(#[from] serde_saphyr::Error),
    /// A field has a value that does not fit the rest.
    #[error("scenario field {field}: {problem}")]
    Field {
        /// Where, as a path: `companies[2].members[0].role`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

fn wrong(field: String, problem: impl Into<String>) -> ScenarioError {
    ScenarioError::Field { field, problem: problem.into() }
}

impl Scenario {
    /// Checks that names refer to things that exist and that nothing is there twice.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let mut hosts = BTreeSet::new();
        for (index, site) in self.sites.iter().enumerate() {
            site.check(&format!("sites[{index}]"))?;
            for host in &site.hosts {
                if !hosts.insert(host.to_ascii_lowercase()) {
                    return Err(wrong(
                        format!("sites[{index}].hosts"),
                        format!("host {host} is there twice"),
                    ));
                }
            }
        }
        for (name, role) in &self.roles {
            role.check(&format!("roles.{name}"))?;
        }
        let mut ids = BTreeSet::new();
        for (index, company) in self.companies.iter().enumerate() {
            let field = format!("companies[{index}]");
            company.check(&field, &self.sites, |role| self.roles.contains_key(role))?;
            if !ids.insert(company.id.to_ascii_lowercase()) {
                return Err(wrong(format!("{field}.id"), format!("company {} is there twice", company.id)));
            }
        }
        Ok(())
    }
}

impl Site {
    fn check(&self, field: &str) -> Result<(), ScenarioError> {
        if self.hosts.is_empty() {
            return Err(wrong(format!("{field}.hosts"), "is empty; name at least one host"));
        }
        if let Some(host) = self.hosts.iter().find(|host| host.contains([':', '/'])) {
            return Err(wrong(
                format!("{field}.hosts"),
                format!("{host} must be a name without scheme and port"),
            ));
        }
        Ok(())
    }
}

impl Role {
    pub(crate) fn check(&self, field: &str) -> Result<(), ScenarioError> {
        for (index, entry) in self.overrides.iter().enumerate() {
            let field = format!("{field}.overrides[{index}]");
            let Some(functions) = security::functions_of(&entry.module) else {
                return Err(wrong(
                    format!("{field}.module"),
                    format!("no module is called {:?}", entry.module),
                ));
            };
            if entry.function != "*" && !functions.contains(&entry.function) {
                let problem = format!("module {} has no function {:?}", entry.module, entry.function);
                return Err(wrong(format!("{field}.function"), problem));
            }
        }
        for item in &self.customize.allow {
            if !security::table_items().contains(item) {
                let known = security::table_items().join(", ");
                let problem = format!("no setup table is called {item:?}; there are {known}");
                return Err(wrong(format!("{field}.customize.allow"), problem));
            }
        }
        let is_function = |name| security::modules().any(|(_, functions)| functions.contains(name));
        for name in self.spellings.keys() {
            if !is_function(name) && security::functions_of(name).is_none() {
                let problem = format!("no module or function is called {name:?}");
                return Err(wrong(format!("{field}.spellings"), problem));
            }
        }
        for name in &self.unlisted {
            if !is_function(name) {
                return Err(wrong(format!("{field}.unlisted"), format!("no function is called {name:?}")));
            }
        }
        Ok(())
    }
}

impl Company {
    pub(crate) fn check(
        &self,
        field: &str,
        sites: &[Site],
        is_role: impl Fn(&str) -> bool,
    ) -> Result<(), ScenarioError> {
        if self.id.is_empty() || self.id.contains(['+', ':']) {
            return Err(wrong(format!("{field}.id"), "must not be empty or hold + or :"));
        }
        if !sites.iter().any(|site| site.hosts.contains(&self.site)) {
            let problem = format!("no site has the host {:?}", self.site);
            return Err(wrong(format!("{field}.site"), problem));
        }
        let mut identifiers = BTreeSet::new();
        for (index, member) in self.members.iter().enumerate() {
            let field = format!("{field}.members[{index}]");
            member.check(&field, self, &is_role)?;
            if !identifiers.insert(member.identifier.to_ascii_lowercase()) {
                let problem = format!("member {} is there twice", member.identifier);
                return Err(wrong(format!("{field}.identifier"), problem));
            }
        }
        Ok(())
    }
}

impl Member {
    fn check(
        &self,
        field: &str,
        company: &Company,
        is_role: impl Fn(&str) -> bool,
    ) -> Result<(), ScenarioError> {
        if !is_role(&self.role) {
            return Err(wrong(format!("{field}.role"), format!("no role is called {:?}", self.role)));
        }
        if self.keys.iter().any(|key| key.public.is_empty() || key.private.is_empty()) {
            return Err(wrong(format!("{field}.keys"), "neither half of a key pair may be empty"));
        }
        if let Some(name) =
            self.hidden_boards.iter().find(|name| !company.boards.iter().any(|b| b.name == **name))
        {
            let problem = format!("company {} has no board {name:?}", company.id);
            return Err(wrong(format!("{field}.hiddenBoards"), problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(yaml: &str) -> String {
        Scenario::from_yaml(yaml).expect_err("the scenario is wrong").to_string()
    }

    const SITE: &str = "sites: [{hosts: [na.localhost], cloud: true, codebase: v1/, version: v1}]\n";

    #[test]
    fn the_demo_scenario_is_valid() {
        assert_eq!(Scenario::demo().companies.len(), 7);
    }

    #[test]
    fn a_missing_field_is_named_with_its_place() {
        let error =
            error_of("roles: {}\ncompanies: []\nsites: [{hosts: [a.localhost], cloud: true, version: v1}]");
        assert!(error.contains("missing field `codebase` at line 3, column 45"), "{error}");
    }

    #[test]
    fn an_unknown_role_is_named_with_its_place() {
        let yaml = format!(
            "{SITE}roles: {{}}\ncompanies: [{{id: a, name: A, site: na.localhost, \
             members: [{{identifier: m, role: Petra}}]}}]"
        );
        assert_eq!(
            error_of(&yaml),
            "scenario field companies[0].members[0].role: no role is called \"Petra\""
        );
    }

    #[test]
    fn a_misspelt_function_is_named_with_its_place() {
        let yaml = format!(
            "{SITE}companies: []\nroles: {{Petra: {{overrides: [{{module: Finance, function: Agreement}}]}}}}"
        );
        assert_eq!(
            error_of(&yaml),
            "scenario field roles.Petra.overrides[0].function: module Finance has no function \"Agreement\""
        );
    }

    #[test]
    fn private_keys_are_not_shown() {
        let scenario = Scenario::demo();
        assert!(!format!("{scenario:?}").contains("CANARY"));
        assert!(!serde_json::to_string(&scenario).expect("a scenario is JSON").contains("CANARY"));
    }
}
