//! What a change of the operator's own keys means for a link: which links it may help, and that they are asked again sooner.

use super::View;
use super::verdict::{Standing, standing};
use crate::crd::{ConditionType, LinkStatus, Reason};
use crate::link::draft::Draft;
use crate::link::state::{BackoffKind, LinkState, Suspicion};

/// What changed about the operator's own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorKeys {
    /// The file of the clientId has another content.
    ClientId,
    /// The clientId in use worked for the first time.
    ClientIdWorked,
    /// The file of the Petra key has another content.
    PetraKey,
}

/// Said beside a refusal for as long as the clientId in use has worked for nobody.
pub(super) const CLIENT_ID_SUSPECTED: &str = " The operator's own clientId has not worked for any link yet, so it may also be \
    the cause. Ask the operator's administrator to check it.";

/// Whether this change may help this link, so that it is worth a visit before its time. A healthy link is none of them.
#[must_use]
pub fn may_help(change: OperatorKeys, status: &LinkStatus, memory: &LinkState) -> bool {
    match change {
        OperatorKeys::ClientId => client_id_may_help(standing(status), memory),
        OperatorKeys::ClientIdWorked => names_client_id(status),
        OperatorKeys::PetraKey => {
            let unanswered =
                matches!(memory.petra_backoff.kind, Some(BackoffKind::Nothing | BackoffKind::Held));
            unanswered && !status.is_true(ConditionType::Ready)
        }
    }
}

/// Whether another clientId may change what ConnectWise answers: it refused the keys, or said nothing that counts.
fn client_id_may_help(standing: Option<Standing>, memory: &LinkState) -> bool {
    match standing {
        None => true,
        Some(Standing::Fault(reason)) => reason == Reason::CredentialsRejected,
        Some(Standing::Passed) => {
            let is_of_connectwise = |suspicion: Suspicion| !suspicion.is_of_petra();
            memory.suspicion.is_some_and(is_of_connectwise) || memory.backoff.kind == Some(BackoffKind::Held)
        }
    }
}

/// Whether the last round was made with another clientId than the one in use, which may change its outcome.
pub(super) fn client_id_is_news(visit: &View, standing: Option<Standing>) -> bool {
    visit.memory.client_id < visit.seen.client_id.generation && client_id_may_help(standing, visit.memory)
}

fn names_client_id(status: &LinkStatus) -> bool {
    status.condition(ConditionType::Ready).is_some_and(|ready| ready.message.contains(CLIENT_ID_SUSPECTED))
}

/// The clientId has worked by now: a refusal that stands no longer names it.
pub(super) fn clear_client_id(visit: &View, draft: &mut Draft) {
    if !visit.seen.client_id.worked {
        return;
    }
    for kind in [ConditionType::Ready, ConditionType::AuthFailed] {
        let Some(stands) = draft.get(kind).filter(|it| it.message.contains(CLIENT_ID_SUSPECTED)) else {
            continue;
        };
        let (status, text) = (stands.status, stands.message.replace(CLIENT_ID_SUSPECTED, ""));
        if let Some(reason) = stands.known_reason() {
            draft.set(kind, status, reason, text);
        }
    }
}
