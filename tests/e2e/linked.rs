//! Links that are settled when a test begins, and what becomes of them.

use std::time::{Duration, Instant};

use harness::simulators::scenario::{KeyPair, PrivateKey};
use harness::simulators::world::MemberChange;
use harness::{Error, Link, LinkWatch, PATIENCE, Result, Status, credentials, wait_for};
use serde_json::{Value, json};

use crate::conditions::LINKED;
use crate::stage::Stage;

/// Every demo company has one API member, of this name.
pub const MEMBER: &str = "petraapi";

/// So seldom that no routine check comes while a test looks.
pub const RARELY: &str = "24h";
/// As often as the schema allows.
pub const OFTEN: &str = "5m";

/// A link that goes on changing is followed for so long in vain.
const FOLLOWED: Duration = PATIENCE.saturating_mul(3);

/// The private key that the demo's ConnectWise knows.
pub fn private_key(company: &str) -> String {
    format!("CANARY-{company}-private")
}

impl Stage {
    /// Puts keys into the Secret of a link.
    pub fn apply_keys(&self, name: &str, private_key: &str) -> Result<()> {
        let keys = credentials(&format!("{name}-keys"), &format!("{name}-public"), private_key);
        self.cluster.apply(&self.namespace, &keys)
    }

    /// The key pairs with these private keys are good at ConnectWise from now on, and no others.
    pub fn set_good_keys(&self, company: &str, private_keys: &[&str]) -> Result<()> {
        let pair = |private: &&str| KeyPair {
            public: format!("{company}-public"),
            private: PrivateKey::new(*private),
        };
        let keys = Some(private_keys.iter().map(pair).collect());
        self.sims.world().change_member(company, MEMBER, MemberChange { keys, ..MemberChange::default() })?;
        Ok(())
    }

    /// Applies a link of the company of the same name, with a Secret of good keys.
    pub fn apply_link(&self, company: &str, shape: impl FnOnce(Link) -> Link) -> Result<()> {
        self.apply_keys(company, &private_key(company))?;
        self.cluster.apply(&self.namespace, &shape(Link::new(company, &self.sims)).yaml())
    }

    /// Applies a link with a Secret of keys that ConnectWise refuses.
    pub fn apply_refused_link(&self, company: &str) -> Result<()> {
        self.apply_keys(company, &format!("CANARY-{company}-mistyped"))?;
        self.cluster.apply(&self.namespace, &Link::new(company, &self.sims).yaml())
    }

    /// A link that is Ready by `Api`, and whose event about that is told: nothing is under way any more.
    pub fn linked(&self, company: &str, shape: impl FnOnce(Link) -> Link) -> Result<Status> {
        self.apply_link(company, shape)?;
        self.wait_linked(company)
    }

    /// A link that is Ready by `Portal`.
    pub fn acknowledged(&self, company: &str, shape: impl FnOnce(Link) -> Link) -> Result<Status> {
        self.apply_link(company, |link| shape(link.mode("Portal")))?;
        let asked = self.wait_for(company, ("Ready", "False", "PortalActionRequired"))?;
        let token = asked.message("Ready").rsplit(' ').next().unwrap_or_default();
        self.cluster.patch(
            &self.namespace,
            company,
            &json!({"spec": {"registration": {"acknowledged": token}}}),
        )?;
        self.wait_linked(company)
    }

    fn wait_linked(&self, name: &str) -> Result<Status> {
        let status = self.wait_for(name, LINKED[0])?;
        self.wait_for_event(name, "Linked")?;
        Ok(status)
    }

    /// Waits for a condition.
    pub fn wait_for(&self, name: &str, condition: (&str, &str, &str)) -> Result<Status> {
        self.cluster.wait_for_condition(&self.namespace, name, condition)
    }

    /// The status as it is now.
    pub fn status(&self, name: &str) -> Result<Status> {
        self.cluster.status(&self.namespace, name)
    }

