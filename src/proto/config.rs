//! What the operator may set.

use super::negotiate::Limits;

/// The settings of one [`Server`](super::server::Server).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Bounds of the negotiation.
    pub limits: Limits,
    /// Most blocks in flight to a client with a high RTT; 1 is RFC 1350 and RFC 7440 to the letter.
    pub pipeline: u16,
    /// Most transfers at once; at least 1. Each costs less than 512 bytes.
    pub max_sessions: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            limits: Limits::default(),
            pipeline: 32,
            max_sessions: 16_384,
        }
    }
}
