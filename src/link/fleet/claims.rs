//! Which resource holds the link of a company, as far as the resources of this operator say.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::crd::ConditionType;
use crate::crd::LinkRef;
use crate::link::facts::Rival;
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

/// What a link claims after a settled visit that found `id`. `None`: the visit did not find out, so the former claim holds.
/// `Some(None)`: it claims nothing.
pub(super) fn claim_after(subject: &Subject, id: Option<&LinkId>) -> Option<Option<Claim>> {
    let acknowledged = subject.acknowledged_id();
    // A link with rejected API keys or a missing permission has no claim. An outage does not end a claim.
    let accused = [ConditionType::AuthFailed, ConditionType::PermissionDenied]
        .into_iter()
        .any(|kind| subject.status.is_true(kind));
    let claim = |id: LinkId| Claim { id, acknowledged: acknowledged.is_some(), created: subject.created };
    match (id, &acknowledged) {
        (Some(id), _) => Some(Some(claim(id.clone()))),
        (None, _) if accused || subject.deleting.is_some() => Some(None),
        // Suspended, or without its Secret: what a person saved by hand is at Petra, also after a restart.
        (None, Some(id)) => Some(Some(claim(id.clone()))),
        (None, None) => None,
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

    /// The resource that comes before `subject` for this link, if there is one.
    pub(crate) fn rival(&self, subject: &Subject, id: &LinkId) -> Option<Rival> {
        let acknowledged = subject.acknowledged_id().is_some();
        let mine = (!acknowledged, subject.created, &subject.key);
        let others = self.0.iter().filter(|(key, claim)| claim.id == *id && **key != subject.key);
        let ranked = others.map(|(key, claim)| (!claim.acknowledged, claim.created, key));
        let (.., key) = ranked.filter(|other| *other < mine).min()?;
        let visible_name = (key.namespace == subject.key.namespace).then(|| key.name.clone());
        Some(Rival { visible_name })
    }

    /// The other resources with a claim to `id`.
    fn others(&self, link: &LinkRef, id: &LinkId) -> Vec<LinkRef> {
        let others = self.0.iter().filter(|(key, claim)| *key != link && claim.id == *id);
        others.map(|(key, _)| key.clone()).collect()
    }
}
