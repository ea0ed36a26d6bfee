//! What one visit has found so far. Together with the resource and the link's state, this is all that
//! [`decide`](super::decide::decide) judges by. No keys, no Kubernetes types and no remote text are in it, so that a test can
//! provide all of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::client_id::ClientIdView;
use super::subject::Subject;
use crate::clock::Now;
use crate::connectwise::{CredentialsVersion, KeyProblem, Round};
use crate::crd::{SecretLookup, SecretVersion};
use crate::kubernetes::WriteRefusal;
use crate::petra::snapshot::Snapshot;
use crate::petra::{DeleteAnswer, LinkId, PetraFault, PutAnswer, RemoteLink};

/// Result of reading the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretRead {
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

/// What the shared poll of Petra's list knows of one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PollView {
    /// No list call has ended in this process.
    NotYet,
    /// The last answered list, and how the newest call ended.
    Known {
        /// When the list was answered.
        answered_at: Now,
        /// When the list was requested. A change made at Petra after that need not be in it.
        asked_at: Now,
        /// The links that name this owner or have the id that the status records.
        links: Vec<RemoteLink>,
        /// Why the newest call failed, if it did.
        failing: Option<PetraFault>,
        /// Whether absence from the list proves nothing: it lost many links at once, or an entry could not be read.
        unsure: bool,
    },
    /// No list call was ever answered in this process. This is how the newest one ended.
    Failing(PetraFault),
}

impl PollView {
    /// What a poll says of the link of `subject`: its last answered list, and why the newest call failed, if it did.
    #[must_use]
    pub(crate) fn of(subject: &Subject, list: Option<&Snapshot>, failing: Option<PetraFault>) -> Self {
        let Some(list) = list else { return failing.map_or(Self::NotYet, Self::Failing) };
        let recorded = subject.status.link.as_ref().and_then(|link| LinkId::parse(&link.id));
        let by_id = recorded.as_ref().and_then(|id| list.link(id));
        let of_owner = list.of_owner(&subject.owner).filter(|link| Some(&link.id) != recorded.as_ref());
        Self::Known {
            answered_at: list.answered_at,
            asked_at: list.asked_at,
            links: by_id.into_iter().chain(of_owner).cloned().collect(),
            failing,
            unsure: recorded.is_some_and(|id| by_id.is_none() && !list.denies(&id)),
        }
    }
}

/// Another resource of this operator for the same company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rival {
    /// Its name, when it lives in the same namespace: names stay inside a namespace.
    pub visible_name: Option<String>,
}

/// Which resource comes first for the link of a company in `Portal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precedence {
    /// This one.
    First,
    /// Another one.
    After(Rival),
    /// Another one may: this process has not checked it yet, and only its status says so. It is being checked.
    Unproved,
}

/// Whether a Ready link that seems to fail does so alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FleetView {
    /// It is judged by itself.
    #[default]
    Single,
    /// So many links fail for the same reason that one cause is more likely.
    Common,
}

/// All links at Petra that name one owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnedLinks {
    /// When the list was requested. A link that came to Petra after that need not be in it.
    pub asked_at: Now,
    /// The links.
    pub links: Vec<RemoteLink>,
}

/// A DELETE that this visit sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentDelete {
    /// Of which link.
    pub id: LinkId,
    /// What Petra answered.
    pub answer: DeleteAnswer,
}

/// Everything that this visit knows beyond the resource itself.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// When the visit began, on the monotonic clock.
    pub began: Duration,
    /// Since when this replica acts, on the monotonic clock: another one may have acted right up to then.
    pub leads_since: Duration,
    /// From the watch of Secrets, without reading one.
    pub secret_watch: SecretLookup,
    /// From the shared poll, without a call.
    pub poll: PollView,
    /// From earlier rounds of all links.
    pub client_id: ClientIdView,
    /// From the other resources: one that comes first for this company in `Portal`, if there is one.
    pub precedence: Option<Precedence>,
    /// From the other resources.
    pub fleet: Option<FleetView>,
    /// The Secret, read in this visit.
    pub secret: Option<SecretRead>,
    /// ConnectWise, asked in this visit.
    pub round: Option<Round>,
    /// Whether this visit waited for the shared poll: its list was requested in this visit.
    pub polled: bool,
    /// The links at Petra that this visit read by themselves, after its last change of them.
    pub petra_links: BTreeMap<LinkId, Result<Option<RemoteLink>, PetraFault>>,
    /// The links that Petra listed for this owner in this visit.
    pub owned: Option<Result<OwnedLinks, PetraFault>>,
    /// The answer to a PUT of this visit.
    pub put_answer: Option<PutAnswer>,
    /// Which link the last PUT of this visit was about.
    pub put_id: Option<LinkId>,
    /// How many PUTs this visit has made.
    pub puts: u8,
    /// The DELETEs of this visit, in their order.
    pub deletes: Vec<SentDelete>,
    /// Whether the resource has the finalizer now.
    pub finalizer: bool,
    /// Why the API server did not take the finalizer, or its removal, in this visit.
    pub finalizer_refused: Option<WriteRefusal>,
    /// Whether the API server took a status in this visit.
    pub status_taken: bool,
    /// Whether the API server would take what has to be recorded after a change at Petra.
    pub trial: Option<Result<(), WriteRefusal>>,
}

impl Facts {
    /// What a visit knows before it asked anything.
    #[must_use]
    pub(crate) fn at_start(
        secret_watch: SecretLookup,
        poll: PollView,
        client_id: ClientIdView,
        finalizer: bool,
        now: Now,
    ) -> Self {
        Self {
            began: now.up,
            leads_since: Duration::ZERO,
            secret_watch,
            poll,
            client_id,
            precedence: None,
            fleet: None,
            secret: None,
            round: None,
            polled: false,
            petra_links: BTreeMap::new(),
            owned: None,
            put_answer: None,
            put_id: None,
            puts: 0,
            deletes: Vec::new(),
            finalizer,
            finalizer_refused: None,
            status_taken: false,
            trial: None,
        }
    }
}
