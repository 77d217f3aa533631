//! Sockets and the clock: the only module that does UDP I/O.

pub(crate) mod binding;
#[cfg(feature = "canary")]
pub(crate) mod canary;
pub(crate) mod client;
pub mod driver;
mod fragments;
pub(crate) mod health;
mod icmp;
pub(crate) mod interfaces;
pub mod observer;
mod polling;
pub mod socket;
pub mod status;
pub(crate) mod systemd;
pub mod worker;

use std::time::Duration;

use crate::proto::Instant;

/// The one clock. It counts from its creation.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// Creates a clock that starts at zero.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one clock, with its one other line below"
    )]
    pub fn start() -> Clock {
        Clock {
            origin: std::time::Instant::now(),
        }
    }

    /// The current time.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one clock, with its one other line above"
    )]
    pub fn now(&self) -> Instant {
        Instant::ZERO + (std::time::Instant::now() - self.origin)
    }

    /// Converts a time to that of the runtime's timers.
    pub fn at(&self, instant: Instant) -> tokio::time::Instant {
        let since = Duration::from_micros(instant.as_micros());
        (self.origin + since).into()
    }
}
