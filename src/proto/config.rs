//! What the operator may set.

use super::negotiate::Limits;

/// The settings of one [`Server`](super::server::Server).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Bounds of the negotiation.
    pub limits: Limits,
    /// Most blocks in flight to a client without a window; 1 is RFC 1350 to the letter.
    pub run_ahead: u16,
    /// Most transfers at once; at least 1. Each costs less than 512 bytes.
    pub max_sessions: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            limits: Limits::default(),
            run_ahead: 16,
            max_sessions: 16_384,
        }
    }
}
