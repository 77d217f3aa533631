//! One transfer, from the answer to the RRQ to the last ACK.
//!
//! The OACK is treated as block 0, whose ACK is the client's ACK 0: so it is timed, resent and
//! acknowledged by the same few lines as every DATA.
//!
//! ```text
//!            una            next        una + depth     last
//!   acked  |  in flight    |  may leave   |  must wait   |
//! ```

use std::time::Duration;

use super::Instant;
use super::blocks::Blocks;
use super::guard::Allowance;
use super::negotiate::Terms;
use super::patience::Patience;
use super::rtt::Stopwatch;
use super::run_ahead::RunAhead;
use super::stats::Outcome;

/// From this many ACKs on, the timer resends whole windows. A spoofer can guess an ACK or two.
const TRUSTED_ACKS: u8 = 3;

/// The part of a round trip for which a block may be late before it counts as missing.
const REORDERING: u32 = 8;

/// What a transfer may send at most: the file twice, and this. It bounds what a spoofer can draw who
/// guesses ACKs.
const BYTES_BEYOND_TWICE: u64 = 64 << 10;

/// A second ACK of what was never sent ends the transfer: a late duplicate is forgiven, guessing is not.
const NEVER_SENT_FORGIVEN: u8 = 1;

/// Most bytes in one system call: the largest UDP payload over IPv4.
const MAX_BURST: usize = 65_507;

