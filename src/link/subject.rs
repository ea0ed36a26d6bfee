//! A link as the rules see it: parsed once, without Kubernetes types.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::config::Config;
use crate::connectwise::CompanyId;
use crate::connectwise::profile::Profile;
use crate::crd::{
    ConditionType, ConnectWiseLink, FINALIZER, Inputs, Interval, LinkRecord, LinkRef, LinkSpec, LinkStatus,
    REQUESTED_AT, Reason, RegistrationMode,
};
use crate::dns_name;
use crate::petra::{LinkId, Owner};
use crate::upstream::Service;
use crate::upstream::allow::Purpose;
use crate::upstream::hosts::{HostPort, SiteUrlProblem};

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
    /// How the link is registered, also where something is wrong with the spec.
    pub mode: RegistrationMode,
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
        let finalizer = meta.finalizers.iter().flatten().any(|name| name == FINALIZER);
        let mode = mode(&link.spec, &status, finalizer, config);
        Self {
            uid: meta.uid.clone().unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            created: meta.creation_timestamp.as_ref().map(|time| time.0),
            deleting: meta.deletion_timestamp.as_ref().map(|time| time.0),
            finalizer,
            requested_at,
            owner: Owner::new(&config.installation, &key.namespace, &key.name),
            mode,
            target: target(&link.spec, mode, config),
            interval: interval(&link.spec, config),
            spec: link.spec.clone(),
            status,
            key,
        }
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

    /// Whether the status says that a person saved the link by hand.
    #[must_use]
    pub(crate) fn is_saved_by_hand(&self) -> bool {
        let is_of_portal = |link: &LinkRecord| link.mode == Some(RegistrationMode::Portal);
        self.status.link.as_ref().is_some_and(is_of_portal)
            && self.status.reason(ConditionType::Registered) == Some(Reason::Acknowledged)
    }

    /// The id of the company's link as the status names it: a hint about what this resource may claim, and no more.
    #[must_use]
    pub(crate) fn hinted_id(&self) -> Option<LinkId> {
        if let Some(record) = &self.status.link {
            return LinkId::parse(&record.id).filter(LinkId::is_derived);
        }
        let company = CompanyId::parse(self.status.inputs.as_ref()?.company_id.as_deref()?).ok()?;
        let api_host: HostPort = self.status.site.as_ref()?.api_host.as_deref()?.parse().ok()?;
        Some(LinkId::derive(company.as_str(), &api_host.canonical().to_string()))
    }

    /// Whether the spec says that a person saved this very link in Petra's portal, with the keys of now or earlier ones.
    #[must_use]
    pub(crate) fn acknowledges(&self, id: &LinkId) -> bool {
        let token = self.spec.registration.as_ref().and_then(|it| it.acknowledged.as_deref());
        token.and_then(|token| token.trim().split_once('-')).is_some_and(|(of, _)| of == id.shortened())
    }

    /// The inputs of this spec, without what only the Secret contains. What cannot be read is absent.
    #[must_use]
    pub(crate) fn inputs(&self) -> Inputs {
        let last = self.status.inputs.clone().unwrap_or_default();
        let site = site(&self.spec).ok().map(|site| site.to_string());
        let company_id = CompanyId::parse(&self.spec.company_id).ok().map(|company| company.to_string());
        let same_company = last.company_id == company_id;
        let same_secret = last.secret_name.as_deref() == Some(&self.spec.credentials_secret_ref.name);
        let of_secret = |value: Option<String>| value.filter(|_| same_secret && same_company);
        Inputs {
            site,
            company_id,
            secret_name: Some(self.spec.credentials_secret_ref.name.clone()),
            secret_uid: of_secret(last.secret_uid),
            secret_resource_version: of_secret(last.secret_resource_version),
            // Kept across a renamed Secret: only the content says whether the keys changed. The version is of the company too.
            credentials_version: last.credentials_version.filter(|_| same_company),
            permission_profile: Some(self.spec.profile_name().to_owned()),
            service_board: self.spec.service_board.clone(),
            mode: Some(self.mode),
            client_id_version: last.client_id_version,
        }
    }

    /// Whether the spec names what the status judges. If it cannot be worked on then, the operator's configuration changed
    /// and not the spec.
    #[must_use]
    pub(crate) fn names_judged_inputs(&self) -> bool {
        self.status.inputs.as_ref() == Some(&self.inputs())
    }
}

fn interval(spec: &LinkSpec, config: &Config) -> Duration {
    match spec.interval.as_deref().and_then(Interval::parse) {
        Some(interval) => config.timings.scale(interval.duration()),
        None => config.timings.interval,
    }
}

/// `siteUrl`, normalised.
fn site(spec: &LinkSpec) -> Result<HostPort, SiteUrlProblem> {
    HostPort::parse_site(&spec.site_url).map(|site| site.site_key())
}

/// How the link is registered: as the spec says; else as it is registered now. Mode `Api` alone has the finalizer, which
/// a person who can only write the status cannot touch.
fn mode(spec: &LinkSpec, status: &LinkStatus, finalizer: bool, config: &Config) -> RegistrationMode {
    let asked = spec.registration.as_ref().and_then(|registration| registration.mode);
    let registered = finalizer.then_some(RegistrationMode::Api);
    let recorded = status.link.as_ref().and_then(|link| link.mode);
    asked.or(registered).or(recorded).unwrap_or(config.default_mode)
}

fn target(spec: &LinkSpec, mode: RegistrationMode, config: &Config) -> Result<Target, SpecProblem> {
    let invalid =
        |message: String| SpecProblem { reason: Reason::SpecInvalid, message, of_configuration: false };
    let unknown_here = |reason, message| SpecProblem { reason, message, of_configuration: true };
    let company = CompanyId::parse(&spec.company_id)
        .map_err(|problem| invalid(format!("spec.companyId: {problem}. Correct it in the resource.")))?;
    let site = site(spec)
        .map_err(|problem| invalid(format!("spec.siteUrl {problem}. Correct it in the resource.")))?;
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
