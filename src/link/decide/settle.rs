//! The end of a visit.

use super::View;
use crate::crd::{ConditionStatus, ConditionType, EventReason, LinkStatus, Reason, SecretLookup};
use crate::kubernetes::WriteRefusal;
use crate::link::facts::SecretRead;
use crate::link::plan::{Claimed, HeldCause, LinkEvent, Plan, Settlement};
use crate::link::state::{LinkState, Suspicion};

impl View<'_> {
    /// Begins the end of a visit: this status, the memory as it is, nothing more.
    pub(super) fn settle(&self, status: LinkStatus) -> Settlement {
        let events = transitions(&self.subject.status, &status);
        let state = LinkState {
            first_seen: Some(self.state.first_seen.unwrap_or(self.facts.began)),
            last_round: self.facts.round.as_ref().map_or(self.state.last_round, |_| Some(self.now.up)),
            client_id: match self.facts.round {
                Some(_) => Some(self.facts.client_id.version),
                None => self.state.client_id.or(Some(self.facts.client_id.version)),
            },
            claim_contested: self.state.claim_contested && self.facts.round.is_none(),
            secret_absent_since: self.state.secret_absent_since.filter(|_| !self.secret_is_there()),
            ..self.state.clone()
        };
        Settlement {
            status,
            state,
            next: None,
            events,
            awaits_petra: false,
            claim: None,
            held: None,
            refused: None,
        }
    }

    fn secret_is_there(&self) -> bool {
        matches!(self.facts.secret, Some(SecretRead::Keys { .. } | SecretRead::Invalid { .. }))
            || matches!(self.facts.secret_watch, SecretLookup::Present(_))
    }
}

impl Settlement {
    pub(super) fn plan(self) -> Plan {
        Plan::Settle(Box::new(self))
    }

    pub(super) fn awaiting_petra(mut self) -> Self {
        self.awaits_petra = true;
        self
    }

    pub(super) fn claiming(mut self, claim: Option<Claimed>) -> Self {
        self.claim = claim;
        self
    }

    pub(super) fn event(mut self, reason: EventReason, text: impl Into<String>) -> Self {
        self.events.push(LinkEvent { reason, text: text.into() });
        self
    }

    /// What the link is suspected of is over: it was asked again and found good.
    pub(super) fn disproving(mut self, is_disproved: impl Fn(&Suspicion) -> bool) -> Self {
        self.state.suspicion = self.state.suspicion.filter(|suspicion| !is_disproved(suspicion));
        self
    }

    /// Marks that the API server keeps the link from going on.
    pub(super) fn refused(mut self, refusal: &WriteRefusal) -> Self {
        self.refused = Some(refusal.clone());
        self
    }

    /// Marks that a verdict stands although this round did not confirm it.
    pub(super) fn holding(mut self, cause: HeldCause) -> Self {
        self.held = Some(cause);
        self
    }
}

/// Events for transitions only, one reason per meaning: `Ready` became another True or False.
fn transitions(before: &LinkStatus, after: &LinkStatus) -> Vec<LinkEvent> {
    let ready =
        |status: &LinkStatus| status.condition(ConditionType::Ready).map(|c| (c.status, c.known_reason()));
    let Some((status, Some(reason))) = ready(after) else { return Vec::new() };
    let speaks = status != ConditionStatus::Unknown || reason == Reason::ValidationStale;
    if !speaks || ready(before) == Some((status, Some(reason))) {
        return Vec::new();
    }
    let text = after.condition(ConditionType::Ready).map(|c| c.message.clone()).unwrap_or_default();
    vec![LinkEvent { reason: EventReason::Ready(reason), text }]
}
