//! The control plane, both simulators and the operator.

use std::env;
use std::path::PathBuf;

use harness::{Cluster, Operator, OperatorOptions, Result, Sims};

use crate::page::Page;

/// Where the operator lives, as `deploy/install.yaml` has it.
const OPERATOR_NAMESPACE: &str = "cwlink-system";

/// Where the links are.
pub(crate) const NAMESPACE: &str = "demo";

/// How much faster the operator's timetable runs.
pub(crate) const SPEED: u32 = 15;

/// Everything that runs. Dropping it ends everything; the operator goes first.
pub(crate) struct Stage {
    pub(crate) operator: Operator,
    pub(crate) sims: Sims,
    pub(crate) cluster: Cluster,
}

impl Stage {
    pub(crate) fn build(page: &mut Page) -> Result<Self> {
        page.text(&format!(
            "cwlink demo. A real Kubernetes API server, ConnectWise PSA and Petra Security played on this machine over real \
             TLS, and the real operator, with exactly the rights of deploy/. Its timetable runs {SPEED} times faster \
             here: where the documentation says one minute, it is {} seconds.",
            60 / SPEED
        ));
        page.heading("Starting the control plane, the simulators and the operator");
        let cluster = Cluster::start(&mut |line| page.output(line))?;
        let version = cluster.json(&["version"])?;
        page.output(&format!(
            "Kubernetes {} answers; crds/connectwiselinks.yaml is applied",
            version["serverVersion"]["gitVersion"].as_str().unwrap_or("?")
        ));
        let sims = Sims::start_demo()?;
        page.output(&format!(
            "ConnectWise answers on https://{}, Petra on {}",
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
        page.output("deploy/install.yaml is applied, deploy/rbac/namespace.yaml in namespace demo");
        page.output(&format!("the operator is ready, as {}", operator.user()));
        Ok(Self { operator, sims, cluster })
    }
}

/// The operator: `CWLINK_BIN`, else the binary that was built beside this one.
fn binary() -> PathBuf {
    let beside = || env::current_exe().map(|this| this.with_file_name("cwlink")).unwrap_or_default();
    env::var_os("CWLINK_BIN").map_or_else(beside, PathBuf::from)
}
