//! Limits of what a client may use.

use std::time::Duration;

/// Limits of the connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Most connections at once. A boot needs one; monitoring needs two or three.
    pub connections: usize,
    /// Time from the connection, or the previous response, to the end of the request. Firmware
    /// sends a request in one segment; if that is lost twice, it takes 3 s.
    pub request_timeout: Duration,
    /// When all connections are in use, one whose request has been awaited for this long may be
    /// evicted: a round trip around the world, and one lost segment.
    pub eviction_age: Duration,
    /// Time to send a chunk of 64 KiB: 1 kB/s, slower than any path that a machine boots over.
    pub write_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> ConnectionLimits {
        ConnectionLimits {
            connections: 64,
            request_timeout: Duration::from_secs(10),
            eviction_age: Duration::from_secs(2),
            write_timeout: Duration::from_secs(60),
        }
    }
}
