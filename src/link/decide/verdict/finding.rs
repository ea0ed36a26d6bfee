//! What one round says, row by row, before hold and debounce.

use std::collections::BTreeSet;

use super::{Draft, Standing, Target, View, permissions_status};
use crate::connectwise::{
    BoardAnswer, CompanyAnswer, Depth, Inconclusive, KeysAnswer, Line, MemberAnswer, Permissions,
    PermissionsAnswer, Required, Round, Tenant,
};
use crate::crd::{ConditionStatus, ConditionType, PermissionLine, PermissionsStatus, Reason};
use crate::link::decide::operator_keys::CLIENT_ID_SUSPECTED;
use crate::link::message;

/// The outcome of a round.
pub(super) enum Finding {
    /// A cheap round found what already stands.
    Same,
    /// A cheap round found something else: only the full one judges.
    Escalate,
    /// Nothing is wrong; how `PermissionDenied` reads.
    Passed { permissions: PermissionsStatus, denied: (ConditionStatus, Reason, String) },
    /// Something is wrong for sure.
    Fault(Box<Fault>),
    /// Nothing can be said of the whole.
    Nothing { why: Inconclusive, half: Half },
}

/// A conclusive fault and what it says of each condition.
pub(super) struct Fault {
    pub ready: Reason,
    pub message: String,
    pub auth: (ConditionStatus, Reason),
    pub auth_message: String,
    pub denied: (ConditionStatus, Reason, String),
    pub permissions: Option<PermissionsStatus>,
}

/// What an inconclusive round still says of single conditions: each stands on its own evidence.
#[derive(Default)]
pub(super) struct Half {
    keys_accepted: bool,
    denied: Option<(ConditionStatus, Reason, String)>,
}

impl Half {
    /// Whether this evidence contradicts a fault that stands: then the fault cannot be held.
    pub(super) fn clears(&self, fault: Reason) -> bool {
        match fault {
            Reason::PermissionsMissing | Reason::MemberInactive => self.denied.is_some(),
            Reason::ServiceBoardNotReady => false,
            _ => self.keys_accepted,
        }
    }

    /// Says what is known, and of the rest that it was not judged.
    pub(super) fn apply(self, draft: &mut Draft) {
        if !self.keys_accepted {
            draft.unknown(ConditionType::AuthFailed, Reason::NotEvaluated, NOT_ASKED);
        }
        if self.denied.is_none() {
            draft.unknown(ConditionType::PermissionDenied, Reason::NotEvaluated, NOT_ASKED);
        }
        self.apply_known(draft);
    }

    /// Says what is known, and leaves the rest as it stands.
    pub(super) fn apply_known(self, draft: &mut Draft) {
        if self.keys_accepted {
            let text = "ConnectWise accepted the API keys.";
            draft.set(ConditionType::AuthFailed, ConditionStatus::False, Reason::CredentialsAccepted, text);
        }
        if let Some((status, reason, text)) = self.denied {
            draft.set(ConditionType::PermissionDenied, status, reason, text);
        }
    }
}

const NOT_ASKED: &str = "Not checked yet: ConnectWise has not given a clear answer.";
const NOT_REACHED: &str = "Not checked. See the message of condition Ready.";

pub(super) fn find(visit: &View, target: &Target, round: &Round, standing: Option<Standing>) -> Finding {
    match round.depth {
        Depth::Cheap => cheap(visit, round, standing),
        Depth::Full => full(visit, target, round),
    }
}

/// A cheap round only ever agrees, answers nothing, or asks for the full one.
fn cheap(visit: &View, round: &Round, standing: Option<Standing>) -> Finding {
    let nothing = |why| Finding::Nothing { why, half: Half::default() };
    match (&round.company, round.keys, standing) {
        (CompanyAnswer::Inconclusive(why), ..) => nothing(*why),
        (CompanyAnswer::Found(tenant), ..) if moved(visit, tenant) => Finding::Escalate,
        (CompanyAnswer::Found(_), KeysAnswer::Inconclusive(why), _) => nothing(why),
        (
            CompanyAnswer::Found(_),
            KeysAnswer::Rejected,
            Some(Standing::Fault(Reason::CredentialsRejected)),
        ) => Finding::Same,
        (
            CompanyAnswer::Found(_),
            KeysAnswer::Accepted,
            Some(Standing::Passed | Standing::Fault(Reason::PermissionsMissing)),
        ) => match &round.permissions {
            PermissionsAnswer::Inconclusive(why) => nothing(*why),
            // Lines that say otherwise than the verdict beside them agree with nothing.
            PermissionsAnswer::Judged(found)
                if found.missing.is_empty() == (standing == Some(Standing::Passed))
                    && agrees(visit, found) =>
            {
                Finding::Same
            }
            PermissionsAnswer::Judged(_) => Finding::Escalate,
        },
        _ => Finding::Escalate,
    }
}

