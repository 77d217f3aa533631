//! A window for clients that cannot ask for one.
//!
//! iPXE, GRUB, PXELINUX, shim and most ROMs acknowledge every block and never negotiate a window, so
//! a path of 50 ms gives them 28 kB/s. But a client in lock-step cannot tell a server that answers at
//! once from one that sent block *n* + 1 before the ACK of *n* arrived, as long as blocks come in order and its
//! receive buffer holds them. That is an optimistic reading of RFC 1350, which says that each data
//! packet must be acknowledged before the next one can be sent; `--run-ahead 1` is the strict
//! one.
//!
//! The depth, the number of blocks in flight, is governed like TCP's congestion window (RFC 5681):
//! one more for each ACK at first, which doubles it each round trip and never sends more than two
//! blocks at once; after trouble one block, whose ACK tells what the client still needs, then up to half
//! the depth that failed, and from there one more each round trip.

use std::time::Duration;

/// Round trips shorter than this are those of a local network, where nothing is to be gained: pure
/// RFC 1350.
const WORTHWHILE: Duration = Duration::from_millis(10);

/// Troubles at a depth of two or less after which the client is taken to have no room for more than
/// one block, or the path to be too bad.
const SHALLOW_TROUBLES: u8 = 3;

/// How far ahead one lock-step transfer is.
#[derive(Clone, Copy, Debug)]
pub struct RunAhead {
    /// The depth that the operator allows; 1 is lock-step.
    most: u16,
    depth: u16,
    /// Below it each ACK deepens, above it each round trip.
    threshold: u16,
    /// ACKs since the depth last grew.
    acks: u16,
    shallow_troubles: u8,
    deepest: u16,
    fallbacks: u16,
}

impl RunAhead {
    /// Lock-step for now, and up to `most` blocks in flight later.
    pub fn new(most: u16) -> RunAhead {
        RunAhead {
            most,
            depth: 1,
            threshold: u16::MAX,
            acks: 0,
            shallow_troubles: 0,
            deepest: 1,
            fallbacks: 0,
        }
    }

    /// Blocks that may be in flight.
    pub fn depth(&self) -> u16 {
        self.depth
    }

    /// The greatest depth so far.
    pub fn deepest(&self) -> u16 {
        self.deepest
    }

    /// How often trouble has ended a run.
    pub fn fallbacks(&self) -> u16 {
        self.fallbacks
    }

    /// An ACK has made progress, and `shortest` is the shortest round trip measured.
    pub fn on_progress(&mut self, shortest: Option<Duration>) {
        if shortest.is_none_or(|shortest| shortest <= WORTHWHILE) {
            self.depth = 1;
            return;
        }
        self.acks = self.acks.saturating_add(1);
        let due = match self.depth < self.threshold {
            true => 1,
            false => self.depth,
        };
        if self.acks >= due && self.depth < self.most {
            self.acks = 0;
            self.depth += 1;
            self.deepest = self.deepest.max(self.depth);
        }
    }

    /// A block is missing at the client.
    pub fn on_trouble(&mut self) {
        if self.deepest == 1 {
            return;
        }
        self.fallbacks = self.fallbacks.saturating_add(1);
        if self.depth <= 2 {
            self.shallow_troubles = self.shallow_troubles.saturating_add(1);
            if self.shallow_troubles >= SHALLOW_TROUBLES {
                self.most = 1;
            }
        } else {
            self.shallow_troubles = 0;
        }
        self.threshold = (self.depth / 2).max(1);
        self.depth = 1;
        self.acks = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Option<Duration> = Some(Duration::from_millis(50));

    /// The depth after each of `acks` ACKs.
    fn depths(run: &mut RunAhead, acks: usize) -> Vec<u16> {
        let ack = |_| {
            run.on_progress(FAR);
            run.depth()
        };
        (0..acks).map(ack).collect()
    }

    #[test]
    fn doubles_each_round_trip_up_to_the_bound() {
        let mut run = RunAhead::new(8);
        assert_eq!(run.depth(), 1);
        assert_eq!(depths(&mut run, 9), [2, 3, 4, 5, 6, 7, 8, 8, 8]);
        assert_eq!(run.deepest(), 8);
        assert_eq!(run.fallbacks(), 0);
    }

    #[test]
    fn stays_in_lock_step_when_told_to_or_when_the_peer_is_near_or_unmeasured() {
        assert_eq!(depths(&mut RunAhead::new(1), 5), [1; 5]);
        for shortest in [None, Some(Duration::from_millis(10))] {
            let mut run = RunAhead::new(16);
            for _ in 0..5 {
                run.on_progress(shortest);
            }
            assert_eq!((run.depth(), run.deepest()), (1, 1));
        }
    }

    #[test]
    fn after_trouble_one_block_then_quickly_to_half_and_slowly_on() {
        let mut run = RunAhead::new(16);
        depths(&mut run, 7);
        run.on_trouble();
        assert_eq!(run.depth(), 1);
        assert_eq!(depths(&mut run, 12), [2, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6]);
        assert_eq!(run.fallbacks(), 1);
    }

    #[test]
    fn trouble_again_and_again_in_shallow_water_ends_it() {
        let mut run = RunAhead::new(16);
        for _ in 0..SHALLOW_TROUBLES {
            run.on_progress(FAR);
            assert_eq!(run.depth(), 2);
            run.on_trouble();
        }
        assert_eq!(depths(&mut run, 50), [1; 50]);
    }

    #[test]
    fn a_long_transfer_over_a_bad_path_overflows_nothing() {
        let mut run = RunAhead::new(2);
        for _ in 0..70_000 {
            run.on_progress(FAR);
        }
        assert_eq!(run.depth(), 2);
        for _ in 0..300 {
            run.on_trouble();
        }
        assert_eq!((run.depth(), run.fallbacks()), (1, 300));
    }

    #[test]
    fn trouble_in_lock_step_is_no_fallback() {
        let mut run = RunAhead::new(16);
        run.on_trouble();
        assert_eq!(run.fallbacks(), 0);
        assert_eq!(depths(&mut run, 2), [2, 3]);
    }
}
