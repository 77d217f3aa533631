//! One transfer, from the answer to the RRQ to the last ACK.
//!
//! The OACK is treated as block 0, whose ACK is the client's ACK 0: so it is timed, resent and
//! acknowledged by the same few lines as every DATA.

mod acks;
mod blocks;
mod liveness;
mod rtt;
pub mod run_ahead;
mod send_window;
mod timer;
mod window;

use std::ops::Range;
use std::time::Duration;

use self::blocks::Blocks;
use self::liveness::Patience;
use self::rtt::Stopwatch;
use self::run_ahead::RunAhead;
use self::send_window::Flight;
use self::window::Window;
use crate::proto::Instant;
use crate::proto::guard::Allowance;
use crate::proto::negotiate::Terms;
use crate::proto::stats::Outcome;
pub use acks::Acked;
pub use timer::Expired;

/// From this many ACKs on, the timer resends whole windows. A spoofer can guess an ACK or two.
const TRUSTED_ACKS: u8 = 3;

/// How old a transfer has to be before an ICMP message about it is hardly the answer of a host that did not ask: that
/// comes a round trip after the first datagram. Until then a spoofer may have guessed any number of ACKs.
const ESTABLISHED_AFTER: Duration = Duration::from_secs(1);

/// What a transfer may send at most: so many bytes for each that was acknowledged, and two windows and
/// 64 KiB to begin with. It bounds what a spoofer can draw who guesses ACKs; the worst paths that a
/// transfer survives (a tenth of all datagrams lost each way) need 2 to 3.
const BYTES_PER_ACKNOWLEDGED: u64 = 4;
const BYTES_TO_BEGIN_WITH: u64 = 64 << 10;

/// Most bytes in one system call: the largest UDP payload over IPv4.
const MAX_BURST: usize = 65_507;

/// The server's side of one transfer.
#[derive(Debug)]
pub struct Transfer {
    blocks: Blocks,
    flight: Flight,
    /// The timer has run out before enough ACKs came: one block at a time.
    is_wary: bool,
    /// ACKs that made progress.
    acks: u8,
    /// ACKs of what was never sent.
    wild_acks: u8,
    stopwatch: Stopwatch,
    run_ahead: RunAhead,
    window: Window,
    /// The last block that was acknowledged is to be sent once more, to have the client say what it
    /// has: it acknowledges what is out of turn (RFC 7440 §4), and this always is.
    echo: bool,
    /// Blocks that the timer has sent once more: EDK2 acknowledges each that it has already. Forgotten
    /// after two windows in a row without such an echo.
    needless: u32,
    calm_windows: u8,
    /// How often the timer has run out since the last progress.
    expiries: u8,
    /// One more than the last block that the timer has leave, whatever the depth: all that was in flight, and to a client with a
    /// window one that is new; 0 if none.
    timer_end: u32,
    /// When the next part may leave of a window that is spread, or of a prefix that has had its share.
    held_until: Option<Instant>,
    /// The timer is set to see whether a block is missing or only late.
    suspects: bool,
    /// ICMP says that the peer is gone, and it has not said anything since.
    is_unreachable: bool,
    /// What may be sent unasked before the first ACK.
    allowance: Allowance,
    patience: Patience,
    deadline: Instant,
    resent: u32,
    /// Bytes of all datagrams.
    bytes_sent: u64,
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
            flight: Flight::new(first),
            is_wary: false,
            acks: 0,
            wild_acks: 0,
            stopwatch: Stopwatch::default(),
            run_ahead: RunAhead::new(run_ahead),
            window: Window::new(terms.windowsize),
            echo: false,
            needless: 0,
            calm_windows: 0,
            expiries: 0,
            timer_end: 0,
            held_until: None,
            suspects: false,
            is_unreachable: false,
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

    /// Every block has left at least once.
    pub fn all_sent(&self) -> bool {
        self.flight.sent() > self.blocks.last()
    }

