//! One run of a workload, with one crash or none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use harness::gate::{Point, Write};
use harness::{Installation, OperatorOptions, Result};

use super::life::{Body, Life};
use super::oracle::{State, Story, violations};
use super::scene::Scene;
use super::workload::{Before, Workload};
use crate::stage::SPEED;

/// Nothing more comes when no change passed for so long: a minute and a half of the operator's time.
const QUIET: Duration = Duration::from_millis(1_500);

/// The longest that nobody looks whether the operator is to be killed.
const TURN: Duration = Duration::from_millis(500);

/// How a run went.
pub struct Outcome {
    /// Whether the crash came.
    pub crashed: bool,
    /// The changes that the operator sent after `before`.
    pub writes: Vec<Write>,
    pub story: Story,
    /// What no run may do.
    pub violations: Vec<String>,
}

/// What a run came to, or why it could not be ended; and what the operator logged.
pub struct Run<T> {
    pub outcome: Result<T>,
    pub log: String,
}

impl<T> Run<T> {
    /// Plays a workload in a new namespace, with an operator that is not started yet and is killed at the end.
    pub fn of(
        namespace: &str,
        (installation, body): (&Installation, Body),
        extra_args: &[&str],
        play: impl FnOnce(&Scene, &mut Life) -> Result<T>,
    ) -> Self {
        let prepared = Scene::set(namespace, installation).and_then(|scene| {
            let options = OperatorOptions {
                watch_namespaces: vec![namespace.to_owned()],
                time_speed: SPEED,
                api_server: Some(scene.gate.url()),
                log_level: "info,cwlink=debug".to_owned(),
                extra_args: extra_args.iter().map(ToString::to_string).collect(),
                ..OperatorOptions::in_namespace(installation.namespace())
            };
            let life = Life::prepare(body, installation, &scene.sims, &options)?;
            Ok((scene, life))
        });
        match prepared {
            Ok((scene, mut life)) => {
                let outcome = play(&scene, &mut life);
                let killed = life.kill();
                Self { outcome: outcome.and_then(|outcome| killed.map(|()| outcome)), log: life.log() }
            }
            Err(error) => Self { outcome: Err(error), log: String::new() },
        }
    }
}

impl Run<Outcome> {
    /// Runs a workload with a crash at `point`. With `end`, until things stand like that; else until nothing more comes.
    pub fn with_crash(
        workload: &Workload,
        namespace: &str,
        place: (&Installation, Body),
        point: Option<Point>,
        end: Option<&State>,
    ) -> Self {
        // The harder case: the next one begins at once, where a Lease would make it wait for fifteen seconds.
        Self::of(namespace, place, &["--leader-elect=false"], |scene, life| {
            run(workload, scene, life, point, end)
        })
    }
}

fn run(
    workload: &Workload,
    scene: &Scene,
    life: &mut Life,
    point: Option<Point>,
    end: Option<&State>,
) -> Result<Outcome> {
    match workload.before {
        Before::Services(before) => before(scene)?,
        Before::Link(before) => {
            life.start()?;
            let settled = before(scene);
            life.kill()?;
            settled?;
        }
    }
    scene.fuse.mend();
    scene.fuse.set(point);
    life.start()?;
    let over = AtomicBool::new(false);
    let (outcome, crashed) = thread::scope(|scope| {
        let keeper = scope.spawn(|| keep_alive(workload, scene, life, &over));
        let outcome = tell(workload, scene, end);
        over.store(true, Ordering::Release);
        scene.fuse.tell();
        let kept = keeper.join().expect("it does not panic");
        match (outcome, kept) {
            // That it ended by itself explains whatever went wrong besides.
            (_, Err(error)) | (Err(error), Ok(_)) => Err(error),
            (Ok(end), Ok(crashed)) => Ok((end, crashed)),
        }
    })?;
    Ok(Outcome {
        crashed,
        writes: scene.fuse.writes(),
        story: Story::of(scene, outcome)?,
        violations: violations(scene)?,
    })
}

/// Kills the operator where the fuse says so and starts it again, until the run is over. Says whether it did.
fn keep_alive(workload: &Workload, scene: &Scene, life: &mut Life, over: &AtomicBool) -> Result<bool> {
    let mut crashed = false;
    while !over.load(Ordering::Acquire) {
        let news = scene.fuse.news();
        if scene.fuse.is_burnt() {
            life.kill()?;
            (workload.meanwhile)(scene)?;
            scene.fuse.mend();
            life.start()?;
            crashed = true;
        }
        scene.fuse.wait(news, TURN);
    }
    life.kill()?;
    Ok(crashed)
}

/// Lets people do what they do, and waits for the end.
fn tell(workload: &Workload, scene: &Scene, end: Option<&State>) -> Result<State> {
    (workload.steps)(scene)?;
    let Some(end) = end else {
        quiet(scene)?;
        return State::of(scene);
    };
    scene.until("the end is that of the run without a crash", || {
        let now = State::of(scene)?;
        Ok(if now == *end { Ok(()) } else { Err(format!("{}\ninstead of {}", now.text(), end.text())) })
    })?;
    quiet(scene)?;
    State::of(scene)
}

/// Waits until nothing passed for a while, in a life that has begun to work.
pub fn quiet(scene: &Scene) -> Result<()> {
    scene.until("the operator comes to rest", || {
        let since = scene.fuse.quiet_for();
        Ok(if since.is_some_and(|since| since >= QUIET) { Ok(()) } else { Err(format!("{since:?}")) })
    })
}
