//! The blocks of a file, in the order in which they arrive.

use std::collections::BTreeMap;

use super::OutOfOrder;

/// How far ahead of the first missing block a block is stored. A server that pipelines sends at most
/// a few dozen blocks beyond it.
const MAX_AHEAD: u64 = 2048;

/// Which blocks have arrived.
#[derive(Clone, Debug)]
pub(super) struct Order {
    rule: OutOfOrder,
    /// The first block that is missing.
    pub(super) next: u64,
    /// The number of the last block, once it has arrived.
    last: Option<u64>,
    /// Blocks after a gap.
    placed: BTreeMap<u64, Vec<u8>>,
    /// The last block in order at the time of the last answer to a block out of order.
    reported: Option<u64>,
}

impl Order {
    pub(super) fn new(rule: OutOfOrder) -> Order {
        Order {
            rule,
            next: 1,
            last: None,
            placed: BTreeMap::new(),
            reported: None,
        }
    }

    /// All blocks have arrived.
    pub(super) fn is_whole(&self) -> bool {
        self.last.is_some_and(|last| self.next > last)
    }

    /// The block of this number that is nearest to the first missing one.
    pub(super) fn block(&self, number: u16) -> Option<u64> {
        let ahead = number.wrapping_sub(self.next as u16) as i16;
        self.next.checked_add_signed(ahead.into())
    }

    /// The client does not have this block yet.
    pub(super) fn is_new(&self, block: u64) -> bool {
        block >= self.next && !self.placed.contains_key(&block)
    }

    /// The client cannot ask for the rest of its window, `unacknowledged` blocks into it: an ACK
    /// would break it.
    pub(super) fn is_stuck(&self, unacknowledged: u16) -> bool {
        let is_begun = unacknowledged > 0 || !self.placed.is_empty();
        self.rule == OutOfOrder::PlacedInWindow && is_begun
    }

    /// The next block has arrived: passes it on, and those behind it that are there.
    pub(super) fn take_next(
        &mut self,
        payload: &[u8],
        blksize: u16,
        output: &mut dyn FnMut(u64, &[u8]),
    ) {
        self.pass_on(payload, blksize, output);
        while let Some(payload) = self.placed.remove(&self.next) {
            self.pass_on(&payload, blksize, output);
        }
    }

    fn pass_on(&mut self, payload: &[u8], blksize: u16, output: &mut dyn FnMut(u64, &[u8])) {
        output(self.next, payload);
        if payload.len() < usize::from(blksize) {
            self.last = Some(self.next);
        }
        self.next += 1;
    }

    /// Another block than the next one has arrived, `unacknowledged` blocks into a window of
    /// `windowsize`. True if the client answers it.
    pub(super) fn take_other(
        &mut self,
        block: u64,
        payload: &[u8],
        unacknowledged: u16,
        windowsize: u16,
    ) -> bool {
        let last_in_order = self.next - 1;
        let repeats_last = block == last_in_order && unacknowledged == 0;
        match self.rule {
            OutOfOrder::Placed => {
                self.place(block, payload, MAX_AHEAD);
                true
            }
            OutOfOrder::PlacedInWindow => {
                let left = windowsize.saturating_sub(unacknowledged);
                self.place(block, payload, left.into());
                false
            }
            OutOfOrder::AnsweredEach => true,
            OutOfOrder::AnsweredOnce => self.is_first_report(last_in_order),
            OutOfOrder::AnsweredIfLast => block == last_in_order,
            OutOfOrder::GapReported if block > last_in_order => self.is_first_report(last_in_order),
            OutOfOrder::GapReported | OutOfOrder::GapIgnored => repeats_last,
            OutOfOrder::Ignored => false,
        }
    }

    /// Stores a block if it is one of the `most` from the next one on.
    fn place(&mut self, block: u64, payload: &[u8], most: u64) {
        if block > self.next && block < self.next + most {
            self.placed.insert(block, payload.to_vec());
        }
    }

    fn is_first_report(&mut self, last_in_order: u64) -> bool {
        self.reported.replace(last_in_order) != Some(last_in_order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_block_of_a_number() {
        let at = |next, number| {
            let mut order = Order::new(OutOfOrder::Ignored);
            order.next = next;
            order.block(number)
        };
        assert_eq!(at(1, 3), Some(3));
        assert_eq!(at(65_535, 0), Some(65_536));
        assert_eq!(at(65_540, 65_535), Some(65_535));
        assert_eq!(at(2, 65_535), None);
    }

    #[test]
    fn blocks_after_a_gap_are_passed_on_in_order() {
        let mut order = Order::new(OutOfOrder::Placed);
        let mut file = Vec::new();
        let mut output = |_, part: &[u8]| file.extend_from_slice(part);
        order.take_next(b"ab", 2, &mut output);
        assert!(order.take_other(4, b"g", 0, 1));
        assert!(order.take_other(3, b"ef", 0, 1));
        assert!(!order.is_new(3) && order.is_new(2) && !order.is_whole());
        order.take_next(b"cd", 2, &mut output);
        assert!(order.is_whole());
        assert_eq!(file, b"abcdefg");
    }

    #[test]
    fn a_client_that_stores_its_window_ignores_what_is_beyond() {
        let mut order = Order::new(OutOfOrder::PlacedInWindow);
        let mut output = |_, _: &[u8]| {};
        order.take_next(b"ab", 2, &mut output);
        for block in [3, 4, 5] {
            assert!(!order.take_other(block, b"cd", 1, 4));
        }
        order.take_next(b"cd", 2, &mut output);
        assert_eq!(order.next, 5);
    }
}
