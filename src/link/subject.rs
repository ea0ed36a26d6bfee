//! A link as the rules see it: parsed once, without Kubernetes types.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::config::Config;
use crate::connectwise::profile::Profile;
use crate::connectwise::{CompanyId, Tenant};
use crate::crd::{
    ConditionType, ConnectWiseLink, FINALIZER, Inputs, Interval, LinkRef, LinkSpec, LinkStatus, REQUESTED_AT,
    Reason, RegistrationMode,
};
use crate::dns_name;
use crate::petra::{LinkId, Owner};
use crate::upstream::Service;
use crate::upstream::allow::Purpose;
use crate::upstream::hosts::HostPort;

/// A spec that can be worked on.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// `siteUrl`, normalised.
    pub site: HostPort,
    /// `companyId`.
    pub company: CompanyId,
    /// The profile that the role is held against.
    pub profile: Arc<Profile>,
    /// How the link is registered.
    pub mode: RegistrationMode,
}

/// A spec that cannot: which row says so, and what to tell the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpecProblem {
    /// `SpecInvalid`, `SiteNotAllowed` or `CompanyNotAllowed`.
    pub reason: Reason,
    /// The message of `Ready`.
    pub message: String,
    /// Whether the same spec may be fine with another configuration of the operator.
    pub of_configuration: bool,
}

/// One link, as a visit begins.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Namespace and name.
    pub key: LinkRef,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// `metadata.deletionTimestamp`.
    pub deleting: Option<Timestamp>,
    /// Whether the finalizer is there.
    pub finalizer: bool,
    /// The annotation [`REQUESTED_AT`], when it was not handled yet.
    pub requested_at: Option<String>,
    /// The spec.
    pub spec: LinkSpec,
    /// The last status; empty when there was none.
    pub status: LinkStatus,
    /// Who this resource is at Petra.
    pub owner: Owner,
    /// The parsed spec, or what is wrong with it.
    pub target: Result<Target, SpecProblem>,
    /// How often a healthy link is checked, at the operator's speed.
    pub interval: Duration,
}

impl Subject {
    /// Parses a link. `requestedAt` beyond 256 characters is cut: it is echoed, and nothing else.
    #[must_use]
    pub(crate) fn read(link: &ConnectWiseLink, config: &Config) -> Self {
        let meta = &link.metadata;
        let key = LinkRef::new(
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default(),
        );
        let status = link.status.clone().unwrap_or_default();
        let requested_at = meta
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get(REQUESTED_AT))
            .map(|at| at.chars().take(256).collect::<String>())
            .filter(|at| status.last_handled_reconcile_at.as_ref() != Some(at));
        Self {
            uid: meta.uid.clone().unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            created: meta.creation_timestamp.as_ref().map(|time| time.0),
            deleting: meta.deletion_timestamp.as_ref().map(|time| time.0),
            finalizer: meta.finalizers.iter().flatten().any(|name| name == FINALIZER),
            requested_at,
            owner: Owner::new(&config.installation, &key.namespace, &key.name),
            target: target(&link.spec, &status, config),
            interval: interval(&link.spec, config),
            spec: link.spec.clone(),
            status,
            key,
        }
    }

    /// The tenant that the last full round of an earlier process found for this spec.
    #[must_use]
    pub(crate) fn recorded_tenant(&self) -> Option<Tenant> {
        let company = self.target.as_ref().ok()?.company.clone();
        let site = self.status.site.as_ref()?;
        Tenant::recorded(
            company,
            site.api_host.as_deref()?,
            site.codebase.as_deref()?,
            site.version.as_deref(),
        )
    }

    /// Whether the status says that the link is Ready.
    #[must_use]
    pub(crate) fn is_ready(&self) -> bool {
        self.status.is_true(ConditionType::Ready)
    }

    /// Whether the last verdict is good: the link is Ready, or was until its verdict became too old.
    #[must_use]
    pub(crate) fn is_good(&self) -> bool {
        self.is_ready() || self.status.reason(ConditionType::Ready) == Some(Reason::ValidationStale)
    }

    /// The id of the link that a person saved by hand and acknowledged.
    #[must_use]
    pub(crate) fn acknowledged_id(&self) -> Option<LinkId> {
        let record = self.status.link.as_ref().filter(|link| link.mode == Some(RegistrationMode::Portal))?;
        let acknowledged = self.status.reason(ConditionType::Registered) == Some(Reason::Acknowledged);
        LinkId::parse(&record.id).filter(|_| acknowledged)
    }

    /// The inputs of this spec, without what only the Secret tells.
    #[must_use]
    pub(crate) fn inputs(&self, target: &Target) -> Inputs {
        let last = self.status.inputs.clone().unwrap_or_default();
        let same_secret = last.secret_name.as_deref() == Some(&self.spec.credentials_secret_ref.name);
        let carried = |value: Option<String>| value.filter(|_| same_secret);
        Inputs {
            site: Some(target.site.to_string()),
            company_id: Some(target.company.as_str().to_owned()),
            secret_name: Some(self.spec.credentials_secret_ref.name.clone()),
            secret_uid: carried(last.secret_uid),
            secret_resource_version: carried(last.secret_resource_version),
            // Kept across a renamed Secret: only the content says whether the keys changed.
            credentials_version: last.credentials_version,
            permission_profile: Some(target.profile.name.clone()),
            service_board: self.spec.service_board.clone(),
            mode: Some(target.mode),
            client_id_version: last.client_id_version,
        }
    }

    /// Whether the spec names what the status judges. If it cannot be worked on then, the operator's configuration changed
    /// and not the spec.
    #[must_use]
    pub(crate) fn names_judged_inputs(&self, config: &Config) -> bool {
        let Some(last) = &self.status.inputs else { return false };
        let site = HostPort::parse_site(&self.spec.site_url).ok().map(|site| site.site_key().to_string());
        last.site == site
            && last.company_id.as_ref() == Some(&self.spec.company_id)
            && last.secret_name.as_ref() == Some(&self.spec.credentials_secret_ref.name)
            && last.permission_profile.as_deref() == Some(self.spec.profile_name())
            && last.service_board == self.spec.service_board
            && last.mode == Some(mode(&self.spec, &self.status, config))
    }
}

