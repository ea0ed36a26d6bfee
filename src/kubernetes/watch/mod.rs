//! All watches of the operator, merged into requests to reconcile a link.
//!
//! [`Watches`] decides in `wake` which links an event wakes. `changes` is one watch that recovers by itself, `states` says
//! what each watch has got so far, and `links` and `secret_versions` are what the watches keep.

mod changes;
mod link_index;
mod links;
mod secret_metadata;
mod secret_versions;
mod states;
mod wake;
mod wake_channel;

pub use links::{Link, Links};
pub(crate) use secret_metadata::wipe_annotations;
pub use secret_versions::SecretVersions;
pub use wake::{WatchOptions, Watches};
pub use wake_channel::Wake;
