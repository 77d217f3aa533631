//! How transfers finish.

use std::time::Duration;

use super::{Server, Unreachable};
use crate::proto::observer::{RequestEnd, RequestStep};
use crate::proto::report::{Report, ReportedMode, Requested};
use crate::proto::server::sessions::{Memory, Queue, Session, Slot};
use crate::proto::stats::{Ignored, Limit, Outcome};
use crate::proto::{Instant, Peer};

/// How long a finished transfer is remembered, while there is a free session for it: long enough for the ICMP report of a
/// host whose address was forged. Else an attacker would end the transfer before that comes.
const REMEMBERED_FOR: Duration = Duration::from_secs(1);

impl Server {
    /// A client's ERROR ends its transfer, and is never answered.
    pub(super) fn on_error(&mut self, now: Instant, from: Peer) {
        let Some((slot, transfer)) = self.under_way(from) else {
            return self.stats.ignore(Ignored::Stray);
        };
        let outcome = transfer.outcome_when_ended(Outcome::Complete);
        self.finish(now, slot, outcome, Memory::Kept);
    }

    /// An ICMP report is about what was sent to `peer`.
    ///
    /// Any host who knows the peer's port can forge one, so a report about an established transfer only makes
    /// the server wait for a sign of life (RFC 5927 §6). A host that did not ask sends a report as soon as the first
    /// answer reaches it, and ACKs can be blind: a younger transfer ends, and its prefix gets a penalty. Not so
    /// before the first ACK: what was sent by then is little, and OVMF closes the port from which it has asked for a
    /// size.
    pub fn handle_unreachable(&mut self, now: Instant, peer: Peer, what: Unreachable) {
        let Some(slot) = self.sessions.find_reported(peer) else {
            return;
        };
        let Some(Session {
            transfer, finished, ..
        }) = self.sessions.get(slot)
        else {
            return;
        };
        let is_finished = finished.is_some();
        if transfer.is_established(now) {
            if !is_finished {
                transfer.on_unreachable(now);
                self.make_ready(slot);
            }
            return;
        }
        // A client that is gone after its last ACK, which was lost, is no victim.
        let is_gone = !is_finished && transfer.has_resent_the_end();
        let outcome = match is_gone {
            true => Outcome::LastAckMissing,
            false => transfer.outcome_when_ended(Outcome::Aborted),
        };
        if what == Unreachable::Port && !is_gone && transfer.is_validated() {
            self.guard.penalize(now, peer.address.ip());
        }
        self.finish(now, slot, outcome, Memory::None);
    }

    /// Ends every transfer, and every request without an ACK: the program is about to end.
    pub fn abort_all(&mut self, now: Instant) {
        for slot in self.sessions.slots() {
            let is_under_way = |session: &mut Session| session.finished.is_none();
            if self.sessions.get(slot).is_some_and(is_under_way) {
                self.finish(now, slot, Outcome::Dropped, Memory::None);
            }
        }
    }

    /// Ends a transfer because of a limit.
    pub(super) fn finish_limited(
        &mut self,
        now: Instant,
        slot: Slot,
        limit: Limit,
        memory: Memory,
    ) {
        if let Some(session) = self.sessions.get(slot) {
            session.limited = Some(limit);
        }
        self.finish(now, slot, Outcome::Dropped, memory);
    }

    /// Ends a transfer, reports it, and remembers or drops it.
    pub(super) fn finish(&mut self, now: Instant, slot: Slot, outcome: Outcome, memory: Memory) {
        self.settle(now, slot, outcome);
        match memory {
            Memory::Kept => {
                self.sessions.enqueue(slot, Some(Queue::Finished));
                self.sessions.set_alarm(slot, now + REMEMBERED_FOR);
            }
            Memory::None => drop(self.sessions.remove(slot)),
        }
    }

    /// The alarm of a transfer that finished at `finished`.
    pub(super) fn forget(&mut self, now: Instant, slot: Slot, finished: Instant) {
        let until = finished + REMEMBERED_FOR;
        match until <= now {
            true => drop(self.sessions.remove(slot)),
            false => self.sessions.set_alarm(slot, until),
        }
    }

    fn settle(&mut self, now: Instant, slot: Slot, outcome: Outcome) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        if session.finished.is_some() {
            return;
        }
        session.finished = Some(now);
        session.is_complete = outcome == Outcome::Complete;
        let mode = match session.transfer.terms().netascii {
            true => ReportedMode::Netascii,
            false => ReportedMode::Octet,
        };
        let figures = session.figures(now);
        let bytes = figures.bytes;
        let report = Report {
            peer: session.peer,
            file: Requested::File(session.file),
            mode,
            outcome,
            reason: None,
            transfer: Some(figures),
            limited: session.limited,
            left_out: 0,
        };
        let is_validated = session.transfer.is_validated();
        let (asked, progressed) = (session.transfer.started(), session.transfer.progressed());
        self.guard.release(session.reservation, is_validated);
        match is_validated {
            true => self.validated -= 1,
            false => self.unvalidated -= 1,
        }
        let heard = match outcome {
            // The client has ended it.
            Outcome::Complete | Outcome::Probe | Outcome::Aborted => now,
            _ => progressed,
        };
        let end = RequestEnd {
            outcome,
            bytes,
            was_started: is_validated,
            heard,
        };
        self.observe(report.peer, asked, RequestStep::Ended(end));
        self.report(now, report);
    }

    /// Reports a request without a transfer.
    pub(super) fn report_request(&mut self, now: Instant, report: Report) {
        let end = RequestEnd {
            outcome: report.outcome,
            bytes: 0,
            was_started: false,
            heard: now,
        };
        self.observe(report.peer, now, RequestStep::Ended(end));
        self.report(now, report);
    }

    /// Counts what has ended, and keeps the report for the operator unless there are too many.
    fn report(&mut self, now: Instant, mut report: Report) {
        let (file, transfer) = (report.file.file(), report.transfer.as_ref());
        self.stats.count(file, report.outcome, transfer);
        if let Some(limit) = report.limited {
            self.stats.limit(limit);
        }
        let is_validated = transfer.is_some_and(|figures| figures.is_validated);
        if self.log_limiter.allows(now, is_validated) {
            report.left_out = self.log_limiter.take_left_out();
            self.events.push_back(report);
        }
    }
}
