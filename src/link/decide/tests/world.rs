//! Everything outside the rules, as plain values: a Secret, a ConnectWise, a Petra, a clock, a resource.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::clock::Now;
use crate::connectwise::profile::Profiles;
use crate::connectwise::{CompanyId, Depth, Keys, Round};
use crate::crd::{
    ConditionStatus, ConditionType, ConnectWiseLink, FINALIZER, LinkSpec, LinkStatus, Reason,
    RegistrationMode, SecretReference,
};
use crate::link::decide::{Plan, Settlement, Visit, decide};
use crate::link::draft;
use crate::link::memory::Memory;
use crate::link::seen::{Change, ClientIdView, FleetView, Listing, Question, Rival, SecretRead, Seen};
use crate::link::subject::{Rules, Subject};
use crate::petra::client::Adopt;
use crate::petra::{DeleteAnswer, LinkId, Owner, PetraFault, PutAnswer, RemoteLink, RemoteState, Version};
use crate::runtime::{SecretLookup, SecretVersion};
use crate::timings::Timings;
use crate::upstream::allow::AllowList;

pub(super) use super::tenancy::{Tenancy, tenant};

/// The private key of every pair: nothing that is written may hold it.
pub(super) const PRIVATE: &str = "CANARY-private";

/// The Secret as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SecretIs {
    Absent,
    Forbidden,
    Keys { public: &'static str, revision: u32 },
    Invalid,
}

/// What one visit did.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    pub rounds: Vec<Depth>,
    pub secret_reads: u32,
    /// Questions to Petra of this visit's own; what the shared poll tells is not asked for.
    pub petra_reads: u32,
    pub puts: u32,
    pub deletes: u32,
    pub writes: u32,
    /// `READY/reason` of every status written, in order.
    pub shown: Vec<String>,
    /// Every status written, in order.
    pub written: Vec<LinkStatus>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is one fact of the world outside")]
