//! What the operator is told of each request and transfer.

use super::Peer;
use super::stats::{Figures, Limit, Outcome};
use crate::catalog::FileId;
use crate::wire::Mode;

/// The name that health checks ask for. No file has it. A request for it that comes from this
/// machine is answered like any other, and neither counted nor reported.
pub const HEALTH_CHECK: &[u8] = b"healthz";

/// Something to tell the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The client, and the address of ours that it asked.
    pub peer: Peer,
    /// What for.
    pub file: Requested,
    /// In which mode.
    pub mode: ReportedMode,
    /// How it ended.
    pub outcome: Outcome,
    /// Why a request was refused or dropped: `write`, `mode`, or a word of
    /// [`Ignored`](super::stats::Ignored).
    pub reason: Option<&'static str>,
    /// The figures of the transfer, if it came to one.
    pub transfer: Option<Figures>,
    /// The limit that slowed it down or ended it, if one did; the last one, if several did.
    pub limited: Option<Limit>,
    /// Reports that were left out since the last one, because there
    /// were too many.
    pub left_out: u32,
}

/// The mode of a [`Report`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportedMode {
    /// The mode of nearly all requests.
    Octet,
    /// A translated file.
    Netascii,
    /// A mode that does not exist: the first 32 bytes of it, unescaped.
    Other(Box<[u8]>),
}

/// How much of an unknown mode is kept.
const MODE_KEPT: usize = 32;

impl From<Mode<'_>> for ReportedMode {
    fn from(mode: Mode<'_>) -> ReportedMode {
        match mode {
            Mode::Octet => ReportedMode::Octet,
            Mode::Netascii => ReportedMode::Netascii,
            Mode::Other(mode) => ReportedMode::Other(mode[..mode.len().min(MODE_KEPT)].into()),
        }
    }
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
