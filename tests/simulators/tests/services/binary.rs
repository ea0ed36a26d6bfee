//! `simulators run` as a process.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::client::PATIENCE;

/// A run with its standard input open, and what it printed when it was up.
async fn start() -> (Child, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_simulators"))
        .args(["run", "--until-stdin-closes"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let output = child.stdout.take().expect("the output is piped");
    let mut lines = BufReader::new(output).lines();
    let line = timeout(PATIENCE, lines.next_line()).await;
    let line = line.expect("it is soon up").expect("the output is text").expect("a line is printed");
    (child, serde_json::from_str(&line).expect("the line is JSON"))
}

async fn ends_well(mut child: Child) {
    let status = timeout(PATIENCE, child.wait()).await.expect("it ends").expect("its status is known");
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn it_prints_its_ports_and_ends_when_stdin_is_closed() {
    let (mut child, ready) = start().await;
    for port in ["connectwisePort", "petraPort", "adminPort"] {
        assert!(ready[port].as_u64().is_some_and(|port| port > 0), "{ready}");
    }
    drop(child.stdin.take());
    ends_well(child).await;
}

#[tokio::test]
async fn it_ends_at_sigterm_although_stdin_stays_open() {
    let (mut child, _) = start().await;
    let stdin = child.stdin.take();
    let id = child.id().expect("it runs").to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status().await.expect("kill is there");
    assert!(sent.success());
    ends_well(child).await;
    drop(stdin);
}