pub(super) struct World {
    pub rules: Rules,
    pub spec: LinkSpec,
    pub generation: i64,
    pub requested_at: Option<String>,
    pub deleting: Option<Timestamp>,
    pub finalizer: bool,
    pub status: LinkStatus,
    pub memory: Memory,
    pub now: Now,
    pub secret: SecretIs,
    pub secrets_watched: bool,
    pub tenancy: Tenancy,
    /// Rounds that were really made, cheap and full, instead of what [`World::tenancy`] would give.
    pub rounds: Option<[Round; 2]>,
    pub petra: BTreeMap<LinkId, RemoteLink>,
    pub petra_fault: Option<PetraFault>,
    pub petra_refuses: bool,
    /// Every DELETE comes too late: Petra has another version by then.
    pub petra_moves_on: bool,
    pub petra_answered: bool,
    /// No list call ends any more, well or badly.
    pub poll_stopped: bool,
    /// The list lost so much at once that absence from it proves nothing.
    pub unsure: bool,
    answered_at: Now,
    pub fleet: FleetView,
    pub client_id: ClientIdView,
    pub rival: Option<Rival>,
    versions: u32,
    /// The resource has left the API server.
    pub gone: bool,
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
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
        let rules = Rules {
            timings: Timings { jitter: 0.0, ..Timings::default() },
            profiles: Profiles::builtin(),
            allow: AllowList::new([], None),
            companies: None,
            default_mode: RegistrationMode::Api,
            petra_configured: true,
            installation: "here".to_owned(),
        };
        Self {
            rules,
            spec,
            generation: 1,
            requested_at: None,
            deleting: None,
            finalizer: false,
            status: LinkStatus { observed_generation: Some(-1), ..LinkStatus::default() },
            memory: Memory::default(),
            now: Now { wall: at(1_800_000_000), up: Duration::from_hours(1) },
            secret: SecretIs::Keys { public: "one", revision: 1 },
            secrets_watched: true,
            tenancy: Tenancy::good(),
            rounds: None,
            petra: BTreeMap::new(),
            petra_fault: None,
            petra_refuses: false,
            petra_moves_on: false,
            petra_answered: true,
            poll_stopped: false,
            unsure: false,
            answered_at: Now { wall: at(1_800_000_000), up: Duration::from_hours(1) },
            fleet: FleetView { ready: 1, ..FleetView::default() },
            client_id: ClientIdView { generation: 0, worked: true },
            rival: None,
            versions: 0,
            gone: false,
        }
    }

    pub fn portal() -> Self {
        let mut world = Self::new();
        world.rules.default_mode = RegistrationMode::Portal;
        world.rules.petra_configured = false;
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

    pub fn owner() -> Owner {
        Owner::new("here", "team", "acme")
    }

    pub fn subject(&self) -> Subject {
        let mut link = ConnectWiseLink::new("acme", self.spec.clone());
        link.metadata.namespace = Some("team".to_owned());
        link.metadata.uid = Some("uid".to_owned());
        link.metadata.generation = Some(self.generation);
        link.metadata.deletion_timestamp = self.deleting.map(Time);
        link.metadata.finalizers = self.finalizer.then(|| vec![FINALIZER.to_owned()]);
        link.metadata.annotations = self
            .requested_at
            .clone()
            .map(|at| [(crate::crd::REQUESTED_AT.to_owned(), at)].into_iter().collect());
        link.status = Some(self.status.clone());
        Subject::read(&link, &self.rules)
    }

    /// Another content of the Secret; every write has a revision of its own, as the API server sees to.
    pub fn write_secret(&mut self, secret: SecretIs) {
        self.versions += 1;
        self.secret = match secret {
            SecretIs::Keys { public, .. } => SecretIs::Keys { public, revision: 1000 + self.versions },
            other => other,
        };
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
            link.confirmed_at = (state == RemoteState::Connected).then_some(now);
            link.version = version;
        }
    }

    /// The process starts again: everything in memory is lost.
    pub fn restart(&mut self) {
        self.memory = Memory::default();
        self.now.up = Duration::from_secs(20);
        self.petra_answered = false;
    }

    fn next_version(&mut self) -> Version {
        self.versions += 1;
        Version::parse(&format!("v{}", self.versions)).expect("a version")
    }

    fn secret_version(&self) -> SecretVersion {
        let revision = match self.secret {
            SecretIs::Keys { revision, .. } => revision,
            _ => 0,
        };
        SecretVersion { uid: "secret".to_owned(), resource_version: revision.to_string() }
    }

    fn keys(public: &str) -> Keys {
        Keys::from_secret_data(Some(public.as_bytes()), Some(PRIVATE.as_bytes())).expect("keys")
    }

    fn read_secret(&self) -> SecretRead {
        match &self.secret {
            SecretIs::Absent => SecretRead::Absent,
            SecretIs::Forbidden => SecretRead::Forbidden,
            SecretIs::Invalid => SecretRead::Invalid {
                secret: self.secret_version(),
                problem: Keys::from_secret_data(Some(b"a"), None).err().expect("invalid"),
            },
            SecretIs::Keys { public, .. } => {
                let company = CompanyId::parse(&self.spec.company_id).expect("a company");
                SecretRead::Keys {
                    secret: self.secret_version(),
                    credentials: Self::keys(public).version(&company),
                }
            }
        }
    }

    fn lookup(&self) -> SecretLookup {
        match (&self.secret, self.secrets_watched) {
            (_, false) | (SecretIs::Forbidden, _) => SecretLookup::NotWatched,
            (SecretIs::Absent, _) => SecretLookup::Absent,
            _ => SecretLookup::Present(self.secret_version()),
        }
    }

    fn listing(&self) -> Listing {
        match (self.petra_answered, self.petra_fault) {
            (false, None) => Listing::NotYet,
            (false, Some(fault)) => Listing::Failing(fault),
            (true, failing) => Listing::Known {
                answered_at: self.answered_at,
                asked_at: self.answered_at,
                links: self
                    .petra
                    .values()
                    .filter(|link| link.owner == Some(Self::owner()))
                    .cloned()
                    .collect(),
                failing,
                unsure: self.unsure,
            },
        }
    }

    /// One visit, to its end.
    pub fn visit(&mut self) -> (Settlement, Trace) {
        // Time passes between two visits: a list that is asked for after a change is newer than the change.
        self.wait(Duration::from_secs(1));
        if self.petra_fault.is_none() && !self.poll_stopped {
            self.answered_at = self.now;
        }
        let mut trace = Trace::default();
        let mut seen = Seen::at_start(self.lookup(), self.listing(), self.client_id, self.finalizer);
        for _ in 0..24 {
            let subject = self.subject();
            let (memory, now) = (self.memory.clone(), self.now);
            let plan =
                decide(&Visit { subject: &subject, memory: &memory, seen: &seen, rules: &self.rules, now });
            match plan {
                Plan::Ask(question) => self.answer(question, &mut seen, &mut trace),
                Plan::Change(change) => self.change(change, &mut seen, &mut trace),
                Plan::Publish(status, memory) => {
                    self.memory = *memory;
                    self.write(*status, &mut trace);
                }
                Plan::Settle(settlement) => {
                    self.memory = settlement.memory.clone();
                    if !self.gone {
                        self.write(settlement.status.clone(), &mut trace);
                    }
                    return (*settlement, trace);
                }
            }
        }
        panic!("the visit did not settle: {:?}", self.status);
    }

    fn write(&mut self, status: LinkStatus, trace: &mut Trace) {
        if self.status != status {
            trace.writes += 1;
            self.status = status;
            trace.shown.push(self.ready_reason());
            trace.written.push(self.status.clone());
        }
    }

    fn answer(&mut self, question: Question, seen: &mut Seen, trace: &mut Trace) {
        match question {
            Question::Secret => {
                trace.secret_reads += 1;
                seen.secret = Some(self.read_secret());
            }
            Question::Round(depth) => {
                assert!(matches!(seen.secret, Some(SecretRead::Keys { .. })), "a round without keys");
                trace.rounds.push(depth);
                seen.round = Some(match (&self.rounds, depth) {
                    (None, depth) => self.tenancy.round(depth),
                    (Some([cheap, _]), Depth::Cheap) => cheap.clone(),
                    (Some([_, full]), Depth::Full) => full.clone(),
                });
            }
            Question::Listing => {
                trace.petra_reads += 1;
                self.petra_answered |= self.petra_fault.is_none();
                seen.listing = match self.listing() {
                    Listing::NotYet => Listing::Failing(PetraFault::Unavailable),
                    known => known,
                };
            }
            Question::Rival(_) => seen.rival = Some(self.rival.clone()),
            Question::Fleet(_) => seen.fleet = Some(self.fleet),
            Question::Link(id) => {
                trace.petra_reads += 1;
                seen.read = Some(match self.petra_fault {
                    Some(fault) => Err(fault),
                    None => Ok(self.petra.get(&id).cloned()),
                });
            }
            Question::Owned(owner) => {
                trace.petra_reads += 1;
                seen.owned = Some(match self.petra_fault {
                    Some(fault) => Err(fault),
                    None => Ok(self
                        .petra
                        .values()
                        .filter(|link| link.owner.as_ref() == Some(&owner))
                        .cloned()
                        .collect()),
                });
            }
        }
    }

    fn change(&mut self, change: Change, seen: &mut Seen, trace: &mut Trace) {
        match change {
            Change::AddFinalizer => {
                self.finalizer = true;
                seen.finalizer = true;
            }
            Change::RemoveFinalizer => {
                self.finalizer = false;
                seen.finalizer = false;
                self.gone = self.deleting.is_some();
            }
            Change::Put { id, expected, adopt_from, credentials, .. } => {
                trace.puts += 1;
                assert!(self.finalizer, "a PUT before the finalizer");
                let there = self.petra.get(&id).cloned();
                let mine = there.as_ref().is_none_or(|link| link.owner == Some(Self::owner()));
                let answer = match (self.petra_fault, &there) {
                    (Some(fault), _) => PutAnswer::Unknown(fault),
                    (_, Some(link))
                        if !mine
                            && adopt_from.as_ref().map(Adopt::as_str)
                                != Some(link.owner.as_ref().map_or("unowned", Owner::as_str)) =>
                    {
                        PutAnswer::OwnedByOther(link.owner.clone())
                    }
                    (_, Some(link))
                        if mine && link.credentials_version.as_deref() == Some(credentials.as_str()) =>
                    {
                        PutAnswer::Accepted(link.clone())
                    }
                    (_, there) if there.as_ref().map(|link| &link.version) != expected.as_ref() => {
                        PutAnswer::LookAgain
                    }
                    _ if self.petra_refuses => PutAnswer::Refused,
                    _ => {
                        let link = RemoteLink {
                            id: id.clone(),
                            company: CompanyId::parse(&self.spec.company_id).ok(),
                            owner: Some(Self::owner()),
                            state: RemoteState::Pending,
                            credentials_version: Some(credentials.as_str().to_owned()),
                            version: self.next_version(),
                            confirmed_at: None,
                        };
                        self.petra.insert(id, link.clone());
                        PutAnswer::Accepted(link)
                    }
                };
                self.memory.changed = Some(self.now.up);
                seen.read = None;
                seen.puts += 1;
                seen.put = Some(answer);
            }
            Change::Delete { id, expected } => {
                trace.deletes += 1;
                let answer = match (self.petra_fault, self.petra.get(&id)) {
                    (Some(fault), _) => DeleteAnswer::Unknown(fault),
                    (_, None) => DeleteAnswer::Gone,
                    (_, Some(link)) if link.owner != Some(Self::owner()) => DeleteAnswer::NotOurs,
                    (_, Some(link)) if self.petra_moves_on || link.version != expected => {
                        DeleteAnswer::LookAgain
                    }
                    _ => {
                        self.petra.remove(&id);
                        DeleteAnswer::Gone
                    }
                };
                self.memory.changed = Some(self.now.up);
                seen.read = None;
                seen.owned = None;
                if matches!(answer, DeleteAnswer::LookAgain | DeleteAnswer::NotOurs) {
                    seen.deletes_in_vain += 1;
                }
                seen.deleted = Some(answer);
            }
        }
    }

    /// A condition as `True/Linked`.
    pub fn shown(&self, kind: ConditionType) -> String {
        draft::condition(&self.status, kind).map_or_else(
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
            .filter(|kind| draft::is_true(&self.status, *kind))
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
        draft::condition(&self.status, kind).is_some_and(|condition| condition.status == status)
    }

    pub fn reason(&self, kind: ConditionType) -> Option<Reason> {
        draft::reason(&self.status, kind)
    }

    /// The credentials version of a public key, as `status` would show it.
    pub fn version_of(&self, public: &str) -> String {
        let company = CompanyId::parse(&self.spec.company_id).expect("a company");
        Self::keys(public).version(&company).as_str().to_owned()
    }
}
