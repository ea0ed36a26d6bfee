//! The operator's own configuration, as far as the rules need it.

use std::collections::BTreeSet;

use crate::connectwise::CompanyId;
use crate::connectwise::profile::Profiles;
use crate::crd::{OperatorName, RegistrationMode};
use crate::timings::Timings;
use crate::upstream::allow::AllowList;

/// The operator's own configuration, as far as the rules need it.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Every period.
    pub timings: Timings,
    /// Permission profiles by name.
    pub profiles: Profiles,
    /// Hosts that may be called.
    pub allow: AllowList,
    /// Companies that may be linked; `None`: any.
    pub companies: Option<BTreeSet<CompanyId>>,
    /// The mode of a link whose spec and status name none.
    pub default_mode: RegistrationMode,
    /// Whether a Petra URL is configured: without one `Api` cannot be.
    pub petra_configured: bool,
    /// The installation id: the first part of every owner.
    pub installation: String,
    /// The name of this operator, the same for all of its replicas.
    pub operator: OperatorName,
    /// Whether a Lease keeps other replicas from acting while this one does.
    pub elected: bool,
}
