//! Debts that time pays back.

use std::time::Duration;

use crate::proto::Instant;

/// So much at once, and so much a second from there on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) burst: u64,
    pub(super) per_second: u64,
}

impl Rate {
    /// How long it takes to pay back so many units.
    pub(super) fn time_for(self, units: u64) -> Duration {
        Duration::from_micros(units.saturating_mul(1_000_000).div_ceil(self.per_second))
    }

    /// Most that may be owed, as time.
    pub(super) fn most(self) -> Duration {
        self.time_for(self.burst)
    }
}

/// What has been taken and not been made up for yet: when it will be. That is half of the room that an amount and
/// the time of its last change would take, and needs no settling.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gcra {
    paid_at: Instant,
}

impl Gcra {
    /// How long it takes until nothing is owed any more.
    pub(super) fn owed(self, now: Instant) -> Duration {
        self.paid_at - now
    }

    /// True when `units` more stay within the bound.
    pub(super) fn has_room(self, now: Instant, bound: Rate, units: u64) -> bool {
        self.owed(now) + bound.time_for(units) <= bound.most()
    }

    /// Takes what `time` will make up for.
    pub(super) fn take(&mut self, now: Instant, time: Duration) {
        self.paid_at = self.paid_at.max(now) + time;
    }

    /// Takes all that may be taken at once.
    pub(super) fn exhaust(&mut self, now: Instant, bound: Rate) {
        self.paid_at = self.paid_at.max(now + bound.most());
    }

    /// No more is owed at `end` than may be taken at once.
    pub(super) fn cap(&mut self, end: Instant, bound: Rate) {
        self.paid_at = self.paid_at.min(end + bound.most());
    }

    /// Gives back what `time` would have made up for.
    pub(super) fn forgive(&mut self, time: Duration) {
        self.paid_at = Instant::ZERO + (self.paid_at - (Instant::ZERO + time));
    }
}
