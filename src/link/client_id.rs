//! The operator's own clientId: which ConnectWise servers have accepted it, and when a refusal is evidence against it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::origin::Origin;
use crate::connectwise::ClientIdVersion;

/// The servers that have accepted one clientId since this process started.
#[derive(Clone, Debug, Default)]
pub(crate) struct AcceptedClientId {
    version: ClientIdVersion,
    by: Arc<BTreeSet<Origin>>,
}

impl AcceptedClientId {
    /// Records that a server accepted this clientId; another clientId is forgotten. Whether this is news.
    pub(crate) fn accept(&mut self, version: ClientIdVersion, server: Origin) -> bool {
        if self.version != version {
            *self = Self { version, by: Arc::default() };
        }
        !self.by.contains(&server) && Arc::make_mut(&mut self.by).insert(server)
    }

    /// What is known of this clientId.
    #[must_use]
    pub(crate) fn view(&self, version: ClientIdVersion) -> ClientIdView {
        let by = if self.version == version { Arc::clone(&self.by) } else { Arc::default() };
        ClientIdView { version, accepted_by: by }
    }
}

/// The operator's own clientId, as a visit sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientIdView {
    /// The one in use.
    pub version: ClientIdVersion,
    /// The servers that have accepted it since this process started.
    pub accepted_by: Arc<BTreeSet<Origin>>,
}

impl ClientIdView {
    /// Whether this server has accepted it since this process started.
    #[must_use]
    pub(crate) fn is_accepted_by(&self, server: &Origin) -> bool {
        self.accepted_by.contains(server)
    }

    /// Whether a refusal by `server` is evidence against the clientId, and not against API keys that `server` accepted
    /// under the clientId `accepted_under`. That holds for any number of links, and after a restart, until `server` has
    /// accepted the clientId in use.
    #[must_use]
    pub(crate) fn is_suspect(&self, server: &Origin, accepted_under: ClientIdVersion) -> bool {
        accepted_under != self.version && !self.is_accepted_by(server)
    }
}
