//! What an [`Observer`](super::Observer) is told of requests.

use std::net::IpAddr;

use crate::proto::Instant;
use crate::proto::stats::Outcome;

/// A request for a file has become a transfer, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestEvent {
    /// The client's address.
    pub source: IpAddr,
    /// The protocol of the request.
    pub protocol: FileProtocol,
    /// When the request came.
    pub asked: Instant,
    /// What has happened.
    pub step: RequestStep,
}

/// A protocol by which files are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileProtocol {
    /// TFTP.
    Tftp,
    /// HTTP.
    Http,
}

/// A step of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestStep {
    /// The transfer to a validated address has begun: over TFTP with the first ACK.
    Started,
    /// The request has ended.
    Ended(RequestEnd),
}

/// How a request has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestEnd {
    /// The outcome.
    pub outcome: Outcome,
    /// Bytes of the file that the client has received.
    pub bytes: u64,
    /// Its [`RequestStep::Started`] came before.
    pub was_started: bool,
    /// When the client was last heard of: a timeout comes later.
    pub heard: Instant,
}

impl RequestEnd {
    /// True if the client has all of the file; after [`Outcome::LastAckMissing`] most likely.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.outcome, Outcome::Complete | Outcome::LastAckMissing)
    }
}
