//! A namespace with a link in it, the two services, and a person who edits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::gate::{ApiServerGate, Fuse, Lens};
use harness::simulators::scenario::{KeyPair, PrivateKey};
use harness::simulators::world::MemberChange;
use harness::simulators::{Options, Scenario};
use harness::{Error, Installation, Link, PATIENCE, Result, Sims, Status, credentials};
use serde_json::{Value, json};

use crate::conditions::LINKED;
use crate::linked::{OFTEN, RARELY, private_key};
use crate::stage::cluster;
use harness::admin_api as api;

/// Every workload links this company of the demo.
pub const COMPANY: &str = "acme";
/// Another company of the demo, for a link beside that of the workload.
pub const NEIGHBOUR: &str = "bravo";
/// Its API member.
const MEMBER: &str = "petraapi";

/// From a PUT to Petra's confirmation: longer than the operator takes to write that it waits for it.
const CONFIRM_AFTER: Duration = Duration::from_millis(300);
/// So slow that each full round takes long enough to be told in the status, in every run.
const CONNECTWISE_LATENCY: Duration = Duration::from_millis(50);
/// A look without news: what the operator did not write, a namespace's end for one, is seen no later than this.
const LOOK: Duration = Duration::from_millis(300);

/// Where a workload takes place.
pub struct Scene {
    pub namespace: String,
    /// The namespace in which the operator runs.
    pub operator_namespace: String,
    pub sims: Sims,
    pub fuse: Fuse,
    /// How the operator sees the API server.
    pub lens: Lens,
    pub gate: ApiServerGate,
}

impl Scene {
    /// A new namespace with the operator's shipped rights, and services that nobody has called yet.
    pub fn set(namespace: &str, installation: &Installation) -> Result<Self> {
        let fuse = Fuse::default();
        let options = Options {
            petra_rate_limit: None,
            confirm_after: CONFIRM_AFTER,
            connectwise_latency: CONNECTWISE_LATENCY,
            petra_gate: Some(Arc::new(fuse.clone())),
            ..Options::default()
        };
        let sims = Sims::start(Scenario::demo(), options)?;
        let lens = Lens::default();
        let gate = ApiServerGate::start(cluster().plane(), lens.before(Arc::new(fuse.clone())))?;
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        cluster().api().create("/api/v1/namespaces", manifest.to_string())?;
        for object in installation.rights_in_namespace()? {
            let kind = if object["kind"] == "Role" { "roles" } else { "rolebindings" };
            let rbac = "/apis/rbac.authorization.k8s.io/v1";
            cluster().api().create(&format!("{rbac}/namespaces/{namespace}/{kind}"), object.to_string())?;
        }
        let operator_namespace = installation.namespace().to_owned();
        Ok(Self { namespace: namespace.to_owned(), operator_namespace, sims, fuse, lens, gate })
    }

    /// Makes a Secret with this private key of the company.
    pub fn create_keys(&self, name: &str, private_key: &str) -> Result<()> {
        let secret = credentials(name, &format!("{COMPANY}-public"), private_key);
        cluster().api().create(&format!("{}/secrets", api::namespace(&self.namespace)), secret)
    }

    /// Replaces the private key in a Secret.
    pub fn change_keys(&self, name: &str, private_key: &str) -> Result<()> {
        let path = format!("{}/secrets/{name}", api::namespace(&self.namespace));
        cluster().api().patch(&path, &json!({"stringData": {"privateKey": private_key}}))
    }

    /// These private keys of the company are good at ConnectWise from now on.
    pub fn set_good_keys(&self, private_keys: &[&str]) -> Result<()> {
        let pair = |private: &&str| KeyPair {
            public: format!("{COMPANY}-public"),
            private: PrivateKey::new(*private),
        };
        let keys = Some(private_keys.iter().map(pair).collect());
        self.change_member(MemberChange { keys, ..MemberChange::default() })
    }

    /// Gives the company's API member another security role.
    pub fn set_role(&self, role: &str) -> Result<()> {
        self.change_member(MemberChange { role: Some(role.to_owned()), ..MemberChange::default() })
    }

    fn change_member(&self, change: MemberChange) -> Result<()> {
        Ok(self.sims.world().change_member(COMPANY, MEMBER, change)?)
    }

