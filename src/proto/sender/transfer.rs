//! The state of one outgoing transfer, and what leaves.

use std::num::NonZeroU32;
use std::ops::Range;
use std::time::Duration;

use super::blocks::Blocks;
use super::congestion::Controller;
use super::departures::Departures;
use super::liveness::Liveness;
use super::loss::LossDetection;
use super::rtt::{InFlight, Rtt};
use super::send_window::{Acknowledged, SendWindow};
use crate::proto::Instant;
use crate::proto::guard::Allowance;
use crate::proto::negotiate::Terms;
use crate::proto::stats::Outcome;

/// From this many ACKs on, a blind ACK attack is unlikely: an attacker can guess an ACK or two.
const TRUSTED_ACKS: u8 = 3;

/// How old a transfer has to be before an ICMP report about it hardly comes from a host that did not ask.
/// Such a report comes a round trip after the first datagram. Until then an attacker may have sent any
/// number of blind ACKs.
const ESTABLISHED_AFTER: Duration = Duration::from_secs(1);

/// So often in a row the timer resends all that may be in flight. Later it does so every other time, and
/// one window in between: most likely the client is gone.
const WHOLE_FLIGHTS: u8 = 4;

/// How many blocks may be resent for each that is acknowledged, and how many to begin with (and two windows).
const RESENT_FOR_EACH: u32 = 3;
const RESENT_TO_BEGIN_WITH: u32 = 64;

/// Most bytes in one system call: the largest UDP payload over IPv4.
const MAX_BURST: usize = 65_507;

/// The server's side of one transfer.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub(super) blocks: Blocks,
    pub(super) window: SendWindow,
    /// ACKs that made progress.
    pub(super) acks: u8,
    /// ACKs of blocks that were never sent.
    pub(super) wild_acks: u8,
    pub(super) departures: Departures,
    pub(super) rtt: Rtt,
    pub(super) loss: LossDetection,
    pub(super) congestion: Controller,
    /// A single block to resend, which moves nothing else.
    pub(super) probe: Option<NonZeroU32>,
    /// Nothing may leave before: a pause of the congestion controller, or the prefix has had its share.
    pub(super) held_until: Option<Instant>,
    /// What may be sent unasked before the first ACK.
    pub(super) allowance: Allowance,
    pub(super) liveness: Liveness,
    pub(super) resent: u32,
    pub(super) recoveries: u16,
}

impl Transfer {
    /// Begins with the answer to an RRQ of `request_len` bytes.
    ///
    /// `size` is the length of the file in bytes, in the mode of `terms`; `pipeline` the most blocks in
    /// flight beyond the client's window, at least 1.
    pub(crate) fn new(
        now: Instant,
        terms: Terms,
        size: u64,
        request_len: usize,
        pipeline: u16,
    ) -> Transfer {
        let first = if terms.has_options() { 0 } else { 1 };
        let mut allowance = Allowance::default();
        allowance.earn(request_len);
        Transfer {
            blocks: Blocks::new(terms, size),
            window: SendWindow::new(first),
            acks: 0,
            wild_acks: 0,
            departures: Departures::default(),
            rtt: Rtt::default(),
            loss: LossDetection::new(now),
            congestion: Controller::new(terms.windowsize, pipeline.max(1)),
            probe: None,
            held_until: None,
            allowance,
            liveness: Liveness::new(now),
            resent: 0,
            recoveries: 0,
        }
    }

    /// The client has acknowledged something, so its address is not forged (or guessed well).
    pub(crate) fn is_validated(&self) -> bool {
        self.acks > 0
    }

    /// Every block has left at least once.
    pub(crate) fn all_sent(&self) -> bool {
        self.window.sent() > self.blocks.last()
    }

    /// The outcome if the client ends the transfer now: a size probe, all of the file (`whole` is the
    /// word for that), or less.
    pub(crate) fn outcome_when_ended(&self, whole: Outcome) -> Outcome {
        match () {
            () if self.terms().asks_size() && !self.is_validated() => Outcome::Probe,
            () if self.all_sent() => whole,
            () => Outcome::Aborted,
        }
    }

    /// Enough ACKs have come that they can hardly be blind.
    pub(crate) fn is_trusted(&self) -> bool {
        self.acks >= TRUSTED_ACKS
    }

    /// The transfer has gone on for so long, with so many ACKs, that its client has asked for it.
    pub(crate) fn is_established(&self, now: Instant) -> bool {
        self.is_trusted() && self.age(now) >= ESTABLISHED_AFTER
    }

