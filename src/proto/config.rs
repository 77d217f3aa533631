//! What the operator may set.

use super::negotiate::Limits;

/// The settings of one [`Server`](super::server::Server).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Bounds of the negotiation.
    pub limits: Limits,
    /// Most transfers at once; at least 1. Each costs less than 512 bytes.
    pub max_sessions: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            limits: Limits::default(),
            max_sessions: 16_384,
        }
    }
}
