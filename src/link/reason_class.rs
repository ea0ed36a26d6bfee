//! What a stored reason says: where it comes from, what it says of each service, and how soon to check again.
//!
//! [`Reason::class`] is the only list of this kind. A rule that asks what a reason means asks here.

use crate::crd::Reason;

/// Where a reason comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The spec, or what a person did outside the cluster and wrote into the spec.
    Spec,
    /// The Secret with the API keys.
    Secret,
    /// What ConnectWise answered, or that it did not.
    ConnectWise,
    /// What Petra answered, or that it did not.
    Petra,
    /// The operator itself: how far it got.
    Operator,
}

/// What a reason of `Ready` says of ConnectWise, for the inputs that the conditions describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectWiseSays {
    /// Nothing: what comes before ConnectWise is the reason.
    NotAsked,
    /// The operator is about to ask, or is asking.
    NotYet,
    /// No conclusive answer.
    Inconclusive,
    /// Something is wrong for sure. It takes this evidence to disprove it.
    Fault(Evidence),
    /// The API keys, the role and the board passed.
    Passed,
}

/// What a round must find good to disprove a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// ConnectWise accepts the API keys.
    Keys,
    /// The security role of an active member is judged.
    Role,
    /// The service board is judged. That comes last in a round.
    Board,
}

/// What a reason says of the link at Petra.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PetraSays {
    /// Nothing: Petra is not the reason, or has no link API.
    NotAsked,
    /// No conclusive answer.
    Inconclusive,
    /// Petra has the link, confirmed or not yet.
    Registered,
    /// Petra lost the link.
    Missing,
    /// Petra has the link of another owner, rejected the link, or did not confirm it in time.
    Rejected,
}

/// Kinds of repeated checks: rows of the published intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackoffKind {
    /// Role, member or board: a person is probably fixing it right now.
    Fixing,
    /// Keys rejected, company or site wrong, rejected by Petra.
    Rejected,
    /// Nothing conclusive, and no verdict yet.
    Inconclusive,
    /// Nothing conclusive, and a verdict is held.
    Held,
}

/// What one reason says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonClass {
    /// Where it comes from.
    pub source: Source,
    /// What it says of ConnectWise.
    pub connectwise: ConnectWiseSays,
    /// What it says of Petra.
    pub petra: PetraSays,
    /// How the checks that it causes repeat. `None`: a change, a poll or the routine check comes next.
    pub backoff: Option<BackoffKind>,
}

impl Reason {
    /// What this reason says.
    #[must_use]
    pub fn class(self) -> ReasonClass {
        use ConnectWiseSays::{Fault, NotAsked, NotYet, Passed};
        use Evidence::{Board, Keys, Role};

        let class = |source, connectwise, petra, backoff| ReasonClass { source, connectwise, petra, backoff };
        let spec = |says| class(Source::Spec, says, PetraSays::NotAsked, None);
        let operator = |says| class(Source::Operator, says, PetraSays::NotAsked, None);
        let connectwise = |says, backoff| class(Source::ConnectWise, says, PetraSays::NotAsked, backoff);
        let petra = |says, backoff| class(Source::Petra, Passed, says, backoff);
        let (fixing, rejected) = (Some(BackoffKind::Fixing), Some(BackoffKind::Rejected));
        let inconclusive = Some(BackoffKind::Inconclusive);
        // The other conditions show which service did not respond.
        let either =
            class(Source::Operator, ConnectWiseSays::Inconclusive, PetraSays::Inconclusive, inconclusive);
        match self {
            Self::SpecInvalid | Self::CompanyNotAllowed | Self::Suspended => spec(NotAsked),
            // Only where the status judges API keys: then the spec was fine, and resolving the site's name found the fault.
            Self::SiteNotAllowed => class(Source::Spec, Fault(Keys), PetraSays::NotAsked, rejected),
            Self::PortalActionRequired | Self::Acknowledged => spec(Passed),

            Self::WaitingForSecret | Self::SecretNotFound | Self::SecretInvalid | Self::SecretForbidden => {
                class(Source::Secret, NotAsked, PetraSays::NotAsked, None)
            }

            Self::Pending | Self::Checking => operator(NotYet),
            Self::NotEvaluated | Self::Deleting | Self::DeletionBlocked => operator(NotAsked),
            Self::RateLimited | Self::ValidationStale => either,

            Self::ConnectWiseUnavailable => connectwise(ConnectWiseSays::Inconclusive, inconclusive),
            Self::CredentialsAccepted
            | Self::PermissionsGranted
            | Self::GrantedAsFarAsVisible
            | Self::NotVerifiable => connectwise(Passed, None),
            Self::SiteInvalid | Self::SiteUnreachable | Self::CompanyUnknown | Self::CredentialsRejected => {
                connectwise(Fault(Keys), rejected)
            }
            Self::MemberInactive | Self::PermissionsMissing => connectwise(Fault(Role), fixing),
            Self::ServiceBoardNotReady => connectwise(Fault(Board), fixing),

            Self::Linked | Self::Confirmed | Self::AwaitingConfirmation => petra(PetraSays::Registered, None),
            Self::RemoteLinkMissing => petra(PetraSays::Missing, None),
            Self::LinkConflict | Self::RegistrationRejected => petra(PetraSays::Rejected, rejected),
            // The shared poll goes on.
            Self::ConfirmationTimedOut => petra(PetraSays::Rejected, None),
            Self::RegistrationUnsupported => petra(PetraSays::NotAsked, rejected),
            Self::PetraUnavailable | Self::PetraKeyRejected | Self::FinalizerForbidden => {
                petra(PetraSays::Inconclusive, inconclusive)
            }
        }
    }
}
