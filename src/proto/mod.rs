//! The protocol as values: no socket, no clock, no runtime, no log.
//!
//! Whoever owns a [`Server`](server::Server) or a [`Fetch`](client::Fetch) brings it datagrams and
//! the time, and carries away what it wants sent. That makes every rule of this floor testable at
//! literal times, and the simulation the same code as the wire.

pub mod client;
pub mod config;
pub mod guard;
pub mod histogram;
pub mod negotiate;
pub mod report;
pub mod sender;
pub mod server;
pub mod stats;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time: microseconds since an origin that the owner of the clock chooses.
///
/// Half the size of [`std::time::Instant`], which counts in a table of sessions, and it can be
/// written down in a test. Additions saturate: a far deadline is as good as never.
// One more than the microseconds: so zero is free to mean that there is none, and an `Option` costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(NonZeroU64);

impl Instant {
    /// The origin.
    pub const ZERO: Instant = Instant(NonZeroU64::MIN);

    /// `micros` microseconds after the origin.
    pub const fn from_micros(micros: u64) -> Instant {
        Instant(NonZeroU64::MIN.saturating_add(micros))
    }

    /// `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    /// Microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0.get() - 1
    }
}

impl Default for Instant {
    fn default() -> Instant {
        Instant::ZERO
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, wait: Duration) -> Instant {
        // `as_micros` counts in 128 bits, which costs with every ACK.
        let seconds = wait.as_secs().saturating_mul(1_000_000);
        let micros = seconds.saturating_add(wait.subsec_micros().into());
        Instant(self.0.saturating_add(micros))
    }
}

/// The time between two points; zero if `earlier` is the later one.
impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.as_micros().saturating_sub(earlier.as_micros()))
    }
}

/// Where a datagram came from, or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The other end: its address and TID.
    pub address: SocketAddr,
    /// The address of ours that it knows, where the socket tells: replies must leave from it.
    pub local: Option<IpAddr>,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Peer {
        Peer {
            address,
            local: None,
        }
    }
}

impl Peer {
    /// It has a port: 0 is none (RFC 768). To send there fails in a way that `quinn-udp` takes for that of a network card which
    /// cannot cut windows into datagrams, and it never asks the card again.
    pub fn can_be_answered(&self) -> bool {
        self.address.port() != 0
    }

    /// The datagram was sent to everybody: RFC 1123 §4.2.3.5 wants a request to a broadcast address
    /// ignored, and no reply could leave from it. (The broadcast address of a subnet looks like any
    /// other.)
    pub fn asked_everybody(&self) -> bool {
        match self.local.map(|local| local.to_canonical()) {
            Some(IpAddr::V4(local)) => local.is_broadcast() || local.is_multicast(),
            Some(IpAddr::V6(local)) => local.is_multicast(),
            None => false,
        }
    }
}
