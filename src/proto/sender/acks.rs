//! What an ACK does to a transfer.

use super::loss::{Ack, SUSPECT_FLIGHTS, Signal, Waiting};
use super::send_window::{Acknowledged, Copies};
use super::transfer::Transfer;
use crate::proto::Instant;

/// A second ACK of a block that was never sent ends the transfer: one may be a late duplicate of an ACK of
/// another transfer, two are a blind ACK attack.
const WILD_ACKS_FORGIVEN: u8 = 1;

/// What an ACK did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acked {
    /// It acknowledged blocks for the first time.
    Progress,
    /// It acknowledged the last block.
    Complete,
    /// It acknowledged nothing new.
    Repeated,
    /// No such block was ever sent.
    NeverSent,
    /// The same once too often: it is a blind ACK attack.
    Blind,
}

impl Transfer {
    /// An ACK of block `number` modulo 2¹⁶.
    pub(crate) fn on_ack(&mut self, now: Instant, number: u16) -> Acked {
        match self.window.read(number) {
            Acknowledged::New(una) => return self.on_progress(now, una),
            Acknowledged::NeverSent => return self.on_wild_ack(),
            // Without options there is no block 0 that could have arrived.
            Acknowledged::SameAgain if !self.is_validated() => return self.on_wild_ack(),
            Acknowledged::SameAgain => {
                self.on_sign_of_life(now);
                self.on_repeated_ack(now);
            }
            Acknowledged::Old => self.on_sign_of_life(now),
        }
        self.liveness.on_heard(now);
        Acked::Repeated
    }

    /// Before the first true ACK a wild one is more likely a late copy for an earlier transfer of the same
    /// port: GRUB, lpxelinux and others ask for their next file from the port of the last one.
    fn on_wild_ack(&mut self) -> Acked {
        if !self.is_validated() {
            return Acked::NeverSent;
        }
        self.wild_acks = self.wild_acks.saturating_add(1);
        match self.wild_acks > WILD_ACKS_FORGIVEN {
            true => Acked::Blind,
            false => Acked::NeverSent,
        }
    }

    /// Everything before `una` has arrived.
    fn on_progress(&mut self, now: Instant, una: u32) -> Acked {
        let recoveries = self.loss.recoveries();
        self.take_sample(now, una - 1);
        let (from, blocks) = (self.window.una(), self.window.advance(una));
        self.acks = self.acks.saturating_add(1);
        self.probe = None;
        self.liveness.on_progress(now);
        if una > self.blocks.last() {
            return Acked::Complete;
        }
        if recoveries > 0 {
            // The client had put more in its place than it has told, and will answer each copy.
            self.loss
                .expect_duplicates(blocks.saturating_sub(self.terms().windowsize.into()));
        }
        let is_partial = from > 0 && !blocks.is_multiple_of(self.terms().windowsize.into());
        if self.is_trusted() {
            let shortest = self.rtt.shortest();
            self.congestion.on_progress(blocks, shortest);
        }
        if self.loss.expiries() > 0 && self.congestion.limit() > 1 {
            self.rtt.end_backoff();
        }
        let ack = self.facts(now, is_partial);
        match self.loss.on_progress(ack, &self.rtt) {
            Signal::BlockLost => self.recover(now, true),
            Signal::Spurious => self.congestion.on_spurious(),
            Signal::Nothing => {}
        }
        // What leaves now sets the timer.
        if !self.wants_to_send() {
            self.wait_for_ack(now);
        }
        Acked::Progress
    }

    /// The RTT sample that the first ACK of `block` gives, if it gives one.
    fn take_sample(&mut self, now: Instant, block: u32) {
        let Some(age) = self.departures.age(now, block) else {
            return;
        };
        match self.window.copies(block) {
            Copies::One => self.rtt.sample(age),
            Copies::Reported if Some(age) >= self.rtt.shortest() => self.rtt.sample(age),
            // Before the third ACK single blocks are resent, which do not count as departures. And the OACK may be
            // answered long after its first copy.
            Copies::Several if self.is_trusted() => {
                self.rtt.raise(age.min(self.loss.since_recovery(now)));
            }
            Copies::Reported | Copies::Several => {}
        }
    }

    fn facts(&self, now: Instant, is_partial: bool) -> Ack {
        let in_flight = self.window.in_flight();
        let age = || {
            let srtt = self.rtt.smoothed().unwrap_or_default();
            self.departures.least_age(now, self.window.una(), srtt)
        };
        Ack {
            now,
            in_flight,
            is_partial,
            // In lock-step nothing asks.
            age: if in_flight > 0 { age() } else { None },
            is_suspect: !self.is_trusted(),
            is_wasteful: self.is_wasteful(),
        }
    }

    /// Something in flight is lost: all of it leaves again. To a client with few ACKs that has asked for it several
    /// times one block leaves: the ACKs may be blind.
    pub(super) fn recover(&mut self, now: Instant, is_reported: bool) {
        if !self.is_trusted() && self.loss.recoveries() >= SUSPECT_FLIGHTS {
            self.loss.on_recovery(now);
            return self.resend_block();
        }
        let times = self.loss.recoveries() + 1;
        if times > 1 || !is_reported {
            self.congestion.on_silence(times);
        }
        self.congestion
            .on_loss(self.window.since_recovery(), &self.rtt);
        self.go_back(now, is_reported);
    }

    /// Whatever an ICMP report has said, the client is there.
    fn on_sign_of_life(&mut self, now: Instant) {
        if self.loss.waiting() == Waiting::SignOfLife {
            self.wait_for_ack(now);
        }
    }

    /// The last ACK again.
    ///
    /// In lock-step it sends nothing: answering each of two ACKs would double every block from
    /// there on (Sorcerer's Apprentice Syndrome, RFC 1123 §4.2.3.1). But it shows that the client is there, so the
    /// timer waits no longer than its undoubled time. With more in flight it means that the first block is
    /// missing. A client to which nothing is resent any more gets what it asks for.
    fn on_repeated_ack(&mut self, now: Instant) {
        if self.liveness.is_over(now) {
            return;
        }
        let ack = self.facts(now, false);
        match self.loss.waiting() {
            waiting if waiting.is_for_the_client() || self.liveness.is_quiet(now) => {
                if self.loss.on_question(ack, &self.rtt) == Signal::BlockLost {
                    self.recover(now, true);
                }
            }
            // The recovery is under way.
            _ if !self.due().is_empty() => {}
            _ if ack.in_flight > 1 && (ack.is_suspect || self.congestion.is_getting_through()) => {
                self.loss.on_repeated_ack(ack, &self.rtt);
            }
            _ if ack.in_flight > 1 => {}
            _ => {
                let undoubled = self.rtt.undoubled_rto();
                self.loss.wait_no_longer_than(now + undoubled);
            }
        }
    }
}
