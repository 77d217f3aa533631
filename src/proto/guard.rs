//! What a source may cost before it has proven that it is where it says.
//!
//! The source address of a datagram can be forged, so whatever is sent to it may hit somebody who
//! never asked (CVE-2024-2169 is the same between two servers). Hence: only RRQ and WRQ are ever
//! answered with an ERROR, each request gets at most one answer of its own, and whatever else is
//! sent to a source before its first ACK comes out of an [`Allowance`].

use super::stats::Outcome;
use crate::wire::{ErrorCode, Packet};

/// RFC 9000 §8.1: at most three bytes back for each byte that came, until the address is proven.
const AMPLIFICATION: u32 = 3;

/// Bytes that may still be sent, unasked, to one unproven source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    left: u32,
}

impl Allowance {
    /// `bytes` came from the source.
    pub fn earn(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.left = self
            .left
            .saturating_add(bytes.saturating_mul(AMPLIFICATION));
    }

    /// Pays for an answer that its request has a right to: it may cost more than there is.
    pub fn charge(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.left = self.left.saturating_sub(bytes);
    }

    /// True when `bytes` more may be sent without being asked for.
    pub fn covers(&self, bytes: usize) -> bool {
        u32::try_from(bytes).is_ok_and(|bytes| bytes <= self.left)
    }
}

/// The three ERRORs that Bootstone sends, each with its fixed text: a peer learns nothing of the host.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// No file has this name.
    NotFound,
    /// A write request.
    ReadOnly,
    /// Neither octet nor netascii.
    UnknownMode,
}

impl Refusal {
    /// The ERROR as it goes out.
    pub fn packet(self) -> Packet<'static> {
        let (code, message) = match self {
            Refusal::NotFound => (ErrorCode::FileNotFound, &b"file not found"[..]),
            Refusal::ReadOnly => (ErrorCode::AccessViolation, &b"read-only server"[..]),
            Refusal::UnknownMode => (ErrorCode::IllegalOperation, &b"unknown mode"[..]),
        };
        Packet::Error {
            code: code as u16,
            message,
        }
    }

    /// What the request has come to.
    pub fn outcome(self) -> Outcome {
        match self {
            Refusal::NotFound => Outcome::NotFound,
            Refusal::ReadOnly | Refusal::UnknownMode => Outcome::Refused,
        }
    }

    /// False when the ERROR would be more than the request of `request` bytes may cause. Every
    /// request with a name and a mode that exists is long enough; a shorter one is made up to be answered.
    pub fn is_worth(self, request: usize) -> bool {
        let mut error = Vec::new();
        self.packet().encode(&mut error);
        error.len() <= request.saturating_mul(AMPLIFICATION as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_bytes_for_one() {
        let mut allowance = Allowance::default();
        assert!(!allowance.covers(1));
        allowance.earn(40);
        assert!(allowance.covers(120));
        assert!(!allowance.covers(121));
        allowance.charge(100);
        assert!(allowance.covers(20));
        allowance.charge(100);
        assert!(!allowance.covers(1));
    }

    #[test]
    fn an_error_is_no_amplifier() {
        // The shortest requests: "\0\x01a\0octet\0" and "\0\x01a\0m\0".
        assert!(Refusal::NotFound.is_worth(10));
        assert!(Refusal::ReadOnly.is_worth(10));
        assert!(!Refusal::UnknownMode.is_worth(5));
        assert!(Refusal::UnknownMode.is_worth(6));
    }
}
