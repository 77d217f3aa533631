//! What is counted, and the words for it that log, metrics and documents share.

use std::time::Duration;

use super::histogram::Histogram;
use crate::catalog::FileId;

/// How a request or a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// The last block was acknowledged, or the client ended a transfer of which it had everything
    /// (GRUB's ERROR "closed").
    Complete,
    /// Everything was sent, and no ACK of the last block came: not after three times, not before the client was gone or
    /// asked for something else.
    LastAckMissing,
    /// The client asked for the size, and left.
    Probe,
    /// The client ended it with an ERROR, or started over.
    Aborted,
    /// The client went silent.
    TimedOut,
    /// No file has this name.
    NotFound,
    /// A write request, or a mode that does not exist.
    Refused,
    /// There was no space for it, it cost more than it may, or the server ended first.
    Dropped,
}

impl Outcome {
    /// All of them, in the order of their numbers.
    pub const ALL: [Outcome; 8] = [
        Outcome::Complete,
        Outcome::LastAckMissing,
        Outcome::Probe,
        Outcome::Aborted,
        Outcome::TimedOut,
        Outcome::NotFound,
        Outcome::Refused,
        Outcome::Dropped,
    ];

    /// The word for it everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::LastAckMissing => "last-ack-missing",
            Outcome::Probe => "probe",
            Outcome::Aborted => "aborted",
            Outcome::TimedOut => "timed-out",
            Outcome::NotFound => "not-found",
            Outcome::Refused => "refused",
            Outcome::Dropped => "dropped",
        }
    }
}

/// Why a datagram was left without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ignored {
    /// Not TFTP, or a request without the end of a name or without a mode, or from port 0.
    Malformed,
    /// DATA or OACK: nothing that a client sends to a server that only reads.
    NotForServers,
    /// An ACK or ERROR from a peer without a transfer.
    Stray,
    /// An ACK of a block that was never sent.
    NeverSent,
    /// The RRQ of a transfer that is under way or has just ended.
    Duplicate,
    /// A request so short that its ERROR would be three times longer.
    TooShort,
    /// A request from a prefix with too many unvalidated transfers or bytes.
    PrefixBudget,
    /// A request for which there are too many unvalidated bytes in all.
    TotalBudget,
    /// A request for which there is no space in the table of sessions.
    TableFull,
    /// Sent to all clients's address, not to ours (RFC 1123 §4.2.3.5).
    Broadcast,
}

impl Ignored {
    /// All of them, in the order of their numbers.
    pub const ALL: [Ignored; 10] = [
        Ignored::Malformed,
        Ignored::NotForServers,
        Ignored::Stray,
        Ignored::NeverSent,
        Ignored::Duplicate,
        Ignored::TooShort,
        Ignored::PrefixBudget,
        Ignored::TotalBudget,
        Ignored::TableFull,
        Ignored::Broadcast,
    ];

    /// The word for it everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Ignored::Malformed => "malformed",
            Ignored::NotForServers => "not-for-servers",
            Ignored::Stray => "stray",
            Ignored::NeverSent => "never-sent",
            Ignored::Duplicate => "duplicate",
            Ignored::TooShort => "too-short",
            Ignored::PrefixBudget => "prefix-budget",
            Ignored::TotalBudget => "total-budget",
            Ignored::TableFull => "table-full",
            Ignored::Broadcast => "broadcast",
        }
    }
}

/// Why a transfer was slowed down, or a request was left without an answer, although the client did
/// nothing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Limit {
    /// The prefix has used up its bytes per second.
    PrefixRate,
    /// A host of the prefix has reported that it did not ask.
    PrefixPenalty,
    /// See [`Ignored::PrefixBudget`].
    PrefixBudget,
    /// See [`Ignored::TotalBudget`].
    TotalBudget,
    /// There was no space in the table of sessions, or the transfer was evicted from it.
    TableFull,
    /// Two ACKs of blocks that were never sent, as in a blind ACK attack.
    BlindAcks,
}