    /// Makes a link of the company, with a Secret of good keys of its own.
    pub fn create_link(&self, name: &str, shape: impl FnOnce(Link) -> Link) -> Result<()> {
        self.create_keys(&format!("{name}-keys"), &private_key(COMPANY))?;
        let link = Link::new(name, &self.sims).company(COMPANY).field("interval", json!(RARELY));
        cluster().api().create(&api::links(&self.namespace), shape(link).yaml())
    }

    /// Makes a link of the other company, which is checked as often as the schema allows, and waits until it is Ready.
    pub fn settle_neighbour(&self) -> Result<()> {
        let keys = credentials(
            &format!("{NEIGHBOUR}-keys"),
            &format!("{NEIGHBOUR}-public"),
            &private_key(NEIGHBOUR),
        );
        cluster().api().create(&format!("{}/secrets", api::namespace(&self.namespace)), keys)?;
        let link = Link::new(NEIGHBOUR, &self.sims).field("interval", json!(OFTEN));
        cluster().api().create(&api::links(&self.namespace), link.yaml())?;
        self.wait(NEIGHBOUR, LINKED[0]).map(drop)
    }

    /// Edits the spec of a link.
    pub fn edit(&self, name: &str, spec: &Value) -> Result<()> {
        cluster().api().patch(&api::link(&self.namespace, name), &json!({"spec": spec}))
    }

    /// Deletes a link if it is there, without waiting for its end.
    pub fn delete(&self, name: &str) -> Result<()> {
        cluster().api().delete(&api::link(&self.namespace, name))
    }

    /// Deletes the namespace, and waits until it is gone.
    pub fn delete_namespace(&self) -> Result<()> {
        let path = api::namespace(&self.namespace);
        cluster().api().delete(&path)?;
        self.until("the namespace is gone", || {
            Ok(cluster().api().get(&path)?.map_or(Ok(()), |it| Err(it["status"].to_string())))
        })
    }

    /// Waits until a condition says this about the spec as it is, and returns the status.
    pub fn wait(&self, name: &str, condition: (&str, &str, &str)) -> Result<Status> {
        let (type_, status, reason) = condition;
        self.wait_until(name, &format!("{type_} is {status}/{reason}"), |now| now.is(type_, status, reason))
    }

    /// Waits until the status about the spec as it is is as wanted, and returns it.
    pub fn wait_until(&self, name: &str, what: &str, is_wanted: impl Fn(&Status) -> bool) -> Result<Status> {
        self.until(&format!("{name}: {what}"), || {
            let link = cluster().api().get(&api::link(&self.namespace, name))?.unwrap_or_default();
            let status = Status::of(&link);
            let is_current = link["status"]["observedGeneration"] == link["metadata"]["generation"];
            Ok(if is_current && is_wanted(&status) { Ok(status) } else { Err(status.to_string()) })
        })
    }

    /// Waits until a link is Ready, is being deleted, or is gone.
    pub fn wait_ready_or_gone(&self, name: &str) -> Result<()> {
        self.until(&format!("{name} is Ready or gone"), || {
            let Some(link) = cluster().api().get(&api::link(&self.namespace, name))? else {
                return Ok(Ok(()));
            };
            let deleting = link["metadata"]["deletionTimestamp"].is_string();
            let over = deleting || Status::of(&link).state("Ready") == "True";
            Ok(if over { Ok(()) } else { Err(link.to_string()) })
        })
    }

    /// Waits until a link is gone.
    pub fn wait_gone(&self, name: &str) -> Result<()> {
        self.until(&format!("{name} is gone"), || {
            let link = cluster().api().get(&api::link(&self.namespace, name))?;
            Ok(link.map_or(Ok(()), |link| Err(link.to_string())))
        })
    }

    /// Looks after each change of the operator's until `look` sees what is waited for. What `look` returns as inner `Err`
    /// is what it saw instead.
    pub fn until<T>(
        &self,
        what: &str,
        mut look: impl FnMut() -> Result<std::result::Result<T, String>>,
    ) -> Result<T> {
        let started = Instant::now();
        loop {
            let news = self.fuse.news();
            match look()? {
                Ok(seen) => return Ok(seen),
                Err(last) if started.elapsed() > PATIENCE => {
                    return Err(Error::NotInTime {
                        what: what.to_owned(),
                        seconds: PATIENCE.as_secs(),
                        last,
                    });
                }
                Err(_) => self.fuse.wait(news, LOOK),
            }
        }
    }
}
