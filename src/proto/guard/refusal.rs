//! Requests that are turned down by an ERROR.

use super::allowance::amplifies;
use crate::proto::stats::Outcome;
use crate::wire::{ErrorCode, Packet};

/// The three ERRORs that Bootstone sends, with the texts of RFC 1350: a peer learns nothing of the host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    /// No file has this name.
    NotFound,
    /// A write request.
    ReadOnly,
    /// Neither octet nor netascii.
    UnknownMode,
}

impl Refusal {
    /// The ERROR as it goes out.
    pub(crate) fn packet(self) -> Packet<'static> {
        let (code, message) = match self {
            Refusal::NotFound => (ErrorCode::FileNotFound, &b"File not found"[..]),
            Refusal::ReadOnly => (ErrorCode::AccessViolation, &b"Access violation"[..]),
            Refusal::UnknownMode => (ErrorCode::IllegalOperation, &b"Illegal TFTP operation"[..]),
        };
        Packet::Error {
            code: code as u16,
            message,
        }
    }

    /// What the request has come to.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Refusal::NotFound => Outcome::NotFound,
            Refusal::ReadOnly | Refusal::UnknownMode => Outcome::Refused,
        }
    }

    /// The kind of a refused request, for the log.
    pub(crate) fn reason(self) -> Option<&'static str> {
        match self {
            Refusal::NotFound => None,
            Refusal::ReadOnly => Some("write"),
            Refusal::UnknownMode => Some("mode"),
        }
    }

    /// Length in bytes of the ERROR.
    pub(crate) fn size(self) -> usize {
        let mut error = Vec::new();
        self.packet().encode(&mut error);
        error.len()
    }

    /// False when the ERROR would be more than the request of `request` bytes may cause. Every
    /// request with a name and a mode that exists is long enough; a shorter one is made up to be
    /// answered.
    pub(crate) fn is_worth(self, request: usize) -> bool {
        !amplifies(request, self.size())
    }
}
