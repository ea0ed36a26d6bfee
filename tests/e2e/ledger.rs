//! What an operator asked for and changed between two moments: by the API server's own record and the simulators'.

use harness::simulators::Service;
use harness::simulators::counts::Entry;
use harness::{AuditEvent, Result};

use crate::stage::Stage;

/// The route of all links at Petra.
pub const LIST: &str = "/v1/integrations/connectwise";
/// The route of one link at Petra.
pub const LINK: &str = "/v1/integrations/connectwise/{linkId}";
/// The route that tells everything of a role: the whole of a routine check.
pub const MY_SECURITY: &str = "/system/mySecurity";
/// The route that a full round begins with.
pub const COMPANYINFO: &str = "/login/companyinfo/{companyId}";

/// The product name in the operator's `User-Agent`.
const OPERATOR: &str = "cwlink";

/// A place in the records.
pub struct Moment {
    calls: usize,
    requests: u64,
}

/// Everything since a moment, each record in its own order.
pub struct Ledger {
    /// Calls to the API server, but for watches that still run.
    pub calls: Vec<AuditEvent>,
    /// Requests to ConnectWise and to Petra.
    requests: Vec<Entry>,
}

impl Stage {
    /// This moment.
    pub fn moment(&self) -> Result<Moment> {
        let calls = self.cluster.calls_by(self.operator.user())?.len();
        let requests = self.sims.counts().log().last().map_or(0, |last| last.sequence + 1);
        Ok(Moment { calls, requests })
    }

    /// Everything that the operator did since then.
    pub fn since(&self, moment: &Moment) -> Result<Ledger> {
        let calls = self.cluster.calls_by(self.operator.user())?.split_off(moment.calls);
        let mut requests = self.sims.counts().log();
        requests.retain(|request| {
            request.sequence >= moment.requests && request.agent.as_deref() == Some(OPERATOR)
        });
        Ok(Ledger { calls, requests })
    }
}

impl Ledger {
    /// Changes at the API server as `verb resource/subresource name`, refused ones too.
    pub fn writes(&self) -> Vec<String> {
        let writes = self.calls.iter().filter(|call| call.is_write());
        writes
            .map(|call| format!("{} {}/{} {}", call.verb, call.resource, call.subresource, call.name))
            .collect()
    }

    /// Names of the Secrets whose content was read. Lists and watches are of metadata.
    pub fn secrets_read(&self) -> Vec<&str> {
        let reads = self.calls.iter().filter(|call| call.resource == "secrets" && call.verb == "get");
        reads.map(|call| call.name.as_str()).collect()
    }

    /// Requests to ConnectWise about a company, or about any.
    pub fn connectwise(&self, company: Option<&str>) -> Vec<&Entry> {
        let is_of = |request: &&Entry| company.is_none() || request.company.as_deref() == company;
        self.requests.iter().filter(|request| request.service == Service::ConnectWise).filter(is_of).collect()
    }

    /// Requests to one route of ConnectWise about a company.
    pub fn connectwise_at(&self, route: &str, company: &str) -> Vec<&Entry> {
        let mut requests = self.connectwise(Some(company));
        requests.retain(|request| request.route == route);
        requests
    }

    /// Requests to a route of Petra.
    pub fn petra(&self, method: &str, route: &str) -> Vec<&Entry> {
        let to_petra = self.requests.iter().filter(|request| request.service == Service::Petra);
        to_petra.filter(|request| request.method == method && request.route == route).collect()
    }

    /// Requests to Petra that are about one link: reads, PUTs and DELETEs.
    pub fn petra_about_links(&self) -> Vec<&Entry> {
        let to_petra = self.requests.iter().filter(|request| request.service == Service::Petra);
        to_petra.filter(|request| request.route == LINK).collect()
    }
}
