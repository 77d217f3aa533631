//! Liveness: how long a silent client is waited for.
//!
//! That is never a mere count of resends: how fast they follow each other depends on the path, and how
//! long a client takes does not.

use std::time::Duration;

use crate::proto::Instant;

/// How long the timer goes on resending to a client that makes no progress.
const RESEND_FOR: Duration = Duration::from_secs(30);

/// How long after its last progress a client is still answered. U-Boot repeats its ACK for 50 s.
const ANSWER_FOR: Duration = Duration::from_secs(60);

/// How long an RRQ without an ACK is remembered; iPXE gives up 15.75 s after its first.
const UNVALIDATED_FOR: Duration = Duration::from_secs(15);

/// How often the last window is sent before its ACK is taken for lost. iPXE, PXELINUX and GRUB do
/// not wait for theirs to arrive.
const LAST_WINDOW_SENDS: u8 = 3;

/// How long before the last of these sends, at least, if a single block is missing. Most clients that need it ask for it.
/// lwIP and GRUB never do, and a machine that writes to its flash or unpacks a file does not listen for some seconds.
const BEFORE_LAST_SEND: Duration = Duration::from_secs(3);

/// How long after the last of these sends the client may still report a missing block. U-Boot does so
/// every 5 s, and two of its ACKs may be lost.
const LAST_ACK_WAIT: Duration = Duration::from_secs(16);

/// The same RRQ from the same port after this much silence is a machine that has restarted, not a
/// late duplicate (GRUB and iPXE under EFI use the same ports at each boot).
const RESTART_SILENCE: Duration = Duration::from_secs(1);

/// The times of one client that count for its liveness.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liveness {
    started: Instant,
    /// The last ACK that made progress; the start, before.
    progressed: Instant,
    /// The last datagram of the client that belonged to the transfer.
    heard: Instant,
}

impl Liveness {
    /// Begins with the RRQ.
    pub(super) fn new(now: Instant) -> Liveness {
        Liveness {
            started: now,
            progressed: now,
            heard: now,
        }
    }

    /// Time since the RRQ.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now - self.started
    }

    /// When the RRQ came.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// The last ACK that made progress; the start, before.
    pub(super) fn progressed(&self) -> Instant {
        self.progressed
    }

    /// The client is there.
    pub(super) fn on_heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The client has got something that it did not have.
    pub(super) fn on_progress(&mut self, now: Instant) {
        self.heard = now;
        self.progressed = now;
    }

    /// Time since the client was heard last.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now - self.heard
    }

    /// The last window has been sent often enough, if this was it and the timer has resent it `resends` times.
    pub(super) fn has_resent_enough(resends: u8) -> bool {
        resends >= LAST_WINDOW_SENDS - 1
    }

    /// How long to wait before the last block leaves again, after `resends` and usually `wait`.
    pub(super) fn before_last_block(resends: u8, wait: Duration) -> Duration {
        match Liveness::has_resent_enough(resends + 1) {
            true => wait.max(BEFORE_LAST_SEND),
            false => wait,
        }
    }

    /// Until when its ACK is waited for.
    pub(super) fn last_ack_end(&self, now: Instant) -> Instant {
        now + LAST_ACK_WAIT
    }

    /// Until when a client that seems to be gone is waited for: as long as for a last ACK.
    pub(super) fn sign_of_life_end(&self, now: Instant) -> Instant {
        self.end().min(now + LAST_ACK_WAIT)
    }

    /// The timer resends no more, but the client is still answered.
    pub(super) fn is_quiet(&self, now: Instant) -> bool {
        now - self.progressed >= RESEND_FOR
    }

    /// The client is not answered any more.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.end()
    }

    /// When that will be.
    pub(super) fn end(&self) -> Instant {
        self.progressed + ANSWER_FOR
    }

    /// When an RRQ without any ACK is forgotten.
    pub(super) fn unvalidated_end(&self) -> Instant {
        self.heard + UNVALIDATED_FOR
    }

    /// So silent that the same RRQ comes from a machine that has restarted.
    pub(super) fn may_have_restarted(&self, now: Instant) -> bool {
        self.silence(now) >= RESTART_SILENCE
    }
}
