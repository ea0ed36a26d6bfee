//! The `ConnectWiseLink` as people write it (`spec`) and read it (`status`).
//!
//! The Rust types are the source; `cwlink crd` prints the CustomResourceDefinition and `crds/` holds the printed form.

/// The schema of an enum of words, without a description: the field that holds it has the better one.
macro_rules! word_schema {
    ($type:ty: $($word:literal),+) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($word),+] })
            }
        }
    };
}

mod condition;
mod event_reason;
mod operator;
mod reason;
mod reference;
mod registration;
mod schema;
mod spec;
mod status;
mod time;

pub(crate) use condition::{Condition, ConditionValue};
pub use condition::{ConditionStatus, ConditionType};
pub use event_reason::EventReason;
pub use operator::OperatorName;
pub use reason::Reason;
pub(crate) use reference::{LinkRef, SecretLookup, SecretVersion};
pub use registration::{RegistrationMode, RegistrationSpec};
pub use schema::crd_yaml;
pub use spec::LinkSpec;
pub(crate) use spec::{ConnectWiseLink, DeletionPolicy, Interval, SecretReference};
pub(crate) use status::{Inputs, LinkRecord, LinkStatus, PermissionLine, PermissionsStatus, SiteStatus};
pub(crate) use time::StatusTime;

/// API group of the resource, of its annotation and of its finalizer.
pub(crate) const GROUP: &str = "integrations.petrasecurity.com";

/// Annotation whose every new value asks for a full round at once; its value is echoed in
/// `status.lastHandledReconcileAt`.
pub(crate) const REQUESTED_AT: &str = "integrations.petrasecurity.com/requestedAt";

/// Finalizer that keeps a deleted `Api` link until Petra holds nothing of it. Set only before the first PUT.
pub(crate) const FINALIZER: &str = "integrations.petrasecurity.com/unlink";

/// Field manager of everything that the operator writes.
pub(crate) const FIELD_MANAGER: &str = "cwlink";
