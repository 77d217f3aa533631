//! When more is tried again after something was too much, with back-off.

/// Flights or windows, at most, that arrive whole before more is tried again.
pub(super) const LONGEST: u8 = 128;

/// Counts what arrives since the last change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RetryBackoff {
    /// Blocks of the present flight or window.
    partial: u16,
    /// Flights or windows, and after how many of them more is tried.
    whole: u8,
    after: u8,
}

impl RetryBackoff {
    /// `blocks` have arrived, of flights of `flight`. True when it is time to try more.
    pub(super) fn on_arrived(&mut self, blocks: u32, flight: u16) -> bool {
        let blocks = u16::try_from(blocks).unwrap_or(u16::MAX);
        self.partial = self.partial.saturating_add(blocks);
        if self.partial < flight {
            return false;
        }
        self.partial = 0;
        self.whole = self.whole.saturating_add(1);
        let is_due = self.whole > self.after;
        if is_due {
            self.whole = 0;
        }
        is_due
    }

    /// The present flight does not arrive whole.
    pub(super) fn interrupt(&mut self) {
        self.partial = 0;
    }

    /// At least one flight or window has arrived since the last change.
    pub(super) fn has_whole(self) -> bool {
        self.whole > 0
    }

    /// Something else is used from here on.
    pub(super) fn restart(&mut self) {
        (self.whole, self.partial) = (0, 0);
        self.after = self.after.clamp(1, LONGEST);
    }

    /// What was tried has failed: the next try comes after twice as many.
    pub(super) fn back_off(&mut self) {
        self.after = self.after.saturating_mul(2);
    }

    /// What was tried has held.
    pub(super) fn relax(&mut self) {
        self.after /= 2;
    }
}
