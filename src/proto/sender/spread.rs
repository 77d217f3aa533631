//! Spreading: a flight that gets lost again and again leaves in chunks, with pauses.
//!
//! It does not fit into a queue on the path, or into the client's receive buffer. The client's window cannot be made
//! shorter, so it takes more time. The level says how much; 0 is none. Each level above 1 doubles the spacing, and a
//! lower level is tried later, with back-off.

use std::time::Duration;

use super::backoff::RetryBackoff;

/// Blocks that leave together at level 1. At higher levels it is two, and one: there are receive buffers of two blocks.
const CHUNK: u16 = 4;

/// The least spacing of two blocks: 40 Mbit/s.
const LEAST_SPACING: Duration = Duration::from_micros(300);

/// The greatest spacing of two blocks: 1 Mbit/s.
const MOST_SPACING: Duration = Duration::from_millis(12);

/// The level at which a flight is spread over a round trip. From there on it takes one silence more to widen the
/// spacing: at 10 % random loss silence is frequent.
const OVER_A_ROUND_TRIP: u8 = 2;

/// The highest level. From the least spacing it reaches the greatest in six steps.
const MOST: u8 = 7;

/// How often in a row a flight of few blocks has to bring no progress before it is spread: it fits into all but the
/// smallest receive buffers.
const FEW_BLOCKS_LOST: u8 = 4;

/// How much more silence it takes to widen a spacing with which a window has arrived.
const AFTER_A_WINDOW: u8 = 2;

/// So many recoveries in a row after few blocks, for each level, are a sign that the spacing is too small. At 5 %
/// random loss three come by chance in one of twenty-five cases, and at 10 % six in one of thirty.
const SHORT: u8 = 3;

/// Over how long a flight is spread.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread {
    level: u8,
    /// The level that was enough last.
    enough: u8,
    /// When less is tried.
    trial: RetryBackoff,
    /// Recoveries in a row after less than two chunks.
    short: u8,
}

impl Spread {
    /// Flights are spread.
    pub(super) fn is_on(self) -> bool {
        self.level > 0
    }

    /// How many blocks leave together; `None` if all do.
    pub(super) fn chunk(self) -> Option<u16> {
        let halvings = self.level.checked_sub(1)?.min(2);
        Some(CHUNK >> halvings)
    }

    /// The time between two blocks of a flight of `limit`: half of the shortest round trip for all of it, or twice
    /// that, and so on. (The smoothed one would grow with the spacing, and the spacing with it.)
    pub(super) fn spacing(self, shortest: Option<Duration>, limit: u16) -> Duration {
        let even = shortest.unwrap_or_default() / u32::from(limit) / 2;
        let doubled = even.max(LEAST_SPACING) * (1 << self.level.saturating_sub(1));
        doubled.min(MOST_SPACING)
    }

    /// No progress has come back from a flight of `limit` blocks that was sent `times` times. Once may be bad luck.
    pub(super) fn on_silence(&mut self, times: u8, limit: u16) {
        let least = match self.level {
            _ if self.is_on_trial() => 2,
            0 if limit <= CHUNK => FEW_BLOCKS_LOST,
            0..OVER_A_ROUND_TRIP => 2,
            _ => 3,
        };
        let more = if self.trial.has_whole() {
            AFTER_A_WINDOW
        } else {
            0
        };
        if limit > 1 && times >= least + more {
            self.widen(limit);
        }
    }

    /// Spreads a flight of `limit` blocks over more time: at least in two chunks. A short one needs no more than a
    /// pause after each block.
    pub(super) fn widen(&mut self, limit: u16) {
        if limit <= CHUNK && self.chunk() == Some(1) {
            return;
        }
        if self.is_on_trial() {
            self.level = self.enough;
            self.trial.back_off();
        } else {
            self.level = (self.level + 1).min(MOST);
        }
        while self.chunk() >= Some(limit) && self.level < MOST {
            self.level += 1;
        }
        self.trial.restart();
        self.short = 0;
    }

    /// A block of a flight of `limit` was lost after `arrived` others.
    pub(super) fn on_loss(&mut self, arrived: u16, limit: u16) {
        if self.level == 0 {
            return;
        }
        self.short = match arrived < 2 * CHUNK {
            true => self.short + 1,
            false => 0,
        };
        if self.short >= SHORT * self.level {
            self.widen(limit);
        }
    }

    /// `blocks` of a client with windows of `window` have arrived.
    pub(super) fn on_arrived(&mut self, blocks: u32, window: u16) {
        if self.level == 0 && self.enough == 0 {
            return;
        }
        if self.trial.on_arrived(blocks, window) {
            if self.level == 0 {
                self.trial.relax();
            }
            self.enough = self.level;
            self.level /= 2;
        }
    }

    /// Less than what was enough is being tried.
    fn is_on_trial(self) -> bool {
        self.level < self.enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chunks after silence that lasted for each of `times` flights of `limit` blocks.
    fn chunks<const N: usize>(spread: &mut Spread, limit: u16, times: [u8; N]) -> [Option<u16>; N] {
        times.map(|times| {
            spread.on_silence(times, limit);
            spread.chunk()
        })
    }

    #[test]
    fn silence_twice_spreads_a_window_and_further_silence_spreads_it_more() {
        let mut spread = Spread::default();
        let chunks = chunks(&mut spread, 16, [1, 2, 2, 2, 3]);
        assert_eq!(chunks, [None, Some(4), Some(2), Some(2), Some(1)]);
    }

    #[test]
    fn a_spacing_with_which_a_window_has_arrived_is_widened_only_after_more_silence() {
        let mut spread = Spread::default();
        chunks(&mut spread, 64, [2, 2]);
        spread.on_arrived(64, 64);
        assert_eq!(chunks(&mut spread, 64, [4, 5]), [Some(2), Some(1)]);
    }

    #[test]
    fn a_short_window_is_spread_after_silence_four_times_and_only_block_by_block() {
        let mut spread = Spread::default();
        let chunks = chunks(&mut spread, 4, [3, 4, 4, 4, 4]);
        assert_eq!(chunks, [None, Some(2), Some(1), Some(1), Some(1)]);
        assert_eq!(spread.level, 3);
        assert_eq!(spread.spacing(None, 4), 4 * LEAST_SPACING);
    }

    #[test]
    fn less_is_tried_after_two_windows_and_then_after_more() {
        let mut spread = Spread::default();
        chunks(&mut spread, 16, [2]);
        let mut windows = 0;
        for expected in [2, 3, 5, 9] {
            while spread.is_on() {
                spread.on_arrived(16, 16);
                windows += 1;
            }
            assert_eq!(std::mem::take(&mut windows), expected);
            spread.on_silence(2, 16);
            assert_eq!(spread.chunk(), Some(4));
        }
    }
}
