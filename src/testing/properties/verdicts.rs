//! What a round says for sure, and which conditions may stand after it: for the visits of these properties and for the
//! generated histories beside the rules.

use crate::connectwise::{BoardAnswer, CompanyAnswer, KeysAnswer, MemberAnswer, PermissionsAnswer, Round};
use crate::crd::{ConditionType, Inputs, LinkStatus, Reason};
use crate::link::facts::Facts;

/// What a round says for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundVerdict {
    Good,
    Refused(Reason),
    Denied(Reason),
    /// Site or board: nobody is accused.
    Wrong(Reason),
}

/// The conclusive part of a round, for a link that had this status before it.
pub fn round_verdict(round: &Round, before: &LinkStatus) -> Option<RoundVerdict> {
    match (&round.company, round.keys) {
        (CompanyAnswer::Found(_), KeysAnswer::Accepted) => {}
        (CompanyAnswer::Inconclusive(_), _) | (CompanyAnswer::Found(_), KeysAnswer::Inconclusive(_)) => {
            return None;
        }
        (CompanyAnswer::Found(_), KeysAnswer::Rejected) => {
            return Some(RoundVerdict::Refused(Reason::CredentialsRejected));
        }
        (CompanyAnswer::Unknown, _) => return Some(RoundVerdict::Refused(Reason::CompanyUnknown)),
        // What has been a ConnectWise, and shows a page now, may be under maintenance.
        (CompanyAnswer::NotConnectWise, _)
            if before.site.as_ref().is_some_and(|site| site.codebase.is_some()) =>
        {
            return None;
        }
        // Its name led to a ConnectWise before, so that the operator's name server is the suspect.
        (CompanyAnswer::PrivateAddress, _)
            if before.site.as_ref().is_some_and(|site| site.codebase.is_some()) =>
        {
            return None;
        }
        (CompanyAnswer::NotConnectWise, _) => return Some(RoundVerdict::Wrong(Reason::SiteInvalid)),
        (CompanyAnswer::HostNotAllowed | CompanyAnswer::PrivateAddress, _) => {
            return Some(RoundVerdict::Wrong(Reason::SiteNotAllowed));
        }
    }
    if round.member == MemberAnswer::Inactive {
        return Some(RoundVerdict::Denied(Reason::MemberInactive));
    }
    match &round.permissions {
        PermissionsAnswer::Inconclusive(_) => None,
        PermissionsAnswer::Judged(found) if !found.missing.is_empty() => {
            Some(RoundVerdict::Denied(Reason::PermissionsMissing))
        }
        PermissionsAnswer::Judged(_) => match round.board {
            BoardAnswer::NotNamed | BoardAnswer::Ready => Some(RoundVerdict::Good),
            BoardAnswer::Inconclusive(_) => None,
            _ => Some(RoundVerdict::Wrong(Reason::ServiceBoardNotReady)),
        },
    }
}

/// Whether a refusal of the keys is as likely about the operator's clientId: the status says that they were accepted with
/// another one, or is of an operator that did not say, and no server has accepted the one in use.
pub(crate) fn blames_client_id(before: &LinkStatus, facts: &Facts, just: Option<RoundVerdict>) -> bool {
    let refused = just == Some(RoundVerdict::Refused(Reason::CredentialsRejected));
    let accepted = before.inputs.as_ref().and_then(|inputs| inputs.client_id_version.clone());
    refused && accepted != Some(facts.client_id.version.to_string())
}

/// Whether what was known of this input before is so still; what was never known cannot have changed.
fn stays<T: PartialEq>(before: Option<&T>, after: Option<&T>) -> bool {
    before.is_none() || before == after
}

/// Whether a verdict on the keys that stood for the inputs of before is one for those of after.
pub fn same_keys(before: &Inputs, after: &Inputs) -> bool {
    stays(before.company_id.as_ref(), after.company_id.as_ref())
        && stays(before.site.as_ref(), after.site.as_ref())
        && stays(before.credentials_version.as_ref(), after.credentials_version.as_ref())
}

/// Likewise of a verdict on the role.
pub fn same_role(before: &Inputs, after: &Inputs) -> bool {
    stays(before.company_id.as_ref(), after.company_id.as_ref())
        && stays(before.credentials_version.as_ref(), after.credentials_version.as_ref())
        && stays(before.permission_profile.as_ref(), after.permission_profile.as_ref())
}

/// Promise 2: an accusation is what ConnectWise just said, or what it said last for the same keys and company.
pub fn accusations_are_backed(before: &LinkStatus, after: &LinkStatus, round: Option<&Round>) {
    let just = round.and_then(|round| round_verdict(round, before));
    let (inputs_before, inputs_after) =
        (before.inputs.clone().unwrap_or_default(), after.inputs.clone().unwrap_or_default());
    let ready = before.reason(ConditionType::Ready);
    if after.is_true(ConditionType::AuthFailed) {
        let unchanged = before.is_true(ConditionType::AuthFailed) && same_keys(&inputs_before, &inputs_after);
        // A status that was made up may accuse the keys beside another verdict; that one is the one that is judged anew.
        let is_the_verdict = matches!(ready, Some(Reason::CredentialsRejected | Reason::CompanyUnknown));
        let accepted = is_the_verdict && round.is_some_and(|round| round.keys == KeysAnswer::Accepted);
        assert!(
            matches!(just, Some(RoundVerdict::Refused(_))) || (unchanged && !accepted),
            "accused keys that were not refused"
        );
    }
    if after.is_true(ConditionType::PermissionDenied) {
        let unchanged =
            before.is_true(ConditionType::PermissionDenied) && same_role(&inputs_before, &inputs_after);
        assert!(
            matches!(just, Some(RoundVerdict::Denied(_))) || (unchanged && just != Some(RoundVerdict::Good)),
            "accused a role that was not found lacking"
        );
    }
    if after.reason(ConditionType::Ready) == Some(Reason::SiteInvalid) {
        let unchanged = ready == Some(Reason::SiteInvalid);
        assert!(
            just == Some(RoundVerdict::Wrong(Reason::SiteInvalid)) || unchanged,
            "no ConnectWise where one was found before"
        );
    }
}

/// Whether the status says that keys and role were found good, for inputs that it names.
pub fn passed(status: &LinkStatus) -> bool {
    let known = status.inputs.as_ref().is_some_and(|inputs| inputs.credentials_version.is_some());
    known
        && status.reason(ConditionType::AuthFailed) == Some(Reason::CredentialsAccepted)
        && matches!(
            status.reason(ConditionType::PermissionDenied),
            Some(Reason::PermissionsGranted | Reason::GrantedAsFarAsVisible | Reason::NotVerifiable)
        )
}
