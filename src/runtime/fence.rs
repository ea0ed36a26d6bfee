//! Whether this replica may change anything at Petra.

use std::time::Duration;

use crate::petra::client::Fence;

/// The fence of an operator that runs alone: its Deployment has one replica and the strategy `Recreate`, so that the
/// former pod is gone before the next one starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysLeader;

impl Fence for AlwaysLeader {
    fn outlives(&self, _call: Duration) -> bool {
        true
    }
}
