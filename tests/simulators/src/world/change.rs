//! Changes of the running world, as an administrator of a tenant or the vendor would make them.

use std::sync::Arc;

use serde::Deserialize;
use thiserror::Error;

use super::{State, World};
use crate::scenario::{Board, Company, KeyPair, Member, Role, ScenarioError, Settings, SiteUrl};
use crate::tls::CertificateKind;

/// Why a change was not made; the world is as before.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// There is nothing of that name.
    #[error("there is no {kind} {name:?}")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// It would contradict the rest.
    #[error(transparent)]
    Invalid(#[from] ScenarioError),
}

/// What to change of a member; absent fields stay.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct MemberChange {
    /// All key pairs it has from now on.
    pub keys: Option<Vec<KeyPair>>,
    /// Whether it is inactive.
    pub inactive: Option<bool>,
    /// Its security role.
    pub role: Option<String>,
    /// Its licence class.
    pub license_class: Option<String>,
    /// Boards hidden from it.
    pub hidden_boards: Option<Vec<String>>,
}

/// What to change of a site; absent fields stay.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct SiteChange {
    /// Another codebase, as an upgrade brings it; the old one becomes stale.
    pub codebase: Option<String>,
    /// Another version.
    pub version: Option<String>,
    /// Whether `IsCloud` is a text.
    pub is_cloud_as_text: Option<bool>,
    /// companyinfo's `SiteUrl` for every company of the site.
    pub site_url: Option<SiteUrl>,
    /// The certificate of the very host that the change names.
    pub certificate: Option<CertificateKind>,
}

/// What to change of a company; absent fields stay.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct CompanyChange {
    /// Another login company: the old one is unknown from now on.
    pub id: Option<String>,
    /// companyinfo's `CompanyID`.
    pub canonical_id: Option<String>,
    /// Another display name.
    pub name: Option<String>,
    /// A host of another site.
    pub site: Option<String>,
    /// companyinfo's `SiteUrl`.
    pub site_url: Option<SiteUrl>,
}

fn not_found(kind: &'static str, name: &str) -> ChangeError {
    ChangeError::NotFound { kind, name: name.to_owned() }
}

impl World {
    /// Changes a member of a company.
    ///
    /// # Errors
    /// [`ChangeError`]: there is no such member, or the change names a role or board that there is not.
    pub fn change_member(
        &self,
        company: &str,
        identifier: &str,
        change: MemberChange,
    ) -> Result<(), ChangeError> {
        self.change_company_with(company, |company| {
            let named = |member: &&mut Member| member.identifier.eq_ignore_ascii_case(identifier);
            let member =
                company.members.iter_mut().find(named).ok_or_else(|| not_found("member", identifier))?;
            let MemberChange { keys, inactive, role, license_class, hidden_boards } = change;
            member.keys = keys.unwrap_or_else(|| member.keys.clone());
            member.inactive = inactive.unwrap_or(member.inactive);
            member.role = role.unwrap_or_else(|| member.role.clone());
            member.license_class = license_class.unwrap_or_else(|| member.license_class.clone());
            member.hidden_boards = hidden_boards.unwrap_or_else(|| member.hidden_boards.clone());
            Ok(())
        })
    }

    /// Puts a role in place of the one of that name, or beside the others.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`]: it names a function or table that there is not.
    pub fn set_role(&self, name: &str, role: Role) -> Result<(), ChangeError> {
        role.check(&format!("roles.{name}"))?;
        self.lock().roles.insert(name.to_owned(), Arc::new(role));
        Ok(())
    }

    /// Changes a role in place.
    ///
    /// # Errors
    /// [`ChangeError`]: there is no such role, or the result names a function or table that there is not.
    pub fn change_role(&self, name: &str, change: impl FnOnce(&mut Role)) -> Result<(), ChangeError> {
        let mut role = self.lock().roles.get(name).map(|role| Role::clone(role));
        change(role.as_mut().ok_or_else(|| not_found("role", name))?);
        self.set_role(name, role.unwrap_or_default())
    }

    /// Replaces all boards of a company.
    ///
    /// # Errors
    /// [`ChangeError`]: there is no such company, or a board that goes is named as hidden from a member.
    pub fn set_boards(&self, company: &str, boards: Vec<Board>) -> Result<(), ChangeError> {
        self.change_company_with(company, |company| {
            company.boards = boards;
            Ok(())
        })
    }