/// Whether the tenant is served elsewhere than the status says: ConnectWise upgrades tenants to new codebases.
fn moved(visit: &View, tenant: &Tenant) -> bool {
    let recorded = visit.subject.status.site.as_ref();
    let same = recorded.is_some_and(|site| {
        site.api_host.as_ref() == Some(&tenant.api_host.to_string())
            && site.codebase.as_ref() == Some(&tenant.codebase)
    });
    !same
}

/// Whether the company's API was found at this site before.
fn is_known_as_connectwise(visit: &View) -> bool {
    visit.subject.status.site.as_ref().is_some_and(|site| site.codebase.is_some())
}

/// Whether the missing lines are those of the status, order apart, and no line became one that cannot be told: mySecurity
/// may have fallen silent.
fn agrees(visit: &View, found: &Permissions) -> bool {
    let stood = visit.subject.status.permissions.as_ref();
    let missing = names(stood.map_or(&[][..], |stood| &stood.missing));
    let unknown = names(stood.map_or(&[][..], |stood| &stood.unknown));
    let lines = |lines: &[Line]| lines.iter().map(message::permission_line).collect::<Vec<_>>();
    names(&lines(&found.missing)) == missing && names(&lines(&found.unknown)).is_subset(&unknown)
}

/// What tells lines apart.
fn names(lines: &[PermissionLine]) -> BTreeSet<[String; 4]> {
    let name = |line: &PermissionLine| {
        [&line.module, &line.function, &line.action, &line.actual].map(ToString::to_string)
    };
    lines.iter().map(name).collect()
}

/// The rows of the table, in their order of precedence.
fn full(visit: &View, target: &Target, round: &Round) -> Finding {
    match &round.company {
        CompanyAnswer::Found(_) => {}
        CompanyAnswer::Inconclusive(why) => return Finding::Nothing { why: *why, half: Half::default() },
        CompanyAnswer::Unknown => return company_unknown(target),
        // A page from a site that was ConnectWise before is as likely one of maintenance, or a proxy's.
        CompanyAnswer::NotConnectWise if is_known_as_connectwise(visit) => {
            return Finding::Nothing { why: Inconclusive::Unavailable, half: Half::default() };
        }
        CompanyAnswer::NotConnectWise => return site(Reason::SiteInvalid, &no_connectwise(target)),
        CompanyAnswer::HostNotAllowed => return site(Reason::SiteNotAllowed, &host_not_allowed(target)),
        CompanyAnswer::PrivateAddress => return site(Reason::SiteNotAllowed, &private_address(target)),
    }
    match round.keys {
        KeysAnswer::Accepted => {}
        KeysAnswer::Rejected => return rejected(visit),
        KeysAnswer::Inconclusive(why) => return Finding::Nothing { why, half: Half::default() },
    }
    if round.member == MemberAnswer::Inactive {
        return member_inactive();
    }
    let permissions = match &round.permissions {
        PermissionsAnswer::Judged(permissions) => permissions,
        PermissionsAnswer::Inconclusive(why) => {
            return Finding::Nothing { why: *why, half: Half { keys_accepted: true, denied: None } };
        }
    };
    let status = permissions_status(visit, target, round.traits, permissions);
    let denied = denied(target, permissions, &status);
    if !permissions.missing.is_empty() {
        return accepted_but(Reason::PermissionsMissing, denied.2.clone(), denied, status);
    }
    match board(visit, round.board) {
        Board::Fine => Finding::Passed { permissions: status, denied },
        Board::Fault(text) => accepted_but(Reason::ServiceBoardNotReady, text, denied, status),
        Board::Nothing(why) => {
            Finding::Nothing { why, half: Half { keys_accepted: true, denied: Some(denied) } }
        }
    }
}

/// How `PermissionDenied` reads for these lines.
fn denied(
    target: &Target,
    found: &Permissions,
    status: &PermissionsStatus,
) -> (ConditionStatus, Reason, String) {
    let profile = &target.profile.name;
    if !found.missing.is_empty() {
        let text = message::permissions_missing(profile, &status.missing);
        return (ConditionStatus::True, Reason::PermissionsMissing, text);
    }
    if found.unknown.is_empty() {
        let text = format!("The security role grants every permission required by profile {profile}.");
        return (ConditionStatus::False, Reason::PermissionsGranted, text);
    }
    let only_items = found.unknown.iter().all(|line| line.required == Required::Allowed);
    let (value, reason) = if only_items {
        (ConditionStatus::False, Reason::GrantedAsFarAsVisible)
    } else {
        (ConditionStatus::Unknown, Reason::NotVerifiable)
    };
    (value, reason, message::not_visible(reason, profile, &status.unknown))
}