fn interval(spec: &LinkSpec, config: &Config) -> Duration {
    match spec.interval.as_deref().and_then(Interval::parse) {
        Some(interval) => config.timings.scale(interval.duration()),
        None => config.timings.interval,
    }
}

fn mode(spec: &LinkSpec, status: &LinkStatus, config: &Config) -> RegistrationMode {
    let recorded = status.link.as_ref().and_then(|link| link.mode);
    let asked = spec.registration.as_ref().and_then(|registration| registration.mode);
    asked.or(recorded).unwrap_or(config.default_mode)
}

fn target(spec: &LinkSpec, status: &LinkStatus, config: &Config) -> Result<Target, SpecProblem> {
    let invalid =
        |message: String| SpecProblem { reason: Reason::SpecInvalid, message, of_configuration: false };
    let unknown_here = |reason, message| SpecProblem { reason, message, of_configuration: true };
    let company = CompanyId::parse(&spec.company_id)
        .map_err(|problem| invalid(format!("spec.companyId: {problem}. Correct it in the resource.")))?;
    let site = HostPort::parse_site(&spec.site_url)
        .map_err(|problem| invalid(format!("spec.siteUrl {problem}. Correct it in the resource.")))?
        .site_key();
    // The name becomes part of a path at the API server: `../../other/secrets/keys` must never get there.
    if !dns_name::is_subdomain(&spec.credentials_secret_ref.name) {
        return Err(invalid(
            "spec.credentialsSecretRef.name is not a valid name of a Secret. Correct it in the resource."
                .to_owned(),
        ));
    }
    if let Some(text) = &spec.interval
        && Interval::parse(text).is_none()
    {
        return Err(invalid(
            "spec.interval is not a duration from 5m to 24h. Correct it in the resource.".to_owned(),
        ));
    }
    let Some(profile) = config.profiles.get(spec.profile_name()) else {
        let known: Vec<&str> = config.profiles.names().collect();
        return Err(unknown_here(
            Reason::SpecInvalid,
            format!(
                "spec.permissionProfile does not name a profile of this operator. Use one of {}, or ask the operator's \
                 administrator to add yours to the profiles file.",
                known.join(", ")
            ),
        ));
    };
    let mode = mode(spec, status, config);
    if mode == RegistrationMode::Api && !config.petra_configured {
        return Err(unknown_here(
            Reason::SpecInvalid,
            "The registration mode is Api, but this operator has no Petra URL. Set spec.registration.mode to Portal, or ask \
             the operator's administrator to set --petra-url."
                .to_owned(),
        ));
    }
    if config.allow.check(Service::ConnectWise, &site, Purpose::Discovery).is_err() {
        return Err(unknown_here(
            Reason::SiteNotAllowed,
            format!(
                "{site} is not a production host of the ConnectWise cloud, and the operator's configuration does not allow it. \
                 Correct spec.siteUrl, or ask the operator's administrator to add the flag \"--allow-site={site}\"."
            ),
        ));
    }
    if config
        .companies
        .as_ref()
        .is_some_and(|companies| !companies.iter().any(|allowed| allowed.is_same(&company)))
    {
        return Err(unknown_here(
            Reason::CompanyNotAllowed,
            format!(
                "The operator's configuration does not allow company \"{company}\". Correct spec.companyId, or ask the \
                 operator's administrator to add the flag \"--allow-company={company}\"."
            ),
        ));
    }
    Ok(Target { site, company, profile: Arc::clone(profile), mode })
}
