//! Where the protocol meets the world: the only sockets, the only clock.

pub mod client;
pub mod driver;
mod icmp;
mod polling;
pub mod socket;
pub mod status;
pub mod systemd;
pub mod worker;

use std::time::Duration;

use crate::proto::Instant;

/// The one clock: the protocol's time, counted from when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock that begins now.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one clock, with its one other line below"
    )]
    pub fn start() -> Clock {
        Clock {
            origin: std::time::Instant::now(),
        }
    }

    /// What time it is.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one clock, with its one other line above"
    )]
    pub fn now(&self) -> Instant {
        Instant::ZERO + (std::time::Instant::now() - self.origin)
    }

    /// The same point in time as the runtime's timer knows it.
    pub fn at(&self, instant: Instant) -> tokio::time::Instant {
        let since = Duration::from_micros(instant.as_micros());
        (self.origin + since).into()
    }
}
