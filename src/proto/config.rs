//! Settings of the server.

use super::negotiate::NegotiationLimits;

/// The settings of one [`Server`](super::server::Server).
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    /// Limits of option negotiation.
    pub limits: NegotiationLimits,
    /// Most blocks in flight to a client with a high RTT, but at least its window; 1 turns pipelining off.
    pub pipeline: u16,
    /// Most transfers at once; at least 1. Each costs less than 512 bytes.
    pub max_sessions: usize,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            limits: NegotiationLimits::default(),
            pipeline: 32,
            max_sessions: 16_384,
        }
    }
}
