//! What an ACK does to a transfer.

use std::time::Duration;

use super::loss::{Ack, Signal, Waiting};
use super::send_window::{Acknowledged, Copies};
use super::transfer::Transfer;
use crate::proto::Instant;

/// A second ACK of a block that was never sent ends the transfer: one may be a late duplicate of an ACK of
/// another transfer, two are a blind ACK attack.
const WILD_ACKS_FORGIVEN: u8 = 1;

/// The least silence after which a repeated ACK comes from the client's own timer. PXELINUX's first one expires after
/// 110 ms, but that of a client with windows after a second or more.
const CLIENT_TIMER: Duration = Duration::from_millis(500);

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
        let is_partial = self.is_partial(una);
        self.take_sample(now, una, is_partial);
        let blocks = self.window.advance(una);
        self.acks = self.acks.saturating_add(1);
        self.probe = None;
        self.liveness.on_progress(now);
        if una > self.blocks.last() {
            return Acked::Complete;
        }
        if recoveries > 0 {
            let more = blocks.saturating_sub(self.terms().windowsize.into());
            self.loss.on_answered(now, more, &self.rtt);
        }
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
            Signal::BlockLostLater(at) => {
                self.recover(now, true);
                let at = *self.held_until.get_or_insert(at);
                self.loss.postpone_recovery(at);
            }
            Signal::Spurious => self.congestion.on_spurious(),
            Signal::Nothing => {}
        }
        // What leaves now sets the timer.
        if !self.wants_to_send() {
            self.wait_for_ack(now);
        }
        Acked::Progress
    }

    /// An ACK of all blocks before `una` ends inside a window of the client's.
    fn is_partial(&self, una: u32) -> bool {
        let from = self.window.una();
        from > 0 && !(una - from).is_multiple_of(self.terms().windowsize.into())
    }

    /// The RTT sample that the first ACK of all blocks before `una` gives, if it gives one.
    fn take_sample(&mut self, now: Instant, una: u32, is_partial: bool) {
        let Some(mut age) = self.departures.age(now, una - 1) else {
            return;
        };
        if is_partial && una + 1 < self.window.next() {
            // The client reports that `una` is missing when the block behind that one arrives. While a flight is
            // spread, this is later by a pause. A client's own timer may cause a partial ACK at any time.
            let behind = self.departures.age(now, una + 1).unwrap_or(age);
            age = behind.max(age.min(self.rtt.shortest().unwrap_or(age)));
        }
        match self.window.copies(una - 1) {
            Copies::One => self.rtt.sample(age),
            // The client may have repeated its ACK by its own timer. So this is no first sample.
            Copies::Reported if self.rtt.shortest().is_some_and(|least| age >= least) => {
                self.rtt.sample(age);
            }
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
            let (una, srtt) = (self.window.una(), self.rtt.smoothed());
            self.departures.least_age(now, una, srtt)
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

    /// Something in flight is lost: all of it leaves again.
    pub(super) fn recover(&mut self, now: Instant, is_reported: bool) {
        let times = self.loss.recoveries() + 1;
        if times > 1 || !is_reported {
            self.congestion.on_silence(times);
        }
        self.congestion
            .on_loss(self.window.since_recovery(), &self.rtt);
        if self.congestion.end_spreading() {
            self.held_until = None;
        }
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
                self.on_question(now, ack);
            }
            // What waits to leave sets the timer when it does.
            _ if ack.in_flight == 0 || self.is_resending() => {}
            _ if ack.in_flight > 1 && !ack.is_suspect && self.is_after_silence(now) => {
                self.on_question(now, ack);
            }
            _ if ack.in_flight > 1 && (ack.is_suspect || self.congestion.is_getting_through()) => {
                let is_resent = self.window.copies(self.window.una()) != Copies::One;
                self.loss.on_repeated_ack(ack, is_resent, &self.rtt);
            }
            _ if ack.in_flight > 1 => {}
            _ => {
                let from = self.held_until.unwrap_or(now).max(now);
                self.loss
                    .wait_no_longer_than(from + self.rtt.undoubled_rto());
            }
        }
    }

    /// The client asks for what it misses. It may have it by now: a machine that did not listen works on what has
    /// arrived in the meantime.
    fn on_question(&mut self, now: Instant, ack: Ack) {
        if self.loss.on_question(ack, &self.rtt) == Signal::BlockLost {
            self.recover(now, false);
        }
    }

    /// The client was silent for so long that it repeats its ACK by its own timer. It does not answer the copies of a
    /// recovery, which come one after the other.
    fn is_after_silence(&self, now: Instant) -> bool {
        let two_trips = 2 * self.rtt.shortest().unwrap_or_default();
        self.liveness.silence(now) >= two_trips.max(CLIENT_TIMER)
    }
}
