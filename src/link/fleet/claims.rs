//! Which resource holds the link of a company, as far as the resources of this operator say.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::crd::ConditionType;
use crate::crd::LinkRef;
use crate::link::facts::{Precedence, Rival};
use crate::link::subject::Subject;
use crate::petra::LinkId;

/// A resource's claim to the link of a company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Which link.
    pub id: LinkId,
    /// Whether a person acknowledged it.
    pub acknowledged: bool,
    /// When the resource was created.
    pub created: Option<Timestamp>,
}

/// The claims of all resources.
#[derive(Default)]
pub(super) struct Claims(HashMap<LinkRef, Claim>);

/// The resources that a changed claim concerns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// Other resources that claim the same link. Those with lower precedence must stop asking a person to save it.
    pub contested: Vec<LinkRef>,
    /// Claim the link that was given up.
    pub freed: Vec<LinkRef>,
}

/// What a settled visit does to the claim of its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClaimUpdate {
    /// The visit did not find out, so the former claim holds.
    Keep,
    /// The link claims nothing.
    Drop,
    /// The link claims this.
    Set(Claim),
}

/// What a settled visit that found `id` does to the claim of its link.
pub(super) fn claim_after(subject: &Subject, id: Option<&LinkId>) -> ClaimUpdate {
    // A link with rejected API keys or a missing permission has no claim. An outage does not end a claim.
    let accused = [ConditionType::AuthFailed, ConditionType::PermissionDenied]
        .into_iter()
        .any(|kind| subject.status.is_true(kind));
    let acknowledged = subject.acknowledged_id();
    if id.is_none() && (accused || subject.deleting.is_some()) {
        return ClaimUpdate::Drop;
    }
    let is_acknowledged = acknowledged.is_some();
    // Suspended, or without its Secret: what a person saved by hand is at Petra, also after a restart.
    match id.cloned().or(acknowledged) {
        Some(id) => ClaimUpdate::Set(Claim { id, acknowledged: is_acknowledged, created: subject.created }),
        None => ClaimUpdate::Keep,
    }
}

impl Claims {
    /// Replaces the claim of a resource.
    pub(crate) fn set(&mut self, link: &LinkRef, claim: Option<Claim>) -> Changed {
        let before = match claim.clone() {
            Some(claim) => self.0.insert(link.clone(), claim),
            None => self.0.remove(link),
        };
        if before == claim {
            return Changed::default();
        }
        let id = claim.map(|claim| claim.id);
        let given_up = before.map(|before| before.id).filter(|before| id.as_ref() != Some(before));
        let others = |id: Option<&LinkId>| id.map(|id| self.others(link, id)).unwrap_or_default();
        Changed { contested: others(id.as_ref()), freed: others(given_up.as_ref()) }
    }

    /// Forgets the claim of a resource that was replaced by a namesake.
    pub(crate) fn remove(&mut self, link: &LinkRef) {
        self.0.remove(link);
    }

    /// Whether `subject` or another resource comes first for this link.
    pub(crate) fn precedence(&self, subject: &Subject, id: &LinkId) -> Precedence {
        let acknowledged = subject.acknowledged_id().is_some();
        let mine = (!acknowledged, subject.created, &subject.key);
        let others = self.0.iter().filter(|(key, claim)| claim.id == *id && **key != subject.key);
        let ranked = others.map(|(key, claim)| (!claim.acknowledged, claim.created, key));
        let Some((.., key)) = ranked.filter(|other| *other < mine).min() else { return Precedence::First };
        let visible_name = (key.namespace == subject.key.namespace).then(|| key.name.clone());
        Precedence::After(Rival { visible_name })
    }

    /// The other resources with a claim to `id`.
    fn others(&self, link: &LinkRef, id: &LinkId) -> Vec<LinkRef> {
        let others = self.0.iter().filter(|(key, claim)| *key != link && claim.id == *id);
        others.map(|(key, _)| key.clone()).collect()
    }
}
