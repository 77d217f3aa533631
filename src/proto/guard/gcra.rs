//! The generic cell rate algorithm (GCRA, ITU-T I.371): a token bucket in one number.

use std::time::Duration;

use crate::proto::Instant;

/// A rate limit: a burst, and a rate after it, in units of any kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) burst: u64,
    pub(super) per_second: u64,
}

impl Rate {
    /// How long it takes until so many units conform again.
    pub(super) fn time_for(self, units: u64) -> Duration {
        Duration::from_micros(units.saturating_mul(1_000_000).div_ceil(self.per_second))
    }

    /// The burst as time.
    pub(super) fn tolerance(self) -> Duration {
        self.time_for(self.burst)
    }
}

/// The state of one limiter: the theoretical arrival time (TAT). It takes half the memory of a bucket's level and
/// the time of its last change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gcra {
    tat: Instant,
}

impl Gcra {
    /// How long it takes until the whole burst is available again.
    pub(super) fn backlog(self, now: Instant) -> Duration {
        self.tat - now
    }

    /// True when `units` more stay within the rate.
    pub(super) fn conforms(self, now: Instant, rate: Rate, units: u64) -> bool {
        self.backlog(now) + rate.time_for(units) <= rate.tolerance()
    }

    /// Takes units that are worth `time`.
    pub(super) fn charge(&mut self, now: Instant, time: Duration) {
        self.tat = self.tat.max(now) + time;
    }

    /// Takes all of the burst.
    pub(super) fn use_up_burst(&mut self, now: Instant, rate: Rate) {
        self.tat = self.tat.max(now + rate.tolerance());
    }

    /// Limits the backlog at `end` to the burst.
    pub(super) fn cap(&mut self, end: Instant, rate: Rate) {
        self.tat = self.tat.min(end + rate.tolerance());
    }

    /// Gives back units that are worth `time`.
    pub(super) fn refund(&mut self, time: Duration) {
        self.tat = Instant::ZERO + (self.tat - (Instant::ZERO + time));
    }
}
