//! Everything outside the rules, as plain values: a Secret, a ConnectWise, a Petra, a clock, a resource.

mod conversation;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::clock::Now;
use crate::connectwise::{ClientIdVersion, CompanyId, Depth, Round};
use crate::crd::{
    ConditionStatus, ConditionType, ConnectWiseLink, FINALIZER, LinkRef, LinkSpec, LinkStatus, Reason,
    RegistrationMode, SecretReference,
};
use crate::kubernetes::WriteRefusal;
use crate::link::client_id::{AcceptedClientId, ClientIdView};
use crate::link::config::Config;
use crate::link::facts::{FleetView, Rival};
use crate::link::fleet::Fleet;
use crate::link::origin::Origin;
use crate::link::state::LinkState;
use crate::link::subject::Subject;
use crate::petra::{
    LinkId, Owner, OwnerUid, PetraFault, PutAnswer, Refusal, RemoteLink, RemoteState, Version,
};
use crate::timings::Timings;

pub(super) use super::secret::{PRIVATE, SecretIs};
pub(super) use super::tenancy::{Tenancy, tenant};

/// What one visit did.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    pub rounds: Vec<Depth>,
    /// How much time each round was given.
    pub times_left: Vec<Duration>,
    pub secret_reads: u32,
    /// Questions to Petra of this visit's own; what the shared poll tells is not asked for.
    pub petra_reads: u32,
    pub puts: u32,
    pub deletes: u32,
    pub writes: u32,
    /// Writes that were only tried.
    pub trials: u32,
    /// `READY/reason` of every status written, in order.
    pub shown: Vec<String>,
    /// Every status written, in order.
    pub written: Vec<LinkStatus>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is one fact of the world outside")]
