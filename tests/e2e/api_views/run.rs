//! A workload of the sweep of crashes, seen wrongly instead.

use std::fmt;

use harness::{Installation, Result};

use super::distortion::Distortion;
use crate::crash::life::{Body, Life};
use crate::crash::oracle::{State, Story, violations};
use crate::crash::run::{Run, quiet};
use crate::crash::scene::{COMPANY, NEIGHBOUR, Scene};
use crate::crash::workload::{Before, Workload};
use crate::ledger::MY_SECURITY;
use crate::stage::cluster;
use harness::admin_api as api;

/// So many checks of the neighbour have to come while the view is wrong.
const CHECKS: u64 = 2;

/// How a run went.
pub struct Outcome {
    story: Story,
    violations: Vec<String>,
    /// From the moment that the view was wrong to the end.
    pub requests: Requests,
}

/// How often the operator asked whom.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    api_server: u64,
    /// About the company of the workload.
    connectwise: u64,
    petra: u64,
}

impl Requests {
    fn of(scene: &Scene) -> Self {
        Self {
            api_server: scene.lens.requests(),
            connectwise: scene.sims.connectwise_requests(Some(COMPANY)),
            petra: scene.sims.petra_requests(None, None),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            api_server: self.api_server - before.api_server,
            connectwise: self.connectwise - before.connectwise,
            petra: self.petra - before.petra,
        }
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>5} {:>4} {:>5}", self.api_server, self.connectwise, self.petra)
    }
}

impl Outcome {
    /// What differs from the run that saw everything, and should not.
    pub fn differences(&self, truly: &Self, workload: &Workload) -> Vec<String> {
        let mut found = self.violations.clone();
        found.extend(self.story.differences(&truly.story, workload));
        let (now, then) = (&self.requests, &truly.requests);
        for (whom, now, at_most) in [
            ("the API server", now.api_server, 4 * then.api_server + 60),
            ("ConnectWise", now.connectwise, 2 * then.connectwise + 10),
            ("Petra", now.petra, 4 * then.petra + 60),
        ] {
            if now > at_most {
                found.push(format!("{now} requests to {whom}, more than {at_most}"));
            }
        }
        found
    }
}

/// Runs a workload in a new namespace under a view. With `truly`, until things stand as they did at its end; else until
/// nothing more comes.
pub fn run_under(
    workload: &Workload,
    namespace: &str,
    installation: &Installation,
    view: Option<Distortion>,
    truly: Option<&Outcome>,
) -> Run<Outcome> {
    Run::of(namespace, (installation, Body::Thread), &[], |scene, life| {
        run(workload, scene, life, view, truly)
    })
}

fn run(
    workload: &Workload,
    scene: &Scene,
    life: &mut Life,
    view: Option<Distortion>,
    truly: Option<&Outcome>,
) -> Result<Outcome> {
    life.start()?;
    scene.settle_neighbour()?;
    let services = match workload.before {
        Before::Services(before) => Some(before),
        Before::Link(before) => {
            before(scene)?;
            None
        }
    };
    life.kill()?;
    services.map_or(Ok(()), |before| before(scene))?;

    let before = Requests::of(scene);
    let checks = checks_of_neighbour(scene);
    scene.lens.set(view.map(Distortion::view));
    scene.fuse.mend();
    scene.fuse.set(None);
    life.start()?;
    (workload.steps)(scene)?;
    if let Some(truly) = truly {
        let end = &truly.story.end;
        scene.until("the end is that of the run that saw everything", || {
            let now = State::of(scene)?;
            Ok(if now == *end { Ok(()) } else { Err(format!("{}\ninstead of {}", now.text(), end.text())) })
        })?;
    }
    quiet(scene)?;
    // It went with the namespace, where that is gone.
    if cluster().api().get(&api::namespace(&scene.namespace))?.is_some() {
        scene.until("the neighbour is checked", || {
            let made = checks_of_neighbour(scene) - checks;
            Ok(if made >= CHECKS { Ok(()) } else { Err(format!("{made} checks")) })
        })?;
    }
    Ok(Outcome {
        story: Story::of(scene, State::of(scene)?)?,
        violations: violations(scene)?,
        requests: Requests::of(scene).since(before),
    })
}

fn checks_of_neighbour(scene: &Scene) -> u64 {
    let log = scene.sims.counts().log();
    let is_check = |asked: &&harness::simulators::counts::Entry| {
        asked.company.as_deref() == Some(NEIGHBOUR) && asked.route == MY_SECURITY
    };
    log.iter().filter(is_check).count() as u64
}
