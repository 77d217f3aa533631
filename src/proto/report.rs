//! What the operator is told of each request and transfer.

use super::Peer;
use super::stats::{Figures, Outcome};
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
