//! `make demo-up`: starts the servers and the links with their problems, and keeps them running.

use std::io;

use harness::{Error, Result};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::page::Page;
use crate::stage::{NAMESPACE, Stage};
use crate::story::{ROLE, apply_broken, apply_good};

pub(crate) fn up(stage: &Stage, page: &mut Page) -> Result<()> {
    let no_signals = |source: io::Error| Error::Io { action: "waiting for", path: "signals".into(), source };
    // From here on Ctrl-C shuts everything down.
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(no_signals)?;
    apply_good(stage, page)?;
    apply_broken(stage, page)?;
    print_how_to_play(stage, page);
    signals.forever().next();
    Ok(())
}

fn print_how_to_play(stage: &Stage, page: &mut Page) {
    let Stage { operator, sims, cluster } = stage;
    let plane = cluster.plane();
    let admin = format!("http://127.0.0.1:{}", sims.admin_port());
    page.heading("Everything is running. Run these commands in another terminal");
    page.command(&format!("export KUBECONFIG={}", plane.admin_kubeconfig().display()));
    page.output(&format!("$ alias k='{} -n {NAMESPACE}'", plane.kubectl().display()));
    page.output("$ k get cwlinks --watch");
    page.output("$ k describe cwlink charlie");
    page.blank();
    page.text("Fix the links:");
    let role = ROLE.replace(' ', "%20");
    for line in [
        json!({"module": "Finance", "function": "Agreements", "add": "All"}),
        json!({"module": "Service Desk", "function": "Close Service Tickets", "edit": "All"}),
    ] {
        page.output(&format!("$ curl -X POST {admin}/roles/{role}/overrides -d '{line}'"));
    }
    for (name, patch) in [
        ("secret bravo-keys", json!({"stringData": {"privateKey": "CANARY-bravo-private"}})),
        ("cwlink golf", json!({"spec": {"companyId": "golf"}})),
        ("cwlink foxtrot", json!({"spec": {"registration": {"acknowledged": "TOKEN-FROM-THE-MESSAGE"}}})),
    ] {
        page.output(&format!("$ k patch {name} --type=merge -p '{patch}'"));
    }
    page.output(
        "$ k create secret generic echo-keys --from-literal=publicKey=echo-public \
         --from-literal=privateKey=CANARY-echo-private",
    );
    page.blank();
    page.text("Break a link, show the links at Petra, and inspect the operator:");
    page.output(&format!("$ curl -X POST {admin}/members/acme/petraapi -d '{{\"inactive\": true}}'"));
    page.output(&format!("$ curl {admin}/petra/links"));
    page.output("$ k delete cwlink acme");
    if let Some(port) = operator.admin_port() {
        page.output(&format!("$ curl http://127.0.0.1:{port}/metrics"));
    }
    page.output(&format!("$ tail -f {}", operator.log_file().display()));
    page.blank();
    page.text("Press Ctrl-C to stop everything and delete its data.");
}
