//! The routes that are served, with the schema of their rows and the right that each needs.

use super::boards::{PROJECT_TABLE, SERVICE_TABLE};
use crate::scenario::{Level, Role, TableWithoutRight};

/// A route of the API, without host and codebase.
#[derive(Debug)]
pub(super) struct Route {
    /// Its path with placeholders, as the OpenAPI subset writes it.
    pub(super) template: &'static str,
    pub(super) answer: Answer,
}

/// What a route gives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Info,
    MyMember,
    MyMemberInfo,
    MySecurity,
    CustomizeItems,
    List(&'static Table),
    Record(&'static Table),
    Count(&'static Table),
    BoardTeams(&'static Table),
}

impl Answer {
    /// The schema of the answer, or of its rows.
    pub(super) fn schema(self) -> &'static str {
        match self {
            Self::Info => "Info",
            Self::MyMember => "MyMember",
            Self::MyMemberInfo => "MyMemberInfo",
            Self::MySecurity => "MySecurity",
            Self::CustomizeItems => "MySecurityCustomizeItem",
            Self::List(table) | Self::Record(table) => table.schema,
            Self::Count(_) => "Count",
            Self::BoardTeams(_) => "BoardTeam",
        }
    }
}

/// A table of records.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) schema: &'static str,
    /// As "not found" messages call a record.
    pub(super) noun: &'static str,
    pub(super) right: Right,
}

/// What a role must have to see a table.
#[derive(Debug, Clone, Copy)]
pub(super) enum Right {
    /// Inquire on a function of a module.
    Inquire(&'static str, &'static str),
    /// Inquire on Table Setup, with this table on the allow list.
    SetupTable(&'static str),
    /// Inquire on Table Setup, with the tables of boards on the allow list that the role's [`BoardList`] names.
    ///
    /// [`BoardList`]: crate::scenario::BoardList
    Boards,
}

impl Right {
    /// How much of the table the role sees.
    pub(super) fn level(self, role: &Role) -> Level {
        match self {
            Self::Inquire(module, function) => role.levels_of(module, function).inquire,
            Self::SetupTable(item) => table_level(role, role.sees_table(item)),
            Self::Boards => table_level(role, role.reads_boards(SERVICE_TABLE, PROJECT_TABLE)),
        }
    }
}

/// The vendor: setup tables may answer 200 without the table.
fn table_level(role: &Role, seen: bool) -> Level {
    if seen || role.table_without_right == TableWithoutRight::Answered { Level::All } else { Level::None }
}

const COMPANIES: Table =
    Table { schema: "Company", noun: "Company", right: Right::Inquire("Companies", "Company Maintenance") };
const STATUSES: Table = Table {
    schema: "CompanyStatus",
    noun: "CompanyStatus",
    right: Right::SetupTable("Company / Company Status"),
};
const CONTACTS: Table =
    Table { schema: "Contact", noun: "Contact", right: Right::Inquire("Companies", "Contacts") };
const AGREEMENTS: Table =
    Table { schema: "Agreement", noun: "Agreement", right: Right::Inquire("Finance", "Agreements") };
const TICKETS: Table =
    Table { schema: "Ticket", noun: "Ticket", right: Right::Inquire("Service Desk", "Service Tickets") };
const REPORTS: Table =
    Table { schema: "Report", noun: "Report", right: Right::Inquire("System", "API Reports") };
const BOARDS: Table = Table { schema: super::boards::SCHEMA, noun: "ServiceBoard", right: Right::Boards };
const SOURCES: Table =
    Table { schema: "Source", noun: "Source", right: Right::SetupTable("Service / Source") };
const PRIORITIES: Table =
    Table { schema: "Priority", noun: "Priority", right: Right::SetupTable("Service / Priority") };
const MEMBERS: Table =
    Table { schema: "Member", noun: "Member", right: Right::Inquire("System", "Member Maintenance") };
const API_MEMBERS: Table =
    Table { schema: "ApiMember", noun: "ApiMember", right: Right::Inquire("System", "Member Maintenance") };
const ROLES: Table =
    Table { schema: "SecurityRole", noun: "SecurityRole", right: Right::Inquire("System", "Security Roles") };

const fn route(template: &'static str, answer: Answer) -> Route {
    Route { template, answer }
}

/// Every route; fixed paths stand before those with a placeholder that would take them too.
pub(super) const ROUTES: &[Route] = &[
    route("/system/info", Answer::Info),
    route("/system/mySecurity", Answer::MySecurity),
    route("/system/mySecurity/customizeItems/", Answer::CustomizeItems),
    route("/system/myMembers", Answer::MyMember),
    route("/system/myMembers/info", Answer::MyMemberInfo),
    route("/system/reports", Answer::List(&REPORTS)),
    route("/system/members", Answer::List(&MEMBERS)),
    route("/system/members/{id}", Answer::Record(&MEMBERS)),
    route("/system/apiMembers", Answer::List(&API_MEMBERS)),
    route("/system/apiMembers/{id}", Answer::Record(&API_MEMBERS)),
    route("/system/securityroles", Answer::List(&ROLES)),
    route("/system/securityroles/{id}", Answer::Record(&ROLES)),
    route("/company/companies", Answer::List(&COMPANIES)),
    route("/company/companies/count", Answer::Count(&COMPANIES)),
    route("/company/companies/statuses", Answer::List(&STATUSES)),
    route("/company/companies/{id}", Answer::Record(&COMPANIES)),
    route("/company/contacts", Answer::List(&CONTACTS)),
    route("/company/contacts/count", Answer::Count(&CONTACTS)),
    route("/company/contacts/{id}", Answer::Record(&CONTACTS)),
    route("/finance/agreements", Answer::List(&AGREEMENTS)),
    route("/finance/agreements/count", Answer::Count(&AGREEMENTS)),
    route("/finance/agreements/{id}", Answer::Record(&AGREEMENTS)),
    route("/service/tickets", Answer::List(&TICKETS)),
    route("/service/tickets/count", Answer::Count(&TICKETS)),
    route("/service/tickets/{id}", Answer::Record(&TICKETS)),
    route("/service/boards", Answer::List(&BOARDS)),
    route("/service/boards/{id}", Answer::Record(&BOARDS)),
    route("/service/boards/{parentId}/teams", Answer::BoardTeams(&BOARDS)),
    route("/service/sources", Answer::List(&SOURCES)),
    route("/service/sources/count", Answer::Count(&SOURCES)),
    route("/service/priorities", Answer::List(&PRIORITIES)),
];

/// The route of a path and the numbers in place of its placeholders. Case and a trailing slash make no difference.
pub(super) fn find(path: &str) -> Option<(&'static Route, Vec<u64>)> {
    ROUTES.iter().find_map(|route| Some((route, matched(route.template, path)?)))
}

fn matched(template: &str, path: &str) -> Option<Vec<u64>> {
    let mut ids = Vec::new();
    let (mut wanted, mut given) = (segments(template), segments(path));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(ids),
            (Some(wanted), Some(given)) if wanted.starts_with('{') => ids.push(given.parse().ok()?),
            (Some(wanted), Some(given)) if wanted.eq_ignore_ascii_case(given) => {}
            _ => return None,
        }
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_matches('/').split('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Option<(&'static str, Vec<u64>)> {
        find(path).map(|(route, ids)| (route.template, ids))
    }

    #[test]
    fn a_fixed_path_wins_over_a_placeholder() {
        assert_eq!(found("/company/companies/count"), Some(("/company/companies/count", vec![])));
        assert_eq!(found("/company/companies/12"), Some(("/company/companies/{id}", vec![12])));
        assert_eq!(found("/company/companies/twelve"), None);
    }

    #[test]
    fn case_and_a_trailing_slash_make_no_difference() {
        assert_eq!(found("/system/mysecurity/"), Some(("/system/mySecurity", vec![])));
        assert_eq!(found("/service/boards/7/Teams"), Some(("/service/boards/{parentId}/teams", vec![7])));
    }
}
