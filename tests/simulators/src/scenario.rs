//! The scenario: which sites, companies, roles, members and boards there are.
//!
//! A scenario is a YAML file that a person can read (see `scenarios/demo.yaml`) or a value built in a test. The same
//! types are the simulators' state while they run: [`crate::World`] changes them through the admin port.

mod check;
mod keys;
mod role;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use check::ScenarioError;
pub use keys::{KeyPair, PrivateKey};
pub use role::{
    Action, BoardList, CustomItems, ItemSpelling, Level, LevelSpelling, Levels, MySecurity, Override,
    Polarity, Role, TableWithoutRight,
};

/// Everything a run starts from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Scenario {
    /// Accepted `clientId` values; empty means that any GUID that is not all zeros is accepted.
    #[serde(default)]
    pub client_ids: Vec<String>,
    /// Choices where the behaviour of the real service is not public.
    #[serde(default)]
    pub settings: Settings,
    /// The servers.
    pub sites: Vec<Site>,
    /// Security roles by name.
    pub roles: BTreeMap<String, Role>,
    /// The tenants.
    pub companies: Vec<Company>,
}

impl Scenario {
    /// Reads and checks a scenario.
    ///
    /// # Errors
    /// [`ScenarioError`] names the field that is wrong.
    pub fn from_yaml(text: &str) -> Result<Self, ScenarioError> {
        // Its lines have keys: none is quoted.
        let options = serde_saphyr::options! { with_snippet: false };
        let scenario: Self = serde_saphyr::from_str_with_options(text, options)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// The scenario of the demo and of most tests: `scenarios/demo.yaml`.
    ///
    /// # Panics
    /// Never: the file is part of the crate, and a test reads it.
    #[must_use]
    pub fn demo() -> Self {
        Self::from_yaml(include_str!("../scenarios/demo.yaml")).expect("the shipped demo scenario is valid")
    }
}

/// Choices where the behaviour of the real service is unknown, or differs between installations.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Settings {
    /// Whether companyinfo's `SiteUrl` names the simulator's port where that is not 443.
    pub site_url_port: bool,
    /// Status for a missing or unknown `clientId` header; no real reply is public.
    pub client_id_refusal: ClientIdRefusal,
    /// What an inactive member's keys do; no real reply is public.
    pub inactive_member: InactiveMember,
    /// What a codebase does that was the site's before an upgrade.
    pub stale_codebase: StaleCodebase,
    /// Whether `/service/boards` has the boards that are hidden from the caller.
    pub hidden_boards: HiddenBoards,
    /// Requests a minute for each company before 429; absent means no limit. The vendor speaks of about 1,000.
    pub rate_limit_per_minute: Option<u32>,
    /// Rows in each generated table.
    pub rows_per_table: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            site_url_port: true,
            client_id_refusal: ClientIdRefusal::Unauthorized,
            inactive_member: InactiveMember::Answers,
            stale_codebase: StaleCodebase::CannotRoute,
            hidden_boards: HiddenBoards::LeftOut,
            rate_limit_per_minute: None,
            rows_per_table: 40,
        }
    }
}

/// The answer to a missing or unknown `clientId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClientIdRefusal {
    /// 401 with the body of rejected keys.
    Unauthorized,
    /// 400 `InvalidObject`.
    BadRequest,
    /// 403 `Forbidden`.
    Forbidden,
}

/// What an inactive member's keys do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InactiveMember {
    /// Calls are answered, and `/system/myMembers/info` shows `inactiveFlag: true`.
    Answers,
    /// 401, as for wrong keys.
    Unauthorized,
}

/// The answer under a codebase that an upgrade has replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StaleCodebase {
    /// 400 text/plain `Cannot route. Codebase/company is invalid`.
    CannotRoute,
    /// The router's 404 with an empty HTML body.
    NotFound,
}

/// What the list of boards does with those that `/system/myMembers/info` names as excluded. The schema has the field
/// (`excludedServiceBoardIds`); whether the list heeds it is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HiddenBoards {
    /// They are not in the list.
    LeftOut,
    /// They are listed all the same.
    Listed,
}

/// A ConnectWise server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Site {
    /// The host people type, and other names for it. A cloud site also answers as `api-` + each.
    pub hosts: Vec<String>,
    /// Whether it is the vendor's cloud (a router in front, `api-` hosts, versioned codebase).
    pub cloud: bool,
    /// Path prefix of the API, ending with a slash: `v2025_1/`, or `v4_6_release/` on-premise.
    pub codebase: String,
    /// Version, as `/system/info` and companyinfo's `VersionNumber` give it.
    pub version: String,
    /// Region in `/system/info`.
    #[serde(default)]
    pub cloud_region: Option<String>,
    /// Whether `IsCloud` is the text `"True"` instead of a boolean; both are seen.
    #[serde(default)]
    pub is_cloud_as_text: bool,
    /// Codebases it had before.
    #[serde(default)]
    pub former_codebases: Vec<String>,
}

/// A tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Company {
    /// The login company in its canonical spelling.
    pub id: String,
    /// companyinfo's `CompanyID`, where that is not the login company: the vendor's own example is the login company
    /// `connectwise`, whose `CompanyID` is `CW`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical_id: Option<String>,
    /// Its display name.
    pub name: String,
    /// A host of the site it lives on.
    pub site: String,
    /// companyinfo's `SiteUrl`: `true` (the site's own API host), `false` (absent), or a text of its own.
    #[serde(default)]
    pub site_url: SiteUrl,
    /// The API members.
    #[serde(default)]
    pub members: Vec<Member>,
    /// The service and project boards.
    #[serde(default)]
    pub boards: Vec<Board>,
}

/// companyinfo's `SiteUrl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SiteUrl {
    /// The site's own API host, or no such field at all.
    Shown(bool),
    /// This text, whatever it is.
    Text(String),
}

impl Default for SiteUrl {
    fn default() -> Self {
        Self::Shown(true)
    }
}

/// An API member.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Member {
    /// Its identifier.
    pub identifier: String,
    /// The name of its security role.
    pub role: String,
    /// Whether it was made inactive.
    #[serde(default)]
    pub inactive: bool,
    /// `A` is an API member; `C`, `F` and `X` are people's licences.
    #[serde(default = "api_license")]
    pub license_class: String,
    /// The key pairs made for it.
    #[serde(default)]
    pub keys: Vec<KeyPair>,
    /// Names of boards that are hidden from it.
    #[serde(default)]
    pub hidden_boards: Vec<String>,
}

fn api_license() -> String {
    "A".to_owned()
}

/// A service or project board.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Board {
    /// Its name.
    pub name: String,
    /// Whether it was made inactive.
    #[serde(default)]
    pub inactive: bool,
    /// Whether it is a project board.
    #[serde(default)]
    pub project_flag: bool,
    /// Its teams.
    #[serde(default)]
    pub teams: Vec<Team>,
}

/// A team of a board.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Team {
    /// Its name.
    pub name: String,
    /// Whether it is the board's default team.
    #[serde(default)]
    pub default_flag: bool,
}
