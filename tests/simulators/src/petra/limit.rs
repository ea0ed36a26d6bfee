//! The rate limit of the published API: so many requests in any sixty seconds for each method and route.

use std::collections::{HashMap, VecDeque};

use http::Method;
use jiff::{SignedDuration, Timestamp};

const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// When each route admitted its latest requests. The window slides, which is the strictest reading of "10 requests a
/// minute": a client that is quick by some other reading is found out.
#[derive(Default)]
pub(super) struct RequestLog {
    admitted: HashMap<(Method, String), VecDeque<Timestamp>>,
}

impl RequestLog {
    /// Admits a request, or says how many whole seconds to wait. A refused request does not count.
    pub(super) fn admit(
        &mut self,
        method: Method,
        route: &str,
        per_minute: u32,
        now: Timestamp,
    ) -> Result<(), i64> {
        let admitted = self.admitted.entry((method, route.to_owned())).or_default();
        while admitted.front().is_some_and(|&first| now.duration_since(first) >= WINDOW) {
            admitted.pop_front();
        }
        if u32::try_from(admitted.len()).is_ok_and(|count| count < per_minute) {
            admitted.push_back(now);
            return Ok(());
        }
        let waited = admitted.front().map_or(SignedDuration::ZERO, |&first| now.duration_since(first));
        let wait = WINDOW.saturating_sub(waited);
        Err(wait.as_secs() + i64::from(wait.subsec_nanos() > 0))
    }
}
