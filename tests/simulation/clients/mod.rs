//! The far side: models of real clients, and our own.

mod fetching;
mod firmware;
pub(crate) mod habits;
mod slow;

use std::sync::Arc;

use bootstone::proto::Instant;

pub(crate) use fetching::Fetching;
pub(crate) use firmware::Firmware;
pub(crate) use habits::Habits;
pub(crate) use slow::{Pace, Slow};

/// A machine with one file to get. It is driven like the server: by datagrams and by the time.
pub(crate) trait Client {
    /// A datagram has come in on one of its ports.
    fn handle_datagram(&mut self, now: Instant, port: u16, datagram: &[u8]);

    /// The time of `poll_timeout` has come; at first, the time to begin.
    fn handle_timeout(&mut self, now: Instant);

    /// The next datagram to the server, and the port that it leaves from.
    fn poll_transmit(&mut self) -> Option<(u16, Vec<u8>)>;

    /// When to call `handle_timeout`; none once it is over.
    fn poll_timeout(&self) -> Option<Instant>;

    /// What it is, for the reader of a failure.
    fn name(&self) -> String;

    /// How it ended. `Ok` is a whole file, every byte of it compared.
    fn outcome(&self) -> Option<Result<(), &'static str>>;
}

/// A file as a client knows it: what to ask for, and what it ought to get.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) content: Arc<[u8]>,
}

impl File {
    /// `size` bytes of no pattern: a block in the wrong place would not go unseen.
    pub(crate) fn random(name: &str, size: usize) -> File {
        let mut content = vec![0; size];
        fastrand::Rng::with_seed(size as u64).fill(&mut content);
        File {
            name: name.into(),
            content: content.into(),
        }
    }

    /// The number of its last block.
    pub(crate) fn last_block(&self, blksize: u16) -> u64 {
        self.content.len() as u64 / u64::from(blksize) + 1
    }

    /// # Panics
    /// When `payload` is not what block `number` has to be.
    pub(crate) fn check(&self, number: u64, blksize: u16, payload: &[u8]) {
        let blksize = usize::from(blksize);
        let start = (number as usize - 1) * blksize;
        let end = self.content.len().min(start + blksize);
        let is_right = self.content.get(start..end) == Some(payload);
        assert!(is_right, "block {number} of {} is not its own", self.name);
    }
}

/// The block of this number that is nearest to `around`, of which it bears the last 16 bits.
pub(crate) fn nearest(number: u16, around: u64) -> Option<u64> {
    let ahead = number.wrapping_sub(around as u16) as i16;
    around.checked_add_signed(ahead.into())
}

#[test]
fn the_nearest_block_of_a_number() {
    assert_eq!(nearest(3, 1), Some(3));
    assert_eq!(nearest(0, 65_535), Some(65_536));
    assert_eq!(nearest(65_535, 65_540), Some(65_535));
    assert_eq!(nearest(65_535, 2), None);
}
