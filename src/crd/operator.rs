//! Which operator serves a link.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time::StatusTime;
use crate::dns_name;

/// The operator that serves a link.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct ServingOperator {
    /// Namespace of the operator; absent if the operator does not know its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub namespace: Option<String>,
    /// Name of the Lease of the operator (`--lease-name`).
    #[schemars(length(max = 63))]
    pub lease: String,
    /// When the operator last wrote this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew_time: Option<StatusTime>,
}

/// The name by which operators that watch one namespace know each other: all replicas of one operator have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorName {
    namespace: Option<String>,
    lease: String,
}

impl OperatorName {
    /// The operator whose Lease has this name, in its own namespace where that is known.
    #[must_use]
    pub fn new(namespace: Option<&str>, lease: &str) -> Self {
        Self { namespace: namespace.map(str::to_owned), lease: lease.to_owned() }
    }

    /// The operator that a status names; `None` where no operator can have this name.
    #[must_use]
    pub(crate) fn of(serving: &ServingOperator) -> Option<Self> {
        let ServingOperator { namespace, lease, renew_time: _ } = serving;
        let is_name = namespace.as_deref().is_none_or(dns_name::is_label) && dns_name::is_label(lease);
        is_name.then(|| Self { namespace: namespace.clone(), lease: lease.clone() })
    }

    /// What this operator writes into a status at this time.
    #[must_use]
    pub(crate) fn serving_at(&self, at: StatusTime) -> ServingOperator {
        ServingOperator { namespace: self.namespace.clone(), lease: self.lease.clone(), renew_time: Some(at) }
    }
}

impl fmt::Display for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.lease),
            None => f.write_str(&self.lease),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(namespace: Option<&str>, lease: &str) -> Option<String> {
        let namespace = namespace.map(str::to_owned);
        let serving = ServingOperator { namespace, lease: lease.to_owned(), renew_time: None };
        OperatorName::of(&serving).map(|name| name.to_string())
    }

    #[test]
    fn a_status_names_an_operator_only_by_names_that_one_can_have() {
        assert_eq!(named(Some("cwlink-system"), "cwlink").as_deref(), Some("cwlink-system/cwlink"));
        assert_eq!(named(None, "cwlink").as_deref(), Some("cwlink"));
        for (namespace, lease) in [
            (None, ""),
            (Some(""), "cwlink"),
            (Some("team a"), "cwlink"),
            (Some("team"), "cw/link"),
            (Some("<b>"), "cwlink"),
        ] {
            assert_eq!(named(namespace, lease), None, "{namespace:?} {lease:?}");
        }
    }

    #[test]
    fn what_an_operator_writes_names_it() {
        let name = OperatorName::new(Some("cwlink-system"), "cwlink");
        assert_eq!(OperatorName::of(&name.serving_at(StatusTime::NEVER)), Some(name));
    }
}
