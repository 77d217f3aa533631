//! Which blocks are on their way, and what an ACK says about them.
//!
//! ```text
//!            una            next            sent
//!   arrived   |  in flight    |  to be sent   |  never sent yet
//!             |               |  once more    |
//! ```

/// The sliding window of one transfer, counted in whole blocks; the wire has their numbers modulo 2¹⁶.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    una: u32,
    next: u32,
    sent: u32,
}

/// What the number in an ACK stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acknowledged {
    /// All blocks before this one, some of them for the first time.
    New(u32),
    /// What the last new ACK acknowledged.
    SameAgain,
    /// A block before that.
    Old,
    /// A block that was never sent.
    NeverSent,
}

impl Flight {
    /// Nothing is on its way, and `first` is next.
    pub(super) fn new(first: u32) -> Flight {
        Flight {
            una: first,
            next: first,
            sent: first,
        }
    }

    /// The first block that is not acknowledged.
    pub(super) fn una(&self) -> u32 {
        self.una
    }

    /// The block to send next: back at `una` when a loss is to be mended.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// One more than the highest block ever sent.
    pub(super) fn sent(&self) -> u32 {
        self.sent
    }

    /// Blocks that were sent since the last going back and are not acknowledged.
    pub(super) fn in_flight(&self) -> u32 {
        self.next - self.una
    }

    /// Reads the number of an ACK, which is the block's modulo 2¹⁶.
    pub(super) fn read(&self, number: u16) -> Acknowledged {
        // Counted from the last acknowledged block on, modulo 2¹⁶ as well.
        let ahead = number.wrapping_sub(self.una.wrapping_sub(1) as u16);
        let behind = u32::from(ahead.wrapping_neg());
        if ahead > 0 && u32::from(ahead) <= self.sent - self.una {
            Acknowledged::New(self.una + u32::from(ahead))
        } else if behind >= self.una || behind > u32::from(u16::MAX / 2) {
            Acknowledged::NeverSent
        } else if behind == 0 {
            Acknowledged::SameAgain
        } else {
            Acknowledged::Old
        }
    }

    /// All blocks before `una` have arrived. How many of them were in flight.
    pub(super) fn advance(&mut self, una: u32) -> u32 {
        let blocks = una - self.una;
        self.una = una;
        self.next = self.next.max(una);
        blocks
    }

    /// Block `next` has left. True when it was for the first time.
    pub(super) fn send(&mut self) -> bool {
        self.next += 1;
        let is_first = self.next > self.sent;
        self.sent = self.sent.max(self.next);
        is_first
    }

    /// All that is not acknowledged is to be sent once more.
    pub(super) fn go_back(&mut self) {
        self.next = self.una;
    }
}

#[cfg(test)]
mod tests {
    use super::Acknowledged::{NeverSent, New, Old, SameAgain};
    use super::*;

    /// Blocks up to `acked` are acknowledged, and those up to `sent` were sent.
    fn flight(acked: u32, sent: u32) -> Flight {
        let mut flight = Flight::new(1);
        for _ in 1..=sent {
            assert!(flight.send());
        }
        flight.advance(acked + 1);
        flight
    }

    #[test]
    fn numbers_are_read_around_the_window() {
        let flight = flight(10, 14);
        let read = [9, 10, 11, 14, 15, 40_000].map(|number| flight.read(number));
        assert_eq!(
            read,
            [Old, SameAgain, New(12), New(15), NeverSent, NeverSent]
        );
    }

    #[test]
    fn numbers_roll_over() {
        let flight = flight(65_534, 65_538);
        let read = [65_533, 65_534, 65_535, 0, 2, 3].map(|number| flight.read(number));
        assert_eq!(
            read,
            [
                Old,
                SameAgain,
                New(65_536),
                New(65_537),
                New(65_539),
                NeverSent
            ]
        );
    }

    #[test]
    fn the_oack_is_block_0() {
        let mut flight = Flight::new(0);
        assert_eq!(flight.read(0), NeverSent);
        flight.send();
        assert_eq!(
            [0, 1, 65_535].map(|number| flight.read(number)),
            [New(1), NeverSent, NeverSent]
        );
        assert_eq!(flight.advance(1), 1);
        assert_eq!(
            [0, 1, 65_535].map(|number| flight.read(number)),
            [SameAgain, NeverSent, NeverSent]
        );
    }

    #[test]
    fn what_was_sent_before_going_back_can_still_be_acknowledged() {
        let mut flight = flight(10, 14);
        flight.go_back();
        assert_eq!((flight.next(), flight.in_flight()), (11, 0));
        assert!(!flight.send());
        assert_eq!(flight.read(14), New(15));
        assert_eq!(flight.advance(15), 4);
        assert_eq!((flight.next(), flight.sent()), (15, 15));
        assert!(flight.send());
    }
}
