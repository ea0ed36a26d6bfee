//! The host names of ConnectWise's own cloud.

/// The sites of ConnectWise's own cloud that serve tenants (facts, section 1). Each is also allowed with `api-` before it.
pub(super) const PRODUCTION: [&str; 5] = [
    "na.myconnectwise.net",
    "eu.myconnectwise.net",
    "au.myconnectwise.net",
    "aus.myconnectwise.net",
    "za.myconnectwise.net",
];

/// ConnectWise's own site for tests. It works as the others do, but keys of production do not belong there: it is allowed
/// only where the operator's configuration names it.
const STAGING: &str = "staging.connectwisedev.com";

/// Names of one region of the cloud, and the name that is used for it. **U**: no public source says that `au` and `aus` are one
/// region; both are listed for Australia. A company of one name in two regions is two tenants.
const ALIASES: [(&str, &str); 1] = [("aus.myconnectwise.net", "au.myconnectwise.net")];

/// The name that is used for the region of a cloud host, whose own name has no `api-` before it.
pub(super) fn region(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, region)| region)
}

/// Whether a name is on ConnectWise's own cloud, with or without `api-`.
pub(super) fn is_cloud(name: &str) -> bool {
    site(name) == STAGING || is_production(name)
}

/// Whether a name is on the part of the cloud that serves tenants, with or without `api-`.
pub(super) fn is_production(name: &str) -> bool {
    PRODUCTION.contains(&site(name))
}

fn site(name: &str) -> &str {
    name.strip_prefix("api-").unwrap_or(name)
}
