//! What the operator is told of each request and transfer.

use std::time::Duration;

use super::Peer;
use super::stats::Outcome;
use crate::catalog::FileId;

/// Something to tell the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The client, and the address of ours that it asked.
    pub peer: Peer,
    /// What for.
    pub file: Requested,
    /// How it ended.
    pub outcome: Outcome,
    /// The figures of the transfer, if it came to one.
    pub transfer: Option<Figures>,
    /// Reports that were left out since the last one, because there
    /// were too many.
    pub left_out: u32,
}

/// The file of a [`Report`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// One that is served.
    File(FileId),
    /// A name that the peer made up: the first 256 bytes of it, unescaped.
    Name(Box<[u8]>),
}

impl Requested {
    /// The file, if there is one.
    pub fn file(&self) -> Option<FileId> {
        match self {
            Requested::File(file) => Some(*file),
            Requested::Name(_) => None,
        }
    }
}

/// The figures of a transfer that is over.
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
    pub recoveries: u32,
    /// Smoothed round-trip time, if there was an ACK to measure.
    pub rtt: Option<Duration>,
}
