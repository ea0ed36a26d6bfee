//! Every period of the operator, in one value.
//!
//! The published timetable is made of these. Tests run the real binary with
//! [`Timings::scaled`], so that an idle hour passes in seconds and nothing but this value knows.

use std::time::Duration;

/// All periods. The defaults are the documented ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Timings {
    /// How many times faster than real time the periods below run; 1 in production. Periods that a user writes
    /// (`spec.interval`) are divided by it with [`Timings::scale`].
    pub speed: f64,
    /// Time between two checks of a healthy link where `spec.interval` is absent.
    pub interval: Duration,
    /// Minimum time between two visits that ask ConnectWise about one link.
    pub floor: Duration,
    /// Largest share of a delay by which it is shifted, up or down, so that links spread out. The shift is not random: it
    /// is computed from the uid of the link. It does not apply to the debounce, Secret polls and grace periods, and never
    /// shortens a `Retry-After`.
    pub jitter: f64,
    /// How long a first round may run before the conditions say `Checking`.
    pub checking_after: Duration,
    /// How long a Secret may be absent before that is a fault.
    pub secret_grace: Duration,
    /// How long a name may be unknown or a certificate bad before that is a fault.
    pub site_grace: Duration,
    /// Two conclusive answers at least this far apart are needed to accuse a Ready link.
    pub debounce: Duration,
    /// A Ready link with no conclusive round for this many intervals is stale…
    pub stale_intervals: u32,
    /// …but never later than this.
    pub stale_cap: Duration,
    /// How often the full round runs on a healthy link.
    pub full_round: Duration,
    /// Delay after a missing permission, an inactive member or a board that is not ready…
    pub recheck: Duration,
    /// …for this long…
    pub recheck_for: Duration,
    /// …and then.
    pub recheck_later: Duration,
    /// First delay after refused keys, a wrong company or site, or a refusal by Petra; doubles…
    pub refused: Duration,
    /// …up to this.
    pub refused_max: Duration,
    /// First delay after a round that answered nothing, with no verdict yet; doubles…
    pub retry: Duration,
    /// …up to this.
    pub retry_max: Duration,
    /// First delay after a round that answered nothing, with a verdict held; doubles…
    pub held_retry: Duration,
    /// …up to this.
    pub held_retry_max: Duration,
    /// Where Secrets cannot be watched: delay while a Secret is absent, within and after [`Timings::secret_grace`].
    pub secret_poll: Duration,
    /// See [`Timings::secret_poll`].
    pub secret_poll_later: Duration,
    /// The shared poll of Petra while a link waits for it. A list of Petra is never further behind.
    pub poll: Duration,
    /// The shared poll of Petra otherwise.
    pub poll_idle: Duration,
    /// How long Petra may take to confirm.
    pub confirm: Duration,
    /// A deletion held up for longer says so.
    pub deletion_grace: Duration,
    /// `Retry-After` is honoured up to this.
    pub retry_after_max: Duration,
    /// How often the account behind the Petra key is proved.
    pub account: Duration,
    /// The Lease of the leader. At true speed always: other replicas and the API server know nothing of `speed`.
    pub lease: LeaseTerms,
    /// Timeouts of outside calls.
    pub timeouts: Timeouts,
}

/// The terms of the leader's Lease: those of client-go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTerms {
    /// How long a Lease that nobody renews stays its holder's. Whole seconds, which is what a Lease can say.
    pub duration: Duration,
    /// A leader that could not renew for this long has lost the Lease. Shorter than `duration`: it stops before another
    /// one begins.
    pub renew_within: Duration,
    /// Time between two renewals, and between two tries to take the Lease.
    pub retry: Duration,
}

