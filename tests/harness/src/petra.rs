//! What the simulated Petra holds, and the people and bad days that it plays.

use serde_json::{Value, json};

use crate::http::ask_for;
use crate::{Error, Result};

/// Petra's books, over the simulator's admin port. Its routes and fields are described in `simulators`.
#[derive(Clone, Copy, Debug)]
pub struct PetraBooks {
    port: u16,
}

impl PetraBooks {
    pub(crate) fn new(port: u16) -> Self {
        Self { port }
    }

    /// Every link, as the contract shows it, with `tenantMappings` and `keysDigest`.
    ///
    /// # Errors
    ///
    /// The admin port does not answer.
    pub fn links(self) -> Result<Vec<Value>> {
        let links = self.read("/petra/links")?;
        Ok(links.as_array().cloned().unwrap_or_default())
    }

    /// The links of this company, in any case.
    ///
    /// # Errors
    ///
    /// The admin port does not answer.
    pub fn links_of(self, company: &str) -> Result<Vec<Value>> {
        let is_of =
            |link: &Value| link["companyId"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(company));
        Ok(self.links()?.into_iter().filter(is_of).collect())
    }

    /// Every accepted change so far: `action` (`created`, `replaced`, `adopted`, `deleted`, `placed`, `vanished`),
    /// `linkId`, `companyId`, `by`, `owner`, `ownerUid`, `previousOwner`, `credentialsVersion`.
    ///
    /// # Errors
    ///
    /// The admin port does not answer.
    pub fn changes(self) -> Result<Vec<Value>> {
        let log = self.read("/petra/log")?;
        Ok(log["changes"].as_array().cloned().unwrap_or_default())
    }

    /// Puts a connected link there, as a person or another owner would have: `{companyId, siteUrl, owner?,
    /// ownerUid?, credentialsVersion?, tenantMappings?}`.
    ///
    /// # Errors
    ///
    /// The simulator refuses it.
    pub fn place(self, link_id: &str, link: &Value) -> Result<()> {
        ask_for("PUT", self.port, &format!("/petra/links/{link_id}"), Some(link)).map(drop)
    }

    /// Takes a link out, as a person in the portal would.
    ///
    /// # Errors
    ///
    /// There is no such link.
    pub fn vanish(self, link_id: &str) -> Result<()> {
        ask_for("DELETE", self.port, &format!("/petra/links/{link_id}"), None).map(drop)
    }

    /// Forces a state until the next PUT: `{"state": "pending"}`, `{"state": "connected"}`, or
    /// `{"state": "failed", "reason": "credentials_rejected"}`.
    ///
    /// # Errors
    ///
    /// There is no such link or state.
    pub fn force_state(self, link_id: &str, state: &Value) -> Result<()> {
        ask_for("POST", self.port, &format!("/petra/links/{link_id}/state"), Some(state)).map(drop)
    }

    /// Changes what is named: `apiKeys`, `confirmAfterMs`, `ratePerMinute`, `hasContract`, `connectwiseRefuses`,
    /// `pageSize`, `clockAheadMs`, `listLagMs`, `forgetAll`.
    ///
    /// # Errors
    ///
    /// The simulator does not know a setting.
    pub fn set(self, settings: &Value) -> Result<()> {
        ask_for("POST", self.port, "/petra/settings", Some(settings)).map(drop)
    }

    /// Loses every link at once.
    ///
    /// # Errors
    ///
    /// The admin port does not answer.
    pub fn forget_all(self) -> Result<()> {
        self.set(&json!({"forgetAll": true}))
    }

    fn read(self, path: &str) -> Result<Value> {
        let text = ask_for("GET", self.port, path, None)?;
        serde_json::from_str(&text).map_err(Error::unreadable(format!("the simulator's {path}")))
    }
}
