//! Waiting with a bound.

use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// How long anything is waited for: far more than it takes on a machine that also compiles. It only bounds a failing
/// test; no test passes or fails by its speed.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks until `look` sees what is waited for, and returns it. What `look` returns as `Err` is what it saw instead.
///
/// # Errors
///
/// [`Error::NotInTime`] after [`PATIENCE`], with what was seen last.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> std::result::Result<T, String>) -> Result<T> {
    let started = Instant::now();
    loop {
        match look() {
            Ok(seen) => return Ok(seen),
            Err(last) if started.elapsed() > PATIENCE => {
                return Err(Error::NotInTime { what: what.to_owned(), seconds: PATIENCE.as_secs(), last });
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