impl Limit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Limit; 6] = [
        Limit::PrefixRate,
        Limit::PrefixPenalty,
        Limit::PrefixBudget,
        Limit::TotalBudget,
        Limit::TableFull,
        Limit::BlindAcks,
    ];

    /// The word for it everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Limit::PrefixRate => "prefix-rate",
            Limit::PrefixPenalty => "prefix-penalty",
            Limit::PrefixBudget => "prefix-budget",
            Limit::TotalBudget => "total-budget",
            Limit::TableFull => "table-full",
            Limit::BlindAcks => "blind-acks",
        }
    }
}

/// The limit for which a request was ignored, if it was one.
impl From<Ignored> for Option<Limit> {
    fn from(reason: Ignored) -> Option<Limit> {
        match reason {
            Ignored::PrefixBudget => Some(Limit::PrefixBudget),
            Ignored::TotalBudget => Some(Limit::TotalBudget),
            Ignored::TableFull => Some(Limit::TableFull),
            _ => None,
        }
    }
}

/// Upper bounds in microseconds: from a switch to a satellite.
const ROUND_TRIPS: &[u64] = &[
    300, 1_000, 3_000, 10_000, 30_000, 60_000, 100_000, 200_000, 500_000, 1_000_000,
];

/// What clients ask for (RFC 1350, GRUB, PXELINUX, iPXE, firmware), and what an MTU of 1500 allows.
const BLKSIZES: &[u64] = &[512, 1024, 1228, 1408, 1432, 1468, 8192];

/// All that `--max-windowsize` allows, by powers of two.
const WINDOWSIZES: &[u64] = &[1, 2, 4, 8, 16, 32];

/// How often requests ended in which way, by file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeCounts {
    /// A row for each file of the catalog, and a last one for requests without a file.
    rows: Vec<[u64; Outcome::ALL.len()]>,
}

impl OutcomeCounts {
    /// All zero, for a catalog of so many files.
    pub fn new(files: usize) -> OutcomeCounts {
        OutcomeCounts {
            rows: vec![Default::default(); files + 1],
        }
    }

    /// Counts a request for this file, or for none.
    pub fn count(&mut self, file: Option<FileId>, outcome: Outcome) {
        let row = self.row(file);
        self.rows[row][outcome as usize] += 1;
    }

    /// How many requests for this file, or for none, ended so.
    pub fn of(&self, file: Option<FileId>, outcome: Outcome) -> u64 {
        self.rows[self.row(file)][outcome as usize]
    }

    fn total(&self, outcome: Outcome) -> u64 {
        self.rows.iter().map(|row| row[outcome as usize]).sum()
    }

    fn absorb(&mut self, other: &OutcomeCounts) {
        for (row, more) in self.rows.iter_mut().zip(&other.rows) {
            add(row, more);
        }
    }

    fn row(&self, file: Option<FileId>) -> usize {
        file.map_or(self.rows.len() - 1, FileId::index)
    }
}

/// Counters since the start, in constant memory: their number depends on the number of files only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    outcomes: OutcomeCounts,
    ignored: [u64; Ignored::ALL.len()],
    limited: [u64; Limit::ALL.len()],
    /// Bytes of files that peers have acknowledged, of ended transfers.
    pub bytes: u64,
    /// Transfers under way that were evicted from a full table.
    pub evicted: u64,
    /// Reports of a datagram that was larger than its path takes whole.
    pub too_big: u64,
    /// Blocks sent again, of ended transfers.
    pub resent: u64,
    /// Microseconds that complete transfers took.
    pub durations: Histogram,
    /// Smoothed round-trip times in microseconds, of ended transfers with an ACK to measure.
    pub round_trips: Histogram,
    /// Negotiated block sizes in bytes, of ended transfers with an ACK.
    pub blksizes: Histogram,
    /// Negotiated window sizes in blocks, of ended transfers with an ACK.
    pub windowsizes: Histogram,
}

