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
use super::rtt::Rtt;
use super::stats::Outcome;

/// How long the timer goes on resending to a proven peer that makes no progress.
const RESEND_FOR: Duration = Duration::from_secs(30);

/// How long after its last progress a peer is still answered. U-Boot repeats its ACK for 50 s.
const ANSWER_FOR: Duration = Duration::from_secs(60);

/// How long an RRQ that nobody confirmed is remembered; iPXE gives up 15.75 s after its first.
const UNPROVEN_FOR: Duration = Duration::from_secs(15);

/// How often the last window is sent before its ACK is taken for lost. iPXE, PXELINUX and GRUB do
/// not wait for theirs to arrive.
const LAST_WINDOW_SENDS: u8 = 3;

/// How long after the last of them the peer may still say that a block is missing: longer than
/// U-Boot's 5 s between two ACKs.
const LAST_ACK_WAIT: Duration = Duration::from_secs(6);

/// From this many ACKs on, the timer resends whole windows. A spoofer can guess an ACK or two.
const TRUSTED_ACKS: u8 = 3;

/// What a transfer may send at most: the file twice, and this. It bounds what a spoofer can draw who
/// guesses ACKs.
const BYTES_BEYOND_TWICE: u64 = 64 << 10;

/// A second ACK of what was never sent ends the transfer: a late duplicate is forgiven, guessing is not.
const NEVER_SENT_FORGIVEN: u8 = 1;

