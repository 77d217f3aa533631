//! What silence does to a transfer.

use std::num::NonZeroU32;
use std::time::Duration;

use super::liveness::Liveness;
use super::loss::Waiting;
use super::transfer::Transfer;
use crate::proto::Instant;

/// How often the timer resends to a client with few ACKs, usually one block each time: a blind ACK attack draws
/// one window and no more than that. After it, the client has to ask.
const SUSPECT_RESENDS: u8 = 4;

/// How many blocks a blind ACK may draw. With a window of 16 that is the window and single resends. With one of four it
/// is four more windows, which a client needs that reports no gap and gives up soon (the npm package `tftp`).
const SUSPECT_BLOCKS: u32 = 20;

/// What becomes of a transfer when its timer has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// It goes on.
    No,
    /// Everything was sent, and no ACK of the last block came.
    LastAckMissing,
    /// The client is gone.
    TimedOut,
}

impl Transfer {
    /// The timer: resends, waits, or ends the transfer.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> Expired {
        self.held_until = self.held_until.filter(|held_until| now < *held_until);
        if now < self.loss.deadline() || self.will_set_timer() {
            return Expired::No;
        }
        if !self.is_validated() {
            return self.on_timeout_unvalidated(now);
        }
        match self.loss.waiting() {
            Waiting::LastAck => return Expired::LastAckMissing,
            Waiting::SignOfLife => return self.ended(),
            _ if self.liveness.is_over(now) => return self.ended(),
            Waiting::Reordered => self.recover(now, true),
            Waiting::Ack | Waiting::Client if self.is_done_resending(now) => {}
            Waiting::Ack | Waiting::Client => self.resend(now),
        }
        self.wait_for_ack(now);
        Expired::No
    }

    /// Something waits to leave, and will set the timer anew.
    fn will_set_timer(&self) -> bool {
        self.loss.waiting() != Waiting::Reordered && self.wants_to_send()
    }

    /// The client is gone. With several blocks in flight the ACKs of the last ones may be lost of a client that
    /// has them all.
    fn ended(&self) -> Expired {
        match self.all_sent() {
            true => Expired::LastAckMissing,
            false => Expired::TimedOut,
        }
    }

    /// ICMP says that the client is gone, which any host can say: nothing more is sent before the client
    /// says something itself.
    pub(crate) fn on_unreachable(&mut self, now: Instant) {
        if !self.is_unreachable() {
            let end = self.liveness.sign_of_life_end(now);
            self.loss.wait(Waiting::SignOfLife, end);
        }
    }

    pub(super) fn is_unreachable(&self) -> bool {
        self.loss.waiting() == Waiting::SignOfLife
    }

    /// An ACK of what is in flight has not come.
    fn resend(&mut self, now: Instant) {
        self.loss.on_expiry();
        self.rtt.back_off();
        match self.is_trusted() || self.fits_suspect_blocks() {
            true => self.resend_flight(now),
            false => self.resend_block(),
        }
    }

    /// Before the third ACK: all windows up to this resend, and a block for each resend to come, are few blocks.
    fn fits_suspect_blocks(&self) -> bool {
        let sent = u32::from(self.loss.expiries()) + 1;
        let to_come = u32::from(SUSPECT_RESENDS.saturating_sub(self.loss.expiries()));
        let is_window = self.terms().windowsize > 1;
        is_window && sent * u32::from(self.terms().windowsize) + to_come <= SUSPECT_BLOCKS
    }

    /// All that may be in flight leaves again, from the first unacknowledged block on.
    fn resend_flight(&mut self, now: Instant) {
        self.loss.expect_duplicates(self.window.in_flight());
        self.recover(now, false);
    }

    /// One block of the window leaves again: the last one first, which has the client say what it misses, or
    /// is all that it misses (a tail loss probe, RFC 8985 §7); then the first.
    fn resend_block(&mut self) {
        let times = u32::from(self.loss.expiries()) + u32::from(self.loss.recoveries());
        self.probe = NonZeroU32::new(match times % 2 {
            1 => self.window.sent() - 1,
            _ => self.window.una(),
        });
    }

    /// The timer resends no more; the client may still ask.
    fn is_done_resending(&self, now: Instant) -> bool {
        let is_suspect = !self.is_trusted() && self.loss.expiries() >= SUSPECT_RESENDS;
        is_suspect || self.awaits_last_ack() || self.liveness.is_quiet(now)
    }

    /// The last window has been sent, and again: only its ACK is waited for.
    fn awaits_last_ack(&self) -> bool {
        let windowsize = u32::from(self.terms().windowsize);
        let is_last = self.window.una() + windowsize > self.blocks.last();
        is_last && self.all_sent() && Liveness::has_resent_enough(self.loss.expiries())
    }

    /// Sets the timer, now that something has left or has arrived. The wait for a block that may have been overtaken
    /// does not start again when others leave.
    pub(super) fn wait_for_ack(&mut self, now: Instant) {
        if self.loss.waiting() == Waiting::Reordered {
            return;
        }
        if self.is_validated() && self.awaits_last_ack() {
            let end = self.liveness.last_ack_end(now);
            self.loss.wait(Waiting::LastAck, end);
        } else if self.is_validated() && self.is_done_resending(now) {
            self.loss.wait(Waiting::Client, self.liveness.end());
        } else {
            let from = self.held_until.unwrap_or(now).max(now);
            self.loss.wait(Waiting::Ack, from + self.resend_wait());
        }
    }

    /// How long an ACK is waited for before something leaves again.
    fn resend_wait(&self) -> Duration {
        let wait = self.ack_wait();
        match self.is_trusted() && self.window.una() == self.blocks.last() {
            true => Liveness::before_last_block(self.loss.expiries(), wait),
            false => wait,
        }
    }

    /// Before the first ACK a resend is paid from the allowance; past it, the client's own timer
    /// has to repeat the RRQ.
    fn on_timeout_unvalidated(&mut self, now: Instant) -> Expired {
        let end = self.liveness.unvalidated_end();
        if now >= end {
            return Expired::TimedOut;
        }
        self.rtt.back_off();
        if self.allowance.covers(self.answer_len()) {
            self.go_back(now, false);
        }
        let deadline = (now + self.ack_wait()).min(end);
        self.loss.wait(Waiting::Ack, deadline);
        Expired::No
    }
}
