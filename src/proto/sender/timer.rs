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
        if self.awaits_last_ack() {
            return Expired::LastAckMissing;
        }
        if self.is_unreachable || self.patience.is_over(now) {
            // Running ahead, the ACKs of the last two blocks may be lost of a client that has them all.
            return match self.all_sent() {
                true => Expired::LastAckMissing,
                false => Expired::TimedOut,
            };
        }
        if self.is_quiet(now) {
            self.deadline = self.patience.end();
        } else if std::mem::take(&mut self.suspects) {
            self.run_ahead.on_trouble();
            self.go_back(now);
        } else {
            self.resend(now);
        }
        Expired::No
    }

    /// ICMP says that the peer is gone, which anybody can say: nothing more is sent before it says something itself.
    pub fn on_unreachable(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.is_unreachable, true) {
            self.deadline = self.patience.sign_of_life_end(now);
        }
    }

    /// Every second time all that is in flight leaves again, in between one block: which is enough if only an ACK was
    /// lost, and costs little if the peer is not there.
    fn resend(&mut self, now: Instant) {
        self.expiries = self.expiries.saturating_add(1);
        let is_odd = self.expiries % 2 == 1;
        self.is_wary = !self.is_trusted();
        if self.has_window() && self.can_echo() && is_odd {
            // Whoever has the whole window says so, and whoever misses a part of it says which.
            self.echo = true;
            return;
        }
        self.stopwatch.back_off();
        let is_lock_step = self.flight.sent() == self.flight.una() + 1;
        if is_lock_step || !is_odd {
            self.patience.on_resent();
        }
        if self.has_window() {
            let resent = match self.is_wary {
                true => 1,
                false => self.flight.in_flight(),
            };
            self.needless = self.needless.saturating_add(resent);
            self.calm_windows = 0;
            self.window.on_gap(0);
            let beyond = self.flight.sent() + 1;
            let window_end = self.flight.una() + u32::from(self.terms().windowsize);
            if self.expiries.is_multiple_of(4) && !self.is_wary && beyond <= window_end {
                // Who has said what is missing may say no more (atftp) until there is a block that is new.
                self.timer_end = beyond;
            }
        } else {
            // A client that repeats its last ACK only, and none before (lwIP), may hold more than the first block.
            self.timer_end = if is_odd { 0 } else { self.flight.sent() };
            if self.expiries == 1 {
                self.run_ahead.on_trouble();
            }
        }
        self.go_back(now);
    }

    /// The last window has been sent, and again: only its ACK is waited for.
    fn awaits_last_ack(&self) -> bool {
        let is_last = self.has_window() || self.flight.una() == self.blocks.last();
        is_last && self.all_sent() && self.patience.has_resent_enough()
    }

    /// The timer resends no more, but the peer is still answered.
    pub(super) fn is_quiet(&self, now: Instant) -> bool {
        self.awaits_last_ack() || self.patience.is_quiet(now)
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
        if self.awaits_last_ack() {
            self.patience.last_ack_end(now)
        } else if self.has_window() && self.can_echo() && self.expiries == 0 {
            now + self.rto().min(self.stopwatch.rtt().probe_timeout())
        } else {
            now + self.rto()
        }
    }
}
