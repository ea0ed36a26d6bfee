//! What one round says, row by row, before hold and debounce.

use std::collections::BTreeSet;

use super::{StatusBuilder, Target, View, permissions_status};
use crate::connectwise::{
    BoardAnswer, CompanyAnswer, Depth, Inconclusive, KeysAnswer, Line, MemberAnswer, Permissions,
    PermissionsAnswer, Required, Round, Tenant,
};
use crate::crd::{ConditionStatus, ConditionType, ConditionValue, PermissionLine, PermissionsStatus, Reason};
use crate::link::decide::standing::Standing;
use crate::link::message;
use crate::link::reason_class::{ConnectWiseSays, Evidence};

/// The outcome of a round.
pub(super) enum Finding {
    /// A cheap round found what already stands.
    Same,
    /// A cheap round found something else: only the full one judges.
    Escalate,
    /// Nothing is wrong; how `PermissionDenied` reads.
    Passed { permissions: PermissionsStatus, denied: ConditionValue },
    /// Something is wrong for sure.
    Fault(Box<Fault>),
    /// Nothing can be said of the whole.
    Inconclusive { why: Inconclusive, evidence: PartialEvidence },
}

/// A conclusive fault and what it says of each condition.
pub(super) struct Fault {
    pub ready: ConditionValue,
    pub auth: ConditionValue,
    pub denied: ConditionValue,
    pub permissions: Option<PermissionsStatus>,
}

/// What an inconclusive round still says of single conditions: each stands on its own evidence.
#[derive(Default)]
pub(super) struct PartialEvidence {
    keys_accepted: bool,
    denied: Option<ConditionValue>,
}

impl PartialEvidence {
    /// Whether this evidence disproves a fault that stands: then the fault cannot be held.
    pub(super) fn disproves(&self, fault: Reason) -> bool {
        match fault.class().connectwise {
            ConnectWiseSays::Fault(Evidence::Role) => self.denied.is_some(),
            ConnectWiseSays::Fault(Evidence::Board) => false,
            _ => self.keys_accepted,
        }
    }

    /// Says what is known, and of the rest that it was not judged.
    pub(super) fn apply(self, builder: &mut StatusBuilder) {
        if !self.keys_accepted {
            builder.unknown(ConditionType::AuthFailed, Reason::NotEvaluated, NOT_ASKED);
        }
        if self.denied.is_none() {
            builder.unknown(ConditionType::PermissionDenied, Reason::NotEvaluated, NOT_ASKED);
        }
        self.apply_known(builder);
    }

    /// Says what is known, and leaves the rest as it stands.
    pub(super) fn apply_known(self, builder: &mut StatusBuilder) {
        if self.keys_accepted {
            builder.set(ConditionType::AuthFailed, accepted());
        }
        if let Some(denied) = self.denied {
            builder.set(ConditionType::PermissionDenied, denied);
        }
    }
}

/// How `AuthFailed` reads when ConnectWise accepted the keys.
pub(super) fn accepted() -> ConditionValue {
    ConditionStatus::False.because(Reason::CredentialsAccepted, "ConnectWise accepted the API keys.")
}

const NOT_ASKED: &str = "Not checked yet: ConnectWise has not given a clear answer.";
const NOT_REACHED: &str = "Not checked. See the message of condition Ready.";

pub(super) fn find(view: &View, target: &Target, round: &Round, standing: Option<Standing>) -> Finding {
    match round.depth {
        Depth::Cheap => cheap(view, round, standing),
        Depth::Full => full(view, target, round),
    }
}

/// A cheap round only ever agrees, answers nothing, or asks for the full one.
fn cheap(view: &View, round: &Round, standing: Option<Standing>) -> Finding {
    let nothing = |why| Finding::Inconclusive { why, evidence: PartialEvidence::default() };
    match (&round.company, round.keys, standing) {
        (CompanyAnswer::Inconclusive(why), ..) => nothing(*why),
        (CompanyAnswer::Found(tenant), ..) if moved(view, tenant) => Finding::Escalate,
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
                    && agrees(view, found) =>
            {
                Finding::Same
            }
            PermissionsAnswer::Judged(_) => Finding::Escalate,
        },
        _ => Finding::Escalate,
    }
}

/// Whether the tenant is served elsewhere than the status says: ConnectWise upgrades tenants to new codebases.
fn moved(view: &View, tenant: &Tenant) -> bool {
    let recorded = view.subject.status.site.as_ref();
    let same = recorded.is_some_and(|site| {
        site.api_host.as_ref() == Some(&tenant.api_host.to_string())
            && site.codebase.as_ref() == Some(&tenant.codebase)
    });
    !same
}

/// Whether the company's API was found at this site before.
fn is_known_as_connectwise(view: &View) -> bool {
    view.subject.status.site.as_ref().is_some_and(|site| site.codebase.is_some())
}

