//! When one cause is more likely than many failures: a pure function. `tests/data/fleet-rule.md` lists what it decides.

use std::collections::HashMap;
use std::time::Duration;

/// So many links may fail for the same reason at once, however large a part of the fleet they are.
const FEW: usize = 3;
/// More than one failed link for so many that passed: more than a fifth of those that were asked.
const PASSED_FOR_EACH_FAILED: usize = 4;

/// A Ready link that seems to fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failing<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// When it was first found so, on the monotonic clock.
    pub since: Duration,
}

/// Whether the failure of `link` and those of others have a common cause.
///
/// They have one if, since some moment, more than [`FEW`] links failed for this reason, and more than a fifth of the links
/// that were asked. The links of another namespace count for at most half of the number that this takes, so that no tenant
/// can hold the links of others. A link that is `held` already stays so without [`FEW`] others, until enough links pass.
///
/// `others` fail for the same reason. `passed` has the moments when other links last passed.
pub(super) fn is_common(link: Failing<'_>, others: &[Failing<'_>], passed: &[Duration], held: bool) -> bool {
    let starts = others.iter().map(|other| other.since).filter(|since| *since < link.since);
    starts.chain([link.since]).any(|start| {
        let passed = passed.iter().filter(|at| **at >= start).count();
        let share = passed / PASSED_FOR_EACH_FAILED + 1;
        let enough = share.max(FEW + 1);
        let failed = counted(link.namespace, others.iter().filter(|other| other.since >= start), enough / 2);
        failed >= if held { share } else { enough }
    })
}

/// How many links fail: this one, all others of its namespace, and of each other namespace at most so many.
fn counted<'a>(own: &str, others: impl Iterator<Item = &'a Failing<'a>>, at_most: usize) -> usize {
    let mut by_namespace: HashMap<&str, usize> = HashMap::new();
    for other in others {
        *by_namespace.entry(other.namespace).or_default() += 1;
    }
    let counts = by_namespace.into_iter();
    1 + counts
        .map(|(namespace, count)| if namespace == own { count } else { count.min(at_most) })
        .sum::<usize>()
}