/// The same RRQ from the same port after this much silence is a machine that has restarted, not a
/// late duplicate (GRUB and iPXE under EFI use the same ports at each boot).
const RESTART_SILENCE: Duration = Duration::from_secs(1);

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
    /// How many blocks may be in flight.
    depth: u16,
    /// ACKs that made progress.
    acks: u8,
    /// ACKs of what was never sent.
    wild_acks: u8,
    /// How often the last block has been sent since the last progress.
    last_window_sends: u8,
    rtt: Rtt,
    /// The block whose ACK will be a sample of the round trip, and when it left.
    timed: Option<(u32, Instant)>,
    /// The last block that was acknowledged after having been sent twice, and how long that took
    /// from its first sending. Another ACK of it shows that the second sending was needless.
    doubtful: Option<(u32, Duration)>,
    /// What may be sent unasked before the first ACK.
    allowance: Allowance,
    started: Instant,
    /// The last ACK that made progress; the start, before.
    progressed: Instant,
    /// The last datagram of the peer that belonged here.
    heard: Instant,
    /// When `next` last went back to `una`.
    went_back: Option<Instant>,
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
    /// `size` is the length of the file in bytes, in the mode of `terms`.
    pub fn new(now: Instant, terms: Terms, size: u64, request_len: usize) -> Transfer {
        let first = if terms.has_options() { 0 } else { 1 };
        let mut allowance = Allowance::default();
        allowance.earn(request_len);
        Transfer {
            blocks: Blocks::new(terms, size),
            una: first,
            next: first,
            sent: first,
            depth: 1,
            acks: 0,
            wild_acks: 0,
            last_window_sends: 0,
            rtt: Rtt::default(),
            timed: None,
            doubtful: None,
            allowance,
            started: now,
            progressed: now,
            heard: now,
            went_back: None,
            deadline: now + UNPROVEN_FOR,
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
        now - self.started
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
        self.rtt.smoothed()
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
        self.is_proven() && now - self.heard >= RESTART_SILENCE
    }

    /// The RRQ came again, in `len` bytes, before any ACK: the same answer again.
    pub fn on_request_again(&mut self, now: Instant, len: usize) {
        self.allowance.earn(len);
        self.heard = now;
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
        self.heard = now;
        if behind == 0 {
            self.on_repeated_ack(now);
        }
        Acked::Repeated
    }

    /// Everything before `una` has arrived.
    fn on_progress(&mut self, now: Instant, una: u32) -> Acked {
        self.measure(now, una);
        self.heard = now;
        self.una = una;
        self.next = self.next.max(una);
        self.acks = self.acks.saturating_add(1);
        self.depth = self.terms().windowsize;
        self.progressed = now;
        self.last_window_sends = 0;
        if self.una > self.blocks.last() {
            return Acked::Complete;
        }
        if self.has_window() && self.in_flight() && self.may_go_back(now) {
            // An ACK inside the window means that the block after it is missing (RFC 7440 §4).
            self.go_back(now);
        }
        self.deadline = now + self.rto();
        Acked::Progress
    }

    /// The last ACK once more.
    ///
    /// In lock-step it sends nothing: answering each of two ACKs would double every block from
    /// there on (Sorcerer's Apprentice, RFC 1123 §4.2.3.1). With a window in flight it means that
    /// the first block of it is missing; EDK2 says so once for each block behind the gap, and is
    /// answered once per round trip. A peer that has long been given up by the timer gets what it
    /// is waiting for.
    fn on_repeated_ack(&mut self, now: Instant) {
        self.note_needless_resend();
        if now - self.progressed >= ANSWER_FOR {
            return;
        }
        let misses_the_window = self.has_window() && self.in_flight();
        if (misses_the_window || self.is_quiet(now)) && self.may_go_back(now) {
            self.go_back(now);
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
        if self.last_window_sends >= LAST_WINDOW_SENDS {
            return Expired::LastAckMissing;
        }
        if now - self.progressed >= ANSWER_FOR {
            return Expired::TimedOut;
        }
        if self.is_quiet(now) {
            self.deadline = self.progressed + ANSWER_FOR;
        } else {
            self.rtt.back_off();
            if !self.is_trusted() {
                self.depth = 1;
            }
            self.go_back(now);
        }
        Expired::No
    }

    /// Before the first ACK a resend is paid from the allowance; past it, the client's own timer
    /// has to repeat the RRQ.
    fn on_timeout_unproven(&mut self, now: Instant) -> Expired {
        let end = self.heard + UNPROVEN_FOR;
        if now >= end {
            return Expired::TimedOut;
        }
        self.rtt.back_off();
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
        if self.next < self.sent {
            self.resent += 1;
        } else {
            self.sent = self.next + 1;
            // The last block of a window is the one that its ACK answers.
            if self.timed.is_none() || self.has_window() {
                self.timed = Some((self.next, now));
            }
        }
        if self.next == self.blocks.last() {
            self.last_window_sends = self.last_window_sends.saturating_add(1);
        }
        self.next += 1;
    }

    /// Takes the round trip of the timed block, if `una` shows that it has arrived.
    fn measure(&mut self, now: Instant, una: u32) {
        let Some((block, left)) = self.timed else {
            return;
        };
        if block >= una {
            return;
        }
        self.timed = None;
        // A new block that leaves together with the resent ones was sent once, like any other.
        let resent_since = self.went_back.is_some_and(|at| at > left);
        if resent_since && !self.has_window() {
            self.doubtful = Some((una, now - left));
        } else if !resent_since {
            self.rtt.sample(now - left);
        }
    }

    /// A second ACK of a block that was sent twice answers the second sending, so the first ACK
    /// answered the first: the round trip is longer than the RTO was.
    fn note_needless_resend(&mut self) {
        if let Some((una, took)) = self.doubtful.take()
            && una == self.una
        {
            self.rtt.sample(took);
        }
    }

    /// Sends again from the first block that is not acknowledged.
    fn go_back(&mut self, now: Instant) {
        self.next = self.una;
        self.went_back = Some(now);
    }

    /// At most once per round trip: what arrives sooner cannot be about what was resent.
    fn may_go_back(&self, now: Instant) -> bool {
        let pause = self.rtt.shortest().unwrap_or(self.rto());
        self.went_back.is_none_or(|at| now >= at + pause)
    }

    /// The timer resends no more, but the peer is still answered.
    fn is_quiet(&self, now: Instant) -> bool {
        self.last_window_sends >= LAST_WINDOW_SENDS || now - self.progressed >= RESEND_FOR
    }

    fn has_window(&self) -> bool {
        self.terms().windowsize > 1
    }

    fn in_flight(&self) -> bool {
        self.next > self.una
    }

    /// One more than the last block that may leave now.
    fn window_end(&self) -> u32 {
        match self.una {
            0 => 1,
            una => (una + u32::from(self.depth)).min(self.blocks.last() + 1),
        }
    }

    /// The RTO, or the client's own `timeout` where that is shorter: U-Boot asks for 5 s, and
    /// waiting that long would cost 5 s a lost block.
    fn rto(&self) -> Duration {
        let rto = self.rtt.rto();
        match self.terms().timeout {
            Some(seconds) => rto.min(Duration::from_secs(seconds.into())),
            None => rto,
        }
    }

    fn next_deadline(&self, now: Instant) -> Instant {
        if self.last_window_sends >= LAST_WINDOW_SENDS {
            now + LAST_ACK_WAIT
        } else {
            now + self.rto()
        }
    }
}
