//! One operator with a tenant, a site and a link for each row.

use std::cell::Cell;
use std::thread;

use cwlink::petra::LinkId;
use harness::simulators::scenario::{Company, KeyPair, Member, PrivateKey, Role, Scenario, Site, SiteUrl};
use harness::simulators::world::MemberChange;
use harness::simulators::{Effect, Options, Rule, Service, World};
use harness::{Error, Link, Operator, OperatorOptions, Result, Sims, Status, credentials};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::Row;
use super::gallery::Gallery;
use crate::conditions::conditions;
use crate::linked::private_key;
use crate::stage::{Stage, binary, cluster};

/// The one API member of every tenant.
const MEMBER: &str = "petraapi";

/// An operator, and everything that its rows need.
pub struct Scene {
    stage: Stage,
    gallery: Gallery,
    /// One kubectl at a time: fifty at once would starve the operator on a small machine.
    kubectl: Mutex<()>,
}

impl Scene {
    /// An operator with these options, and for each row a company of its own on a site of its own, so that no row's
    /// troubles reach another's.
    /// `prepare` comes before the operator's first look at the services.
    pub fn set(
        options: &OperatorOptions,
        rows: &[&Row],
        prepare: impl FnOnce(&Sims) -> Result<()>,
    ) -> Result<Self> {
        let slugs: Vec<_> = rows.iter().map(|row| row.slug()).collect();
        let confirm_after = std::time::Duration::from_millis(500);
        let sims_options = Options { petra_rate_limit: None, confirm_after, ..Options::default() };
        let sims = Sims::start(scenario(&slugs), sims_options)?;
        prepare(&sims)?;
        let cluster = cluster();
        let operator = Operator::start(binary(), cluster, &sims, options)?;
        let namespace = options.namespace.clone();
        let gallery = Gallery::open(cluster, &namespace)?;
        let stage = Stage { cluster, sims, operator, namespace };
        Ok(Self { stage, gallery, kubectl: Mutex::default() })
    }

    /// The services.
    pub fn sims(&self) -> &Sims {
        &self.stage.sims
    }

    /// Arranges all rows at once, waits until each link reads as its row says, and returns what went wrong.
    pub fn play(&self, rows: &[&Row]) -> Vec<String> {
        thread::scope(|scope| {
            let actors: Vec<_> = rows.iter().map(|row| (row, scope.spawn(|| self.reach(row)))).collect();
            let ends = actors.into_iter().map(|(row, actor)| (row, actor.join()));
            ends.filter_map(|(row, end)| match end {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(format!("{}: {error}", row.name)),
                Err(_) => Some(format!("{}: its arrangement panicked", row.name)),
            })
            .collect()
        })
    }

    fn reach(&self, row: &Row) -> Result<()> {
        let actor = Actor { scene: self, link: row.slug(), generation: Cell::new(1) };
        (row.arrange)(&actor)?;
        actor.wait(&format!("{:?}", row.expected), |status| columns(status) == row.expected).map(drop)
    }
}

/// A company of each name, with a site of its own.
pub fn scenario(slugs: &[String]) -> Scenario {
    let demo = Scenario::demo();
    let boards = demo.companies[0].boards.clone();
    let site = |slug: &String| Site {
        hosts: vec![host_name(slug)],
        cloud: false,
        codebase: "v4_6_release/".to_owned(),
        version: "v2023.2.98812".to_owned(),
        cloud_region: None,
        is_cloud_as_text: false,
        former_codebases: Vec::new(),
    };
    let company = |slug: &String| Company {
        id: slug.clone(),
        canonical_id: None,
        name: slug.clone(),
        site: host_name(slug),
        site_url: SiteUrl::default(),
        members: vec![Member {
            identifier: MEMBER.to_owned(),
            role: "Petra".to_owned(),
            inactive: false,
            license_class: "A".to_owned(),
            keys: vec![KeyPair {
                public: format!("{slug}-public"),
                private: PrivateKey::new(private_key(slug)),
            }],
            hidden_boards: vec!["Executive".to_owned()],
        }],
        boards: boards.clone(),
    };
    let (sites, companies) = (slugs.iter().map(site).collect(), slugs.iter().map(company).collect());
    Scenario { sites, companies, ..demo }
}

/// The host of the site of a company.
pub fn host_name(slug: &str) -> String {
    format!("{slug}.localhost")
}

/// Status and reason of the four conditions, and which of `Reconciling` and `Stalled` is there: the design's columns.
fn columns(status: &Status) -> [String; 5] {
    let column = |type_: &str| format!("{}/{}", status.state(type_), status.reason(type_));
    let with = conditions(status).get(4).map_or("-", |(type_, _, _)| *type_).to_owned();
    [column("Ready"), column("AuthFailed"), column("PermissionDenied"), column("Registered"), with]
}

/// What a row's arrangement acts with: one link and its surroundings.
pub struct Actor<'a> {
    scene: &'a Scene,
    /// The name of the link, of its company and of its site's first label.
    pub link: String,
    /// The generation of the spec as it was last changed.
    generation: Cell<i64>,
}