    /// What it has come to when the peer leaves now: a look at the size, all of the file (`whole` is the
    /// word for that), or less.
    pub fn outcome_when_left(&self, whole: Outcome) -> Outcome {
        match () {
            () if self.terms().asks_size() && !self.is_proven() => Outcome::Probe,
            () if self.all_sent() => whole,
            () => Outcome::Aborted,
        }
    }

    /// True when enough ACKs have come that they can hardly be guesses.
    pub fn is_trusted(&self) -> bool {
        self.acks >= TRUSTED_ACKS
    }

    /// True when it has gone on for so long, with so many ACKs, that its peer has asked for it.
    pub fn is_established(&self, now: Instant) -> bool {
        self.is_trusted() && self.age(now) >= ESTABLISHED_AFTER
    }

    /// True when all of it has left, and the timer has sent the end once more: what a client causes that has gone
    /// after its last ACK was lost, and no host that has just got its first datagram.
    pub fn has_resent_the_end(&self) -> bool {
        self.is_proven() && self.all_sent() && self.expiries > 0
    }

    /// True when the next datagram would be more than a transfer may send that has come this far.
    pub fn is_exhausted(&self) -> bool {
        let next = self.blocks.datagram_len(self.first_to_leave(&self.due()));
        self.affordable() < next as u64
    }

    /// Bytes that may leave before something more is acknowledged.
    fn affordable(&self) -> u64 {
        let earned = BYTES_PER_ACKNOWLEDGED * self.acknowledged();
        (earned + 2 * self.window_len() + BYTES_TO_BEGIN_WITH).saturating_sub(self.bytes_sent)
    }

    /// Bytes of the file in a window.
    fn window_len(&self) -> u64 {
        u64::from(self.terms().blksize) * u64::from(self.terms().windowsize)
    }

    /// Length in bytes of the datagram that answers the RRQ.
    pub fn answer_len(&self) -> usize {
        self.blocks.datagram_len(self.flight.una())
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
        self.blocks.bytes_before(self.flight.una())
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
        match self.held_until {
            Some(held_until) => held_until.min(self.deadline),
            None => self.deadline,
        }
    }

    /// True when [`fill`](Self::fill) has something to send.
    pub fn wants_to_send(&self) -> bool {
        self.held_until.is_none() && !self.is_unreachable && (self.echo || !self.due().is_empty())
    }

    /// About how many bytes those are.
    pub fn waiting(&self) -> u64 {
        let due = self.due();
        let each = self.blocks.datagram_len(self.first_to_leave(&due));
        due.len().max(1) as u64 * each as u64
    }

    /// True when the peer has been silent for so long that its RRQ, if it comes again, comes from a machine
    /// that has started over.
    pub fn is_left(&self, now: Instant) -> bool {
        self.is_proven() && self.patience.is_left(now)
    }

    /// Nothing may leave before `until`, though something could.
    pub fn hold(&mut self, until: Instant) {
        self.held_until = Some(until);
        self.deadline = self.deadline.max(until + self.rto());
    }

    /// The RRQ came again, in `len` bytes, before any ACK: the same answer again.
    pub fn on_request_again(&mut self, now: Instant, len: usize) {
        self.allowance.earn(len);
        self.patience.on_heard(now);
        self.go_back(now);
    }

