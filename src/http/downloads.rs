//! What is logged and counted of downloads.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::Duration;

use crate::catalog::{Catalog, FileId};
use crate::proto::Instant;
use crate::proto::guard::LogLimiter;
use crate::proto::histogram::Histogram;
use crate::proto::report::Requested;
use crate::proto::stats::{Outcome, OutcomeCounts};

/// A request for a file that has ended.
#[derive(Clone, Debug)]
pub struct Download {
    /// The client.
    pub peer: SocketAddr,
    /// The file, or the path that has none.
    pub file: Requested,
    /// How it ended: `complete` once the kernel has taken every byte.
    pub outcome: Outcome,
    /// The status code.
    pub status: u16,
    /// Bytes of the file that the kernel has taken.
    pub bytes: u64,
    /// Time from the request to the end.
    pub duration: Duration,
    /// Log lines left out since the last one, because there were too many.
    pub left_out: u32,
}

/// Writes the log line of a download.
pub type Report = fn(&Catalog, &Download);

/// Counters since the start. Their number depends on the number of files only.
#[derive(Debug)]
pub(super) struct Downloads {
    outcomes: RefCell<OutcomeCounts>,
    /// Responses by status code, in the order of [`CODES`].
    responses: RefCell<[u64; CODES.len()]>,
    bytes: Cell<u64>,
    durations: RefCell<Histogram>,
    evicted: Cell<u64>,
    limiter: RefCell<LogLimiter>,
    report: Report,
}

/// All status codes of responses, in ascending order.
pub(super) const CODES: [u16; 12] = [200, 206, 304, 400, 404, 405, 408, 412, 416, 431, 503, 505];

impl Downloads {
    pub(super) fn new(files: usize, report: Report) -> Downloads {
        Downloads {
            outcomes: RefCell::new(OutcomeCounts::new(files)),
            responses: RefCell::default(),
            bytes: Cell::default(),
            durations: RefCell::new(Histogram::of_durations()),
            evicted: Cell::default(),
            limiter: RefCell::default(),
            report,
        }
    }

    /// Counts a response with this status code.
    pub(super) fn count_response(&self, status: u16) {
        if let Ok(index) = CODES.binary_search(&status) {
            self.responses.borrow_mut()[index] += 1;
        }
    }

    /// Counts an evicted connection.
    pub(super) fn count_eviction(&self) {
        self.evicted.set(self.evicted.get() + 1);
    }

    /// Counts a download, and logs it, unless there are too many.
    pub(super) fn finish(&self, now: Instant, catalog: &Catalog, mut download: Download) {
        let file = download.file.file();
        let file = file.filter(|_| !is_of_no_file(download.outcome));
        self.outcomes.borrow_mut().count(file, download.outcome);
        self.bytes.set(self.bytes.get() + download.bytes);
        if download.outcome == Outcome::Complete {
            self.durations.borrow_mut().record_time(download.duration);
        }
        // A scanner requests many names that do not exist: they get the smaller share of the log.
        let mut limiter = self.limiter.borrow_mut();
        if limiter.allows(now, file.is_some()) {
            download.left_out = limiter.take_left_out();
            (self.report)(catalog, &download);
        }
    }

    /// How many requests for this file, or for none, ended so.
    pub(super) fn outcome_of(&self, file: Option<FileId>, outcome: Outcome) -> u64 {
        self.outcomes.borrow().of(file, outcome)
    }

    /// Each status code and the number of its responses.
    pub(super) fn responses(&self) -> impl Iterator<Item = (u16, u64)> {
        CODES.into_iter().zip(*self.responses.borrow())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted.get()
    }

    pub(super) fn durations(&self) -> Histogram {
        self.durations.borrow().clone()
    }
}

/// True if the outcome is counted without a file.
pub(super) fn is_of_no_file(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::NotFound | Outcome::Refused)
}
