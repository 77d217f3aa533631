//! What a transfer does when nothing is heard.

use std::time::Duration;

use super::Transfer;
use crate::proto::Instant;

/// What becomes of a transfer when its timer has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// It goes on.
    No,
    /// Everything was sent, and no ACK of the last block came.
    LastAckMissing,
    /// The peer is gone.
    TimedOut,
}

impl Transfer {
    /// The timer: resends, waits, or ends the transfer.
    pub fn on_timeout(&mut self, now: Instant) -> Expired {
        self.held_until = self.held_until.filter(|held_until| now < *held_until);
        if now < self.deadline {
            return Expired::No;
        }
        if !self.is_proven() {
            return self.on_timeout_unproven(now);
        }
        if self.patience.awaits_last_ack() {
            return Expired::LastAckMissing;
        }
        if self.patience.is_over(now) {
            return Expired::TimedOut;
        }
        if self.patience.is_quiet(now) {
            self.deadline = self.patience.end();
            return Expired::No;
        }
        if self.has_window() && self.is_trusted() && !self.has_probed && self.flight.in_flight() > 0
        {
            // One block tells what a whole window would: its ACK was lost, or its tail.
            self.has_probed = true;
            self.echo = true;
            return Expired::No;
        }
        self.is_wary = !self.is_trusted();
        if !std::mem::take(&mut self.suspects) {
            self.stopwatch.back_off();
        }
        self.run_ahead.on_trouble();
        self.window.on_gap(0);
        self.go_back(now);
        Expired::No
    }

    /// Before the first ACK a resend is paid from the allowance; past it, the client's own timer
    /// has to repeat the RRQ.
    fn on_timeout_unproven(&mut self, now: Instant) -> Expired {
        let end = self.patience.unproven_end();
        if now >= end {
            return Expired::TimedOut;
        }
        self.stopwatch.back_off();
        if self.allowance.covers(self.answer_len()) {
            self.go_back(now);
        }
        self.deadline = (now + self.rto()).min(end);
        Expired::No
    }

    /// The RTO, or the client's own `timeout` where that is shorter: U-Boot asks for 5 s, and
    /// waiting that long would cost 5 s a lost block.
    pub(super) fn rto(&self) -> Duration {
        let rto = self.stopwatch.rtt().rto();
        match self.terms().timeout {
            Some(seconds) => rto.min(Duration::from_secs(seconds.into())),
            None => rto,
        }
    }

    pub(super) fn next_deadline(&self, now: Instant) -> Instant {
        if self.patience.awaits_last_ack() {
            self.patience.last_ack_end(now)
        } else if self.has_window() && !self.has_probed {
            now + self.rto().min(self.stopwatch.rtt().probe_timeout())
        } else {
            now + self.rto()
        }
    }
}
