//! What a change of the operator's own keys means for a link: which links it may help, and that they are asked again sooner.

use super::View;
use super::standing::{Standing, standing};
use crate::crd::{ConditionType, LinkStatus, Reason};
use crate::link::reason_class::BackoffKind;
use crate::link::state::{LinkState, Suspicion};

/// What changed about the operator's own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OperatorKeys {
    /// The file of the clientId has another content.
    ClientId,
    /// The clientId in use worked for the first time.
    ClientIdWorked,
    /// The file of the Petra key has another content.
    PetraKey,
}

/// Whether this change may help this link, so that it is worth a visit before its time. A healthy link is none of them.
#[must_use]
pub(crate) fn may_help(change: OperatorKeys, status: &LinkStatus, state: &LinkState) -> bool {
    match change {
        OperatorKeys::ClientId => client_id_may_help(standing(status), state),
        // Its message may name the clientId as a possible cause, which is wrong by now.
        OperatorKeys::ClientIdWorked => {
            standing(status) == Some(Standing::Fault(Reason::CredentialsRejected))
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
    view.state.client_id_generation < view.facts.client_id.generation
        && client_id_may_help(standing, view.state)
}