    /// Appends the next datagrams: the OACK, or up to `segments` DATA of equal length, of which
    /// only the last may be shorter. `file` is the content. Returns the length of the first.
    ///
    /// It must want to send, and not be [exhausted](Self::is_exhausted).
    pub fn fill(&mut self, now: Instant, file: &[u8], segments: usize, out: &mut Vec<u8>) -> usize {
        let due = self.due();
        let segment = self.blocks.datagram_len(self.first_to_leave(&due));
        let affordable = usize::try_from(self.affordable()).unwrap_or(usize::MAX);
        let room = MAX_BURST.min(affordable) / segment;
        let has_echo = due.is_empty() || due.end <= self.blocks.last() && self.wants_echo();
        let datagrams = due.len() + usize::from(has_echo);
        let mut most = in_equal_parts(datagrams, segments.min(room).max(1));
        let spread = self.window.spread(self.stopwatch.rtt().shortest());
        if let Some((chunk, _)) = spread {
            let rest = chunk - self.stopwatch.in_burst(self.flight.next()) % chunk;
            most = most.min(rest as usize);
        }
        for _ in 0..most {
            if !self.put_next(now, due.end, file, out) {
                break;
            }
        }
        // A driver that takes one datagram at a time comes back for the rest of the chunk.
        if let Some((chunk, pause)) = spread
            && self
                .stopwatch
                .in_burst(self.flight.next())
                .is_multiple_of(chunk)
        {
            self.held_until = Some(now + pause);
        }
        if !self.is_proven() {
            self.allowance.charge(out.len());
        }
        self.deadline = self.next_deadline(now);
        segment.min(out.len())
    }

    /// The blocks that may leave now: from `next` on, if any.
    fn due(&self) -> Range<u32> {
        let end = match self.flight.una() {
            0 => 1,
            _ if self.timer_end > 0 => self.timer_end,
            una => una + u32::from(self.depth()),
        };
        self.flight.next()..end.min(self.blocks.last() + 1)
    }

    /// The first of those, or the one that is echoed.
    fn first_to_leave(&self, due: &Range<u32>) -> u32 {
        match due.is_empty() {
            true => self.oldest(),
            false => due.start,
        }
    }

    /// The block that was acknowledged last: none before it is ever sent again.
    fn oldest(&self) -> u32 {
        self.flight.una().saturating_sub(1)
    }

    /// Appends block `next`, if that is before `end`, or the echo of an acknowledged one. False when neither is due.
    fn put_next(&mut self, now: Instant, end: u32, file: &[u8], out: &mut Vec<u8>) -> bool {
        let before = out.len();
        let (next, oldest) = (self.flight.next(), self.oldest());
        if next < end {
            self.blocks.encode(next, oldest, file, out);
            self.note_sent(now);
            self.echo = next + 1 == end && next < self.blocks.last() && self.wants_echo();
        } else if std::mem::take(&mut self.echo) {
            self.blocks.encode(oldest, oldest, file, out);
            self.resent += 1;
        }
        self.bytes_sent += (out.len() - before) as u64;
        out.len() > before
    }

    /// Block `next` has left.
    fn note_sent(&mut self, now: Instant) {
        let block = self.flight.next();
        let is_first_time = self.flight.send();
        self.resent += u32::from(!is_first_time);
        self.stopwatch.on_sent(now, block, is_first_time);
    }

    /// Sends again from the first block that is not acknowledged.
    fn go_back(&mut self, now: Instant) {
        self.flight.go_back();
        self.echo = false;
        self.held_until = None;
        self.stopwatch.on_go_back(now);
    }

    /// There is a block to echo. The OACK is none: a client may take it for the start of something new.
    fn can_echo(&self) -> bool {
        self.is_trusted() && self.flight.una() > 1
    }

    /// The client has a window, and goes on waiting after what leaves now.
    fn wants_echo(&self) -> bool {
        self.has_window() && self.can_echo() && (self.window.wants_echo() || self.timer_end > 0)
    }

    fn has_window(&self) -> bool {
        self.terms().windowsize > 1
    }

    /// How many blocks may be in flight.
    fn depth(&self) -> u16 {
        match self.terms().windowsize {
            1 => self.run_ahead.depth(),
            _ if self.is_wary => 1,
            _ if self.can_echo() => self.window.depth(),
            windowsize => windowsize,
        }
    }
}

/// The size of a part, if `datagrams` leave in the fewest parts of at most `most`. A near client is busy with the first half of
/// a window while the second leaves: the more even they are, the less one waits for the other.
fn in_equal_parts(datagrams: usize, most: usize) -> usize {
    datagrams.div_ceil(datagrams.div_ceil(most))
}
