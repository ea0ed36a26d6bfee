//! A fleet of links in one process: each has a world of its own, and all share the memory of the operator.

use std::collections::BTreeSet;
use std::fmt;
use std::slice::SliceIndex;
use std::sync::Arc;
use std::time::Duration;

use super::super::world::{Tenancy, World, client_id_version};
use crate::clock::Now;
use crate::connectwise::{CompanyAnswer, KeysAnswer, Tenant};
use crate::crd::{ConditionStatus, ConditionType, RegistrationSpec};
use crate::link::client_id::AcceptedClientId;
use crate::link::fleet::Fleet;
use crate::link::origin::Origin;
use crate::petra::OwnerUid;
use crate::timings::Timings;
use crate::upstream::allow::AllowList;

pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// The clientIds that ConnectWise accepts.
const GOOD: [&str; 2] = ["good", "as good"];

/// When a link is due that only a change wakes.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// What happens to a herd.
type Happening = fn(&mut Herd);

pub(super) struct Herd {
    worlds: Vec<World>,
    /// When each link is due, on the herd's clock.
    due: Vec<Duration>,
    began: Now,
    /// The herd's clock: the time since it began.
    elapsed: Duration,
    /// When the operator started, on the herd's clock and before its own.
    started: Duration,
    pub client_id: &'static str,
    accepted: AcceptedClientId,
    later: Option<(Duration, Happening)>,
}

/// How many links are True, Unknown and False in `Ready`.
pub(super) struct Census([usize; 3]);

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.0.iter().zip(["True", "Unknown", "False"]).filter(|(count, _)| **count > 0);
        let parts: Vec<_> = parts.map(|(count, word)| format!("{count} {word}")).collect();
        f.write_str(&parts.join(", "))
    }
}

/// A link to a server that a company hosts itself.
pub(super) fn self_hosted(host: &str) -> World {
    let mut world = World::new();
    world.config.allow = AllowList::new([host.parse().expect("a host")], None);
    world.spec.site_url = host.to_owned();
    let tenant = Tenant::of_test("acme", host, "v4_6_release/");
    world.tenancy.company = CompanyAnswer::Found(tenant);
    world
}

impl World {
    /// Goes all the way to Ready.
    pub(super) fn become_ready(&mut self) {
        self.visit();
        self.confirm();
        self.visit();
        assert_eq!(self.ready_reason(), "True/Linked");
    }

    /// The same link in mode `Portal`, acknowledged.
    pub(super) fn by_portal(mut self) -> Self {
        let portal = Self::portal().config;
        (self.config.default_mode, self.config.petra_configured) =
            (portal.default_mode, portal.petra_configured);
        let (settlement, _) = self.visit();
        let token = settlement.status.conditions[0].message.rsplit(' ').next().expect("a token").to_owned();
        let acknowledged = RegistrationSpec { acknowledged: Some(token), ..RegistrationSpec::default() };
        self.edit(|spec| spec.registration = Some(acknowledged));
        self
    }
}

impl Herd {
    /// These links, which become Ready one after the other within an interval.
    pub fn of(worlds: Vec<World>) -> Self {
        let herd = Self {
            worlds: Vec::new(),
            due: Vec::new(),
            began: World::new().now,
            elapsed: Duration::ZERO,
            started: Duration::ZERO,
            client_id: GOOD[0],
            accepted: AcceptedClientId::default(),
            later: None,
        };
        herd.with(worlds)
    }

    /// These links too.
    pub fn with(mut self, worlds: Vec<World>) -> Self {
        let shared = self.worlds.first().and_then(|world| world.shared.clone()).unwrap_or_default();
        for (nth, mut world) in worlds.into_iter().enumerate() {
            let name = format!("link-{}", self.worlds.len());
            world.uid = OwnerUid::parse(&format!("uid-{name}")).expect("a uid");
            world.key.name = name;
            world.config.timings = Timings::default();
            world.client_id = self.accepted.view(client_id_version(self.client_id));
            world.shared = Some(Arc::clone(&shared));
            // Spread over the interval, as the routine checks of a grown fleet are.
            let interval = world.subject().interval;
            let at = interval * u32::try_from(nth).expect("few") / 41;
            world.now = self.began.plus(at);
            world.become_ready();
            self.due.push(at + interval);
            self.elapsed = self.elapsed.max(interval);
            self.worlds.push(world);
        }
        self
    }

    /// This happens.
    pub fn then(mut self, what: impl FnOnce(&mut Self)) -> Self {
        what(&mut self);
        self
    }

    /// This happens so many minutes later.
    pub fn after(mut self, minutes: u64, what: Happening) -> Self {
        self.later = Some((self.elapsed + Duration::from_mins(minutes), what));
        self
    }

