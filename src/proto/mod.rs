//! The protocol as values, without sockets, clocks, a runtime or a log.
//!
//! The owner of a [`Server`](server::Server) or a [`Fetch`](client::Fetch) passes it datagrams and
//! the time, and sends what it returns. So tests can check every rule at literal times, and the
//! simulation runs the same code as the program.

pub mod client;
pub mod config;
pub(crate) mod guard;
pub mod histogram;
pub mod local;
pub mod negotiate;
pub mod observer;
pub(crate) mod path_mtu;
pub mod report;
pub mod routes;
pub(crate) mod sender;
pub mod server;
pub mod stats;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time: microseconds since an origin that the caller chooses.
///
/// It has half the size of [`std::time::Instant`], which matters in a table of sessions, and tests
/// can write it literally. Additions saturate.
// One more than the microseconds. So zero stands for `None`, and an `Option` needs no space.
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

/// The remote end of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The remote address and port (the TID).
    pub address: SocketAddr,
    /// The local address that the peer uses, if the socket reports it: replies must leave from it.
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
    /// True unless the source port is 0, which means none (RFC 768). Sending to port 0 fails with
    /// an error that `quinn-udp` takes for missing GSO support, and it would never use GSO again.
    pub(crate) fn can_be_answered(&self) -> bool {
        self.address.port() != 0
    }

    /// True if the peer is this machine itself: its address is a loopback address, or the one that
    /// it has asked. Linux drops such datagrams if they come from a network.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        let address = self.address.ip().to_canonical();
        let local = self.local.map(|local| local.to_canonical());
        address.is_loopback() || local == Some(address)
    }

    /// True if the datagram was sent to a broadcast or multicast address. RFC 1123 §4.2.3.5
    /// requires that such requests are ignored, and no reply could leave from that address.
    /// (A subnet's broadcast address looks like any other: see
    /// [`LocalNetworks`](local::LocalNetworks).)
    pub(crate) fn is_broadcast(&self) -> bool {
        match self.local.map(|local| local.to_canonical()) {
            Some(IpAddr::V4(local)) => local.is_broadcast() || local.is_multicast(),
            Some(IpAddr::V6(local)) => local.is_multicast(),
            None => false,
        }
    }
}
