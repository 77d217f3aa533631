//! The rate limiter of log lines.

use super::gcra::{Gcra, Rate};
use crate::proto::Instant;

/// Lines about unvalidated addresses. A boot asks for some ten names that do not exist.
const UNVALIDATED: Rate = Rate {
    burst: 500,
    per_second: 20,
};

/// Lines about all others, because the first ACKs can be blind: a thousand machines that boot at once, with ten
/// files each, and then more than seventeen million transfers a day.
const VALIDATED: Rate = Rate {
    burst: 10_000,
    per_second: 200,
};

/// Limits the lines of the log, so that an attacker cannot fill a disk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogLimiter {
    unvalidated: Gcra,
    validated: Gcra,
    /// Reports left out since the last one.
    left_out: u32,
}

impl LogLimiter {
    /// True when one more report about a validated or an unvalidated address may be logged.
    pub(crate) fn allows(&mut self, now: Instant, is_validated: bool) -> bool {
        let (limiter, rate) = match is_validated {
            true => (&mut self.validated, VALIDATED),
            false => (&mut self.unvalidated, UNVALIDATED),
        };
        let conforms = limiter.conforms(now, rate, 1);
        match conforms {
            true => limiter.charge(now, rate.time_for(1)),
            false => self.left_out = self.left_out.saturating_add(1),
        }
        conforms
    }

    /// How many were left out since this was last asked.
    pub(crate) fn take_left_out(&mut self) -> u32 {
        std::mem::take(&mut self.left_out)
    }
}
