//! The send window: which blocks are acknowledged, in flight, or to be resent, and what the number in an
//! ACK means.
//!
//! ```text
//!            una            next            sent
//!    acked    |   in flight   |  to be resent |  never sent yet
//! ```

/// The send window of one transfer. Blocks are counted from 0 (the OACK); the wire carries their numbers
/// modulo 2¹⁶.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendWindow {
    una: u32,
    next: u32,
    sent: u32,
    /// `una` at the beginning of the last recovery.
    recovered_from: u32,
    /// `next` before the last recovery, as long as nothing was resent; else 0.
    undo: u32,
    /// Blocks before this one have left more than once.
    resent_below: u32,
    /// They have left again because the client has reported a loss.
    was_reported: bool,
    /// The client has reported the loss that the last recovery mends.
    is_reported: bool,
}

/// What the number in an ACK means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acknowledged {
    /// All blocks before this one have arrived, some of which were not acknowledged before.
    New(u32),
    /// The same block as the last ACK that made progress.
    SameAgain,
    /// A block before that.
    Old,
    /// A block that was never sent.
    NeverSent,
}

/// How often a block has left, as far as that matters for an RTT sample (Karn's rule).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copies {
    /// Once.
    One,
    /// Again, after the client had reported a loss: an ACK answers the last copy, unless the report was due to
    /// reordering.
    Reported,
    /// More than once: an ACK may answer any copy.
    Several,
}

impl SendWindow {
    /// Nothing is in flight, and `first` is next.
    pub(super) fn new(first: u32) -> SendWindow {
        SendWindow {
            una: first,
            next: first,
            sent: first,
            recovered_from: first,
            undo: 0,
            resent_below: 0,
            was_reported: false,
            is_reported: false,
        }
    }

    /// The first block that is not acknowledged.
    pub(super) fn una(&self) -> u32 {
        self.una
    }

    /// The block to send next: `una` when a recovery begins.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// One more than the highest block ever sent.
    pub(super) fn sent(&self) -> u32 {
        self.sent
    }

    /// Blocks that left since the last recovery began and are not acknowledged.
    pub(super) fn in_flight(&self) -> u32 {
        self.next - self.una
    }

    /// Blocks that were acknowledged since the last recovery began.
    pub(super) fn since_recovery(&self) -> u32 {
        self.una - self.recovered_from
    }

    /// What the ACK of `block`, which is in flight, says about the round trip.
    pub(super) fn copies(&self, block: u32) -> Copies {
        match () {
            () if block >= self.next => Copies::Several,
            () if block >= self.resent_below => Copies::One,
            () if self.was_reported => Copies::Reported,
            () => Copies::Several,
        }
    }

    /// A block in flight left again, alone.
    pub(super) fn on_probe(&mut self) {
        (self.resent_below, self.was_reported) = (self.sent, false);
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

    /// All blocks before `una` have arrived. How many of them were in window.
    pub(super) fn advance(&mut self, una: u32) -> u32 {
        let blocks = una - self.una;
        self.una = una;
        // What was taken for lost has arrived before it was resent.
        let undone = std::mem::take(&mut self.undo);
        self.next = self.next.max(una).max(undone);
        blocks
    }

    /// Block `next` has left. True when it was for the first time.
    pub(super) fn send(&mut self) -> bool {
        if self.undo > 0 {
            self.undo = 0;
            (self.resent_below, self.was_reported) = (self.sent, self.is_reported);
        }
        self.next += 1;
        let is_first = self.next > self.sent;
        self.sent = self.sent.max(self.next);
        is_first
    }

    /// All that is not acknowledged is to be resent, unless more is acknowledged before that begins. The client
    /// has reported the loss, or said nothing.
    pub(super) fn go_back(&mut self, is_reported: bool) {
        self.is_reported = is_reported;
        self.undo = self.undo.max(self.next);
        self.next = self.una;
        self.recovered_from = self.una;
    }
}

#[cfg(test)]
mod tests {
    use super::Acknowledged::{NeverSent, New, Old, SameAgain};
    use super::*;

    /// Blocks up to `acked` are acknowledged, and those up to `sent` were sent.
    fn window(acked: u32, sent: u32) -> SendWindow {
        let mut window = SendWindow::new(1);
        for _ in 1..=sent {
            assert!(window.send());
        }
        window.advance(acked + 1);
        window
    }

    #[test]
    fn numbers_are_read_around_the_window() {
        let window = window(10, 14);
        let read = [9, 10, 11, 14, 15, 40_000].map(|number| window.read(number));
        assert_eq!(
            read,
            [Old, SameAgain, New(12), New(15), NeverSent, NeverSent]
        );
    }

    #[test]
    fn numbers_roll_over() {
        let window = window(65_534, 65_538);
        let read = [65_533, 65_534, 65_535, 0, 2, 3].map(|number| window.read(number));
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
        let mut window = SendWindow::new(0);
        assert_eq!(window.read(0), NeverSent);
        window.send();
        assert_eq!(
            [0, 1, 65_535].map(|number| window.read(number)),
            [New(1), NeverSent, NeverSent]
        );
        assert_eq!(window.advance(1), 1);
        assert_eq!(
            [0, 1, 65_535].map(|number| window.read(number)),
            [SameAgain, NeverSent, NeverSent]
        );
    }

    #[test]
    fn what_was_sent_before_going_back_can_still_be_acknowledged() {
        let mut window = window(10, 14);
        window.go_back(true);
        assert_eq!((window.next(), window.in_flight()), (11, 0));
        assert!(!window.send());
        assert_eq!(window.read(14), New(15));
        assert_eq!(window.advance(15), 4);
        assert_eq!((window.next(), window.sent()), (15, 15));
        assert!(window.send());
    }

    #[test]
    fn progress_before_the_first_resend_calls_it_off() {
        let mut window = window(10, 18);
        window.go_back(true);
        assert_eq!(window.advance(13), 2);
        assert_eq!((window.next(), window.in_flight()), (19, 6));
        window.go_back(true);
        window.send();
        assert_eq!(window.advance(15), 2);
        assert_eq!((window.next(), window.in_flight()), (15, 0));
    }
}
