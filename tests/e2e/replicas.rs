//! Two replicas that both act, for want of a Lease: what Petra compares before it changes anything makes the end right.

use std::io::Write as _;

use harness::{Installation, OperatorOptions, Result};

use crate::crash::life::{Body, Life};
use crate::crash::oracle::{State, Story, violations};
use crate::crash::run::quiet;
use crate::crash::scene::Scene;
use crate::crash::sweep::side_by_side;
use crate::crash::workload::{Before, Workload, chosen};
use crate::stage::SPEED;

/// Workloads in which two could get in each other's way.
const CHOSEN: [&str; 7] = [
    "create",
    "rotate-keys",
    "conflict",
    "adopt",
    "delete-unlink",
    "delete-the-namespace",
    "acknowledge-in-portal",
];

/// Runs at once: they wait more than they work.
const SLOTS: usize = 7;

/// How it ended, and how many PUTs reached Petra.
struct Outcome {
    story: Story,
    violations: Vec<String>,
    puts: u64,
}

/// Runs a workload with so many replicas at once; with `end`, until things stand like that.
fn run(
    workload: &Workload,
    installation: &Installation,
    replicas: usize,
    end: Option<&State>,
) -> Result<Outcome> {
    let namespace = format!("replicas-{replicas}-{}", workload.name);
    let scene = Scene::set(&namespace, installation)?;
    let options = OperatorOptions {
        watch_namespaces: vec![namespace],
        time_speed: SPEED,
        api_server: Some(scene.gate.url()),
        log_level: "info".to_owned(),
        extra_args: vec!["--leader-elect=false".to_owned()],
        ..OperatorOptions::in_namespace(installation.namespace())
    };
    let prepare = || Life::prepare(Body::Thread, installation, &scene.sims, &options);
    let mut lives = (0..replicas).map(|_| prepare()).collect::<Result<Vec<_>>>()?;
    let services = match workload.before {
        Before::Services(before) => Some(before),
        Before::Link(_) => None,
    };
    services.map_or(Ok(()), |before| before(&scene))?;
    lives.iter_mut().try_for_each(Life::start)?;
    if let Before::Link(before) = workload.before {
        before(&scene)?;
    }
    // What was said of links before counts, too: one replica must not accuse what the other is doing.
    scene.fuse.set(None);
    (workload.steps)(&scene)?;
    if let Some(end) = end {
        scene.until("the end is that of one replica", || {
            let now = State::of(&scene)?;
            Ok(if now == *end { Ok(()) } else { Err(format!("{}\ninstead of {}", now.text(), end.text())) })
        })?;
    }
    quiet(&scene)?;
    let outcome = Outcome {
        story: Story::of(&scene, State::of(&scene)?)?,
        violations: violations(&scene)?,
        puts: scene.sims.petra_requests(Some("PUT"), None),
    };
    lives.iter_mut().try_for_each(Life::kill)?;
    Ok(outcome)
}

#[test]
fn two_replicas_that_both_act_come_to_the_end_of_one() -> Result<()> {
    let chosen = chosen(&CHOSEN);
    let outcomes = side_by_side("replicas", SLOTS, &chosen, |workload, place| -> Result<_> {
        let one = run(workload, place, 1, None)?;
        let two = run(workload, place, 2, Some(&one.story.end))?;
        Ok((one, two))
    })?;
    let mut problems = Vec::new();
    for (workload, outcome) in chosen.iter().zip(outcomes) {
        let name = workload.name;
        let (one, two) = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                problems.push(format!("{name}: {error}"));
                continue;
            }
        };
        let told = format!("{name}: {} PUTs by one replica, {} by two\n", one.puts, two.puts);
        // Not by `eprintln!`, which shows nothing of a test that passes; where nobody can read it, nobody misses it.
        let _ = std::io::stderr().write_all(told.as_bytes());
        let differences = two.story.differences(&one.story, workload);
        problems
            .extend(two.violations.iter().chain(&differences).map(|problem| format!("{name}: {problem}")));
        // Each of the two sends what one alone would, and once more at most where the other was first.
        if two.puts > 3 * one.puts {
            problems.push(format!("{name}: {} PUTs instead of {}", two.puts, one.puts));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
    Ok(())
}