pub(super) struct World {
    /// Namespace and name of the resource.
    pub key: LinkRef,
    pub config: Config,
    /// `metadata.uid` of the resource.
    pub uid: OwnerUid,
    pub spec: LinkSpec,
    pub generation: i64,
    pub requested_at: Option<String>,
    pub deleting: Option<Timestamp>,
    pub finalizer: bool,
    pub status: LinkStatus,
    pub state: LinkState,
    pub now: Now,
    pub secret: SecretIs,
    pub secrets_watched: bool,
    pub tenancy: Tenancy,
    /// How long a round takes.
    pub round_takes: Duration,
    /// Rounds that were really made, cheap and full, instead of what [`World::tenancy`] would give.
    pub rounds: Option<[Round; 2]>,
    pub petra: BTreeMap<LinkId, RemoteLink>,
    pub petra_fault: Option<PetraFault>,
    /// PUTs alone are answered by this fault.
    pub put_fault: Option<PetraFault>,
    /// PUTs are answered by this, whatever Petra holds.
    pub put_answer: Option<PutAnswer>,
    pub petra_refuses: bool,
    /// Why links fail at Petra.
    pub failing_for: Refusal,
    /// The list of an owner's links names those of other owners too.
    pub list_unfiltered: bool,
    /// Every DELETE comes too late: Petra has another version by then.
    pub petra_moves_on: bool,
    pub petra_answered: bool,
    /// What the list route still says of all links, where it is behind Petra's books.
    pub listed: Option<BTreeMap<LinkId, RemoteLink>>,
    /// Time that each call to Petra takes.
    pub petra_takes: Duration,
    /// When this replica began to lead, on the monotonic clock.
    pub leads_since: Duration,
    /// No list call ends any more, well or badly.
    pub poll_stopped: bool,
    /// The list lost so much at once that absence from it proves nothing.
    pub unsure: bool,
    answered_at: Now,
    pub fleet: FleetView,
    /// The memory of all links, where this one is one of several, instead of [`World::fleet`].
    pub shared: Option<Arc<Fleet>>,
    pub client_id: ClientIdView,
    pub rival: Option<Rival>,
    /// What the API server does not take.
    pub refuses: Option<WriteRefusal>,
    /// The schema in the cluster is that of an earlier release, without `status.operator`.
    pub drops_operator: bool,
    /// Another resource may come first, as its status says.
    pub unproved_rival: bool,
    pub versions: u32,
    /// The resource has left the API server.
    pub gone: bool,
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

/// A clientId that no server has accepted in this process.
pub(super) fn new_client_id(text: &str) -> ClientIdView {
    AcceptedClientId::default().view(client_id_version(text))
}

/// A clientId that the cloud has accepted.
pub(super) fn accepted_client_id(text: &str) -> ClientIdView {
    let mut accepted = AcceptedClientId::default();
    accepted.accept(client_id_version(text), Origin::Cloud);
    accepted.view(client_id_version(text))
}

pub(super) fn client_id_version(text: &str) -> ClientIdVersion {
    ClientIdVersion::of(&text.to_owned().into())
}

impl World {
    /// A new `Api` link whose every answer will be good, an hour into the process.
    pub fn new() -> Self {
        let spec = LinkSpec {
            company_id: "acme".to_owned(),
            site_url: "na.myconnectwise.net".to_owned(),
            credentials_secret_ref: SecretReference { name: "keys".to_owned() },
            permission_profile: None,
            service_board: None,
            registration: None,
            interval: None,
            suspend: None,
            deletion_policy: None,
        };
        let config = crate::testing::config(Timings { jitter: 0.0, ..Timings::default() });
        Self {
            key: LinkRef::new("team", "acme"),
            config,
            uid: Self::uid(),
            spec,
            generation: 1,
            requested_at: None,
            deleting: None,
            finalizer: false,
            status: LinkStatus { observed_generation: Some(-1), ..LinkStatus::default() },
            state: LinkState::default(),
            now: Now { wall: at(1_800_000_000), up: Duration::from_hours(1) },
            secret: SecretIs::Keys { public: "one", revision: 1 },
            secrets_watched: true,
            tenancy: Tenancy::good(),
            round_takes: Duration::ZERO,
            rounds: None,
            petra: BTreeMap::new(),
            petra_fault: None,
            put_fault: None,
            put_answer: None,
            petra_refuses: false,
            failing_for: Refusal::CredentialsRejected,
            list_unfiltered: false,
            petra_moves_on: false,
            petra_answered: true,
            listed: None,
            petra_takes: Duration::ZERO,
            leads_since: Duration::ZERO,
            poll_stopped: false,
            unsure: false,
            answered_at: Now { wall: at(1_800_000_000), up: Duration::from_hours(1) },
            fleet: FleetView::Single,
            shared: None,
            client_id: accepted_client_id("one"),
            rival: None,
            refuses: None,
            drops_operator: false,
            unproved_rival: false,
            versions: 0,
            gone: false,
        }
    }

    pub fn portal() -> Self {
        let mut world = Self::new();
        world.config.default_mode = RegistrationMode::Portal;
        world.config.petra_configured = false;
        world
    }

    /// A link that went all the way to Ready.
    pub fn ready() -> Self {
        let mut world = Self::new();
        world.visit();
        world.confirm();
        world.visit();
        assert_eq!(world.ready_reason(), "True/Linked");
        world
    }

    /// Who a new world's resource is at Petra.
    pub fn owner() -> Owner {
        Owner::new("here", "team", "acme")
    }

    /// Who this resource is at Petra.
    pub fn own_name(&self) -> Owner {
        Owner::new("here", &self.key.namespace, &self.key.name)
    }

    /// The UID of the world's resource, unless a test gives it another.
    pub fn uid() -> OwnerUid {
        OwnerUid::parse("uid").expect("a uid")
    }

    pub fn subject(&self) -> Subject {
        Subject::read(&self.link(), &self.config)
    }