/// The server's side of one transfer.
#[derive(Debug)]
pub struct Transfer {
    blocks: Blocks,
    /// First block that is not acknowledged; 0 while it is the OACK.
    una: u32,
    /// Next block to send: back at `una` when a loss is to be mended.
    next: u32,
    /// One more than the highest block ever sent.
    sent: u32,
    /// The timer has run out before enough ACKs came: one block at a time.
    is_wary: bool,
    /// ACKs that made progress.
    acks: u8,
    /// ACKs of what was never sent.
    wild_acks: u8,
    stopwatch: Stopwatch,
    run_ahead: RunAhead,
    /// The timer is set to see whether a block is missing or only late.
    suspects: bool,
    /// What may be sent unasked before the first ACK.
    allowance: Allowance,
    patience: Patience,
    deadline: Instant,
    resent: u32,
    /// Bytes of all datagrams.
    bytes_sent: u64,
}

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
    /// Begins with the answer to an RRQ of `request_len` bytes.
    ///
    /// `size` is the length of the file in bytes, in the mode of `terms`; `run_ahead` the most blocks in
    /// flight to a client without a window.
    pub fn new(
        now: Instant,
        terms: Terms,
        size: u64,
        request_len: usize,
        run_ahead: u16,
    ) -> Transfer {
        let first = if terms.has_options() { 0 } else { 1 };
        let mut allowance = Allowance::default();
        allowance.earn(request_len);
        Transfer {
            blocks: Blocks::new(terms, size),
            una: first,
            next: first,
            sent: first,
            is_wary: false,
            acks: 0,
            wild_acks: 0,
            stopwatch: Stopwatch::default(),
            run_ahead: RunAhead::new(run_ahead),
            suspects: false,
            allowance,
            patience: Patience::new(now),
            deadline: now,
            resent: 0,
            bytes_sent: 0,
        }
    }

    /// The peer has acknowledged something, so its address is not forged (or guessed well).
    pub fn is_proven(&self) -> bool {
        self.acks > 0
    }

    /// What it has come to when the peer leaves now: a look at the size, all of the file (`whole` is the
    /// word for that), or less.
    pub fn outcome_when_left(&self, whole: Outcome) -> Outcome {
        let all_sent = self.sent > self.blocks.last();
        match () {
            () if self.terms().asks_size() && !self.is_proven() => Outcome::Probe,
            () if all_sent => whole,
            () => Outcome::Aborted,
        }
    }

    /// True when enough ACKs have come that they can hardly be guesses.
    pub fn is_trusted(&self) -> bool {
        self.acks >= TRUSTED_ACKS
    }

    /// True when the next datagram would be more than a transfer of this file may send.
    pub fn is_exhausted(&self) -> bool {
        let next = self.blocks.datagram_len(self.next) as u64;
        self.bytes_sent + next > 2 * self.blocks.size() + BYTES_BEYOND_TWICE
    }

    /// Length in bytes of the datagram that answers the RRQ.
    pub fn answer_len(&self) -> usize {
        self.blocks.datagram_len(self.una)
    }

    /// What was agreed.
    pub fn terms(&self) -> &Terms {
        self.blocks.terms()
    }

    /// Time since the RRQ.
    pub fn age(&self, now: Instant) -> Duration {
        self.patience.age(now)
    }

    /// Bytes of the file, in its mode, that the peer has acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.blocks.bytes_before(self.una)
    }

    /// Blocks sent more than once, counted once for each time more.
    pub fn resent(&self) -> u32 {
        self.resent
    }

    /// Smoothed round-trip time, if an ACK came.
    pub fn round_trip(&self) -> Option<Duration> {
        self.stopwatch.rtt().smoothed()
    }

    /// How far it ran ahead of a client without a window, and how often it fell back.
    pub fn run_ahead(&self) -> &RunAhead {
        &self.run_ahead
    }

    /// When [`on_timeout`](Self::on_timeout) wants to be called.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// True when [`fill`](Self::fill) has something to send.
    pub fn wants_to_send(&self) -> bool {
        self.next < self.window_end()
    }

    /// True when the peer has been silent for so long that its RRQ, if it comes again, comes from a machine
    /// that has started over.
    pub fn is_left(&self, now: Instant) -> bool {
        self.is_proven() && self.patience.is_left(now)
    }

    /// The RRQ came again, in `len` bytes, before any ACK: the same answer again.
    pub fn on_request_again(&mut self, now: Instant, len: usize) {
        self.allowance.earn(len);
        self.patience.on_heard(now);
        self.go_back(now);
    }

    /// An ACK of block `number` modulo 2¹⁶.
    pub fn on_ack(&mut self, now: Instant, number: u16) -> Acked {
        // Counted from the last acknowledged block, modulo 2¹⁶ like the numbers on the wire.
        let ahead = number.wrapping_sub(self.una.wrapping_sub(1) as u16);
        let in_flight = self.sent - self.una;
        if u32::from(ahead) <= in_flight && ahead > 0 {
            return self.on_progress(now, self.una + u32::from(ahead));
        }
        let behind = u32::from(ahead.wrapping_neg());
        if !self.is_proven() || behind >= self.una || behind > u32::from(u16::MAX / 2) {
            self.wild_acks = self.wild_acks.saturating_add(1);
            return match self.wild_acks > NEVER_SENT_FORGIVEN {
                true => Acked::Guessed,
                false => Acked::NeverSent,
            };
        }
        self.patience.on_heard(now);
        if behind == 0 {
            self.on_repeated_ack(now);
        }
        Acked::Repeated
    }

    /// Everything before `una` has arrived.
    fn on_progress(&mut self, now: Instant, una: u32) -> Acked {
        self.stopwatch.on_progress(now, una);
        self.una = una;
        self.next = self.next.max(una);
        self.acks = self.acks.saturating_add(1);
        self.is_wary = false;
        self.suspects = false;
        self.patience.on_progress(now);
        if self.una > self.blocks.last() {
            return Acked::Complete;
        }
        if !self.has_window() {
            self.run_ahead_if_trusted();
        } else if self.in_flight() > 0 && self.stopwatch.may_go_back(now) {
            // An ACK inside the window means that the block after it is missing (RFC 7440 §4).
            self.go_back(now);
        }
        self.deadline = now + self.rto();
        Acked::Progress
    }

    fn run_ahead_if_trusted(&mut self) {
        if self.is_trusted() {
            self.run_ahead.on_progress(self.stopwatch.rtt().shortest());
        }
    }

    /// The last ACK once more.
    ///
    /// In lock-step it sends nothing: answering each of two ACKs would double every block from
    /// there on (Sorcerer's Apprentice, RFC 1123 §4.2.3.1). With a window in flight it means that
    /// the first block of it is missing; EDK2 says so once for each block behind the gap, and is
    /// answered once per round trip. A peer that has long been given up by the timer gets what it
    /// is waiting for.
    fn on_repeated_ack(&mut self, now: Instant) {
        if self.patience.is_over(now) {
            return;
        }
        let misses_the_window = self.has_window() && self.in_flight() > 0;
        if misses_the_window || self.patience.is_quiet(now) {
            if self.stopwatch.may_go_back(now) {
                self.go_back(now);
            }
        } else if self.in_flight() > 1 {
            self.suspect(now);
        } else {
            self.stopwatch.on_repeated_ack(self.una);
        }
    }

    /// While running ahead, a client has taken a block out of turn: the one before it is missing, or
    /// has been overtaken and is still to come. A short wait tells.
    fn suspect(&mut self, now: Instant) {
        if !self.suspects && self.stopwatch.may_go_back(now) {
            self.suspects = true;
            let wait = self.stopwatch.rtt().smoothed().unwrap_or_default() / REORDERING;
            self.deadline = self.deadline.min(now + wait);
        }
    }

    /// The timer: resends, waits, or ends the transfer.
    pub fn on_timeout(&mut self, now: Instant) -> Expired {
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
        self.is_wary = !self.is_trusted();
        if !std::mem::take(&mut self.suspects) {
            self.stopwatch.back_off();
        }
        self.run_ahead.on_trouble();
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

    /// Appends the next datagrams: the OACK, or up to `segments` DATA of equal length, of which
    /// only the last may be shorter. `file` is the content. Returns the length of the first.
    pub fn fill(&mut self, now: Instant, file: &[u8], segments: usize, out: &mut Vec<u8>) -> usize {
        let segment = self.blocks.datagram_len(self.next);
        let most = segments.min(MAX_BURST / segment).max(1);
        for _ in 0..most {
            if !self.wants_to_send() || self.is_exhausted() {
                break;
            }
            let before = out.len();
            self.blocks.encode(self.next, self.una, file, out);
            self.bytes_sent += (out.len() - before) as u64;
            self.note_sent(now);
        }
        if !self.is_proven() {
            self.allowance.charge(out.len());
        }
        self.deadline = self.next_deadline(now);
        segment.min(out.len())
    }

    /// Block `next` has left.
    fn note_sent(&mut self, now: Instant) {
        if self.next == self.una {
            self.stopwatch.on_window_sent(now);
        }
        if self.next < self.sent {
            self.resent += 1;
        } else {
            self.sent = self.next + 1;
            let has_window = self.has_window();
            self.stopwatch.on_sent(now, self.next, has_window);
        }
        if self.next == self.blocks.last() {
            self.patience.on_last_block_sent();
        }
        self.next += 1;
    }

    /// Sends again from the first block that is not acknowledged.
    fn go_back(&mut self, now: Instant) {
        self.next = self.una;
        self.stopwatch.on_go_back(now);
    }

    fn has_window(&self) -> bool {
        self.terms().windowsize > 1
    }

    /// Blocks that were sent, since the last going back, and not acknowledged.
    fn in_flight(&self) -> u32 {
        self.next - self.una
    }

    /// One more than the last block that may leave now.
    fn window_end(&self) -> u32 {
        match self.una {
            0 => 1,
            una => (una + u32::from(self.depth())).min(self.blocks.last() + 1),
        }
    }

    /// How many blocks may be in flight.
    fn depth(&self) -> u16 {
        match self.terms().windowsize {
            1 => self.run_ahead.depth(),
            _ if self.is_wary => 1,
            windowsize => windowsize,
        }
    }

    /// The RTO, or the client's own `timeout` where that is shorter: U-Boot asks for 5 s, and
    /// waiting that long would cost 5 s a lost block.
    fn rto(&self) -> Duration {
        let rto = self.stopwatch.rtt().rto();
        match self.terms().timeout {
            Some(seconds) => rto.min(Duration::from_secs(seconds.into())),
            None => rto,
        }
    }

    fn next_deadline(&self, now: Instant) -> Instant {
        if self.patience.awaits_last_ack() {
            self.patience.last_ack_end(now)
        } else {
            now + self.rto()
        }
    }
}
