//! Read probes: small lists that show a right by being answered or refused.

use std::collections::BTreeMap;

use super::level::Action;
use super::names::normalise;

/// A list that is asked for one row. Each shows one right; see [`probe_for`] and [`probe_for_item`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeRoute {
    /// Companies.
    Companies,
    /// Contacts.
    Contacts,
    /// Agreements.
    Agreements,
    /// Service tickets.
    Tickets,
    /// Reports.
    Reports,
    /// Setup table: company statuses.
    CompanyStatuses,
    /// Setup table: project boards, which have no list of their own.
    ProjectBoards,
    /// Setup table: priorities.
    Priorities,
    /// Setup table: service boards.
    ServiceBoards,
    /// Setup table: sources.
    Sources,
}

impl ProbeRoute {
    /// The path below `apis/3.0/`.
    #[must_use]
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Companies => "company/companies",
            Self::Contacts => "company/contacts",
            Self::Agreements => "finance/agreements",
            Self::Tickets => "service/tickets",
            Self::Reports => "system/reports",
            Self::CompanyStatuses => "company/companies/statuses",
            Self::ProjectBoards | Self::ServiceBoards => "service/boards",
            Self::Priorities => "service/priorities",
            Self::Sources => "service/sources",
        }
    }

    /// The other route that reads the same list. A refusal of that list proves that one of the two tables is out of reach,
    /// and not which. **U**: which of them a role needs for the list of boards, which holds the boards of both.
    #[must_use]
    pub(crate) fn of_the_same_list(self) -> Option<Self> {
        match self {
            Self::ProjectBoards => Some(Self::ServiceBoards),
            Self::ServiceBoards => Some(Self::ProjectBoards),
            Self::Companies
            | Self::Contacts
            | Self::Agreements
            | Self::Tickets
            | Self::Reports
            | Self::CompanyStatuses
            | Self::Priorities
            | Self::Sources => None,
        }
    }

    /// The query: one row, only its id, so that nothing of the tenant's data crosses the wire.
    #[must_use]
    pub(crate) fn query(self) -> &'static str {
        match self {
            Self::ProjectBoards => "conditions=projectFlag=true&pageSize=1&fields=id",
            // A report has a name and no id.
            Self::Reports => "pageSize=1&fields=name",
            _ => "pageSize=1&fields=id",
        }
    }

    /// The closed name of the call, for metrics.
    #[must_use]
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Self::Companies => "probeCompanies",
            Self::Contacts => "probeContacts",
            Self::Agreements => "probeAgreements",
            Self::Tickets => "probeTickets",
            Self::Reports => "probeReports",
            Self::CompanyStatuses => "probeCompanyStatuses",
            Self::ProjectBoards => "probeProjectBoards",
            Self::Priorities => "probePriorities",
            Self::ServiceBoards => "probeServiceBoards",
            Self::Sources => "probeSources",
        }
    }
}

/// What a probe showed. A probe that was not answered is in no [`Probes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// 200, with rows or without.
    Answered,
    /// 403 with ConnectWise's own permission message.
    Refused,
}

/// The probes that were answered.
pub type Probes = BTreeMap<ProbeRoute, ProbeAnswer>;

/// The probe that shows a function's right, if there is one. Only reading can be probed: a sparse POST might create a
/// record, because nothing shows that ConnectWise looks at rights before it looks at content.
#[must_use]
pub(crate) fn probe_for(module: &str, function: &str, action: Action) -> Option<ProbeRoute> {
    const KNOWN: [(&str, &str, ProbeRoute); 5] = [
        ("Companies", "Company Maintenance", ProbeRoute::Companies),
        ("Companies", "Contacts", ProbeRoute::Contacts),
        ("Finance", "Agreements", ProbeRoute::Agreements),
        ("Service Desk", "Service Tickets", ProbeRoute::Tickets),
        ("System", "API Reports", ProbeRoute::Reports),
    ];
    if action != Action::Inquire {
        return None;
    }
    let (module, function) = (normalise(module), normalise(function));
    KNOWN
        .iter()
        .find(|(of, name, _)| normalise(of) == module && normalise(name) == function)
        .map(|(_, _, route)| *route)
}

/// The probe for an item of an allow-list, if there is one. Its refusal proves that the item is out of reach; its answer
/// proves nothing, because setup tables may be answered without the right to the table.
#[must_use]
pub(crate) fn probe_for_item(identifier: &str, item: &str) -> Option<ProbeRoute> {
    const KNOWN: [(&str, ProbeRoute); 5] = [
        ("Company / Company Status", ProbeRoute::CompanyStatuses),
        ("Project / Project Board", ProbeRoute::ProjectBoards),
        ("Service / Priority", ProbeRoute::Priorities),
        ("Service / Service Board", ProbeRoute::ServiceBoards),
        ("Service / Source", ProbeRoute::Sources),
    ];
    if identifier != "SystemTableSetup" {
        return None;
    }
    let item = normalise(item);
    KNOWN.iter().find(|(name, _)| normalise(name) == item).map(|(_, route)| *route)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectwise::profile::Profiles;

    #[test]
    fn only_reading_is_probed() {
        assert_eq!(probe_for("Service Desk", "service ticket", Action::Inquire), Some(ProbeRoute::Tickets));
        for action in [Action::Add, Action::Edit, Action::Delete, Action::Customize] {
            assert_eq!(probe_for("Service Desk", "Service Tickets", action), None);
        }
        assert_eq!(probe_for("Service Desk", "Close Service Tickets", Action::Inquire), None);
    }

    #[test]
    fn routes_of_one_path_are_known_to_read_the_same_list() {
        use ProbeRoute::{
            Agreements, Companies, CompanyStatuses, Contacts, Priorities, ProjectBoards, Reports,
            ServiceBoards, Sources, Tickets,
        };
        let routes = [
            Companies,
            Contacts,
            Agreements,
            Tickets,
            Reports,
            CompanyStatuses,
            ProjectBoards,
            Priorities,
            ServiceBoards,
            Sources,
        ];
        for route in routes {
            let same = routes.into_iter().find(|other| *other != route && other.path() == route.path());
            assert_eq!(route.of_the_same_list(), same, "{route:?}");
        }
    }

    #[test]
    fn every_item_of_a_built_in_allow_list_has_a_probe() {
        let profiles = Profiles::builtin();
        let profiles = profiles.names().filter_map(|name| profiles.get(name));
        let lists =
            profiles.flat_map(|profile| profile.lines.iter().filter_map(|line| line.customize.as_ref()));
        for (identifier, item) in
            lists.flat_map(|list| list.allow.iter().map(|item| (&list.identifier, item)))
        {
            assert!(probe_for_item(identifier, item).is_some(), "{item}");
        }
        assert_eq!(probe_for_item("FinanceAgreements", "Service / Source"), None);
    }
}
