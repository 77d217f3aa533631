//! What becomes of a request: an answer, a transfer, an ERROR, or nothing.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Server;
use crate::catalog::FileId;
use crate::proto::guard::Refusal;
use crate::proto::negotiate::{NegotiationLimits, Terms};
use crate::proto::report::{HEALTH_CHECK, Report, ReportedMode, Requested};
use crate::proto::sender::Transfer;
use crate::proto::server::sessions::{Memory, Queue, Session, Slot};
use crate::proto::stats::{Ignored, Limit, Outcome};
use crate::proto::{Instant, Peer};
use crate::wire::{Mode, Request};

/// How much of a name that was not found is kept for the log; TFTP requests of real clients fit.
const NAME_KEPT: usize = 256;

/// How long a finished transfer may still see a late duplicate of its RRQ: about one of its round trips, at
/// least a few milliseconds, and less than the first repeat of any client. PXELINUX takes DATA from any port, so
/// an answer to a duplicate would end up in the next file. A real request from the same port that comes so soon
/// is repeated by its client.
const LATE_DUPLICATES: RangeInclusive<Duration> =
    Duration::from_millis(3)..=Duration::from_millis(250);

/// An RRQ that was read.
struct Rrq {
    peer: Peer,
    file: FileId,
    terms: Terms,
    /// The MTU that the terms are made for, in bytes.
    mtu: u16,
    /// Its length in bytes.
    len: usize,
}

impl Server {
    pub(super) fn on_rrq(&mut self, now: Instant, peer: Peer, request: Request<'_>, len: usize) {
        let name = request.filename;
        let netascii = match request.mode {
            Mode::Octet => false,
            Mode::Netascii => true,
            Mode::Other(_) => return self.refuse(now, peer, request, Refusal::UnknownMode, len),
        };
        let Some(file) = self.catalog.find(name) else {
            return self.refuse(now, peer, request, Refusal::NotFound, len);
        };
        let (address, limits) = (peer.address.ip(), self.config.limits);
        let terms = |mtu| {
            let limits = NegotiationLimits { mtu, ..limits };
            Terms::negotiate(request.options, netascii, address, limits)
        };
        let mtu = self.paths.mtu_to(now, address, limits.mtu);
        let rrq = Rrq {
            peer,
            file,
            terms: terms(mtu),
            mtu,
            len,
        };
        match self.sessions.find(peer) {
            Some(slot) => {
                // A smaller MTU that was learned meanwhile makes it no other request.
                let is_same = |session: &Session| {
                    session.file == file && *session.transfer.terms() == terms(session.mtu)
                };
                self.ask_again(now, slot, rrq, is_same);
            }
            None => self.begin(now, rrq),
        }
    }