    /// Puts one board in place of the one of that name, or beside the others.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`]: there is no such company.
    pub fn set_board(&self, company: &str, board: Board) -> Result<(), ChangeError> {
        self.change_company_with(company, |company| {
            match company.boards.iter_mut().find(|present| present.name == board.name) {
                Some(present) => *present = board,
                None => company.boards.push(board),
            }
            Ok(())
        })
    }

    /// Changes the site that has a host.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`]: no site has it.
    pub fn change_site(&self, host: &str, change: SiteChange) -> Result<(), ChangeError> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let (hosts, _) = state
            .site_at(host)
            .map(|(site, api)| (site.hosts.clone(), api))
            .ok_or_else(|| not_found("site", host))?;
        let SiteChange { codebase, version, is_cloud_as_text, site_url, certificate } = change;
        for site in state.sites.iter_mut().filter(|site| site.hosts == hosts) {
            if let Some(codebase) = codebase.clone().filter(|codebase| *codebase != site.codebase) {
                site.former_codebases.push(std::mem::replace(&mut site.codebase, codebase));
            }
            site.version = version.clone().unwrap_or_else(|| site.version.clone());
            site.is_cloud_as_text = is_cloud_as_text.unwrap_or(site.is_cloud_as_text);
        }
        if let Some(site_url) = site_url {
            for company in state.companies.values_mut().filter(|company| hosts.contains(&company.site)) {
                company.site_url = site_url.clone();
            }
        }
        if let Some(certificate) = certificate {
            state.certificates.insert(host.to_ascii_lowercase(), certificate);
        }
        Ok(())
    }

    /// Changes a company.
    ///
    /// # Errors
    /// [`ChangeError`]: there is no such company or site.
    pub fn change_company(&self, id: &str, change: CompanyChange) -> Result<(), ChangeError> {
        self.change_company_with(id, |company| {
            let CompanyChange { id, canonical_id, name, site, site_url } = change;
            company.id = id.unwrap_or_else(|| company.id.clone());
            company.canonical_id = canonical_id.or_else(|| company.canonical_id.clone());
            company.name = name.unwrap_or_else(|| company.name.clone());
            company.site = site.unwrap_or_else(|| company.site.clone());
            company.site_url = site_url.unwrap_or_else(|| company.site_url.clone());
            Ok(())
        })
    }

    /// Adds a company, or replaces the one of that id.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`]: it names a site, role or board that there is not.
    pub fn set_company(&self, company: Company) -> Result<(), ChangeError> {
        let mut state = self.lock();
        state.check_company(&company)?;
        state.companies.insert(company.id.to_ascii_lowercase(), company);
        Ok(())
    }

    /// Removes a company: unknown from now on.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`]: there is no such company.
    pub fn remove_company(&self, id: &str) -> Result<(), ChangeError> {
        self.lock()
            .companies
            .remove(&id.to_ascii_lowercase())
            .map(drop)
            .ok_or_else(|| not_found("company", id))
    }

    /// Replaces the accepted `clientId` values; none means any GUID.
    pub fn set_client_ids(&self, client_ids: Vec<String>) {
        self.lock().client_ids = client_ids;
    }

    /// Replaces the settings.
    pub fn set_settings(&self, settings: Settings) {
        self.lock().settings = settings;
    }

    fn change_company_with(
        &self,
        id: &str,
        change: impl FnOnce(&mut Company) -> Result<(), ChangeError>,
    ) -> Result<(), ChangeError> {
        let mut state = self.lock();
        let before = id.to_ascii_lowercase();
        let mut company = state.companies.get(&before).cloned().ok_or_else(|| not_found("company", id))?;
        change(&mut company)?;
        state.check_company(&company)?;
        state.companies.remove(&before);
        state.companies.insert(company.id.to_ascii_lowercase(), company);
        Ok(())
    }
}

impl State {
    /// Checks one company against sites and roles; a fleet of thousands is not looked at for it.
    fn check_company(&self, company: &Company) -> Result<(), ScenarioError> {
        company.check(&format!("companies.{}", company.id), &self.sites, |role| self.roles.contains_key(role))
    }
}
