//! What one visit has found out so far: everything that [`decide`](super::decide::decide) judges by, and nothing that it
//! could not be handed in a test. No keys, no Kubernetes types, no remote text.

use crate::clock::Now;
use crate::connectwise::{CompanyId, CredentialsVersion, Depth, KeyProblem, Round};
use crate::crd::Reason;
use crate::crd::{SecretLookup, SecretVersion};
use crate::petra::client::Adopt;
use crate::petra::{DeleteAnswer, LinkId, Owner, PetraFault, PutAnswer, RemoteLink, Version};
use crate::upstream::hosts::HostPort;

/// What reading the Secret told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRead {
    /// It holds keys.
    Keys {
        /// Which Secret this was.
        secret: SecretVersion,
        /// Tells whether the keys changed.
        credentials: CredentialsVersion,
    },
    /// It holds no usable keys.
    Invalid {
        /// Which Secret this was.
        secret: SecretVersion,
        /// What is wrong with them.
        problem: KeyProblem,
    },
    /// It does not exist.
    Absent,
    /// The operator may not read it.
    Forbidden,
    /// The API server did not answer.
    Unavailable,
}

/// What the shared poll knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// No list call has ended in this process.
    NotYet,
    /// The last answered list, and how the newest call ended.
    Known {
        /// When the list was answered.
        answered_at: Now,
        /// When it was asked for: what was done at Petra after that need not be in it.
        asked_at: Now,
        /// The links in it that name this owner, or have the id that stands in the status.
        links: Vec<RemoteLink>,
        /// Why the newest call failed, if it did.
        failing: Option<PetraFault>,
        /// Whether absence from it proves nothing: it lost much at once, or an entry could not be read.
        unsure: bool,
    },
    /// No list call was ever answered in this process; this is how the newest ended.
    Failing(PetraFault),
}

/// Another resource of this operator for the same company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// Its name, when it lives in the same namespace: names stay inside a namespace.
    pub visible_name: Option<String>,
}

/// What the rest of the fleet looks like, for the rule that a fleet does not flip at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetView {
    /// How many links are Ready, or were within the last interval.
    pub ready: usize,
    /// How many others of them were suspected of the same within the last interval.
    pub suspected_alike: usize,
    /// One of the suspected has succeeded since: whatever it was, it is not the fleet's.
    pub released: bool,
}

/// Whether the operator's own clientId can be trusted: a refusal may be about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientIdView {
    /// Counts its changes since this process started.
    pub generation: u64,
    /// The one in use has worked for somebody since this process started.
    pub worked: bool,
}

impl ClientIdView {
    /// Whether it was changed while the operator ran, and has worked for nobody since.
    #[must_use]
    pub fn is_unproven(self) -> bool {
        self.generation > 0 && !self.worked
    }
}

/// Everything that this visit knows beyond the resource itself.
#[derive(Clone, Debug)]
pub struct Seen {
    /// From the watch of Secrets, without reading one.
    pub secret_watch: SecretLookup,
    /// From the shared poll, without a call.
    pub listing: Listing,
    /// From earlier rounds of all links.
    pub client_id: ClientIdView,
    /// From the other resources: one that comes first for this company in `Portal`, if there is one.
    pub rival: Option<Option<Rival>>,
    /// From the other resources.
    pub fleet: Option<FleetView>,
    /// The Secret, read in this visit.
    pub secret: Option<SecretRead>,
    /// ConnectWise, asked in this visit.
    pub round: Option<Round>,
    /// The link at Petra, read by itself in this visit.
    pub read: Option<Result<Option<RemoteLink>, PetraFault>>,
    /// All links at Petra that name this owner, listed in this visit.
    pub owned: Option<Result<Vec<RemoteLink>, PetraFault>>,
    /// The answer to a PUT of this visit.
    pub put: Option<PutAnswer>,
    /// How many PUTs this visit has made.
    pub puts: u8,
    /// The answer to the last DELETE of this visit.
    pub deleted: Option<DeleteAnswer>,
    /// How many DELETEs of this visit changed nothing, because what was believed was out of date.
    pub deletes_in_vain: u8,
    /// Whether the resource has the finalizer now.
    pub finalizer: bool,
}

impl Seen {
    /// What a visit knows before it asked anything.
    #[must_use]
    pub fn at_start(
        secret_watch: SecretLookup,
        listing: Listing,
        client_id: ClientIdView,
        finalizer: bool,
    ) -> Self {
        Self {
            secret_watch,
            listing,
            client_id,
            rival: None,
            fleet: None,
            secret: None,
            round: None,
            read: None,
            owned: None,
            put: None,
            puts: 0,
            deleted: None,
            deletes_in_vain: 0,
            finalizer,
        }
    }
}

/// A question that only I/O can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Read the Secret.
    Secret,
    /// Ask ConnectWise, this much.
    Round(Depth),
    /// Wait for the shared poll's next answer.
    Listing,
    /// Look whether another resource comes first for this link in `Portal`.
    Rival(LinkId),
    /// Look how many others are suspected of the same.
    Fleet(Reason),
    /// Read this link at Petra.
    Link(LinkId),
    /// List the links at Petra that name this owner.
    Owned(Owner),
}

/// A change outside the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Put the finalizer on the resource.
    AddFinalizer,
    /// Take the finalizer off: the last thing that happens to a deleted resource.
    RemoveFinalizer,
    /// Create the link at Petra, or replace its keys.
    Put {
        /// Which link.
        id: LinkId,
        /// The company, as the spec spells it.
        company: CompanyId,
        /// The host of its API.
        site: HostPort,
        /// What is believed to be there; `None`: nothing.
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
        /// What is believed to be there.
        expected: Version,
    },
}