    /// An RRQ of a peer that has a session.
    fn ask_again(
        &mut self,
        now: Instant,
        slot: Slot,
        rrq: Rrq,
        is_same: impl FnOnce(&Session) -> bool,
    ) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        let is_same = is_same(session);
        if let Some(finished) = session.finished {
            let round_trip = session.transfer.round_trip().unwrap_or_default();
            let [least, most] = [*LATE_DUPLICATES.start(), *LATE_DUPLICATES.end()];
            let is_late = now < finished + round_trip.clamp(least, most);
            let is_duplicate = is_same && session.is_complete && is_late;
            // Removed either way: a second one is no late duplicate.
            self.sessions.remove(slot);
            return match is_duplicate {
                true => self.stats.ignore(Ignored::Duplicate),
                false => self.begin(now, rrq),
            };
        }
        if is_same && !session.transfer.may_have_restarted(now) {
            return self.repeat(now, slot, rrq);
        }
        let outcome = session.transfer.outcome_when_ended(Outcome::LastAckMissing);
        self.finish(now, slot, outcome, Memory::None);
        self.begin(now, rrq);
    }

    /// The same RRQ again. Before the first ACK it gets the same answer again. After it, nothing: a
    /// late OACK would reset GRUB to block 0.
    fn repeat(&mut self, now: Instant, slot: Slot, rrq: Rrq) {
        let Some(session) = self
            .sessions
            .get(slot)
            .filter(|s| !s.transfer.is_validated())
        else {
            return self.stats.ignore(Ignored::Duplicate);
        };
        let answer = session.transfer.answer_len();
        match self
            .guard
            .admit(now, rrq.peer.address.ip(), rrq.len, answer, false)
        {
            Ok(_) => {
                session.reserve(answer);
                session.transfer.on_request_again(now, rrq.len);
                self.make_ready(slot);
            }
            Err(reason) => self.drop_request(now, rrq, reason),
        }
    }

    fn begin(&mut self, now: Instant, rrq: Rrq) {
        let entry = self.catalog.entry(rrq.file);
        let size = match rrq.terms.netascii {
            true => entry.netascii_size,
            false => entry.bytes.len() as u64,
        };
        let transfer = Transfer::new(now, rrq.terms, size, rrq.len, self.config.pipeline);
        let answer = transfer.answer_len();
        let source = rrq.peer.address.ip();
        let reservation = match self.guard.admit(now, source, rrq.len, answer, true) {
            Ok(reservation) => reservation,
            Err(reason) => return self.drop_request(now, rrq, reason),
        };
        if !self.has_place(now) {
            self.guard.release(reservation, false);
            return self.drop_request(now, rrq, Ignored::TableFull);
        }
        let mut session = Session {
            peer: rrq.peer,
            file: rrq.file,
            transfer,
            reservation,
            reserved: 0,
            finished: None,
            is_complete: false,
            mtu: rrq.mtu,
            may_fragment: false,
            is_exempt: self.guard.exempts(source),
            limited: None,
            is_ready: false,
        };
        session.reserve(answer);
        let slot = self.sessions.insert(session, now, Queue::Open);
        self.unvalidated += 1;
        self.make_ready(slot);
    }

    /// There is a place for another session, or one is made by evicting another.
    fn has_place(&mut self, now: Instant) -> bool {
        let capacity = self.config.max_sessions;
        if self.sessions.len() <= capacity / 2 {
            return true;
        }
        let is_admitted = self.guard.admits_session(now, capacity);
        match self.sessions.is_full() {
            true => self.full_table.tell(now, ()),
            false => return is_admitted,
        }
        is_admitted && self.evict(now)
    }

    /// Evicts the session that has made no progress for longest, or one of those, from the prefix that has most. False
    /// when all of them have made progress lately.
    fn evict(&mut self, now: Instant) -> bool {
        let guard = &self.guard;
        let held = |session: &Session| guard.transfers(session.reservation);
        let Some(slot) = self.sessions.next_to_evict(now, held) else {
            return false;
        };
        let session = self.sessions.get(slot);
        let is_under_way = session.is_some_and(|session| session.finished.is_none());
        self.stats.evicted += u64::from(is_under_way);
        self.finish_limited(now, slot, Limit::TableFull, Memory::None);
        true
    }

    /// Leaves a request without an answer.
    fn drop_request(&mut self, now: Instant, rrq: Rrq, reason: Ignored) {
        self.stats.ignore(reason);
        let mode = match rrq.terms.netascii {
            true => ReportedMode::Netascii,
            false => ReportedMode::Octet,
        };
        let report = Report {
            peer: rrq.peer,
            file: Requested::File(rrq.file),
            mode,
            outcome: Outcome::Dropped,
            reason: Some(reason.as_str()),
            transfer: None,
            limited: reason.into(),
            left_out: 0,
        };
        self.report_request(now, report);
    }

    /// Answers a request by an ERROR, unless the request is too short for one. A transfer of the same peer
    /// ends with it: its machine has gone on to something else.
    pub(super) fn refuse(
        &mut self,
        now: Instant,
        peer: Peer,
        request: Request<'_>,
        refusal: Refusal,
        len: usize,
    ) {
        if let Some((slot, transfer)) = self.under_way(peer) {
            let outcome = transfer.outcome_when_ended(Outcome::LastAckMissing);
            self.finish(now, slot, outcome, Memory::Kept);
        }
        if !refusal.is_worth(len) {
            return self.stats.ignore(Ignored::TooShort);
        }
        let admitted = self
            .guard
            .admit(now, peer.address.ip(), len, refusal.size(), false);
        let (outcome, reason, limited) = match admitted {
            Ok(_) => {
                self.refusals.push_back((peer, refusal));
                (refusal.outcome(), refusal.reason(), None)
            }
            Err(reason) => {
                self.stats.ignore(reason);
                (Outcome::Dropped, Some(reason.as_str()), reason.into())
            }
        };
        let name = request.filename;
        if outcome == Outcome::NotFound && name == HEALTH_CHECK && peer.is_on_this_machine() {
            return;
        }
        let report = Report {
            peer,
            file: Requested::Name(name[..name.len().min(NAME_KEPT)].into()),
            mode: request.mode.into(),
            outcome,
            reason,
            transfer: None,
            limited,
            left_out: 0,
        };
        self.report_request(now, report);
    }
}
