//! Loss detection: what ACKs, repeated ACKs and silence mean.
//!
//! An ACK carries one number, and a client that has got a block out of turn says so in its own way, or
//! not at all. The signals (in the spirit of RFC 9002 §6 and RFC 8985):
//!
//! | signal | meaning |
//! |---|---|
//! | an ACK inside a client's window | the block behind it is lost (RFC 7440 §4) |
//! | the last ACK again, with more than one block in flight | the first block in flight is lost, or overtaken |
//! | silence for SRTT + 4 · RTTVAR | the tail is lost, or an ACK; some clients report nothing else |
//! | progress sooner than a round trip after a resend | the resend was spurious |
//!
//! There is one recovery per round trip: an ACK that cannot be about the last departure of the first
//! missing block starts none. EDK2 acknowledges each block that is not the next one, so a server that
//! resends for each such ACK sends a block thousands of times.

use std::time::Duration;

use super::rtt::Rtt;
use crate::proto::Instant;

/// The share of a round trip for which a block may be overtaken before it counts as lost (RFC 8985 §6.2).
const REORDERING: u32 = 8;

/// On a local network a block that has been overtaken is there by then.
const LEAST_REORDERING: Duration = Duration::from_millis(1);

/// How often the pause between two recoveries that repeated ACKs cause is doubled, as long as there is no
/// progress.
const MOST_DOUBLINGS: u8 = 5;

/// What the timer of a transfer is for: one purpose at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// An ACK of what is in flight. Without one it is resent.
    Ack,
    /// A block that may have been overtaken. If it does not turn up, it is lost.
    Reordered,
    /// The last ACK. Everything was sent, and the end three times.
    LastAck,
    /// A client that was silent for so long that nothing is resent before it speaks.
    Client,
    /// A sign of life of a client that ICMP calls unreachable.
    SignOfLife,
}

impl Waiting {
    /// Nothing is resent before the client says something.
    pub(super) fn is_for_the_client(self) -> bool {
        matches!(self, Waiting::Client | Waiting::LastAck)
    }
}

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Nothing, or nothing that is not being resent already.
    Nothing,
    /// The first block that is not acknowledged.
    BlockLost,
    /// The same, but far more was resent than is usual, so the recovery begins at this time.
    BlockLostLater(Instant),
    /// Nothing was: the last resend was not needed.
    Spurious,
}

/// The facts about an ACK.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ack {
    pub(super) now: Instant,
    /// Blocks in flight behind it.
    pub(super) in_flight: u32,
    /// It ends inside a window of the client's.
    pub(super) is_partial: bool,
    /// Time since the block behind it left last, at least; `None` if that is long ago.
    pub(super) age: Option<Duration>,
    /// The client has sent too few ACKs to be sure of its address: recoveries are rare.
    pub(super) is_suspect: bool,
    /// Far more was resent than is usual on a bad path.
    pub(super) is_wasteful: bool,
}

/// See the [module](self).
#[derive(Clone, Copy, Debug)]
pub(super) struct LossDetection {
    waiting: Waiting,
    deadline: Instant,
    /// How often the timer has expired since the last progress.
    expiries: u8,
    /// When the last recovery began, and how many there were since the last progress.
    recovered_at: Option<Instant>,
    recoveries: u8,
    /// Repeated ACKs to expect, because a client that answers every block will answer each of those
    /// that the timer has resent. Forgotten after two windows in a row without any.
    duplicates: u16,
    calm_windows: u8,
    /// The client has discarded what came behind the block that the last recovery was about.
    has_discarded: bool,
}

/// The pause before the next recovery of a client with few ACKs, after `recoveries` of them without progress. It
/// grows, because a blind ACK attack can repeat its ACK as fast as it likes. A client that repeats its ACK every second
/// is answered each time at first, and then every other time: a client that reports no gap needs several windows to get
/// one whole.
fn suspect_pause(recoveries: u8) -> Duration {
    Duration::from_millis(match recoveries {
        0 | 1 => 250,
        2 => 500,
        3..8 => 900,
        _ => 1800,
    })
}