    /// The stored resource.
    fn link(&self) -> ConnectWiseLink {
        let mut link = ConnectWiseLink::new(&self.key.name, self.spec.clone());
        link.metadata.namespace = Some(self.key.namespace.clone());
        link.metadata.uid = Some(self.uid.as_str().to_owned());
        link.metadata.generation = Some(self.generation);
        link.metadata.deletion_timestamp = self.deleting.map(Time);
        link.metadata.finalizers = self.finalizer.then(|| vec![FINALIZER.to_owned()]);
        link.metadata.annotations = self
            .requested_at
            .clone()
            .map(|at| [(crate::crd::REQUESTED_AT.to_owned(), at)].into_iter().collect());
        link.status = Some(self.status.clone());
        link
    }

    /// Another content of the Secret.
    pub fn write_secret(&mut self, secret: SecretIs) {
        self.versions += 1;
        self.secret = secret.written(1000 + self.versions);
    }

    /// An edit of the spec.
    pub fn edit(&mut self, change: impl FnOnce(&mut LinkSpec)) {
        change(&mut self.spec);
        self.generation += 1;
    }

    pub fn wait(&mut self, time: Duration) {
        self.now = self.now.plus(time);
    }

    /// Petra confirms all links.
    pub fn confirm(&mut self) {
        self.set_remote(RemoteState::Connected);
    }

    pub fn set_remote(&mut self, state: RemoteState) {
        let now = self.now.wall;
        let ids: Vec<LinkId> = self.petra.keys().cloned().collect();
        for id in ids {
            let version = self.next_version();
            let link = self.petra.get_mut(&id).expect("there");
            link.state = state;
            link.refusal = (state == RemoteState::Failed).then_some(self.failing_for);
            link.confirmed_at = (state == RemoteState::Connected).then_some(now);
            link.version = version;
        }
    }

    /// Somebody else holds all links from now on.
    pub fn set_owner(&mut self, owner: Option<&Owner>) {
        let ids: Vec<LinkId> = self.petra.keys().cloned().collect();
        for id in ids {
            let version = self.next_version();
            let link = self.petra.get_mut(&id).expect("there");
            (link.owner, link.version) = (owner.cloned(), version);
        }
    }

    /// The process starts again: everything in memory is lost.
    pub fn restart(&mut self) {
        self.state = LinkState::default();
        self.now.up = Duration::from_secs(20);
        self.petra_answered = false;
    }

    fn next_version(&mut self) -> Version {
        self.versions += 1;
        Version::parse(&format!("v{}", self.versions)).expect("a version")
    }

    /// A condition as `True/Linked`.
    pub fn shown(&self, kind: ConditionType) -> String {
        self.status.condition(kind).map_or_else(
            || "-".to_owned(),
            |condition| format!("{}/{}", condition.status.as_str(), condition.reason),
        )
    }

    pub fn ready_reason(&self) -> String {
        self.shown(ConditionType::Ready)
    }

    /// All four conditions and what moves: `Ready AuthFailed PermissionDenied Registered with`.
    pub fn row(&self) -> [String; 5] {
        let with = [ConditionType::Reconciling, ConditionType::Stalled]
            .into_iter()
            .filter(|kind| self.status.is_true(*kind))
            .map(ConditionType::as_str)
            .collect::<Vec<_>>();
        [
            self.shown(ConditionType::Ready),
            self.shown(ConditionType::AuthFailed),
            self.shown(ConditionType::PermissionDenied),
            self.shown(ConditionType::Registered),
            if with.is_empty() { "-".to_owned() } else { with.join(" ") },
        ]
    }

    pub fn is(&self, kind: ConditionType, status: ConditionStatus) -> bool {
        self.status.condition(kind).is_some_and(|condition| condition.status == status)
    }

    pub fn reason(&self, kind: ConditionType) -> Option<Reason> {
        self.status.reason(kind)
    }

    /// The credentials version of a public key, as `status` would show it.
    pub fn version_of(&self, public: &str) -> String {
        let company = CompanyId::parse(&self.spec.company_id).expect("a company");
        SecretIs::keys(public).version(&company).as_str().to_owned()
    }
}
