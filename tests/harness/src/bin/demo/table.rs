//! `kubectl get cwlinks --watch`, shown while it changes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use harness::{Cluster, Error, PATIENCE, Result};

use crate::page::Page;
use crate::stage::NAMESPACE;

/// What a link's row shall say: NAME, READY, REASON.
pub(crate) type Expected<'a> = (&'a str, &'a str, &'a str);

/// A row as kubectl prints it: NAME, READY, REASON, COMPANY, AGE; the second and third are empty at first.
fn ready_and_reason(row: &str) -> Option<(&str, &str, &str)> {
    match row.split_whitespace().collect::<Vec<_>>()[..] {
        [name, ready, reason, _company, _age] => Some((name, ready, reason)),
        [name, _company, _age] => Some((name, "", "")),
        _ => None,
    }
}

/// Shows the table, of one link or of all, until every expected row has been seen.
pub(crate) fn follow(
    cluster: &Cluster,
    page: &Page,
    name: Option<&str>,
    expected: &[Expected<'_>],
) -> Result<()> {
    let argument = name.map(|name| format!(" {name}")).unwrap_or_default();
    page.command(&format!("kubectl -n {NAMESPACE} get cwlinks{argument} --watch"));
    let table = Table::open(cluster, name)?;
    let started = Instant::now();
    let mut shown: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut awaited: Vec<_> = expected.to_vec();
    while !awaited.is_empty() {
        let Ok(row) = table.rows.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) else {
            return Err(Error::NotInTime {
                what: format!("these rows of the table: {awaited:?}"),
                seconds: PATIENCE.as_secs(),
                last: format!("{shown:?}"),
            });
        };
        let Some((name, ready, reason)) = ready_and_reason(&row) else { continue };
        awaited.retain(|wanted| *wanted != (name, ready, reason));
        // A row is printed again whenever anything of the link changes, such as its finalizer.
        let state = (ready.to_owned(), reason.to_owned());
        if shown.insert(name.to_owned(), state.clone()) != Some(state) {
            page.output(&row);
        }
    }
    Ok(())
}

/// A running kubectl.
struct Table {
    kubectl: Child,
    rows: Receiver<String>,
}

impl Table {
    fn open(cluster: &Cluster, name: Option<&str>) -> Result<Self> {
        let mut kubectl = cluster
            .kubectl_command()
            .args(["get", "cwlinks", "--namespace", NAMESPACE, "--watch"])
            .args(name)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Io { action: "running", path: "kubectl".into(), source })?;
        let (sender, rows) = mpsc::channel();
        if let Some(stdout) = kubectl.stdout.take() {
            thread::spawn(move || {
                let mut printed = BufReader::new(stdout).lines().map_while(std::result::Result::ok);
                printed.try_for_each(|line| sender.send(line))
            });
        }
        Ok(Self { kubectl, rows })
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_with_and_without_a_status() {
        assert_eq!(ready_and_reason("acme  True  Linked  acme  5s"), Some(("acme", "True", "Linked")));
        assert_eq!(ready_and_reason("acme                acme  0s"), Some(("acme", "", "")));
        assert_eq!(ready_and_reason("No resources found"), Some(("No", "", "")));
        assert_eq!(ready_and_reason(""), None);
    }
}