/// The least time from a resend to the question of a client that misses it.
const LEAST_QUESTION: Duration = Duration::from_millis(200);

/// The pause between two recoveries where far more was resent than is usual on a bad path. An attacker who counts
/// ACKs up blindly reports a gap with each of them.
const WASTEFUL_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause otherwise, as far as it is more than two round trips.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl LossDetection {
    /// Waits for nothing yet.
    pub(super) fn new(now: Instant) -> LossDetection {
        LossDetection {
            waiting: Waiting::Ack,
            deadline: now,
            expiries: 0,
            recovered_at: None,
            recoveries: 0,
            duplicates: 0,
            calm_windows: 0,
            has_discarded: false,
        }
    }

    /// What the timer is for.
    pub(super) fn waiting(&self) -> Waiting {
        self.waiting
    }

    /// When it expires.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How often it has expired since the last progress.
    pub(super) fn expiries(&self) -> u8 {
        self.expiries
    }

    /// How many recoveries there were since the last progress.
    pub(super) fn recoveries(&self) -> u8 {
        self.recoveries
    }

    /// Time since the last recovery began, if there was one.
    pub(super) fn since_recovery(&self, now: Instant) -> Duration {
        self.recovered_at.map_or(Duration::MAX, |at| now - at)
    }

    /// Waits for `waiting` until `deadline`.
    pub(super) fn wait(&mut self, waiting: Waiting, deadline: Instant) {
        self.waiting = waiting;
        self.deadline = deadline;
    }

    /// Waits until `latest` at most.
    pub(super) fn wait_no_longer_than(&mut self, latest: Instant) {
        self.deadline = self.deadline.min(latest);
    }

    /// Waits for an ACK until `earliest` at least.
    pub(super) fn wait_for_ack_until(&mut self, earliest: Instant) {
        if self.waiting != Waiting::Reordered {
            self.deadline = self.deadline.max(earliest);
        }
    }

    /// An ACK of blocks that were not acknowledged before.
    pub(super) fn on_progress(&mut self, ack: Ack, rtt: &Rtt) -> Signal {
        let is_spurious = self.recoveries > 0 && self.is_too_soon_for_a_resend(ack.now, rtt);
        self.expiries = 0;
        self.waiting = Waiting::Ack;
        if ack.in_flight == 0 {
            self.calm_windows = self.calm_windows.saturating_add(1);
            if self.calm_windows >= 2 {
                self.duplicates = 0;
            }
        }
        self.recoveries = 0;
        let is_reported = ack.is_partial && ack.in_flight > 0;
        match self.next_recovery(ack, rtt).filter(|_| is_reported) {
            Some(at) if at <= ack.now => Signal::BlockLost,
            Some(at) if ack.is_wasteful => Signal::BlockLostLater(at),
            _ if is_spurious => Signal::Spurious,
            _ => Signal::Nothing,
        }
    }

    fn is_too_soon_for_a_resend(&self, now: Instant, rtt: &Rtt) -> bool {
        let shortest = rtt.shortest().unwrap_or_default();
        self.recovered_at
            .is_some_and(|at| now < at + shortest * 7 / 8)
    }

    /// The last ACK again, with more than one block in flight: the first of them is missing at the client, or late.
    /// `is_resent` if it has left more than once.
    pub(super) fn on_repeated_ack(&mut self, ack: Ack, is_resent: bool, rtt: &Rtt) {
        let is_copy = !(is_resent && self.has_discarded);
        if is_copy && self.is_expected(ack.now, rtt)
            || self.waiting == Waiting::Reordered
            || !self.may_recover(ack, rtt)
        {
            return;
        }
        let wait = rtt.smoothed().unwrap_or_default() / REORDERING;
        let wait = wait.max(LEAST_REORDERING);
        // The timer may be overdue: the ACKs of a batch are handled before it.
        self.wait(Waiting::Reordered, ack.now + wait);
    }

    /// A client that nothing is resent to any more repeats its ACK. It may be a copy (RFC 1123 §4.2.3.1), so not at once.
    pub(super) fn on_question(&self, ack: Ack, rtt: &Rtt) -> Signal {
        let is_old = ack.age.is_none_or(|age| age >= LEAST_QUESTION);
        match is_old && self.may_recover(ack, rtt) {
            true => Signal::BlockLost,
            false => Signal::Nothing,
        }
    }

    /// The ACK answers a block that the timer has resent, by its number and by the time.
    fn is_expected(&mut self, now: Instant, rtt: &Rtt) -> bool {
        self.calm_windows = 0;
        let is_soon = self
            .recovered_at
            .is_some_and(|at| now < at + rtt.two_trips());
        let is_expected = self.duplicates > 0 && is_soon;
        self.duplicates -= u16::from(is_expected);
        is_expected
    }

    /// The timer has expired.
    pub(super) fn on_expiry(&mut self) {
        self.expiries = self.expiries.saturating_add(1);
    }

    /// All that is in flight will leave again, also a block that may have been overtaken.
    pub(super) fn on_recovery(&mut self, now: Instant) {
        if self.waiting == Waiting::Reordered {
            self.waiting = Waiting::Ack;
        }
        self.recovered_at = Some(now);
        self.recoveries = self.recoveries.saturating_add(1);
    }

    /// The recovery that has just been prepared begins at `at`.
    pub(super) fn postpone_recovery(&mut self, at: Instant) {
        self.recovered_at = Some(at);
    }

    /// The first progress since a recovery acknowledges one window (or the rest of one) and `more` blocks. The client
    /// had those already, and will answer their copies. If there are none, and a round trip has passed, it has
    /// most likely discarded what came behind the lost block (RFC 7440 §4).
    pub(super) fn on_answered(&mut self, now: Instant, more: u32, rtt: &Rtt) {
        self.has_discarded = more == 0 && !self.is_too_soon_for_a_resend(now, rtt);
        if !self.has_discarded {
            self.expect_duplicates(more);
        }
    }

    /// `blocks` leave again without the client having said that it misses them.
    pub(super) fn expect_duplicates(&mut self, blocks: u32) {
        let blocks = u16::try_from(blocks).unwrap_or(u16::MAX);
        self.duplicates = self.duplicates.saturating_add(blocks);
        self.calm_windows = 0;
    }

    /// The ACK can be about the last departure of the block behind it, and the last recovery is long
    /// enough ago.
    fn may_recover(&self, ack: Ack, rtt: &Rtt) -> bool {
        self.next_recovery(ack, rtt).is_some_and(|at| at <= ack.now)
    }

    /// When the next recovery may begin; `None` if the ACK cannot be about the last departure of the block behind it.
    fn next_recovery(&self, ack: Ack, rtt: &Rtt) -> Option<Instant> {
        let least = rtt.least_now();
        if ack.age.is_some_and(|age| age < least) {
            return None;
        }
        let doublings = self.recoveries.min(MOST_DOUBLINGS);
        let pause = match self.recoveries {
            recoveries @ 1.. if ack.is_suspect => least.max(suspect_pause(recoveries)),
            _ if ack.is_wasteful => least.max(WASTEFUL_PAUSE),
            0 => least,
            // A client that answers every block goes on repeating its ACK until a resend has reached it, and
            // where it is slow that takes longer than any round trip measured. The timer comes first. But a
            // client that repeats its ACK by a timer of its own is answered.
            _ => (least * 2 * (1 << doublings)).min(LONGEST_PAUSE.max(2 * least)),
        };
        Some(self.recovered_at.map_or(ack.now, |at| at + pause))
    }
}
