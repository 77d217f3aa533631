//! When to say it again: after four round trips, doubled each time that it did not help.
//!
//! A client needs no finer estimate, for the server has its own timer and is the one to hurry.

use std::time::Duration;

use crate::proto::Instant;

/// The first wait for an answer, while nothing is known of the path (RFC 6298 §2.1).
const FIRST_RTO: Duration = Duration::from_secs(1);
/// No wait is shorter: iPXE's floor, above the delayed wake-ups of a busy server.
const MIN_RTO: Duration = Duration::from_millis(250);
/// No wait is longer: EDK2's interval. A path that comes back is noticed within it.
const MAX_RTO: Duration = Duration::from_secs(4);

/// A clock hand that is wound up by progress.
#[derive(Debug)]
pub(super) struct Timer {
    /// When something new last came.
    pub(super) progress: Instant,
    pub(super) resend_at: Instant,
    /// When what is now being answered was sent; `None` if it was sent twice, and the answer could
    /// be to either (Karn's rule).
    pub(super) sent: Option<Instant>,
    /// Smoothed, as in RFC 6298 §2.3.
    rtt: Option<Duration>,
    /// Times that it ran out since something new came.
    backoff: u32,
}

impl Timer {
    pub(super) fn new(now: Instant) -> Timer {
        Timer {
            progress: now,
            resend_at: now + FIRST_RTO,
            sent: Some(now),
            rtt: None,
            backoff: 0,
        }
    }

    /// Something new came.
    pub(super) fn progressed(&mut self, now: Instant) {
        if let Some(sent) = self.sent.take() {
            let sample = now - sent;
            self.rtt = Some(self.rtt.map_or(sample, |rtt| (7 * rtt + sample) / 8));
        }
        self.progress = now;
        self.backoff = 0;
        self.resend_at = now + self.rto();
    }

    /// It ran out, and the last datagram is sent again.
    pub(super) fn backed_off(&mut self, now: Instant) {
        self.sent = None;
        self.backoff += 1;
        self.resend_at = now + self.rto();
    }

    fn rto(&self) -> Duration {
        let rto = self.rtt.map_or(FIRST_RTO, |rtt| (4 * rtt).max(MIN_RTO));
        (rto * (1 << self.backoff.min(4))).min(MAX_RTO)
    }

    /// How long an answer takes, at least; on a fast network, a fair share of [`MIN_RTO`].
    pub(super) fn round_trip(&self) -> Duration {
        self.rtt.map_or(FIRST_RTO, |rtt| rtt.max(MIN_RTO / 4))
    }
}
