//! The control plane, both simulators and the operator.

use std::env;
use std::path::PathBuf;

use harness::{Cluster, Operator, OperatorOptions, Result, Sims};

use crate::page::Page;

/// The namespace of the operator, as in `deploy/install.yaml`.
const OPERATOR_NAMESPACE: &str = "cwlink-system";

/// Where the links are.
pub(crate) const NAMESPACE: &str = "demo";

/// How much faster the operator's intervals run.
pub(crate) const SPEED: u32 = 15;

/// Everything that runs. Dropping it stops everything; the operator stops first.
pub(crate) struct Stage {
    pub(crate) operator: Operator,
    pub(crate) sims: Sims,
    pub(crate) cluster: Cluster,
}

impl Stage {
    pub(crate) fn build(page: &mut Page) -> Result<Self> {
        page.text(&format!(
            "cwlink demo. This demo runs a real Kubernetes API server, simulators of ConnectWise PSA and Petra Security \
             with real TLS, and the real operator with exactly the permissions in deploy/. The operator's intervals are \
             {SPEED} times shorter here: one minute in the documentation is {} seconds.",
            60 / SPEED
        ));
        page.heading("Starting the control plane, the simulators and the operator");
        let cluster = Cluster::start(&mut |line| page.output(line))?;
        let version = cluster.json(&["version"])?;
        page.output(&format!(
            "Kubernetes {} is running; crds/connectwiselinks.yaml is applied",
            version["serverVersion"]["gitVersion"].as_str().unwrap_or("?")
        ));
        let sims = Sims::start_demo()?;
        page.output(&format!(
            "ConnectWise is running at https://{}, Petra at {}",
            sims.site(),
            sims.petra_url()
        ));
        let options = OperatorOptions {
            watch_namespaces: vec![NAMESPACE.to_owned()],
            time_speed: f64::from(SPEED),
            installation_id: "demo".to_owned(),
            ..OperatorOptions::in_namespace(OPERATOR_NAMESPACE)
        };
        let operator = Operator::start(&binary(), &cluster, &sims, &options)?;
        page.output(
            "deploy/install.yaml is applied; deploy/rbac/namespace.yaml is applied to namespace \"demo\"",
        );
        page.output(&format!("the operator is ready, and runs as {}", operator.user()));
        Ok(Self { operator, sims, cluster })
    }
}

/// The operator: `CWLINK_BIN`, else the binary that was built beside this one.
fn binary() -> PathBuf {
    let beside = || env::current_exe().map(|this| this.with_file_name("cwlink")).unwrap_or_default();
    env::var_os("CWLINK_BIN").map_or_else(beside, PathBuf::from)
}
