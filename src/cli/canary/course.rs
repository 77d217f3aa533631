//! What is checked, and within what limits.

use std::net::SocketAddr;

use crate::net::Clock;
use crate::proto::Instant;

/// A server to check.
pub(crate) struct CanaryTarget {
    /// The server as named on the command line.
    pub(crate) host: String,
    /// Its address, or why it has none.
    pub(crate) address: Result<SocketAddr, String>,
}

/// How the trials run.
#[derive(Clone, Copy)]
pub(crate) struct Course {
    pub(crate) clock: Clock,
    /// The end of the whole check.
    pub(crate) end: Instant,
    /// Transfers at the same time.
    pub(crate) jobs: usize,
}
