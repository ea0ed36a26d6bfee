//! What a change of the operator's own keys means for a link: which links it may help, and that they are asked again sooner.

use super::View;
use super::standing::{Standing, standing};
use crate::connectwise::{ClientIdVersion, CompanyAnswer};
use crate::crd::{ConditionType, LinkStatus, Reason};
use crate::link::message;
use crate::link::origin::Origin;
use crate::link::reason_class::BackoffKind;
use crate::link::state::{LinkState, Suspicion};

/// What changed about the operator's own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OperatorKeys {
    /// The file of the clientId has another content.
    ClientId,
    /// A server accepted the clientId in use for the first time.
    ClientIdWorked,
    /// The file of the Petra key has another content.
    PetraKey,
}

/// Whether this change may help this link, so that it is worth a visit before its time. A healthy link is none of them.
#[must_use]
pub(crate) fn may_help(change: OperatorKeys, status: &LinkStatus, state: &LinkState) -> bool {
    match change {
        OperatorKeys::ClientId => client_id_may_help(standing(status), state),
        // Its message names the clientId as a possible cause, which may be wrong by now.
        OperatorKeys::ClientIdWorked => {
            standing(status) == Some(Standing::Fault(Reason::CredentialsRejected))
                && status
                    .condition(ConditionType::Ready)
                    .is_some_and(|it| message::names_client_id(&it.message))
        }
        OperatorKeys::PetraKey => {
            let unanswered =
                matches!(state.petra_backoff.kind, Some(BackoffKind::Inconclusive | BackoffKind::Held));
            unanswered && !status.is_true(ConditionType::Ready)
        }
    }
}

/// Whether another clientId may change what ConnectWise answers: it refused the keys, or said nothing that counts.
fn client_id_may_help(standing: Option<Standing>, state: &LinkState) -> bool {
    match standing {
        None => true,
        Some(Standing::Fault(reason)) => reason == Reason::CredentialsRejected,
        Some(Standing::Passed) => {
            let is_of_connectwise = |suspicion: Suspicion| !suspicion.is_of_petra();
            state.suspicion.is_some_and(is_of_connectwise) || state.backoff.kind == Some(BackoffKind::Held)
        }
    }
}

/// Whether the last round was made with another clientId than the one in use, which may change its outcome.
pub(super) fn client_id_is_news(view: &View, standing: Option<Standing>) -> bool {
    view.state.client_id.is_some_and(|asked_with| asked_with != view.facts.client_id.version)
        && client_id_may_help(standing, view.state)
}

impl View<'_> {
    /// The ConnectWise server that answers for this link, as far as is known.
    pub(super) fn server(&self) -> Option<Origin> {
        if let Some(CompanyAnswer::Found(tenant)) = self.facts.round.as_ref().map(|round| &round.company) {
            return Some(Origin::of_server(&tenant.api_host));
        }
        let recorded = self.subject.status.site.as_ref().and_then(|site| site.api_host.as_ref());
        let site = || self.subject.target.as_ref().ok().map(|target| target.site.clone());
        recorded.and_then(|host| host.parse().ok()).or_else(site).map(|host| Origin::of_server(&host))
    }

    /// Whether the server that answers for this link has accepted the clientId in use.
    pub(super) fn client_id_works(&self) -> bool {
        self.server().is_some_and(|server| self.facts.client_id.is_accepted_by(&server))
    }

    /// Whether a refusal of the keys is evidence against the operator's clientId: these keys were accepted under another
    /// one, and this server has not accepted the one in use. A person may ask to have the link judged anyway. A good verdict
    /// that does not name its clientId is one of an earlier version of the operator.
    pub(super) fn blames_client_id(&self) -> bool {
        let Some(server) = self.server() else { return false };
        let inputs = self.subject.status.inputs.as_ref();
        let accepted = inputs.and_then(|inputs| inputs.client_id_version.as_deref());
        let client_id = &self.facts.client_id;
        let is_suspect = match accepted.map(ClientIdVersion::parse) {
            Some(Some(version)) => client_id.is_suspect(&server, version),
            Some(None) | None => {
                self.subject.is_good() && !self.state.has_refused_keys && !client_id.is_accepted_by(&server)
            }
        };
        is_suspect && !self.is_asked_for(Reason::CredentialsRejected)
    }

    /// Whether a person asks to have the link judged, or did when it was first suspected of this.
    pub(super) fn is_asked_for(&self, of: Reason) -> bool {
        let suspicion = self.state.suspicion.filter(|suspicion| suspicion.of == of);
        self.subject.requested_at.is_some() || suspicion.is_some_and(|suspicion| suspicion.asked_for)
    }
}
