//! What becomes of a request: an answer, a transfer, an ERROR, or nothing.

use std::time::Duration;

use super::Server;
use crate::catalog::FileId;
use crate::proto::guard::Refusal;
use crate::proto::negotiate::Terms;
use crate::proto::report::Requested;
use crate::proto::sender::Transfer;
use crate::proto::server::sessions::{Queue, Session, Slot};
use crate::proto::stats::{Ignored, Outcome};
use crate::proto::{Instant, Peer};
use crate::wire::{Mode, Request};

/// How much of a name that was not found is kept for the log; TFTP requests of real clients fit.
const NAME_KEPT: usize = 256;

/// How long a finished transfer swallows a late duplicate of its RRQ. PXELINUX takes DATA from any
/// port, so an answer to it would end up in the next file. Shorter than the first repeat of any
/// client, and for one RRQ only: whoever asks again gets the file again.
const SWALLOWED_FOR: Duration = Duration::from_millis(250);

/// An RRQ, as far as it has been understood.
struct Rrq {
    peer: Peer,
    file: FileId,
    terms: Terms,
    /// Its length in bytes.
    len: usize,
}

impl Server {
    pub(super) fn on_rrq(&mut self, now: Instant, peer: Peer, request: Request<'_>, len: usize) {
        let name = request.filename;
        let netascii = match request.mode {
            Mode::Octet => false,
            Mode::Netascii => true,
            Mode::Other(_) => return self.refuse(now, peer, name, Refusal::UnknownMode, len),
        };
        let Some(file) = self.catalog.find(name) else {
            return self.refuse(now, peer, name, Refusal::NotFound, len);
        };
        let limits = self.config.limits;
        let terms = Terms::negotiate(request.options, netascii, peer.address.ip(), limits);
        let rrq = Rrq {
            peer,
            file,
            terms,
            len,
        };
        match self.sessions.find(peer.address) {
            Some(slot) => self.ask_again(now, slot, rrq),
            None => self.begin(now, rrq),
        }
    }

    /// An RRQ of a peer that has a session.
    fn ask_again(&mut self, now: Instant, slot: Slot, rrq: Rrq) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        let is_same = session.file == rrq.file && *session.transfer.terms() == rrq.terms;
        if let Some(ended) = session.over {
            let is_late = is_same && session.is_complete && now < ended + SWALLOWED_FOR;
            // Forgotten either way: of a second one we know that it is no late duplicate.
            self.sessions.remove(slot);
            return match is_late {
                true => self.stats.ignore(Ignored::Duplicate),
                false => self.begin(now, rrq),
            };
        }
        if is_same && !session.transfer.is_left(now) {
            return self.repeat(now, slot, rrq);
        }
        let outcome = session.transfer.outcome_when_left(Outcome::LastAckMissing);
        self.end(now, slot, outcome);
        self.begin(now, rrq);
    }

    /// The same RRQ once more. Before the first ACK it gets the same answer again. After it, nothing: a
    /// late OACK would reset GRUB to block 0.
    fn repeat(&mut self, now: Instant, slot: Slot, rrq: Rrq) {
        let Some(session) = self.sessions.get(slot).filter(|s| !s.transfer.is_proven()) else {
            return self.stats.ignore(Ignored::Duplicate);
        };
        let answer = session.transfer.answer_len();
        match self
            .guard
            .admit(now, rrq.peer.address.ip(), rrq.len, answer, false)
        {
            Ok(_) => {
                session.booked = session.booked.saturating_add(answer as u32);
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
        let transfer = Transfer::new(now, rrq.terms, size, rrq.len, self.config.run_ahead);
        let answer = transfer.answer_len();
        let source = rrq.peer.address.ip();
        let booking = match self.guard.admit(now, source, rrq.len, answer, true) {
            Ok(booking) => booking,
            Err(reason) => return self.drop_request(now, rrq, reason),
        };
        if self.sessions.is_full() && !self.make_room(now) {
            self.guard.give_up(booking);
            return self.drop_request(now, rrq, Ignored::TableFull);
        }
        let session = Session {
            peer: rrq.peer,
            file: rrq.file,
            transfer,
            booking,
            booked: answer as u32,
            over: None,
            is_complete: false,
            is_ready: false,
        };
        let slot = self.sessions.insert(session, Some(Queue::Unproven));
        self.unproven += 1;
        self.make_ready(slot);
    }

    /// Ends the session that is worth least. False when all are transfers under way.
    fn make_room(&mut self, now: Instant) -> bool {
        let Some(slot) = self.sessions.next_to_leave() else {
            return false;
        };
        self.end(now, slot, Outcome::Dropped);
        true
    }

    /// Leaves a request without an answer.
    fn drop_request(&mut self, now: Instant, rrq: Rrq, reason: Ignored) {
        self.stats.ignore(reason);
        let file = Requested::File(rrq.file);
        self.report(now, rrq.peer, file, Outcome::Dropped, None);
    }

    /// Turns a request down by an ERROR, as far as it is worth one. A transfer of the same peer ends
    /// with it: its machine has gone on to something else.
    pub(super) fn refuse(
        &mut self,
        now: Instant,
        peer: Peer,
        name: &[u8],
        refusal: Refusal,
        len: usize,
    ) {
        if let Some((slot, transfer)) = self.under_way(peer) {
            let outcome = transfer.outcome_when_left(Outcome::LastAckMissing);
            self.leave(now, slot, outcome);
        }
        if !refusal.is_worth(len) {
            return self.stats.ignore(Ignored::TooShort);
        }
        let admitted = self
            .guard
            .admit(now, peer.address.ip(), len, refusal.size(), false);
        let outcome = match admitted {
            Ok(_) => {
                self.refusals.push_back((peer, refusal));
                refusal.outcome()
            }
            Err(reason) => {
                self.stats.ignore(reason);
                Outcome::Dropped
            }
        };
        let name = &name[..name.len().min(NAME_KEPT)];
        self.report(now, peer, Requested::Name(name.into()), outcome, None);
    }
}
