//! How long a silent peer is waited for. Never a count of resends alone: how fast they follow depends
//! on the path, and what a client can stand does not.

use std::time::Duration;

use super::Instant;

/// How long the timer goes on resending to a proven peer that makes no progress.
const RESEND_FOR: Duration = Duration::from_secs(30);

/// How long after its last progress a peer is still answered. U-Boot repeats its ACK for 50 s.
const ANSWER_FOR: Duration = Duration::from_secs(60);

/// How long an RRQ that nobody confirmed is remembered; iPXE gives up 15.75 s after its first.
const UNPROVEN_FOR: Duration = Duration::from_secs(15);

/// How often the last window is sent before its ACK is taken for lost. iPXE, PXELINUX and GRUB do
/// not wait for theirs to arrive.
const LAST_WINDOW_SENDS: u8 = 3;

/// How long after the last of them the peer may still say that a block is missing. U-Boot says so
/// every 5 s, and two of its ACKs may be lost.
const LAST_ACK_WAIT: Duration = Duration::from_secs(16);

/// The same RRQ from the same port after this much silence is a machine that has restarted, not a
/// late duplicate (GRUB and iPXE under EFI use the same ports at each boot).
const RESTART_SILENCE: Duration = Duration::from_secs(1);

/// What one peer has let us wait for so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    started: Instant,
    /// The last ACK that made progress; the start, before.
    progressed: Instant,
    /// The last datagram of the peer that belonged to the transfer.
    heard: Instant,
    /// How often the timer has sent again all that is in flight, since the last progress.
    resends: u8,
}

impl Patience {
    /// From the RRQ on.
    pub(super) fn new(now: Instant) -> Patience {
        Patience {
            started: now,
            progressed: now,
            heard: now,
            resends: 0,
        }
    }

    /// Time since the RRQ.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now - self.started
    }

    /// The peer is there.
    pub(super) fn on_heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The peer has got something that it did not have.
    pub(super) fn on_progress(&mut self, now: Instant) {
        self.heard = now;
        self.progressed = now;
        self.resends = 0;
    }

    /// All that is in flight has been sent once more by the timer.
    pub(super) fn on_resent(&mut self) {
        self.resends = self.resends.saturating_add(1);
    }

    /// The last window has been sent often enough, if this was it.
    pub(super) fn has_resent_enough(&self) -> bool {
        self.resends + 1 >= LAST_WINDOW_SENDS
    }

    /// Until when its ACK is waited for.
    pub(super) fn last_ack_end(&self, now: Instant) -> Instant {
        now + LAST_ACK_WAIT
    }

    /// Until when a peer is waited for that seems to be gone: as long as for a last ACK, whatever it has in mind.
    pub(super) fn sign_of_life_end(&self, now: Instant) -> Instant {
        self.end().min(now + LAST_ACK_WAIT)
    }

    /// The timer resends no more, but the peer is still answered.
    pub(super) fn is_quiet(&self, now: Instant) -> bool {
        now - self.progressed >= RESEND_FOR
    }

    /// Not even that.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.end()
    }

    /// When it will be.
    pub(super) fn end(&self) -> Instant {
        self.progressed + ANSWER_FOR
    }

    /// When an RRQ without any ACK is forgotten.
    pub(super) fn unproven_end(&self) -> Instant {
        self.heard + UNPROVEN_FOR
    }

    /// So silent that the same RRQ comes from a machine that has started over.
    pub(super) fn is_left(&self, now: Instant) -> bool {
        now - self.heard >= RESTART_SILENCE
    }
}