    pub fn links(&self) -> usize {
        self.worlds.len()
    }

    pub fn census(&self) -> Census {
        let kinds = [ConditionStatus::True, ConditionStatus::Unknown, ConditionStatus::False];
        let count = |kind| self.worlds.iter().filter(|world| world.is(ConditionType::Ready, kind)).count();
        Census(kinds.map(count))
    }

    /// Lets so much time pass, in which every link is visited when it asked to be.
    pub fn run(&mut self, time: Duration) {
        let end = self.elapsed + time;
        loop {
            let (nth, due) = self.due.iter().copied().enumerate().min_by_key(|(_, due)| *due).expect("links");
            if let Some((_, what)) = self.later.take_if(|(at, _)| *at <= due) {
                what(self);
                continue;
            }
            if due > end {
                break;
            }
            self.elapsed = self.elapsed.max(due);
            self.visit(nth);
        }
        self.elapsed = end;
    }

    fn visit(&mut self, nth: usize) {
        let version = client_id_version(self.client_id);
        let world = &mut self.worlds[nth];
        let up = (self.began.up + self.elapsed).saturating_sub(self.started);
        world.now = Now { up, ..self.began.plus(self.elapsed) };
        world.petra_answered |= up > MINUTE;
        world.client_id = self.accepted.view(version);
        let (tenancy, server) = (world.tenancy.clone(), server(&world.tenancy));
        if server == Some(Origin::Cloud) && !GOOD.contains(&self.client_id) {
            world.tenancy.keys = KeysAnswer::Rejected;
        }
        let (settlement, trace) = world.visit();
        if let Some(server) =
            server.filter(|_| !trace.rounds.is_empty() && world.tenancy.keys == KeysAnswer::Accepted)
        {
            self.accepted.accept(version, server);
        }
        world.tenancy = tenancy;
        let awaits = world.ready_reason() == "Unknown/AwaitingConfirmation";
        if awaits {
            world.confirm();
        }
        let next = if awaits { MINUTE / 6 } else { settlement.next.unwrap_or(FOR_EVER) };
        self.due[nth] = self.elapsed + next.max(Duration::from_secs(1));
    }

    /// All links are woken, one after the other.
    fn wake(&mut self) {
        for (nth, due) in self.due.iter_mut().enumerate() {
            *due = self.elapsed + Duration::from_millis(u64::try_from(nth).expect("few"));
        }
    }

    pub fn use_wrong_client_id(&mut self) {
        self.client_id = "wrong";
    }

    /// ConnectWise answers so about these links.
    pub fn answer(&mut self, links: impl SliceIndex<[World], Output = [World]>, tenancy: &Tenancy) {
        for world in &mut self.worlds[links] {
            world.tenancy = tenancy.clone();
        }
    }

    pub fn suspend(&mut self, links: impl SliceIndex<[World], Output = [World]>) {
        for world in &mut self.worlds[links] {
            world.edit(|spec| spec.suspend = Some(true));
        }
        self.wake();
    }

    /// A person asks for a check of this link.
    pub fn ask_for(&mut self, nth: usize) {
        self.worlds[nth].requested_at = Some("now".to_owned());
        self.due[nth] = self.elapsed;
    }

    /// Petra loses the links of these resources. A list that loses many proves nothing.
    pub fn lose_at_petra(&mut self, links: usize) {
        let unsure = links > 3 && links * 5 > self.links();
        for world in &mut self.worlds[..links] {
            world.petra.clear();
            world.unsure = unsure;
        }
        self.wake();
    }

    /// The operator starts again, and forgets all.
    pub fn restart(&mut self) {
        self.started = (self.began.up + self.elapsed).saturating_sub(Duration::from_secs(20));
        self.accepted = AcceptedClientId::default();
        let shared = Arc::new(Fleet::default());
        for world in &mut self.worlds {
            world.restart();
            world.shared = Some(Arc::clone(&shared));
        }
        self.wake();
    }

    pub fn lose_allow_site(&mut self) {
        self.worlds.iter_mut().for_each(|world| world.config.allow = AllowList::default());
    }

    /// Every link at Petra belongs to another installation from now on.
    pub fn take_another_installation_id(&mut self) {
        self.worlds.iter_mut().for_each(|world| world.config.installation = "there".to_owned());
    }

    pub fn lose_allow_company(&mut self) {
        self.worlds.iter_mut().for_each(|world| world.config.companies = Some(BTreeSet::new()));
    }
}

fn server(tenancy: &Tenancy) -> Option<Origin> {
    match &tenancy.company {
        CompanyAnswer::Found(tenant) => Some(Origin::of_server(&tenant.api_host)),
        _ => None,
    }
}
