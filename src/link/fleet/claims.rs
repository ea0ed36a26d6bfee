//! Which resource holds the link of a company, as far as the resources of this operator say.
//!
//! A claim is proved by a round of this process: companyinfo named the tenant, and ConnectWise accepted the keys there. What a
//! status says is only a hint: it makes the operator check that resource soon, and decides nothing.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::crd::{ConditionType, LinkRef, RegistrationMode};
use crate::link::facts::{Precedence, Rival};
use crate::link::plan::Claimed;
use crate::link::subject::Subject;
use crate::petra::LinkId;

/// A resource's claim to the link of a company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// What it claims.
    pub claimed: Claimed,
    /// When the resource was created.
    pub created: Option<Timestamp>,
    /// Whether it is registered by `Portal`, where nobody but the operator keeps two resources of one company apart.
    pub of_portal: bool,
}

/// The claims of all resources.
#[derive(Default)]
pub(super) struct Claims(HashMap<LinkRef, Claim>);

/// The resources that a changed claim concerns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// Other resources that claim the same link. Those with lower precedence must stop asking a person to save it.
    pub contested: Vec<LinkRef>,
    /// Of all that claim this link, those whose claim is only a hint, while another one is proved: they must be checked.
    pub unproved: Vec<LinkRef>,
    /// Claim the link that was given up.
    pub freed: Vec<LinkRef>,
}

/// What a settled visit does to the claim of its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClaimUpdate {
    /// The visit did not find out: the former claim holds. Without one, this is what the status hints at.
    Keep(Option<LinkId>),
    /// The link claims nothing.
    Drop,
    /// The link claims this.
    Set(Claimed),
}

/// What a settled visit does to the claim of its link. `known`: whether this process found the tenant of the link's company.
pub(super) fn claim_after(subject: &Subject, claimed: Option<&Claimed>, known: bool) -> ClaimUpdate {
    if let Some(claimed) = claimed {
        return ClaimUpdate::Set(claimed.clone());
    }
    // A link with rejected API keys or a missing permission has no claim. An outage does not end a claim.
    let accused = [ConditionType::AuthFailed, ConditionType::PermissionDenied]
        .into_iter()
        .any(|kind| subject.status.is_true(kind));
    if accused || subject.deleting.is_some() {
        return ClaimUpdate::Drop;
    }
    // Where this process knows the tenant, there is nothing to hint at.
    ClaimUpdate::Keep(subject.hinted_id().filter(|_| !known))
}

impl Claims {
    /// Changes the claim of a resource.
    pub(crate) fn update(&mut self, subject: &Subject, update: ClaimUpdate, known: bool) -> Changed {
        // What was proved for another company or site is not held on to.
        let former = self.0.get(&subject.key).filter(|claim| known || !claim.claimed.proved);
        let claimed = match update {
            ClaimUpdate::Drop => None,
            ClaimUpdate::Set(claimed) => {
                let proved_before =
                    former.is_some_and(|former| former.claimed.proved && former.claimed.id == claimed.id);
                Some(Claimed { proved: claimed.proved || proved_before, ..claimed })
            }
            ClaimUpdate::Keep(hint) => former.map(|former| former.claimed.clone()).or_else(|| {
                hint.map(|id| Claimed { acknowledged: subject.acknowledges(&id), id, proved: false })
            }),
        };
        let (created, of_portal) = (subject.created, subject.mode == RegistrationMode::Portal);
        self.set(&subject.key, claimed.map(|claimed| Claim { claimed, created, of_portal }))
    }

    /// Replaces the claim of a resource.
    pub(crate) fn set(&mut self, link: &LinkRef, claim: Option<Claim>) -> Changed {
        let before = match claim.clone() {
            Some(claim) => self.0.insert(link.clone(), claim),
            None => self.0.remove(link),
        };
        if before == claim {
            return Changed::default();
        }
        let id = claim.map(|claim| claim.claimed.id);
        let given_up = before.map(|before| before.claimed.id).filter(|before| id.as_ref() != Some(before));
        let others = |id: Option<&LinkId>| id.map(|id| self.others(link, id)).unwrap_or_default();
        let (contested, freed) = (others(id.as_ref()), others(given_up.as_ref()));
        let unproved = id.map(|id| self.unproved(&id)).unwrap_or_default();
        Changed { contested, unproved, freed }
    }

    /// Forgets the claim of a resource that was replaced by a namesake.
    pub(crate) fn remove(&mut self, link: &LinkRef) {
        self.0.remove(link);
    }

    /// Whether `subject`, which claims this, or another resource comes first for the link.
    pub(crate) fn precedence(&self, subject: &Subject, mine: &Claimed) -> Precedence {
        let first = (!mine.acknowledged, subject.created, &subject.key);
        let others = self.0.iter().filter(|(key, claim)| claim.claimed.id == mine.id && **key != subject.key);
        let ahead =
            |(key, claim): &(&LinkRef, &Claim)| (!claim.claimed.acknowledged, claim.created, *key) < first;
        let (proved, hints): (Vec<_>, Vec<_>) =
            others.filter(ahead).partition(|(_, claim)| claim.claimed.proved);
        let rank =
            |(key, claim): &(&LinkRef, &Claim)| (!claim.claimed.acknowledged, claim.created, (*key).clone());
        match proved.into_iter().min_by_key(rank) {
            Some((key, _)) => {
                let visible_name = (key.namespace == subject.key.namespace).then(|| key.name.clone());
                Precedence::After(Rival { visible_name })
            }
            None if hints.is_empty() => Precedence::First,
            None => Precedence::Unproved,
        }
    }

    /// The resources that must be checked, because they only hint at a claim that another resource has proved.
    fn unproved(&self, id: &LinkId) -> Vec<LinkRef> {
        let claims = || self.0.iter().filter(|(_, claim)| claim.claimed.id == *id);
        let matters =
            claims().any(|(_, claim)| claim.claimed.proved) && claims().any(|(_, claim)| claim.of_portal);
        let hints = claims().filter(|(_, claim)| matters && !claim.claimed.proved);
        hints.map(|(key, _)| key.clone()).collect()
    }

    /// The other resources with a claim to `id`.
    fn others(&self, link: &LinkRef, id: &LinkId) -> Vec<LinkRef> {
        let others = self.0.iter().filter(|(key, claim)| *key != link && claim.claimed.id == *id);
        others.map(|(key, _)| key.clone()).collect()
    }
}
