//! What the operator is told of machines: their boots, and the last hour.
//!
//! The workers and the HTTP listener report to one [`Observer`], because the transfers of a machine
//! may come through several workers, and through both protocols. It is told twice of each transfer,
//! and never of an ACK.
//!
//! **The owner calls [`record`](Observer::record) for each event, and
//! [`handle_timeout`](Observer::handle_timeout) at the time of
//! [`poll_timeout`](Observer::poll_timeout). After each of them it calls
//! [`poll_boot`](Observer::poll_boot) until that returns `None`.**

mod boots;
mod event;
mod history;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use self::boots::Boots;
pub use self::boots::{Boot, BootResult};
pub use self::event::{FileProtocol, RequestEnd, RequestEvent, RequestStep};
use self::history::History;
pub use self::history::{MINUTES, Minute};
use super::Instant;
use super::guard::LogLimiter;
use super::histogram::Histogram;

/// Upper bounds in microseconds: from one small file on the local network to an installer over a
/// slow path.
const BOOT_TIMES: &[u64] = &[
    1_000_000,
    3_000_000,
    10_000_000,
    20_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
    600_000_000,
    1_800_000_000,
];

/// From one program to a program with a menu, its parts and an installer.
const BOOT_FILES: &[u64] = &[1, 2, 3, 5, 10, 20, 50];

/// From a BIOS program to a whole installer.
const BOOT_BYTES: &[u64] = &[
    100_000,
    300_000,
    1_000_000,
    3_000_000,
    10_000_000,
    30_000_000,
    100_000_000,
    300_000_000,
];

/// See the [module](self).
#[derive(Debug)]
pub struct Observer {
    boots: Boots,
    history: History,
    stats: BootStats,
    log_limiter: LogLimiter,
    /// Boots to be logged, each with the number of lines left out before it. The limiter bounds their
    /// number.
    lines: VecDeque<(Boot, u32)>,
}

/// What is counted of boots, in constant memory.
#[derive(Clone, Debug)]
pub struct BootStats {
    /// Microseconds from the first request to the end of the last file, by result.
    pub times: [Histogram; BootResult::ALL.len()],
    /// Whole files of a boot.
    pub files: Histogram,
    /// Bytes of a boot.
    pub bytes: Histogram,
    /// Boots that have not ended.
    pub in_progress: usize,
    /// Transfers that belong to no boot, because there were too many boots.
    pub left_out: u64,
}

impl Default for Observer {
    fn default() -> Observer {
        Observer {
            boots: Boots::default(),
            history: History::default(),
            stats: BootStats {
                times: [(); 2].map(|()| Histogram::new(BOOT_TIMES)),
                files: Histogram::new(BOOT_FILES),
                bytes: Histogram::new(BOOT_BYTES),
                in_progress: 0,
                left_out: 0,
            },
            log_limiter: LogLimiter::default(),
            lines: VecDeque::new(),
        }
    }
}

impl Observer {
    /// Something has happened to a request.
    pub fn record(&mut self, now: Instant, event: &RequestEvent) {
        if let RequestStep::Ended(end) = &event.step {
            self.history.count(now, event.protocol, end);
        }
        if let Some(boot) = self.boots.record(now, event) {
            self.on_boot(now, &boot);
        }
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come. Does no harm when called early.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut ended = Vec::new();
        self.boots.handle_timeout(now, &mut |boot| ended.push(boot));
        ended.iter().for_each(|boot| self.on_boot(now, boot));
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` while no boot is in progress.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.boots.poll_timeout()
    }

    /// Ends all boots: the program is about to end.
    pub fn end_all(&mut self, now: Instant) {
        let mut ended = Vec::new();
        self.boots.end_all(&mut |boot| ended.push(boot));
        ended.iter().for_each(|boot| self.on_boot(now, boot));
    }

    /// A boot to be logged, and the number of log lines left out since the last one.
    pub fn poll_boot(&mut self) -> Option<(Boot, u32)> {
        self.lines.pop_front()
    }

    /// True if [`poll_boot`](Self::poll_boot) has a boot.
    pub fn has_boot(&self) -> bool {
        !self.lines.is_empty()
    }

    /// What was counted since the start.
    pub fn stats(&self) -> BootStats {
        BootStats {
            in_progress: self.boots.in_progress(),
            left_out: self.boots.left_out(),
            ..self.stats.clone()
        }
    }

    /// The last [`MINUTES`] minutes, the oldest first. The last one is not over.
    pub fn history(&mut self, now: Instant) -> Vec<Minute> {
        self.history.minutes(now).collect()
    }

    fn on_boot(&mut self, now: Instant, boot: &Boot) {
        self.stats.times[boot.result as usize].record_time(boot.duration);
        self.stats.files.record(boot.files.into());
        self.stats.bytes.record(boot.bytes);
        self.history.count_boot(now, boot);
        if self.log_limiter.allows(now, true) {
            let left_out = self.log_limiter.take_left_out();
            self.lines.push_back((*boot, left_out));
        }
    }
}
