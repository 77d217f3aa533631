//! The client's retransmission timer: four round trips, doubled after each timeout.
//!
//! A finer estimate is not needed, because the server resends by its own timer first.

use std::time::Duration;

use crate::proto::Instant;

/// Timeout before the first RTT sample (RFC 6298 §2.1).
const INITIAL_RTO: Duration = Duration::from_secs(1);
/// Shortest timeout: iPXE's, above the delayed wake-ups of a busy server.
const MIN_RTO: Duration = Duration::from_millis(250);
/// Longest timeout: EDK2's. The client notices within it that a path works again.
const MAX_RTO: Duration = Duration::from_secs(4);

/// The retransmission timer, restarted by progress.
#[derive(Debug)]
pub(super) struct RetransmitTimer {
    /// When new data last arrived.
    pub(super) progress: Instant,
    pub(super) resend_at: Instant,
    /// When the datagram that is being answered was sent; `None` if it was sent twice, because the
    /// answer could be to either (Karn's algorithm).
    pub(super) sent: Option<Instant>,
    /// Smoothed, as in RFC 6298 §2.3.
    rtt: Option<Duration>,
    /// Timeouts since new data arrived.
    backoff: u32,
}

impl RetransmitTimer {
    pub(super) fn new(now: Instant) -> RetransmitTimer {
        RetransmitTimer {
            progress: now,
            resend_at: now + INITIAL_RTO,
            sent: Some(now),
            rtt: None,
            backoff: 0,
        }
    }

    /// New data has arrived: takes an RTT sample and restarts the timer.
    pub(super) fn on_progress(&mut self, now: Instant) {
        if let Some(sent) = self.sent.take() {
            let sample = now - sent;
            self.rtt = Some(self.rtt.map_or(sample, |rtt| (7 * rtt + sample) / 8));
        }
        self.progress = now;
        self.backoff = 0;
        self.resend_at = now + self.rto();
    }

    /// The timer has expired and the last datagram is sent again: doubles the timeout.
    pub(super) fn on_timeout(&mut self, now: Instant) {
        self.sent = None;
        self.backoff += 1;
        self.resend_at = now + self.rto();
    }

    fn rto(&self) -> Duration {
        let rto = self.rtt.map_or(INITIAL_RTO, |rtt| (4 * rtt).max(MIN_RTO));
        (rto * (1 << self.backoff.min(4))).min(MAX_RTO)
    }

    /// The smoothed RTT, but at least a quarter of [`MIN_RTO`].
    pub(super) fn round_trip(&self) -> Duration {
        self.rtt.map_or(INITIAL_RTO, |rtt| rtt.max(MIN_RTO / 4))
    }
}
