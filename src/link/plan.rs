//! What the rules ask for ([`Plan`]), and what comes back of it ([`Answer`], [`Outcome`], [`Written`]).

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::facts::{FleetView, PollView, Precedence, SecretRead};
use super::origin::Origin;
use super::state::LinkState;
use crate::connectwise::{CompanyId, CredentialsVersion, Depth, Keys, Round};
use crate::crd::{ConnectWiseLink, EventReason, LinkStatus, Reason};
use crate::kubernetes::{LinkWrite, WriteRefusal};
use crate::petra::client::Adopt;
use crate::petra::listing::Listing;
use crate::petra::{DeleteAnswer, LinkId, Owner, PetraFault, PutAnswer, RemoteLink, Version};
use crate::upstream::hosts::HostPort;

/// What comes next in a visit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plan {
    /// Ask this, then decide again.
    Ask(Question),
    /// Make this change, then decide again.
    Change(Change),
    /// Write this status before anything outside is asked, then decide again.
    Publish(Box<LinkStatus>, Box<LinkState>),
    /// The visit is over.
    Settle(Box<Settlement>),
}

/// How a visit ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settlement {
    /// The status to write, if it differs from the stored one.
    pub status: LinkStatus,
    /// What to remember.
    pub state: LinkState,
    /// When to visit again; `None`: at the next change.
    pub next: Option<Duration>,
    /// Events on the resource, for transitions only.
    pub events: Vec<LinkEvent>,
    /// Whether the shared poll must look for this link often.
    pub awaits_petra: bool,
    /// The company's link that this resource claims, as far as it is known.
    pub claim: Option<Claimed>,
    /// Why a verdict was held, if it was.
    pub held: Option<HeldCause>,
    /// What the API server refuses, if that keeps the link from going on.
    pub refused: Option<WriteRefusal>,
}

/// What a Ready link would be accused of, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accusation {
    /// The reason that `Ready` would have.
    pub of: Reason,
    /// Whose word this rests on.
    pub by: Origin,
}

/// The company's link that a resource claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    /// Which link.
    pub id: LinkId,
    /// Whether the spec says that a person saved it in Petra's portal.
    pub acknowledged: bool,
    /// Whether this process found the id, and the API keys good for it. Else the id comes from the status.
    pub proved: bool,
}

/// An event on the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkEvent {
    /// One word for machines.
    pub reason: EventReason,
    /// For people.
    pub text: String,
}

/// Why a verdict is held although a round found something else or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldCause {
    /// ConnectWise did not answer conclusively.
    Inconclusive,
    /// Petra did not answer conclusively.
    Petra,
    /// An accusation waits for the second answer.
    Debounce,
    /// The operator itself may be the cause: many links would be accused of the same at once, or its clientId or its name
    /// server is the suspect.
    Fleet,
}

impl HeldCause {
    /// The label of the metric `cwlink_held_verdicts_total`.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Inconclusive => "inconclusive",
            Self::Petra => "petra",
            Self::Debounce => "debounce",
            Self::Fleet => "fleet",
        }
    }
}

/// A question that only I/O, or the state of other links, can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Read the Secret.
    Secret,
    /// Run a round at ConnectWise of this depth.
    Round(Depth),
    /// Wait for the next answer of the shared poll.
    Poll,
    /// Look up whether another resource comes first for this link in `Portal`.
    Rival(Claimed),
    /// Look up whether other links fail for the same reason.
    Fleet(Accusation),
    /// Read this link at Petra.
    Link(LinkId),
    /// List the links at Petra that name this owner.
    Owned(Owner),
    /// Try a write to the resource that changes nothing (`dryRun`), to learn whether the API server would take it.
    Trial(LinkWrite),
}

/// A change outside the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Add the finalizer.
    AddFinalizer,
    /// Remove the finalizer. Kubernetes then deletes the resource.
    RemoveFinalizer,
    /// Create the link at Petra, or replace its keys.
    Put {
        /// Which link.
        id: LinkId,
        /// The company, as the spec spells it.
        company: CompanyId,
        /// The host of its API.
        site: HostPort,
        /// Version that Petra must have; `None` if it must not have the link.
        expected: Option<Version>,
        /// Whose link to take over.
        adopt_from: Option<Adopt>,
        /// Version of the keys that are sent.
        credentials: CredentialsVersion,
    },
    /// Delete the link at Petra.
    Delete {
        /// Which link.
        id: LinkId,
        /// Version that Petra must have.
        expected: Version,
    },
}

/// The answer to a [`Question`].
pub(crate) enum Answer {
    /// What the Secret holds, and the keys themselves. Tests of the rules have no keys.
    Secret(SecretRead, Option<Keys>),
    /// What ConnectWise answered. A first round that takes long writes a status meanwhile: what came of that write.
    Round(Round, Option<Written>),
    /// What the shared poll knows now.
    Poll(PollView),
    /// Which resource comes first.
    Rival(Precedence),
    /// The other links.
    Fleet(FleetView),
    /// The link at Petra, if it exists.
    Link(Result<Option<RemoteLink>, PetraFault>),
    /// All links at Petra of one owner.
    Owned(Result<Listing, PetraFault>),
    /// What would come of the write.
    Trial(Tried),
}

/// What came of a [`Change`].
pub(crate) enum Outcome {
    /// The finalizer is on the resource (`true`) or off (`false`), and this is the metadata now.
    Finalizer(bool, Box<ObjectMeta>),
    /// The API server refuses to change the finalizer.
    Refused(WriteRefusal),
    /// The finalizer is as before: somebody else wrote the resource in between, it is gone, or this replica may not be the
    /// leader any more.
    NotMade,
    /// Petra's answer to a PUT.
    Put(PutAnswer),
    /// Petra's answer to a DELETE.
    Delete(DeleteAnswer),
}

/// What would come of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    /// The API server would take it.
    Taken,
    /// The resource was written by somebody else in between, is gone, or was replaced by another one of the same name.
    Outdated,
    /// The API server would refuse it.
    Refused(WriteRefusal),
}

/// What came of writing a status.
pub(crate) enum Written {
    /// The stored resource.
    Stored(Box<ConnectWiseLink>),
    /// The resource was written by somebody else in between, is gone, or was replaced by another one of the same name.
    Outdated,
    /// The API server refuses it.
    Refused(WriteRefusal),
}
