//! A whole small fleet without I/O: an API server, Secrets, ConnectWise, Petra, and two operators that share them.
//!
//! [`World`](super::world::World) plays one visit after the other of one link in one process. Here every plan of every
//! visit is a step of its own, so that anything may happen between two of them: a crash, an edit, another operator.
//! `server` is the API server, `petra` Petra with its late requests, `operator` one process, `events` what may happen,
//! `referee` what must hold, `histories` generates,
//! and `found` keeps the shrunk ones that broke a promise.

mod events;
mod found;
mod histories;
mod operator;
mod petra;
mod referee;
mod server;

use std::time::Duration;

use jiff::Timestamp;

use super::books::Links;
use super::secret::SecretIs;
use super::tenancy::Tenancy;
use super::world::{World, client_id_version};
use crate::clock::Now;
use crate::connectwise::{BoardAnswer, ClientIdVersion, CompanyAnswer, CompanyId, Depth, Round, Tenant};
use crate::crd::LinkRef;
use crate::crd::{ConnectWiseLink, DeletionPolicy, LinkStatus};
use crate::link::config::Config;
use crate::petra::{LinkId, Owner, RemoteState};
use operator::Operator;
use petra::Petra;
use referee::Referee;
use server::ApiServer;

/// A resource, by its number: two of one company, one of another.
pub(super) type Who = usize;

const NAMES: [&str; 3] = ["acme", "acme-too", "bolt"];
const COMPANIES: [&str; 3] = ["acme", "acme", "bolt"];
const NAMESPACE: &str = "team";
/// When everything begins, on everybody's wall clock.
const EPOCH: i64 = 1_800_000_000;

struct Stage {
    config: Config,
    /// True time, since everything began.
    time: Duration,
    server: ApiServer,
    secrets: [SecretIs; 3],
    secrets_watched: bool,
    /// By resource, but one company is one tenant: the second resource looks at the first one's.
    tenancies: [Tenancy; 3],
    /// companyinfo of the third resource's company names another API host.
    moved: bool,
    client_id: ClientIdVersion,
    petra: Petra,
    operators: [Operator; 2],
    leader: usize,
    /// The leader's lease does not outlive a call: its fence is shut.
    lease_is_short: bool,
    referee: Referee,
    /// A status of each resource that a backup tool keeps.
    backups: [Option<LinkStatus>; 3],
    revisions: u32,
}

impl Stage {
    /// Three new resources and good answers everywhere.
    fn new() -> Self {
        let started = Duration::from_hours(1);
        let mut stage = Self {
            config: World::new().config,
            time: started,
            server: ApiServer::default(),
            secrets: std::array::from_fn(|_| SecretIs::Keys { public: "CANARY-one", revision: 1 }),
            secrets_watched: true,
            tenancies: std::array::from_fn(|_| Tenancy::good()),
            moved: false,
            client_id: client_id_version("one"),
            petra: Petra::default(),
            operators: std::array::from_fn(|_| Operator::started_at(Duration::ZERO)),
            leader: 0,
            lease_is_short: false,
            referee: Referee::default(),
            backups: std::array::from_fn(|_| None),
            revisions: 0,
        };
        for who in 0..NAMES.len() {
            let now = stage.wall();
            stage.server.create(who, now);
        }
        stage
    }

    fn owner(who: Who) -> Owner {
        Owner::new("here", NAMESPACE, NAMES[who])
    }

    fn key(who: Who) -> LinkRef {
        LinkRef::new(NAMESPACE, NAMES[who])
    }

    /// The true time of day.
    fn wall(&self) -> Timestamp {
        Timestamp::from_second(EPOCH).expect("a time").checked_add(self.time).expect("within bounds")
    }

    /// The moment as an operator's clocks tell it.
    fn now(&self, operator: usize) -> Now {
        let Operator { started, skew, .. } = &self.operators[operator];
        Now {
            wall: self.wall().checked_add(*skew).expect("within bounds"),
            up: self.time.saturating_sub(*started),
        }
    }

    fn revision(&mut self) -> u32 {
        self.revisions += 1;
        self.revisions
    }

    fn write_secret(&mut self, who: Who, secret: SecretIs) {
        let revision = self.revision();
        self.secrets[who] = secret.written(revision);
    }

    /// The tenant that companyinfo names.
    fn tenant(&self, who: Who) -> Tenant {
        let host = if self.moved && who == 2 { "psa.bolt.example" } else { "api-na.myconnectwise.net" };
        Tenant::of_test(COMPANIES[who], host, "v2025_1/")
    }

    /// What ConnectWise answers about a resource now.
    fn round(&self, who: Who, depth: Depth, link: &ConnectWiseLink) -> Round {
        let tenancy = &self.tenancies[if COMPANIES[who] == COMPANIES[0] { 0 } else { who }];
        let mut round = tenancy.round(depth);
        if let CompanyAnswer::Found(tenant) = &mut round.company {
            *tenant = self.tenant(who);
        }
        if link.spec.service_board.is_none() {
            round.board = BoardAnswer::NotNamed;
        }
        round
    }

    /// ConnectWise's word to Petra about all links.
    fn set_remote(&mut self, state: RemoteState) {
        let wall = self.wall();
        self.petra.set_state(state, wall);
    }

    /// Whether a link of the company belongs to no resource of now: somebody outside holds it, or one that left unseen.
    fn held_elsewhere(&self, company: &str) -> bool {
        let here = |who: Who| self.server.get(who).is_some();
        let owners: Vec<Owner> = (0..NAMES.len()).filter(|who| here(*who)).map(Self::owner).collect();
        let of_company = |it: &CompanyId| it.as_str() == company;
        self.petra.links.values().any(|link| {
            link.company.as_ref().is_some_and(of_company)
                && !link.owner.as_ref().is_some_and(|it| owners.contains(it))
        })
    }

    /// The links of this operator's installation, which are all that its list route names.
    fn own_links(&self) -> Links {
        let ours = |owner: &Owner| owner.within(&self.config.installation).is_some();
        let own = self.petra.links.iter().filter(|(_, link)| link.owner.as_ref().is_some_and(ours));
        own.map(|(id, link)| (id.clone(), link.clone())).collect()
    }

    /// The resource left the API server: every operator's watch says so.
    fn departed(&mut self, who: Who, policy: DeletionPolicy) {
        for operator in &mut self.operators {
            operator.fleet.forget(&Self::key(who), self.config.timings.floor);
        }
        self.referee.departed(who, policy);
    }

    /// The id that company and API host give.
    fn derived(&self, who: Who) -> LinkId {
        LinkId::of(&self.tenant(who))
    }
}
