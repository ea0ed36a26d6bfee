//! The faults that a round can find: what each says of every condition, and the texts.

use super::{StatusBuilder, Target, View};
use crate::connectwise::{BoardAnswer, Inconclusive};
use crate::crd::{ConditionStatus, ConditionType, ConditionValue, PermissionsStatus, Reason};
use crate::link::message;

const NOT_REACHED: &str = "Not checked. See the message of condition Ready.";

/// A conclusive fault and what it says of each condition.
pub(super) struct Fault {
    pub ready: ConditionValue,
    pub auth: ConditionValue,
    pub denied: ConditionValue,
    pub permissions: Option<PermissionsStatus>,
}

/// How `AuthFailed` reads when ConnectWise accepted the keys.
pub(super) fn accepted() -> ConditionValue {
    ConditionStatus::False.because(Reason::CredentialsAccepted, "ConnectWise accepted the API keys.")
}

/// A fault that comes before ConnectWise has judged the keys.
fn site(reason: Reason, text: &str) -> Fault {
    let ready = ConditionStatus::False.because(reason, message::looks_again(text));
    Fault { ready, auth: not_evaluated(), denied: not_evaluated(), permissions: None }
}

/// The keys, or the company that they belong to, were refused.
fn refused(reason: Reason, text: &str) -> Fault {
    let ready = ConditionStatus::False.because(reason, text);
    let auth = ConditionStatus::True.because(reason, text);
    Fault { ready, auth, denied: not_evaluated(), permissions: None }
}

/// The keys were accepted, but something else is wrong.
fn accepted_but(
    reason: Reason,
    text: String,
    denied: ConditionValue,
    permissions: Option<PermissionsStatus>,
) -> Fault {
    Fault { ready: ConditionStatus::False.because(reason, text), auth: accepted(), denied, permissions }
}

fn not_evaluated() -> ConditionValue {
    ConditionStatus::Unknown.because(Reason::NotEvaluated, NOT_REACHED)
}

pub(super) fn not_connectwise(target: &Target) -> Fault {
    let text = format!(
        "{} responds, but not as a ConnectWise server. Set spec.siteUrl to the host where you log in to ConnectWise, such as \
         na.myconnectwise.net.",
        target.site
    );
    site(Reason::SiteInvalid, &text)
}

pub(super) fn host_not_allowed(target: &Target) -> Fault {
    let text = format!(
        "{} refers to another host for this company's API, and the operator may not send keys there. Correct spec.siteUrl, or \
         ask the operator's administrator to allow that host with --allow-site.",
        target.site
    );
    site(Reason::SiteNotAllowed, &text)
}

pub(super) fn private_address(target: &Target) -> Fault {
    let text = format!(
        "{} resolves to a private address, and the operator does not send keys there. Correct spec.siteUrl, or ask the \
         operator's administrator to add the flag \"--allow-site={}\".",
        target.site, target.site
    );
    site(Reason::SiteNotAllowed, &text)
}

pub(super) fn company_unknown(target: &Target) -> Fault {
    let text = format!(
        "Company \"{}\" was not found at {}. Compare spec.companyId with the Company field on the ConnectWise login page. \
         Compare spec.siteUrl with the address of that page.",
        target.company, target.site
    );
    refused(Reason::CompanyUnknown, &message::looks_again(&text))
}

pub(super) fn rejected(view: &View) -> Fault {
    refused(Reason::CredentialsRejected, &rejected_text(view))
}

fn rejected_text(view: &View) -> String {
    let status = &view.subject.status;
    let current = status.inputs.as_ref().and_then(|inputs| inputs.credentials_version.as_ref());
    let at_petra = status.link.as_ref().and_then(|link| link.credentials_version.as_ref());
    message::credentials_rejected(
        &view.subject.spec.credentials_secret_ref.name,
        view.client_id_works(),
        at_petra.is_some() && at_petra != current,
    )
}

/// Renders the message of a standing fault again where it depends on more than the round that found it. Once the server
/// has accepted the clientId, a rejection no longer names it as a possible cause.
pub(super) fn render_standing(view: &View, fault: Reason, builder: &mut StatusBuilder) {
    if fault != Reason::CredentialsRejected || !view.client_id_works() {
        return;
    }
    let text = rejected_text(view);
    for kind in [ConditionType::Ready, ConditionType::AuthFailed] {
        let stored = builder.get(kind).filter(|stored| stored.known_reason() == Some(fault));
        if let Some(status) = stored.map(|stored| stored.status) {
            builder.set(kind, status.because(fault, text.clone()));
        }
    }
}

pub(super) fn member_inactive() -> Fault {
    let text = message::looks_again_soon(
        "The API member is inactive. In ConnectWise, open System > Members > API Members. Open the member, clear Inactive, \
         and save the member.",
    );
    let denied = ConditionStatus::True.because(Reason::MemberInactive, text.clone());
    accepted_but(Reason::MemberInactive, text, denied, None)
}

pub(super) fn permissions_missing(denied: ConditionValue, permissions: PermissionsStatus) -> Fault {
    accepted_but(Reason::PermissionsMissing, denied.message.clone(), denied, Some(permissions))
}

pub(super) fn board_not_ready(text: String, denied: ConditionValue, permissions: PermissionsStatus) -> Fault {
    accepted_but(Reason::ServiceBoardNotReady, text, denied, Some(permissions))
}

/// What the answer about the board means.
pub(super) enum Board {
    Fine,
    Fault(String),
    Nothing(Inconclusive),
}

pub(super) fn board(view: &View, answer: BoardAnswer) -> Board {
    let name = view.subject.spec.service_board.as_deref().unwrap_or_default();
    let setup = "In ConnectWise, open System > Setup Tables > Service Board.";
    let one_team =
        format!("{setup} Open the board. Under Teams, mark exactly one team as default. Save the board.");
    let (fault, click) = match answer {
        BoardAnswer::NotNamed | BoardAnswer::Ready => return Board::Fine,
        BoardAnswer::Inconclusive(why) => return Board::Nothing(why),
        BoardAnswer::NotFound => {
            ("does not exist, or the API member may not see it", format!("{setup} Compare the name with spec.serviceBoard."))
        }
        BoardAnswer::Inactive => ("is inactive", format!("{setup} Open the board, clear Inactive, and save the board. Or set spec.serviceBoard to another board.")),
        BoardAnswer::Hidden => (
            "is hidden from the API member",
            "In ConnectWise, open System > Members > API Members. Open the member and remove the board from its excluded \
             service boards. Save the member."
                .to_owned(),
        ),
        BoardAnswer::Refused => (
            "cannot be read with the API member's role",
            "In ConnectWise, open System > Security Roles > the API member's role. Set System > Table Setup: Inquire Level All. \
             Click (customize) beside it and move Service / Service Board to the Allow list. Save the role. If this is not \
             enough, move Project / Project Board to the Allow list as well."
                .to_owned(),
        ),
        BoardAnswer::NoDefaultTeam => ("has no default team", one_team),
        BoardAnswer::SeveralDefaultTeams => ("has more than one default team", one_team),
    };
    Board::Fault(message::board(name, fault, &click))
}