impl Actor<'_> {
    /// The services.
    pub fn sims(&self) -> &Sims {
        self.scene.sims()
    }

    /// The tenants.
    pub fn world(&self) -> &World {
        self.sims().world()
    }

    /// The host of the link's site, without port.
    pub fn host_name(&self) -> String {
        host_name(&self.link)
    }

    /// The id that the link has at Petra.
    pub fn link_id(&self) -> String {
        LinkId::derive(&self.link, &self.sims().host(&self.host_name())).as_str().to_owned()
    }

    /// Changes the API member.
    pub fn change_member(&self, change: MemberChange) -> Result<()> {
        Ok(self.world().change_member(&self.link, MEMBER, change)?)
    }

    /// Gives the API member a role of its own, made from the good one.
    pub fn change_role(&self, change: impl FnOnce(&mut Role)) -> Result<()> {
        let mut role = self.world().scenario().roles.remove("Petra").unwrap_or_default();
        change(&mut role);
        self.world().set_role(&self.link, role)?;
        self.change_member(MemberChange { role: Some(self.link.clone()), ..MemberChange::default() })
    }

    /// Does this to what ConnectWise is asked about the company, from now on, where the path holds this text.
    pub fn trouble(&self, path: &str, effect: Effect) {
        self.order(Rule::on(Service::ConnectWise, effect).company(&self.link).path_contains(path));
    }

    /// Does this to changes of the company's link at Petra, from now on.
    pub fn trouble_at_petra(&self, method: &str, effect: Effect) {
        let rule = Rule::on(Service::Petra, effect).path_contains(&self.link_id());
        self.order(Rule { method: Some(method.to_owned()), ..rule });
    }

    /// Puts a failure in force.
    pub fn order(&self, rule: Rule) {
        self.sims().faults().add(rule).expect("the rule can be carried out");
    }

    /// The manifest of the link: of its own company, on its own site.
    pub fn manifest(&self) -> Link {
        Link::new(&self.link, self.sims()).site(&self.sims().host(&self.host_name()))
    }

    /// The manifest of a Secret with the good keys.
    pub fn good_keys(&self) -> String {
        self.keys(&private_key(&self.link))
    }

    /// The manifest of a Secret with this private key.
    pub fn keys(&self, private_key: &str) -> String {
        credentials(&format!("{}-keys", self.link), &format!("{}-public", self.link), private_key)
    }

    /// Applies the link with good keys.
    pub fn begin(&self, shape: impl FnOnce(Link) -> Link) -> Result<()> {
        self.apply(&[&self.good_keys(), &shape(self.manifest()).yaml()])
    }

    /// Applies the link with good keys, and waits until it is Ready.
    pub fn linked(&self, shape: impl FnOnce(Link) -> Link) -> Result<Status> {
        self.begin(shape)?;
        self.wait_for_ready("True/Linked")
    }

    /// Applies manifests.
    pub fn apply(&self, manifests: &[&str]) -> Result<()> {
        let Stage { cluster, namespace, .. } = &self.scene.stage;
        let _alone = self.scene.kubectl.lock();
        cluster.apply(namespace, &manifests.join("\n---\n"))
    }

    /// Changes the spec of the link. What is waited for after this judges the changed spec.
    pub fn change_spec(&self, spec: &Value) -> Result<()> {
        let namespace = &self.scene.stage.namespace;
        let patch = format!("--patch={}", json!({"spec": spec}));
        let output = "--output=jsonpath={.metadata.generation}";
        let arguments =
            ["patch", "cwlink", &self.link, "--namespace", namespace, "--type=merge", &patch, output];
        let _alone = self.scene.kubectl.lock();
        let generation = self.scene.stage.cluster.kubectl(&arguments, None)?;
        self.generation.set(generation.parse().map_err(|problem| Error::Unreadable {
            what: "the generation of a link".to_owned(),
            problem: format!("{problem}: {generation}"),
        })?);
        Ok(())
    }

    /// Deletes the link without waiting for its end.
    pub fn delete(&self) -> Result<()> {
        let _alone = self.scene.kubectl.lock();
        self.scene.stage.cluster.delete(&self.scene.stage.namespace, &self.link)
    }

    /// Waits until the status of the present spec was as wanted at any time, and returns it as it was then.
    pub fn wait(&self, what: &str, is_wanted: impl Fn(&Status) -> bool) -> Result<Status> {
        self.wait_of(&self.link, self.generation.get(), what, is_wanted)
    }

    /// Waits until `Ready` was this.
    pub fn wait_for_ready(&self, column: &str) -> Result<Status> {
        self.wait(&format!("Ready {column}"), |status| columns(status)[0] == column)
    }

    /// Waits until `Ready` of another link of this namespace was this.
    pub fn wait_for_other(&self, link: &str, column: &str) -> Result<Status> {
        self.wait_of(link, 1, &format!("Ready {column} of {link}"), |status| columns(status)[0] == column)
    }

    fn wait_of(
        &self,
        link: &str,
        generation: i64,
        what: &str,
        is_wanted: impl Fn(&Status) -> bool,
    ) -> Result<Status> {
        self.scene.gallery.wait(link, what, |state| {
            let of_this_spec = state["metadata"]["generation"].as_i64() >= Some(generation);
            let status = Status::of(state);
            (of_this_spec && judges_whole(state) && is_wanted(&status)).then_some(status)
        })
    }
}

/// Whether the status and each of its conditions judge the spec as it stands beside them, and every message fits.
fn judges_whole(state: &Value) -> bool {
    let conditions = state["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let fits = |condition: &Value| {
        condition["message"]
            .as_str()
            .is_some_and(|text| (1..=cwlink::link::message::MAX_BYTES).contains(&text.len()))
    };
    let whole = conditions.iter().chain([&state["status"]]);
    !conditions.is_empty()
        && whole.clone().all(|judged| judged["observedGeneration"] == state["metadata"]["generation"])
        && conditions.iter().all(fits)
}
