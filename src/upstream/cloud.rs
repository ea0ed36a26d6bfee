//! The host names of ConnectWise's own cloud.

/// ConnectWise's own cloud (facts, section 1). Each is also allowed with `api-` before it.
const CLOUD: [&str; 6] = [
    "na.myconnectwise.net",
    "eu.myconnectwise.net",
    "au.myconnectwise.net",
    "aus.myconnectwise.net",
    "za.myconnectwise.net",
    "staging.connectwisedev.com",
];

/// Whether a name is on ConnectWise's own cloud, with or without `api-`.
pub(super) fn is_cloud(name: &str) -> bool {
    CLOUD.contains(&name.strip_prefix("api-").unwrap_or(name))
}