enum Board {
    Fine,
    Fault(String),
    Nothing(Inconclusive),
}

fn board(visit: &View, answer: BoardAnswer) -> Board {
    let name = visit.subject.spec.service_board.as_deref().unwrap_or_default();
    let setup = "In ConnectWise, open System > Setup Tables > Service Board.";
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
             Click (customize) beside it and move Service / Service Board to the Allow list. Save the role."
                .to_owned(),
        ),
        BoardAnswer::NoDefaultTeam => {
            ("has no default team", format!("{setup} Open the board. Under Teams, mark exactly one team as default. Save the board."))
        }
    };
    Board::Fault(message::board(name, fault, &click))
}

fn fault(
    ready: Reason,
    message: String,
    auth: (ConditionStatus, Reason),
    denied: (ConditionStatus, Reason, String),
    permissions: Option<PermissionsStatus>,
) -> Finding {
    let auth_message = match auth.0 {
        ConditionStatus::True => message.clone(),
        ConditionStatus::False => "ConnectWise accepted the API keys.".to_owned(),
        ConditionStatus::Unknown => NOT_REACHED.to_owned(),
    };
    Finding::Fault(Box::new(Fault { ready, message, auth, auth_message, denied, permissions }))
}

fn not_evaluated() -> (ConditionStatus, Reason, String) {
    (ConditionStatus::Unknown, Reason::NotEvaluated, NOT_REACHED.to_owned())
}

fn accepted_but(
    reason: Reason,
    text: String,
    denied: (ConditionStatus, Reason, String),
    permissions: PermissionsStatus,
) -> Finding {
    let accepted = (ConditionStatus::False, Reason::CredentialsAccepted);
    fault(reason, text, accepted, denied, Some(permissions))
}

fn site(reason: Reason, text: &str) -> Finding {
    let auth = (ConditionStatus::Unknown, Reason::NotEvaluated);
    fault(reason, message::looks_again(text), auth, not_evaluated(), None)
}

fn no_connectwise(target: &Target) -> String {
    format!(
        "{} responds, but not as a ConnectWise server. Set spec.siteUrl to the host where you log in to ConnectWise, such as \
         na.myconnectwise.net.",
        target.site
    )
}

fn host_not_allowed(target: &Target) -> String {
    format!(
        "{} refers to another host for this company's API, and the operator may not send keys there. Correct spec.siteUrl, or \
         ask the operator's administrator to allow that host with --allow-site.",
        target.site
    )
}

fn private_address(target: &Target) -> String {
    format!(
        "{} resolves to a private address, and the operator does not send keys there. Correct spec.siteUrl, or ask the \
         operator's administrator to add the flag \"--allow-site={}\".",
        target.site, target.site
    )
}

fn company_unknown(target: &Target) -> Finding {
    let text = format!(
        "Company \"{}\" was not found at {}. Compare spec.companyId with the Company field on the ConnectWise login page. \
         Compare spec.siteUrl with the address of that page.",
        target.company, target.site
    );
    let auth = (ConditionStatus::True, Reason::CompanyUnknown);
    fault(Reason::CompanyUnknown, message::looks_again(&text), auth, not_evaluated(), None)
}

fn rejected(visit: &View) -> Finding {
    let status = &visit.subject.status;
    let mut text = format!(
        "ConnectWise refused the API keys. In ConnectWise, open System > Members > API Members. Open the member and create a \
         new key pair on its API Keys tab. Put both keys into Secret \"{}\", or ask a cluster administrator to do so.",
        visit.subject.spec.credentials_secret_ref.name
    );
    if !visit.seen.client_id.worked {
        text.push_str(CLIENT_ID_SUSPECTED);
    }
    let current = status.inputs.as_ref().and_then(|inputs| inputs.credentials_version.as_ref());
    let held = status.link.as_ref().and_then(|link| link.credentials_version.as_ref());
    if held.is_some() && held != current {
        text.push_str(" Petra still has the previous keys.");
    }
    let auth = (ConditionStatus::True, Reason::CredentialsRejected);
    fault(Reason::CredentialsRejected, message::looks_again(&text), auth, not_evaluated(), None)
}

fn member_inactive() -> Finding {
    let text = message::looks_again_soon(
        "The API member is inactive. In ConnectWise, open System > Members > API Members. Open the member, clear Inactive, \
         and save the member.",
    );
    let accepted = (ConditionStatus::False, Reason::CredentialsAccepted);
    let denied = (ConditionStatus::True, Reason::MemberInactive, text.clone());
    fault(Reason::MemberInactive, text, accepted, denied, None)
}
