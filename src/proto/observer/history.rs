//! The last hour, minute by minute: a ring in constant memory.

use super::boots::{Boot, BootResult};
use super::event::{FileProtocol, RequestEnd};
use crate::proto::Instant;
use crate::proto::stats::Outcome;

/// Number of minutes that are kept.
pub const MINUTES: usize = 60;

const MICROS_PER_MINUTE: u64 = 60_000_000;

/// What has ended in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// TFTP requests, by outcome.
    pub tftp: [u32; Outcome::ALL.len()],
    /// HTTP requests for files, by outcome.
    pub http: [u32; Outcome::ALL.len()],
    /// Boots, by result.
    pub boots: [u32; BootResult::ALL.len()],
    /// The shortest, the longest and the sum of all times of complete boots, in milliseconds.
    pub shortest: u32,
    /// See `shortest`.
    pub longest: u32,
    /// See `shortest`.
    pub total: u64,
}

/// The ring. A minute is cleared when it is reused, so nothing has to be done while time passes.
#[derive(Debug)]
pub(super) struct History {
    minutes: Box<[Minute; MINUTES]>,
    /// Number of the newest minute since the origin of the time.
    newest: u64,
}

impl Default for History {
    fn default() -> History {
        History {
            minutes: Box::new([Minute::default(); MINUTES]),
            newest: 0,
        }
    }
}

impl History {
    /// Counts a request that has ended.
    pub(super) fn count(&mut self, now: Instant, protocol: FileProtocol, end: &RequestEnd) {
        self.advance(now);
        if let Some(minute) = self.minute(now) {
            let outcomes = match protocol {
                FileProtocol::Tftp => &mut minute.tftp,
                FileProtocol::Http => &mut minute.http,
            };
            outcomes[end.outcome as usize] += 1;
        }
    }

    /// Counts a boot in the minute in which it ended. It becomes known a minute later.
    pub(super) fn count_boot(&mut self, now: Instant, boot: &Boot) {
        self.advance(now);
        let Some(minute) = self.minute(boot.ended) else {
            return;
        };
        minute.boots[boot.result as usize] += 1;
        if boot.result == BootResult::Complete {
            let millis = u32::try_from(boot.duration.as_millis()).unwrap_or(u32::MAX);
            let is_first = minute.boots[BootResult::Complete as usize] == 1;
            minute.shortest = if is_first {
                millis
            } else {
                minute.shortest.min(millis)
            };
            minute.longest = minute.longest.max(millis);
            minute.total += u64::from(millis);
        }
    }

    /// The minutes, the oldest first. The last one is not over.
    pub(super) fn minutes(&mut self, now: Instant) -> impl Iterator<Item = Minute> {
        self.advance(now);
        let oldest = self.newest + 1;
        let all = oldest..oldest + MINUTES as u64;
        all.map(|number| self.minutes[index(number)])
    }

    /// Clears the minutes between the newest one and `now`.
    fn advance(&mut self, now: Instant) {
        let current = number(now);
        let first = (self.newest + 1).max((current + 1).saturating_sub(MINUTES as u64));
        for number in first..=current {
            self.minutes[index(number)] = Minute::default();
        }
        self.newest = self.newest.max(current);
    }

    /// The minute of a time, if it is one of the last hour.
    fn minute(&mut self, at: Instant) -> Option<&mut Minute> {
        let number = number(at);
        let is_kept = number + MINUTES as u64 > self.newest;
        is_kept.then(|| &mut self.minutes[index(number)])
    }
}

fn number(at: Instant) -> u64 {
    at.as_micros() / MICROS_PER_MINUTE
}

fn index(number: u64) -> usize {
    (number % MINUTES as u64) as usize
}