    /// All of the file has left, and the timer has resent the end. A client that is gone after its last ACK
    /// was lost causes that, and no host that has just got its first datagram.
    pub(crate) fn has_resent_the_end(&self) -> bool {
        self.is_validated() && self.all_sent() && self.loss.expiries() > 0
    }

    /// Length in bytes of the datagram that answers the RRQ.
    pub(crate) fn answer_len(&self) -> usize {
        self.blocks.datagram_len(self.window.una())
    }

    /// What was agreed.
    pub(crate) fn terms(&self) -> &Terms {
        self.blocks.terms()
    }

    /// When the RRQ came.
    pub(crate) fn started(&self) -> Instant {
        self.liveness.started()
    }

    /// Time since the RRQ.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        self.liveness.age(now)
    }

    /// When the last ACK made progress; the RRQ, before.
    pub(crate) fn progressed(&self) -> Instant {
        self.liveness.progressed()
    }

    /// Bytes of the file, in its mode, that the client has acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.blocks.bytes_before(self.window.una())
    }

    /// Blocks sent more than once, counted once for each time more.
    pub(crate) fn resent(&self) -> u32 {
        self.resent
    }

    /// How often blocks in flight were resent together.
    pub(crate) fn recoveries(&self) -> u16 {
        self.recoveries
    }

    /// The most blocks that were allowed in flight at a time.
    pub(crate) fn deepest(&self) -> u16 {
        self.congestion.deepest()
    }

    /// Smoothed round-trip time, if an ACK came.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.rtt.smoothed()
    }

    /// When [`on_timeout`](Self::on_timeout) wants to be called.
    pub(crate) fn deadline(&self) -> Instant {
        match self.held_until {
            Some(held_until) => held_until.min(self.loss.deadline()),
            None => self.loss.deadline(),
        }
    }

    /// True when [`fill`](Self::fill) has something to send.
    // Inlined, because each ACK asks several times.
    #[inline]
    pub(crate) fn wants_to_send(&self) -> bool {
        self.held_until.is_none()
            && !self.is_unreachable()
            && (self.probe.is_some() || !self.due().is_empty())
    }

    /// About how many bytes those are.
    pub(crate) fn waiting(&self) -> u64 {
        let due = self.due();
        due.len().max(1) as u64 * self.blocks.datagram_len(self.first_due(&due)) as u64
    }

    /// The client has been silent for so long that its RRQ, if it comes again, comes from a machine that
    /// has restarted.
    pub(crate) fn may_have_restarted(&self, now: Instant) -> bool {
        self.is_validated() && self.liveness.may_have_restarted(now)
    }

    /// Nothing may leave before `until`, though something could.
    pub(crate) fn hold(&mut self, until: Instant) {
        self.congestion.end_spreading();
        self.held_until = Some(until);
        self.loss.wait_for_ack_until(until + self.ack_wait());
    }

    /// True if `number` is that of a block that has left and is not acknowledged.
    pub(crate) fn is_in_flight(&self, number: u16) -> bool {
        matches!(self.window.read(number), Acknowledged::New(_))
    }

    /// The blocks in flight were too large for the path, and are lost.
    pub(crate) fn on_too_big(&mut self, now: Instant) {
        self.go_back(now, false);
    }

    /// The RRQ came again, in `len` bytes, before any ACK: the same answer again.
    pub(crate) fn on_request_again(&mut self, now: Instant, len: usize) {
        self.allowance.earn(len);
        self.liveness.on_heard(now);
        self.go_back(now, false);
    }

    /// Appends the next datagrams: the OACK, or up to `segments` DATA of equal length, of which
    /// only the last may be shorter. `file` is the content. Returns the length of the first.
    ///
    /// The transfer must want to send.
    pub(crate) fn fill(
        &mut self,
        now: Instant,
        file: &[u8],
        segments: usize,
        out: &mut Vec<u8>,
    ) -> usize {
        let before = out.len();
        let due = self.due();
        let segment = self.blocks.datagram_len(self.first_due(&due));
        if let Some(block) = self.probe.take() {
            self.put_probe(now, block.get(), file, out);
        } else {
            let most = segments.min(MAX_BURST / segment).max(1);
            let together = due.len().min(self.congestion.chunk_left());
            for _ in 0..in_equal_parts(together, most) {
                self.put_next(now, file, out);
            }
        }
        let len = out.len() - before;
        if !self.is_validated() {
            self.allowance.charge(len);
        }
        self.wait_for_ack(now);
        segment.min(len)
    }

    /// The blocks that may leave now: from `next` on, if any.
    pub(super) fn due(&self) -> Range<u32> {
        let end = match self.window.una() {
            0 => 1,
            una => una + u32::from(self.limit()),
        };
        self.window.next()..end.min(self.blocks.last() + 1)
    }

    /// A recovery is under way: blocks that have left before wait to leave again. (New blocks may wait as well,
    /// while the driver handles a batch of ACKs and in a pause.)
    pub(super) fn is_resending(&self) -> bool {
        self.window.next() < self.window.sent() && !self.due().is_empty()
    }

    /// How many blocks may be in flight: whole windows of the client, always.
    fn limit(&self) -> u16 {
        match self.loss.expiries() {
            _ if !self.is_trusted() => self.terms().windowsize,
            0 | 1 => self.congestion.limit(),
            expiries if expiries > WHOLE_FLIGHTS && expiries % 2 == 1 => self.terms().windowsize,
            _ => self.congestion.limit_after_silence().max(self.reach()),
        }
    }

    /// Whole windows up to the highest block that has left. A client that never repeats an ACK (GRUB, lwIP) may have
    /// them all, if its ACKs are lost. It answers only its last block and the next one.
    fn reach(&self) -> u16 {
        let blocks = self.window.sent() - self.window.una();
        let whole = blocks.next_multiple_of(self.terms().windowsize.into());
        u16::try_from(whole).unwrap_or(u16::MAX)
    }

    /// More was resent than the worst paths need that a transfer survives (a tenth of all datagrams lost each way):
    /// the ACKs may be blind. The transfer goes on, with rare recoveries.
    pub(super) fn is_wasteful(&self) -> bool {
        let usual = RESENT_FOR_EACH * self.window.una() + RESENT_TO_BEGIN_WITH;
        self.resent > usual + 2 * u32::from(self.terms().windowsize)
    }

    /// The first block that leaves next.
    fn first_due(&self, due: &Range<u32>) -> u32 {
        self.probe.map_or(due.start, NonZeroU32::get)
    }

    fn put_probe(&mut self, now: Instant, block: u32, file: &[u8], out: &mut Vec<u8>) {
        self.blocks.encode(block, self.oldest(), file, out);
        self.departures.record_single(now, block);
        self.window.on_probe();
        self.resent += 1;
    }

    fn put_next(&mut self, now: Instant, file: &[u8], out: &mut Vec<u8>) {
        let block = self.window.next();
        self.blocks.encode(block, self.oldest(), file, out);
        let srtt = self.rtt.smoothed().unwrap_or_default();
        self.departures.record(now, block, srtt);
        let is_first_time = self.window.send();
        self.resent += u32::from(!is_first_time);
        if let Some(pause) = self.congestion.on_sent(self.rtt.shortest()) {
            self.held_until = Some(now + pause);
        }
    }

    /// No block before this one is ever sent again.
    fn oldest(&self) -> u32 {
        self.window.una()
    }

    /// Resends from the first block that is not acknowledged.
    pub(super) fn go_back(&mut self, now: Instant, is_reported: bool) {
        self.window.go_back(is_reported);
        self.departures.on_go_back();
        self.probe = None;
        self.loss.on_recovery(now);
        let is_counted = u16::from(self.is_validated());
        self.recoveries = self.recoveries.saturating_add(is_counted);
    }

    /// How long an ACK of what is in flight is waited for. The client's own `timeout` counts where it is shorter:
    /// U-Boot asks for 5 s, and waiting that long would cost 5 s for each lost block.
    pub(super) fn ack_wait(&self) -> Duration {
        let in_flight = match () {
            () if self.is_trusted() && self.congestion.is_pipelining() => InFlight::Pipeline,
            () if self.window.in_flight() > 1 => InFlight::Window,
            () => InFlight::Block,
        };
        let wait = self.rtt.ack_wait(in_flight);
        match self.terms().timeout {
            Some(seconds) => wait.min(Duration::from_secs(seconds.into())),
            None => wait,
        }
    }
}

/// The size of a part, if `datagrams` leave in the fewest parts of at most `most`. A local client processes the
/// first half of a window while the second leaves: even parts keep both ends busy.
fn in_equal_parts(datagrams: usize, most: usize) -> usize {
    match datagrams.div_ceil(most) {
        0 => 0,
        parts => datagrams.div_ceil(parts),
    }
}
