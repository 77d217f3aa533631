//! When blocks left, as far as that matters for reading an ACK.
//!
//! An ACK that misses a block says something about the block's last departure only if that was about a
//! round trip ago. A ring of a few entries, each for the blocks that left within an eighth of a round
//! trip, covers more than a round trip in 72 bytes.

use std::time::Duration;

use crate::proto::Instant;

/// Entries of the ring: nine eighths of a round trip, and a recovery in between.
const ENTRIES: usize = 8;

/// The share of a round trip whose departures are one entry.
const PER_ROUND_TRIP: u32 = 8;

/// Blocks from `first` on left at `at` or, at most an eighth of a round trip, later.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    first: u32,
    /// Microseconds since the clock's origin, modulo 2³² (71 minutes).
    at: u32,
}

/// See the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Departures {
    entries: [Entry; ENTRIES],
    /// The index of the newest entry, and how many there are.
    newest: u8,
    len: u8,
    /// The next block begins an entry, because it is a resend.
    is_new_pass: bool,
}

impl Departures {
    /// `block` leaves, behind the one that left last, or again after [`on_go_back`](Self::on_go_back).
    /// `round_trip` is the shortest one seen: the smoothed one may be many times as long.
    pub(super) fn record(&mut self, now: Instant, block: u32, round_trip: Duration) {
        let at = now.as_micros() as u32;
        let newest = self.entries[usize::from(self.newest)];
        let age = at.wrapping_sub(newest.at);
        let is_together = u128::from(age) * u128::from(PER_ROUND_TRIP) <= round_trip.as_micros();
        if self.len > 0 && !self.is_new_pass && is_together {
            return;
        }
        self.is_new_pass = false;
        self.newest = (self.newest + 1) % ENTRIES as u8;
        self.len = (self.len + 1).min(ENTRIES as u8);
        self.entries[usize::from(self.newest)] = Entry { first: block, at };
    }

    /// What leaves next has left before.
    pub(super) fn on_go_back(&mut self) {
        self.is_new_pass = true;
    }

    /// Time since `block` left last; `None` if that is longer ago than the ring reaches.
    ///
    /// The block must have left since the last [`on_go_back`](Self::on_go_back), or not be about to.
    pub(super) fn age(&self, now: Instant, block: u32) -> Option<Duration> {
        let back = (0..self.len).map(|n| {
            let index = (self.newest + ENTRIES as u8 - n) % ENTRIES as u8;
            self.entries[usize::from(index)]
        });
        let entry = back.into_iter().find(|entry| entry.first <= block)?;
        let age = (now.as_micros() as u32).wrapping_sub(entry.at);
        Some(Duration::from_micros(age.into()))
    }
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
    }

    #[test]
    fn the_ring_forgets_what_left_longest_ago() {
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
