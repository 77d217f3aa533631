//! What the log has room for.

use super::gcra::{Gcra, Rate};
use crate::proto::Instant;

/// Lines about peers that have acknowledged nothing. A boot asks for some ten names that do not exist.
const UNPROVEN: Rate = Rate {
    burst: 500,
    per_second: 20,
};

/// Lines about all others, because the first ACKs can be guessed: a thousand machines that boot at once, with ten
/// files each, and then more than seventeen million transfers a day.
const PROVEN: Rate = Rate {
    burst: 10_000,
    per_second: 200,
};

/// Bounds the lines of the log: how many there are is not for strangers to choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogLimiter {
    unproven: Gcra,
    proven: Gcra,
    /// Reports left out since the last one.
    left_out: u32,
}

impl LogLimiter {
    /// True when one more may be reported, about a peer that has acknowledged something or about one that has not.
    pub fn allows(&mut self, now: Instant, is_proven: bool) -> bool {
        let (debt, bound) = match is_proven {
            true => (&mut self.proven, PROVEN),
            false => (&mut self.unproven, UNPROVEN),
        };
        let has_room = debt.has_room(now, bound, 1);
        match has_room {
            true => debt.take(now, bound.time_for(1)),
            false => self.left_out = self.left_out.saturating_add(1),
        }
        has_room
    }

    /// How many were left out since this was last asked.
    pub fn take_left_out(&mut self) -> u32 {
        std::mem::take(&mut self.left_out)
    }
}
