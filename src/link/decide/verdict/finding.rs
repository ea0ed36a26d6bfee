//! What one round says, row by row, before hold and debounce.

use std::collections::BTreeSet;

use super::fault::{self, Board, Fault};
use super::unanswered::Unanswered;
use super::{StatusBuilder, Target, View, permissions_status};
use crate::connectwise::{
    CompanyAnswer, Depth, Inconclusive, KeysAnswer, Line, MemberAnswer, Permissions, PermissionsAnswer,
    Required, Round, Tenant,
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
    Inconclusive { why: Unanswered, evidence: PartialEvidence },
}

impl Finding {
    fn of(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }

    /// Nothing can be said at all.
    fn nothing(why: Unanswered) -> Self {
        Self::Inconclusive { why, evidence: PartialEvidence::default() }
    }
}

/// What an inconclusive round still says of single conditions: each stands on its own evidence.
#[derive(Default)]
pub(super) struct PartialEvidence {
    keys_accepted: bool,
    denied: Option<ConditionValue>,
}

impl PartialEvidence {
    /// Whether this evidence disproves the current fault, which then cannot be held.
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
            builder.set(ConditionType::AuthFailed, fault::accepted());
        }
        if let Some(denied) = self.denied {
            builder.set(ConditionType::PermissionDenied, denied);
        }
    }
}

const NOT_ASKED: &str = "Not checked yet: ConnectWise has not given a clear answer.";

pub(super) fn find(view: &View, target: &Target, round: &Round, standing: Option<Standing>) -> Finding {
    match round.depth {
        Depth::Cheap => cheap(view, round, standing),
        Depth::Full => full(view, target, round),
    }
}

/// A cheap round only ever agrees, answers nothing, or asks for the full one.
fn cheap(view: &View, round: &Round, standing: Option<Standing>) -> Finding {
    let nothing = |why| Finding::nothing(Unanswered::ConnectWise(why));
    match (&round.company, round.keys, standing) {
        (CompanyAnswer::Inconclusive(why), ..) => nothing(*why),
        (CompanyAnswer::Found(tenant), ..) if moved(view, tenant) => Finding::Escalate,
        (CompanyAnswer::Found(_), KeysAnswer::Inconclusive(why), _) => nothing(why),
        (
            CompanyAnswer::Found(_),
            KeysAnswer::Rejected,
            Some(Standing::Fault(Reason::CredentialsRejected)),
        ) => Finding::Same,
        (CompanyAnswer::Found(_), KeysAnswer::Rejected, _) if view.blames_client_id() => {
            Finding::nothing(Unanswered::ClientId)
        }
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

/// Whether the same permissions are missing, none became unverifiable, and none of those that were unverifiable is known
/// now. The mySecurity endpoint can stop returning data, and begin again.
fn agrees(view: &View, found: &Permissions) -> bool {
    let stood = view.subject.status.permissions.as_ref();
    let stored = |lines: Option<&Vec<PermissionLine>>| names(lines.map_or(&[][..], Vec::as_slice));
    let missing = stored(stood.map(|stood| &stood.missing));
    let unknown = stored(stood.map(|stood| &stood.unknown));
    let lines = |lines: &[Line]| names(&lines.iter().map(message::permission_line).collect::<Vec<_>>());
    let (untold, unasked) = (lines(&found.unknown), lines(&found.unasked));
    lines(&found.missing) == missing
        && untold.is_subset(&unknown)
        && unknown.iter().all(|line| untold.contains(line) || unasked.contains(line))
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
        CompanyAnswer::Inconclusive(why) => return Finding::nothing(Unanswered::ConnectWise(*why)),
        CompanyAnswer::Unknown => return Finding::of(fault::company_unknown(target)),
        // A page from a site that was ConnectWise before is as likely one of maintenance, or a proxy's.
        CompanyAnswer::NotConnectWise if is_known_as_connectwise(view) => {
            return Finding::nothing(Unanswered::ConnectWise(Inconclusive::Unavailable));
        }
        CompanyAnswer::NotConnectWise => return Finding::of(fault::not_connectwise(target)),
        CompanyAnswer::HostNotAllowed => return Finding::of(fault::host_not_allowed(target)),
        CompanyAnswer::PrivateAddress
            if is_known_as_connectwise(view) && !view.is_asked_for(Reason::SiteNotAllowed) =>
        {
            return Finding::nothing(Unanswered::PrivateAddress);
        }
        CompanyAnswer::PrivateAddress => return Finding::of(fault::private_address(target)),
    }
    match round.keys {
        KeysAnswer::Accepted => {}
        KeysAnswer::Rejected if view.blames_client_id() => return Finding::nothing(Unanswered::ClientId),
        KeysAnswer::Rejected => return Finding::of(fault::rejected(view)),
        KeysAnswer::Inconclusive(why) => return Finding::nothing(Unanswered::ConnectWise(why)),
    }
    if round.member == MemberAnswer::Inactive {
        return Finding::of(fault::member_inactive());
    }
    let permissions = match &round.permissions {
        PermissionsAnswer::Judged(permissions) => permissions,
        PermissionsAnswer::Inconclusive(why) => {
            return Finding::Inconclusive {
                why: Unanswered::ConnectWise(*why),
                evidence: PartialEvidence { keys_accepted: true, denied: None },
            };
        }
    };
    let status = permissions_status(view, target, round.traits, permissions);
    let denied = denied(target, permissions, &status);
    if !permissions.missing.is_empty() {
        return Finding::of(fault::permissions_missing(denied, status));
    }
    match fault::board(view, round.board) {
        Board::Fine => Finding::Passed { permissions: status, denied },
        Board::Fault(text) => Finding::of(fault::board_not_ready(text, denied, status)),
        Board::Nothing(why) => Finding::Inconclusive {
            why: Unanswered::ConnectWise(why),
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
