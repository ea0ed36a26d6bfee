//! What every test stands on.

use std::path::Path;
use std::sync::OnceLock;

use harness::{Cluster, Operator, OperatorOptions, Result, Sims};

/// How many times faster than real time the operators of most tests run: a minute's delay passes in a second.
pub const SPEED: f64 = 60.0;

/// Whether everything is to be tried, however long it takes: `make soak` says so.
pub fn is_soak() -> bool {
    std::env::var_os("CWLINK_SOAK").is_some()
}

/// The built operator.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cwlink"))
}

/// The control plane of the whole binary, started by the first test that needs it.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        Cluster::start(&mut |line| eprintln!("{line}")).expect("no test here can do without a control plane")
    })
}

/// A namespace with an operator, and the two services that it talks to.
pub struct Stage {
    pub cluster: &'static Cluster,
    pub sims: Sims,
    pub operator: Operator,
    pub namespace: String,
}

impl Stage {
    /// An operator at [`SPEED`] in a namespace of this name, with the demo's tenants.
    pub fn set(namespace: &str) -> Result<Self> {
        Self::set_with(OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace(namespace) })
    }

    /// An operator with these options, with the demo's tenants.
    pub fn set_with(options: OperatorOptions) -> Result<Self> {
        let cluster = cluster();
        let sims = Sims::start_demo()?;
        let operator = Operator::start(binary(), cluster, &sims, &options)?;
        Ok(Self { cluster, sims, operator, namespace: options.namespace })
    }
}