/// Whether the missing lines are those of the status, order apart, and no line became one that cannot be told: mySecurity
/// may have fallen silent.
fn agrees(view: &View, found: &Permissions) -> bool {
    let stood = view.subject.status.permissions.as_ref();
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
fn full(view: &View, target: &Target, round: &Round) -> Finding {
    match &round.company {
        CompanyAnswer::Found(_) => {}
        CompanyAnswer::Inconclusive(why) => {
            return Finding::Inconclusive { why: *why, evidence: PartialEvidence::default() };
        }
        CompanyAnswer::Unknown => return company_unknown(target),
        // A page from a site that was ConnectWise before is as likely one of maintenance, or a proxy's.
        CompanyAnswer::NotConnectWise if is_known_as_connectwise(view) => {
            return Finding::Inconclusive {
                why: Inconclusive::Unavailable,
                evidence: PartialEvidence::default(),
            };
        }
        CompanyAnswer::NotConnectWise => return site(Reason::SiteInvalid, &no_connectwise(target)),
        CompanyAnswer::HostNotAllowed => return site(Reason::SiteNotAllowed, &host_not_allowed(target)),
        CompanyAnswer::PrivateAddress => return site(Reason::SiteNotAllowed, &private_address(target)),
    }
    match round.keys {
        KeysAnswer::Accepted => {}
        KeysAnswer::Rejected => return rejected(view),
        KeysAnswer::Inconclusive(why) => {
            return Finding::Inconclusive { why, evidence: PartialEvidence::default() };
        }
    }
    if round.member == MemberAnswer::Inactive {
        return member_inactive();
    }
    let permissions = match &round.permissions {
        PermissionsAnswer::Judged(permissions) => permissions,
        PermissionsAnswer::Inconclusive(why) => {
            return Finding::Inconclusive {
                why: *why,
                evidence: PartialEvidence { keys_accepted: true, denied: None },
            };
        }
    };
    let status = permissions_status(view, target, round.traits, permissions);
    let denied = denied(target, permissions, &status);
    if !permissions.missing.is_empty() {
        return accepted_but(Reason::PermissionsMissing, denied.message.clone(), denied, status);
    }
    match board(view, round.board) {
        Board::Fine => Finding::Passed { permissions: status, denied },
        Board::Fault(text) => accepted_but(Reason::ServiceBoardNotReady, text, denied, status),
        Board::Nothing(why) => Finding::Inconclusive {
            why,
            evidence: PartialEvidence { keys_accepted: true, denied: Some(denied) },
        },
    }
}

/// How `PermissionDenied` reads for these lines.
fn denied(target: &Target, found: &Permissions, status: &PermissionsStatus) -> ConditionValue {
    let profile = &target.profile.name;
    if !found.missing.is_empty() {
        let text = message::permissions_missing(profile, &status.missing);
        return ConditionStatus::True.because(Reason::PermissionsMissing, text);
    }
    if found.unknown.is_empty() {
        let text = format!("The security role grants every permission required by profile {profile}.");
        return ConditionStatus::False.because(Reason::PermissionsGranted, text);
    }
    let only_items = found.unknown.iter().all(|line| line.required == Required::Allowed);
    let (value, reason) = if only_items {
        (ConditionStatus::False, Reason::GrantedAsFarAsVisible)
    } else {
        (ConditionStatus::Unknown, Reason::NotVerifiable)
    };
    value.because(reason, message::not_visible(reason, profile, &status.unknown))
}

enum Board {
    Fine,
    Fault(String),
    Nothing(Inconclusive),
}

fn board(view: &View, answer: BoardAnswer) -> Board {
    let name = view.subject.spec.service_board.as_deref().unwrap_or_default();
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
    ready: ConditionValue,
    auth: ConditionValue,
    denied: ConditionValue,
    permissions: Option<PermissionsStatus>,
) -> Finding {
    Finding::Fault(Box::new(Fault { ready, auth, denied, permissions }))
}

fn not_evaluated() -> ConditionValue {
    ConditionStatus::Unknown.because(Reason::NotEvaluated, NOT_REACHED)
}

fn accepted_but(
    reason: Reason,
    text: String,
    denied: ConditionValue,
    permissions: PermissionsStatus,
) -> Finding {
    fault(ConditionStatus::False.because(reason, text), accepted(), denied, Some(permissions))
}

fn site(reason: Reason, text: &str) -> Finding {
    let ready = ConditionStatus::False.because(reason, message::looks_again(text));
    fault(ready, not_evaluated(), not_evaluated(), None)
}

/// The keys, or the company that they belong to, were refused.
fn refused(reason: Reason, text: &str) -> Finding {
    let auth = ConditionStatus::True.because(reason, text);
    fault(ConditionStatus::False.because(reason, text), auth, not_evaluated(), None)
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
    refused(Reason::CompanyUnknown, &message::looks_again(&text))
}

fn rejected(view: &View) -> Finding {
    refused(Reason::CredentialsRejected, &rejected_text(view))
}

fn rejected_text(view: &View) -> String {
    let status = &view.subject.status;
    let current = status.inputs.as_ref().and_then(|inputs| inputs.credentials_version.as_ref());
    let at_petra = status.link.as_ref().and_then(|link| link.credentials_version.as_ref());
    message::credentials_rejected(
        &view.subject.spec.credentials_secret_ref.name,
        view.facts.client_id.worked,
        at_petra.is_some() && at_petra != current,
    )
}

/// Renders the message of a standing fault again where it depends on more than the round that found it. Once the clientId
/// has worked, a rejection no longer names it as a possible cause.
pub(super) fn render_standing(view: &View, fault: Reason, builder: &mut StatusBuilder) {
    if fault != Reason::CredentialsRejected || !view.facts.client_id.worked {
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

fn member_inactive() -> Finding {
    let text = message::looks_again_soon(
        "The API member is inactive. In ConnectWise, open System > Members > API Members. Open the member, clear Inactive, \
         and save the member.",
    );
    let denied = ConditionStatus::True.because(Reason::MemberInactive, text.clone());
    fault(ConditionStatus::False.because(Reason::MemberInactive, text), accepted(), denied, None)
}
