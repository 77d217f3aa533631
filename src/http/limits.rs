//! Limits of what a client may use.

use std::time::Duration;

/// Limits of the connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Most connections at once. A boot needs one, and monitoring two or three. A connection costs
    /// a file descriptor, of which a process has 1024 by default.
    pub connections: usize,
    /// Most downloads at once. The other connections are the reserve for health checks: the server
    /// may evict any of them. The kernel queues up to 128 KiB for each download.
    pub downloads: usize,
    /// Time from the connection, or the previous response, to the end of the request. Firmware
    /// sends a request in one segment; if that is lost twice, it takes 3 s.
    pub request_timeout: Duration,
    /// A download that has fallen behind the minimum rate by this much may be evicted: a round trip
    /// around the world, and one lost segment.
    pub eviction_age: Duration,
    /// Time to send a chunk of 64 KiB: 1 kB/s, slower than any path that a machine boots over.
    pub write_timeout: Duration,
    /// Time that a request for a file waits while all downloads are in use.
    pub queue_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> ConnectionLimits {
        ConnectionLimits {
            connections: 512,
            downloads: 256,
            request_timeout: Duration::from_secs(10),
            eviction_age: Duration::from_secs(2),
            write_timeout: Duration::from_secs(60),
            queue_timeout: Duration::from_secs(30),
        }
    }
}
