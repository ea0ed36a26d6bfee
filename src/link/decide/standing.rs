//! The standing verdict: what the stored conditions say of ConnectWise.

use crate::crd::{ConditionType, LinkStatus, Reason};
use crate::link::reason_class::{ConnectWiseSays, PetraSays, Source};

/// What the status says of ConnectWise, for the inputs that its conditions describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The API keys, the role and the board passed.
    Passed,
    /// This was found wrong.
    Fault(Reason),
}

/// The standing verdict of a status; `None` where it has none.
pub(super) fn standing(status: &LinkStatus) -> Option<Standing> {
    let ready = status.reason(ConditionType::Ready)?;
    let class = ready.class();
    match class.connectwise {
        ConnectWiseSays::Fault(_) if class.source != Source::Spec || judges_keys(status) => {
            Some(Standing::Fault(ready))
        }
        ConnectWiseSays::Passed if passed(status) => Some(Standing::Passed),
        // One of the two services did not answer. If it was Petra, the verdict of ConnectWise remains.
        ConnectWiseSays::Inconclusive if class.petra == PetraSays::Inconclusive && passed(status) => {
            Some(Standing::Passed)
        }
        _ => None,
    }
}

/// Whether the status judges API keys. That of an invalid spec does not.
fn judges_keys(status: &LinkStatus) -> bool {
    status.inputs.as_ref().is_some_and(|inputs| inputs.credentials_version.is_some())
}

/// Whether the conditions say that everything passed, and the status names what did. Where it does not, that may have been
/// anything, other keys included.
fn passed(status: &LinkStatus) -> bool {
    let named = status.inputs.as_ref().is_some_and(|inputs| {
        [&inputs.site, &inputs.company_id, &inputs.credentials_version, &inputs.permission_profile]
            .iter()
            .all(|input| input.is_some())
    });
    let denied = status.reason(ConditionType::PermissionDenied).map(Reason::class);
    named
        && status.reason(ConditionType::AuthFailed) == Some(Reason::CredentialsAccepted)
        && denied.is_some_and(|class| {
            class.source == Source::ConnectWise && class.connectwise == ConnectWiseSays::Passed
        })
}

/// Whether the status, without a verdict, is about an earlier round for these inputs.
pub(super) fn waits_for_connectwise(status: &LinkStatus) -> bool {
    let says = status.reason(ConditionType::Ready).map(|reason| reason.class().connectwise);
    matches!(says, Some(ConnectWiseSays::NotYet | ConnectWiseSays::Inconclusive))
}

/// Whether the status says that a service did not answer conclusively. A later round takes nothing back then.
pub(super) fn is_unanswered(status: &LinkStatus) -> bool {
    let class = status.reason(ConditionType::Ready).map(Reason::class);
    class.is_some_and(|class| {
        class.connectwise == ConnectWiseSays::Inconclusive || class.petra == PetraSays::Inconclusive
    })
}
