//! When blocks left, as far as that matters for reading an ACK.
//!
//! An ACK that misses a block says something about the block's last departure only if that was about a
//! round trip ago. A ring of a few entries, each for the blocks that left within an eighth of a round
//! trip, covers more than a round trip in 72 bytes.

use std::num::NonZeroU16;
use std::time::Duration;

use crate::proto::Instant;

/// Entries of the ring: nine eighths of a round trip, and a recovery in between.
const ENTRIES: usize = 8;

/// The share of a round trip whose departures are one entry.
const PER_ROUND_TRIP: u32 = 8;

/// Blocks from `first` on left at `at` or, at most an eighth of a round trip, later. No block has the number of an
/// unused entry.
#[derive(Clone, Copy, Debug)]
struct Departure {
    first: u32,
    /// Microseconds since the clock's origin, modulo 2³² (71 minutes).
    at: u32,
}

const UNUSED: Departure = Departure {
    first: u32::MAX,
    at: 0,
};

/// See the [module](self).
#[derive(Clone, Copy, Debug)]
pub(super) struct Departures {
    entries: [Departure; ENTRIES],
    /// The index of the newest entry.
    newest: u8,
    /// When a block left last.
    last_at: u32,
    /// That was this block alone, again.
    single: Option<NonZeroU16>,
    /// The next block begins an entry, because it is a resend.
    is_new_pass: bool,
}

impl Default for Departures {
    fn default() -> Departures {
        Departures {
            entries: [UNUSED; ENTRIES],
            newest: 0,
            last_at: 0,
            single: None,
            is_new_pass: true,
        }
    }
}

impl Departures {
    /// `block` leaves, behind the one that left last, or again after [`on_go_back`](Self::on_go_back).
    pub(super) fn record(&mut self, now: Instant, block: u32, srtt: Duration) {
        let at = now.as_micros() as u32;
        (self.last_at, self.single) = (at, None);
        let newest = self.entries[usize::from(self.newest)];
        let age = at.wrapping_sub(newest.at);
        let is_together = u128::from(age) * u128::from(PER_ROUND_TRIP) <= srtt.as_micros();
        if !self.is_new_pass && is_together {
            return;
        }
        self.is_new_pass = false;
        self.newest = (self.newest + 1) % ENTRIES as u8;
        self.entries[usize::from(self.newest)] = Departure { first: block, at };
    }

    /// `block` leaves again, and those behind it do not. Its ACK may answer either copy, so the ring does not have it.
    /// But an ACK that comes sooner than its answer can come is no reason to send it again.
    pub(super) fn record_single(&mut self, now: Instant, block: u32) {
        self.last_at = now.as_micros() as u32;
        self.single = short(block);
    }

    /// What leaves next has left before.
    pub(super) fn on_go_back(&mut self) {
        self.is_new_pass = true;
    }

    /// Time since `block` left last, an eighth of a round trip too long at most; `None` if that is longer ago than
    /// the ring reaches.
    ///
    /// The block must have left since the last [`on_go_back`](Self::on_go_back), or not be about to.
    pub(super) fn age(&self, now: Instant, block: u32) -> Option<Duration> {
        let entry = self.backwards().find(|entry| entry.first <= block)?;
        Some(age(now, entry.at))
    }

    /// The same, a sixth of a round trip too short at most. A block that left alone counts. As long as no round trip
    /// is known, the ring reaches no further than to what left last.
    pub(super) fn least_age(
        &self,
        now: Instant,
        block: u32,
        srtt: Option<Duration>,
    ) -> Option<Duration> {
        let Some(srtt) = srtt.filter(|_| self.single != short(block)) else {
            return Some(age(now, self.last_at));
        };
        let mut next_at = self.last_at;
        for entry in self.backwards() {
            if entry.first <= block {
                // SRTT may have been longer when the entry was made.
                let longest = (srtt / (PER_ROUND_TRIP - 2)).as_micros() as u32;
                let span = match entry.first == block {
                    true => 0,
                    false => next_at.wrapping_sub(entry.at).min(longest),
                };
                return Some(age(now, entry.at.wrapping_add(span)));
            }
            next_at = entry.at;
        }
        None
    }

    /// The entries, the newest first.
    fn backwards(&self) -> impl Iterator<Item = Departure> {
        (0..ENTRIES as u8).map(|n| {
            let index = (self.newest + ENTRIES as u8 - n) % ENTRIES as u8;
            self.entries[usize::from(index)]
        })
    }
}

/// The number of a block in few bytes. Two that are in flight together have different ones.
fn short(block: u32) -> Option<NonZeroU16> {
    NonZeroU16::new((block % u32::from(u16::MAX)) as u16 + 1)
}

/// Microseconds modulo 2³² are enough: what is longer ago is not asked for.
fn age(now: Instant, at: u32) -> Duration {
    Duration::from_micros((now.as_micros() as u32).wrapping_sub(at).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SRTT: Duration = Duration::from_millis(40);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn millis(age: Option<Duration>) -> Option<u128> {
        age.map(|age| age.as_millis())
    }

    #[test]
    fn blocks_that_leave_within_an_eighth_of_a_round_trip_share_an_entry() {
        let mut departures = Departures::default();
        for block in 1..=40 {
            departures.record(at(block), block as u32, SRTT);
        }
        // 1 to 6 left at 1, 7 to 12 at 7, and so on: 5 ms are an eighth.
        assert_eq!(millis(departures.age(at(41), 40)), Some(4));
        assert_eq!(millis(departures.age(at(41), 36)), Some(10));
        assert_eq!(millis(departures.age(at(41), 12)), Some(34));
        assert_eq!(millis(departures.age(at(41), 1)), Some(40));
        // At least: when the last block of the entry may have left.
        assert_eq!(
            millis(departures.least_age(at(41), 38, Some(SRTT))),
            Some(1)
        );
        assert_eq!(
            millis(departures.least_age(at(41), 37, Some(SRTT))),
            Some(4)
        );
        assert_eq!(
            millis(departures.least_age(at(41), 35, Some(SRTT))),
            Some(4)
        );
    }

    #[test]
    fn the_ring_drops_what_left_longest_ago() {
        let mut departures = Departures::default();
        for block in 0..9 {
            departures.record(at(100 * block), block as u32, SRTT);
        }
        assert_eq!(millis(departures.age(at(900), 0)), None);
        assert_eq!(millis(departures.age(at(900), 1)), Some(800));
    }

    #[test]
    fn a_resend_is_what_counts() {
        let mut departures = Departures::default();
        for block in 1..=8 {
            departures.record(at(0), block, SRTT);
        }
        departures.on_go_back();
        departures.record(at(3), 4, SRTT);
        departures.record(at(3), 5, SRTT);
        assert_eq!(millis(departures.age(at(50), 4)), Some(47));
        assert_eq!(millis(departures.age(at(50), 5)), Some(47));
        assert_eq!(millis(departures.age(at(50), 3)), Some(50));
    }

    #[test]
    fn the_clock_may_pass_71_minutes() {
        let mut departures = Departures::default();
        let late = Instant::from_micros(u64::from(u32::MAX));
        departures.record(late, 1, SRTT);
        let age = departures.age(late + Duration::from_millis(50), 1);
        assert_eq!(millis(age), Some(50));
    }
}