impl Stats {
    /// All zero, for a catalog of so many files.
    pub fn new(files: usize) -> Stats {
        Stats {
            outcomes: OutcomeCounts::new(files),
            ignored: Default::default(),
            limited: Default::default(),
            bytes: 0,
            resent: 0,
            evicted: 0,
            too_big: 0,
            durations: Histogram::of_durations(),
            round_trips: Histogram::new(ROUND_TRIPS),
            blksizes: Histogram::new(BLKSIZES),
            windowsizes: Histogram::new(WINDOWSIZES),
        }
    }

    /// How often it ended so.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes.total(outcome)
    }

    /// How often it ended so for this file; `None`: for names that no file has, and requests refused.
    pub fn outcome_of(&self, file: Option<FileId>, outcome: Outcome) -> u64 {
        self.outcomes.of(file, outcome)
    }

    /// How many datagrams were ignored for this reason.
    pub fn ignored(&self, reason: Ignored) -> u64 {
        self.ignored[reason as usize]
    }

    /// How many requests and transfers this limit slowed down or left without an answer.
    pub fn limited(&self, limit: Limit) -> u64 {
        self.limited[limit as usize]
    }

    /// Adds what another server of the same catalog has counted.
    pub fn absorb(&mut self, other: &Stats) {
        self.outcomes.absorb(&other.outcomes);
        add(&mut self.ignored, &other.ignored);
        add(&mut self.limited, &other.limited);
        self.bytes += other.bytes;
        self.resent += other.resent;
        self.evicted += other.evicted;
        self.too_big += other.too_big;
        self.durations.absorb(&other.durations);
        self.round_trips.absorb(&other.round_trips);
        self.blksizes.absorb(&other.blksizes);
        self.windowsizes.absorb(&other.windowsizes);
    }

    pub(super) fn count(
        &mut self,
        file: Option<FileId>,
        outcome: Outcome,
        transfer: Option<&Figures>,
    ) {
        self.outcomes.count(file, outcome);
        if let Some(figures) = transfer {
            self.count_figures(outcome, figures);
        }
    }

    /// The spread is that of peers which have acknowledged something: any host can make up the rest.
    fn count_figures(&mut self, outcome: Outcome, figures: &Figures) {
        self.bytes += figures.bytes;
        self.resent += u64::from(figures.resent);
        if let Some(rtt) = figures.rtt {
            self.round_trips.record_time(rtt);
        }
        if figures.is_validated {
            self.blksizes.record(figures.blksize.into());
            self.windowsizes.record(figures.windowsize.into());
        }
        if outcome == Outcome::Complete {
            self.durations.record_time(figures.duration);
        }
    }

    pub(super) fn limit(&mut self, limit: Limit) {
        self.limited[limit as usize] += 1;
    }

    pub(super) fn ignore(&mut self, reason: Ignored) {
        self.ignored[reason as usize] += 1;
    }
}

fn add(counts: &mut [u64], more: &[u64]) {
    for (count, more) in counts.iter_mut().zip(more) {
        *count += more;
    }
}

/// The figures of a finished transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Bytes of the file, in its mode, that were acknowledged.
    pub bytes: u64,
    /// Whether the peer has acknowledged anything.
    pub is_validated: bool,
    /// Payload bytes per block.
    pub blksize: u16,
    /// Blocks per ACK.
    pub windowsize: u16,
    /// From the RRQ to the end.
    pub duration: Duration,
    /// Blocks that were sent again.
    pub resent: u32,
    /// The most blocks that were allowed in flight at a time; `windowsize` without pipelining.
    pub in_flight: u16,
    /// How often blocks in flight were resent together.
    pub recoveries: u16,
    /// Smoothed round-trip time, if there was an ACK to measure.
    pub rtt: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_the_order_of_their_numbers() {
        for (number, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, number);
        }
        for (number, reason) in Ignored::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
        }
        for (number, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, number);
        }
    }
}
