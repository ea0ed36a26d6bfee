//! Which of the links at Petra is this resource's: by what this process found, never by what the status says alone.

use crate::connectwise::Depth;
use crate::crd::RegistrationMode;
use crate::link::decide::View;
use crate::link::decide::verdict::Passed;
use crate::link::state::Found;
use crate::link::subject::Target;
use crate::petra::client::Adopt;
use crate::petra::{Holder, LinkId, PutAnswer, RemoteLink};

/// The id of this owner's link of the company. Prefers the recorded id if Petra still has it, then another link of this
/// owner. Otherwise the id of the tenant that this process found. Keeps the recorded id if Petra cannot prove that the link
/// is absent. `None` where only a round can tell.
pub(super) fn link_id(view: &View, target: &Target, passed: &Passed) -> Option<LinkId> {
    let facts = view.facts;
    match &facts.put_answer {
        Some(PutAnswer::CompanyLinked { id: Some(id), holder }) if view.adopts(id, holder) => {
            return Some(id.clone());
        }
        Some(PutAnswer::CompanyLinked { .. }) | None => {}
        Some(_) => return facts.put_id.clone(),
    }
    let is_gone = |id: &LinkId| facts.petra_links.get(id) == Some(&Ok(None));
    let recorded = view.recorded_id().filter(|id| !is_gone(id));
    let derived = passed.derived_id();
    // What has another form than the operator's ids is none that it may write into a status: it is a leftover.
    let is_usable = |id: &&LinkId| recorded.as_ref() == Some(*id) || id.is_derived();
    let is_of_now = |link: &&RemoteLink| is_of(view, target, passed.schedule.found.as_ref(), link);
    let existing: Vec<&LinkId> =
        view.owned_links().filter(is_of_now).map(|link| &link.id).filter(is_usable).collect();
    let preferred = [&recorded, &derived].into_iter().flatten().find(|id| existing.contains(id));
    match preferred.or(existing.first().copied()).cloned() {
        Some(id) => Some(id),
        None if recorded.is_some() && view.absence_is_unproven() => recorded,
        None => derived.or(recorded),
    }
}

/// Whether Petra's link is of the company and the site of now. One that the status records may be at the API host of before:
/// it keeps its id when companyinfo names another, and while it is recorded, company and site cannot be edited.
pub(super) fn is_of(view: &View, target: &Target, found: Option<&Found>, link: &RemoteLink) -> bool {
    let (Some(company), Some(site)) = (&link.company, &link.site) else { return false };
    let is_recorded = view.recorded_id().as_ref() == Some(&link.id);
    let Some(Found { tenant, .. }) = found else {
        return company.is_same(&target.company) && (is_recorded || site.is_same_server(&target.site));
    };
    let canonical = &tenant.canonical_company;
    let is_former =
        || is_recorded && LinkId::derive(canonical.as_str(), &site.canonical().to_string()) == link.id;
    (company.is_same(&target.company) || company.is_same(canonical))
        && (site.is_same_server(&tenant.api_host) || site.is_same_server(&target.site) || is_former())
}

impl View<'_> {
    /// The id that the status records, of mode `Api`.
    pub(super) fn recorded_id(&self) -> Option<LinkId> {
        self.record(RegistrationMode::Api).and_then(|record| LinkId::parse(&record.id))
    }

    /// Whether the spec takes this link of the company over, before there is one of ours. Its id must have the form of the
    /// operator's own, because it becomes part of the status.
    pub(super) fn adopts(&self, id: &LinkId, holder: &Holder) -> bool {
        let holder = match holder {
            Holder::Nobody => Adopt::Unowned,
            Holder::Owner(owner) => Adopt::Owner(owner.clone()),
            Holder::Unreadable => return false,
        };
        let named = self.subject.spec.registration.as_ref().and_then(|it| it.adopt_from.as_deref());
        id.is_derived() && named == Some(holder.as_str()) && self.record(RegistrationMode::Api).is_none()
    }
}

impl Passed {
    /// The id of the tenant that this process found.
    pub(in crate::link::decide) fn derived_id(&self) -> Option<LinkId> {
        self.schedule.found.as_ref().map(|found| LinkId::of(&found.tenant))
    }

    /// What this process found, if a round of it found these very inputs good.
    pub(in crate::link::decide) fn proved(&self) -> Option<(&Found, Depth)> {
        let found = self.schedule.found.as_ref()?;
        Some((found, found.passed.as_ref()?.depth))
    }
}