    /// Asks for a check now; the operator echoes `requested_at` when it has made one.
    pub fn check_now(&self, name: &str, requested_at: &str) -> Result<()> {
        let annotations = json!({"integrations.petrasecurity.com/requestedAt": requested_at});
        self.cluster.patch(&self.namespace, name, &json!({"metadata": {"annotations": annotations}}))
    }

    /// Writes into the status of a link, as somebody with the right to do so can.
    pub fn forge_status(&self, name: &str, status: &Value) -> Result<()> {
        let patch = format!("--patch={}", json!({"status": status}));
        let arguments = [
            "patch",
            "cwlink",
            name,
            "--namespace",
            &self.namespace,
            "--subresource=status",
            "--type=merge",
            &patch,
        ];
        self.cluster.kubectl(&arguments, None).map(drop)
    }

    /// Waits until so many more checks have ended, of which each writes its time.
    pub fn wait_for_checks(&self, name: &str, checks: usize) -> Result<Status> {
        let mut status = self.status(name)?;
        for _ in 0..checks {
            let before = status.field("/lastValidatedTime").clone();
            status = self.cluster.wait_until(&self.namespace, name, "another check", |status| {
                *status.field("/lastValidatedTime") != before
            })?;
        }
        Ok(status)
    }

    /// The notes of all events about a link with this reason.
    pub fn notes(&self, name: &str, reason: &str) -> Result<Vec<String>> {
        let selector = format!("involvedObject.name={name},reason={reason}");
        let events = self.cluster.events(&self.namespace, &selector)?;
        Ok(events.iter().map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// Waits for an event, and returns its note. Events are told in their order, so that all before it are told too.
    pub fn wait_for_event(&self, name: &str, reason: &str) -> Result<String> {
        wait_for(&format!("an event {reason} about {name}"), || {
            let notes = self.notes(name, reason).map_err(|error| error.to_string())?;
            notes.into_iter().next().ok_or_else(|| "none".to_owned())
        })
    }

    /// Follows a link from its present state on.
    pub fn follow(&self, name: &str) -> Result<History> {
        let mut watch = self.cluster.watch(&self.namespace, name)?;
        let states = vec![next(&mut watch, "its present state")?];
        Ok(History { watch, states })
    }
}

/// Every state of a link that the API server told of.
pub struct History {
    watch: LinkWatch,
    states: Vec<Value>,
}

impl History {
    /// Follows the link until its status is as wanted; a state that was seen before does not count.
    pub fn until(&mut self, what: &str, is_wanted: impl Fn(&Status) -> bool) -> Result<Status> {
        let began = Instant::now();
        loop {
            let state = next(&mut self.watch, what)?;
            let status = Status::of(&state);
            self.states.push(state);
            if is_wanted(&status) {
                return Ok(status);
            }
            // A link that is checked again and again has another state each time.
            if began.elapsed() > FOLLOWED {
                return Err(not_in_time(what, FOLLOWED, status.to_string()));
            }
        }
    }

    /// The whole resource in every state so far.
    pub fn states(&self) -> &[Value] {
        &self.states
    }

    /// The status in every state so far.
    pub fn statuses(&self) -> impl Iterator<Item = Status> {
        self.states.iter().map(Status::of)
    }

    /// The statuses and reasons that a condition went through.
    pub fn course(&self, type_: &str) -> Vec<String> {
        let mut course: Vec<_> =
            self.statuses().map(|it| format!("{} {}", it.state(type_), it.reason(type_))).collect();
        course.dedup();
        course
    }

    /// Whether a condition had this status in any state so far.
    pub fn was_ever(&self, type_: &str, status: &str) -> bool {
        self.statuses().any(|it| it.state(type_) == status)
    }
}

fn next(watch: &mut LinkWatch, what: &str) -> Result<Value> {
    watch.next(PATIENCE).map_err(|error| not_in_time(what, PATIENCE, error.to_string()))
}

fn not_in_time(what: &str, time: Duration, last: String) -> Error {
    Error::NotInTime { what: what.to_owned(), seconds: time.as_secs(), last }
}