/// Timeouts of outside calls. Scaled with a lower bound: a real socket needs real time.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeouts {
    /// Name, TCP and TLS together.
    pub connect: Duration,
    /// One ConnectWise answer, whole. Real ones are slow: median 1.1 s, p90 22 s, timeouts at 30 s.
    pub connectwise: Duration,
    /// All answers of ConnectWise in one check, with the waits before each. A check that takes longer is inconclusive.
    pub check: Duration,
    /// One read at Petra.
    pub petra_read: Duration,
    /// One change at Petra, from the fence to the answer; also how far ahead `notAfter` lies.
    pub petra_change: Duration,
    /// One answer of the Kubernetes API server (watches apart).
    pub kubernetes: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        let minutes = |n: u64| seconds(60 * n);
        Self {
            speed: 1.0,
            interval: minutes(30),
            floor: seconds(30),
            jitter: 0.15,
            checking_after: seconds(2),
            secret_grace: minutes(5),
            site_grace: minutes(5),
            debounce: seconds(60),
            stale_intervals: 3,
            stale_cap: minutes(36 * 60),
            full_round: minutes(24 * 60),
            recheck: minutes(1),
            recheck_for: minutes(15),
            recheck_later: minutes(5),
            refused: minutes(5),
            refused_max: minutes(60),
            retry: seconds(5),
            retry_max: minutes(5),
            held_retry: seconds(30),
            held_retry_max: minutes(10),
            secret_poll: seconds(15),
            secret_poll_later: minutes(1),
            poll: seconds(10),
            poll_idle: minutes(15),
            confirm: minutes(10),
            deletion_grace: minutes(2),
            retry_after_max: minutes(15),
            account: minutes(24 * 60),
            lease: LeaseTerms { duration: seconds(15), renew_within: seconds(10), retry: seconds(2) },
            timeouts: Timeouts {
                connect: seconds(10),
                connectwise: seconds(35),
                check: minutes(3),
                petra_read: seconds(15),
                petra_change: seconds(8),
                kubernetes: seconds(20),
            },
        }
    }
}

impl Timings {
    /// The same timetable, `speed` times faster. Call timeouts keep at least [`Timeouts::FLOOR`].
    #[must_use]
    pub fn scaled(speed: f64) -> Self {
        let mut t = Self { speed, ..Self::default() };
        for period in [
            &mut t.interval,
            &mut t.floor,
            &mut t.checking_after,
            &mut t.secret_grace,
            &mut t.site_grace,
            &mut t.debounce,
            &mut t.stale_cap,
            &mut t.full_round,
            &mut t.recheck,
            &mut t.recheck_for,
            &mut t.recheck_later,
            &mut t.refused,
            &mut t.refused_max,
            &mut t.retry,
            &mut t.retry_max,
            &mut t.held_retry,
            &mut t.held_retry_max,
            &mut t.secret_poll,
            &mut t.secret_poll_later,
            &mut t.poll,
            &mut t.poll_idle,
            &mut t.confirm,
            &mut t.deletion_grace,
            &mut t.account,
        ] {
            *period = period.div_f64(speed);
        }
        let timeouts = &mut t.timeouts;
        for timeout in [
            &mut timeouts.connect,
            &mut timeouts.connectwise,
            &mut timeouts.petra_read,
            &mut timeouts.petra_change,
        ] {
            *timeout = timeout.div_f64(speed).max((*timeout).min(Timeouts::FLOOR));
        }
        // A check is several answers, one after the other.
        timeouts.check = timeouts.check.div_f64(speed).max(timeouts.check.min(4 * Timeouts::FLOOR));
        t
    }

    /// A period that a user or a server wrote, at this speed.
    #[must_use]
    pub fn scale(&self, period: Duration) -> Duration {
        period.div_f64(self.speed)
    }
}

impl Timeouts {
    /// No scaled timeout is shorter than this.
    pub const FLOOR: Duration = Duration::from_secs(5);
}

/// A delay after so many tries before it: `first`, doubled for each, and at most `longest`.
pub(crate) fn doubled(first: Duration, tries: u32, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(tries)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_timetable_divides_periods_and_keeps_socket_timeouts_usable() {
        let t = Timings::scaled(60.0);
        assert_eq!(t.interval, Duration::from_secs(30));
        assert_eq!(t.scale(Duration::from_mins(5)), Duration::from_secs(5));
        assert_eq!(t.timeouts.connectwise, Timeouts::FLOOR);
        assert_eq!(Timings::scaled(1.0), Timings::default());
    }

    #[test]
    fn a_delay_doubles_with_each_try_up_to_the_longest() {
        let after = |tries| doubled(Duration::from_secs(5), tries, Duration::from_mins(5)).as_secs();
        assert_eq!([0, 1, 2, 5, 6].map(after), [5, 10, 20, 160, 300]);
        assert_eq!([32, u32::MAX].map(after), [300; 2]);
    }
}
