//! What an ACK does to a transfer.

use super::Transfer;
use crate::proto::Instant;
use crate::proto::sender::send_window::Acknowledged;

/// A second ACK of what was never sent ends the transfer: a late duplicate is forgiven, guessing is not.
const NEVER_SENT_FORGIVEN: u8 = 1;

/// The part of a round trip for which a block may be late before it counts as missing.
const REORDERING: u32 = 8;

/// What an ACK did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acked {
    /// Blocks were acknowledged for the first time.
    Progress,
    /// All of them.
    Complete,
    /// Nothing: acknowledged before.
    Repeated,
    /// Nothing: no such block was ever sent.
    NeverSent,
    /// The peer guesses.
    Guessed,
}

impl Transfer {
    /// An ACK of block `number` modulo 2¹⁶.
    pub fn on_ack(&mut self, now: Instant, number: u16) -> Acked {
        match self.flight.read(number) {
            Acknowledged::New(una) => return self.on_progress(now, una),
            Acknowledged::NeverSent => return self.on_wild_ack(),
            // Without options there is no block 0 that could have arrived.
            Acknowledged::SameAgain if !self.is_proven() => return self.on_wild_ack(),
            Acknowledged::SameAgain => {
                self.on_sign_of_life(now);
                self.on_repeated_ack(now);
            }
            Acknowledged::Old => self.on_sign_of_life(now),
        }
        self.patience.on_heard(now);
        Acked::Repeated
    }

    fn on_wild_ack(&mut self) -> Acked {
        self.wild_acks = self.wild_acks.saturating_add(1);
        match self.wild_acks > NEVER_SENT_FORGIVEN {
            true => Acked::Guessed,
            false => Acked::NeverSent,
        }
    }

    /// Everything before `una` has arrived.
    fn on_progress(&mut self, now: Instant, una: u32) -> Acked {
        self.stopwatch.on_progress(now, una);
        let blocks = self.flight.advance(una);
        self.acks = self.acks.saturating_add(1);
        let was_asked = self.expiries > 0;
        self.forget_trouble();
        self.patience.on_progress(now);
        if self.flight.una() > self.blocks.last() {
            return Acked::Complete;
        }
        if self.has_window() {
            self.on_window_progress(now, blocks, was_asked);
        } else if self.is_trusted() {
            self.run_ahead.on_progress(self.stopwatch.rtt().shortest());
        }
        self.deadline = now + self.rto();
        Acked::Progress
    }

    /// Whatever ICMP has said, the peer is there.
    fn on_sign_of_life(&mut self, now: Instant) {
        if std::mem::take(&mut self.is_unreachable) {
            self.deadline = self.deadline.min(now + self.rto());
        }
    }

    fn forget_trouble(&mut self) {
        self.is_unreachable = false;
        self.is_wary = false;
        self.suspects = false;
        self.echo = false;
        self.expiries = 0;
        self.timer_end = 0;
        self.held_until = None;
    }

    /// An ACK inside the window means that the block after it is missing (RFC 7440 §4), and if the timer had to ask for it
    /// (`was_asked`), that so are all behind it.
    fn on_window_progress(&mut self, now: Instant, blocks: u32, was_asked: bool) {
        self.stopwatch.forget_backing_off();
        if self.flight.in_flight() == 0 {
            self.calm_windows = self.calm_windows.saturating_add(1);
            if self.calm_windows >= 2 {
                self.needless = 0;
            }
            self.window.on_whole(blocks);
            if was_asked {
                self.window.on_echo_lost(blocks);
            }
        } else if self.may_go_back(now) {
            match was_asked {
                true => self.window.on_tail_lost(blocks),
                false => self.window.on_gap(blocks),
            }
            self.go_back(now);
        }
    }

    /// The last ACK once more.
    ///
    /// In lock-step it sends nothing: answering each of two ACKs would double every block from
    /// there on (Sorcerer's Apprentice, RFC 1123 §4.2.3.1); but it shows that the client is there, so the
    /// timer waits no longer than its undoubled time. With a window in flight it means that
    /// the first block of it is missing; EDK2 says so once for each block behind the gap, and is
    /// answered once per round trip. A peer that has long been given up by the timer gets what it
    /// is waiting for.
    fn on_repeated_ack(&mut self, now: Instant) {
        if self.patience.is_over(now) {
            return;
        }
        let una = self.flight.una();
        self.calm_windows = 0;
        if self.needless > 0 && !self.is_quiet(now) {
            self.needless -= 1;
            return;
        }
        let misses_the_window = self.has_window() && self.flight.in_flight() > 0;
        if misses_the_window || self.is_quiet(now) {
            if self.may_go_back(now) {
                self.window.on_gap(0);
                self.go_back(now);
            }
        } else if self.flight.in_flight() > 1 {
            self.suspect(now);
        } else {
            self.stopwatch.on_repeated_ack(una);
            let undoubled = now + self.stopwatch.rtt().undoubled_rto();
            self.deadline = self.deadline.min(undoubled);
        }
    }

    fn may_go_back(&self, now: Instant) -> bool {
        let waste = self.bytes_sent / (self.acknowledged() + 2 * self.window_len());
        let waste = u32::try_from(waste).unwrap_or(u32::MAX).min(16);
        let spread = self.window.spread(self.stopwatch.rtt().shortest());
        self.stopwatch
            .may_go_back(now, self.flight.una(), spread, waste)
    }

    /// While running ahead, a client has taken a block out of turn: the one before it is missing, or
    /// has been overtaken and is still to come. A short wait tells.
    fn suspect(&mut self, now: Instant) {
        if !self.suspects && self.may_go_back(now) {
            self.suspects = true;
            let wait = self.stopwatch.rtt().smoothed().unwrap_or_default() / REORDERING;
            self.deadline = self.deadline.min(now + wait);
        }
    }
}
