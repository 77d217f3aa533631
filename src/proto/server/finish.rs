//! How transfers end, other than by their last ACK.

use std::time::Duration;

use super::{Server, Unreachable};
use crate::proto::report::{Figures, Report, Requested};
use crate::proto::server::sessions::{Queue, Session, Slot};
use crate::proto::stats::{Ignored, Outcome};
use crate::proto::{Instant, Peer};

/// How long a transfer that its peer has ended is remembered, while there is room: long enough for the complaint of a
/// host whose name was used. Else a spoofer would end it himself before that comes.
const REMEMBERED_FOR: Duration = Duration::from_secs(1);

impl Server {
    /// A client's ERROR ends its transfer, and is never answered.
    pub(super) fn on_error(&mut self, now: Instant, from: Peer) {
        let Some((slot, transfer)) = self.under_way(from) else {
            return self.stats.ignore(Ignored::Stray);
        };
        let outcome = transfer.outcome_when_left(Outcome::Complete);
        self.leave(now, slot, outcome);
    }

    /// An ICMP message is about what was sent to `peer`.
    ///
    /// It can be forged by whoever knows the peer's port, so one that is about a transfer well under way only has it
    /// wait for a sign of life (RFC 5927 §6). A host that did not ask says so as soon as the first answer reaches
    /// it, and ACKs can be guessed: a younger transfer ends, and the prefix is in doubt. Not so before the first ACK: what
    /// was sent by then is little, and OVMF closes the port from which it has asked for a size.
    pub fn handle_unreachable(&mut self, now: Instant, peer: Peer, what: Unreachable) {
        let Some(slot) = self.sessions.find(peer.address) else {
            return;
        };
        let Some(Session { transfer, over, .. }) = self.sessions.get(slot) else {
            return;
        };
        let is_over = over.is_some();
        if transfer.is_established(now) {
            if !is_over {
                transfer.on_unreachable(now);
                self.make_ready(slot);
            }
            return;
        }
        // A client that has gone after its last ACK, which was lost, is no victim.
        let is_gone = !is_over && transfer.has_resent_the_end();
        let outcome = match is_gone {
            true => Outcome::LastAckMissing,
            false => transfer.outcome_when_left(Outcome::Aborted),
        };
        if what == Unreachable::Port && !is_gone && transfer.is_proven() {
            self.guard.doubt(now, peer.address.ip());
        }
        self.end(now, slot, outcome);
    }

    /// Ends every transfer, and every request without an ACK: the program is about to end.
    pub fn cut_off(&mut self, now: Instant) {
        for slot in self.sessions.slots() {
            let is_under_way = |session: &mut Session| session.over.is_none();
            if self.sessions.get(slot).is_some_and(is_under_way) {
                self.end(now, slot, Outcome::Dropped);
            }
        }
    }

    /// Ends a transfer as its peer wants it, or somebody in its name, and remembers it for a moment.
    pub(super) fn leave(&mut self, now: Instant, slot: Slot, outcome: Outcome) {
        self.close(now, slot, outcome);
        self.sessions.enqueue(slot, Some(Queue::Over));
        self.sessions.set_alarm(slot, now + REMEMBERED_FOR);
    }

    /// The alarm of a transfer that `ended` then.
    pub(super) fn forget(&mut self, now: Instant, slot: Slot, ended: Instant) {
        let until = ended + REMEMBERED_FOR;
        match until <= now {
            true => drop(self.sessions.remove(slot)),
            false => self.sessions.set_alarm(slot, until),
        }
    }

    /// Ends a transfer, and forgets it.
    pub(super) fn end(&mut self, now: Instant, slot: Slot, outcome: Outcome) {
        self.close(now, slot, outcome);
        self.sessions.remove(slot);
    }

    fn close(&mut self, now: Instant, slot: Slot, outcome: Outcome) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        if session.over.is_some() {
            return;
        }
        session.over = Some(now);
        session.is_complete = outcome == Outcome::Complete;
        let (peer, file) = (session.peer, Requested::File(session.file));
        let figures = session.figures(now);
        match session.transfer.is_proven() {
            true => self.proven -= 1,
            false => {
                self.unproven -= 1;
                self.guard.give_up(session.booking);
            }
        }
        self.report(now, peer, file, outcome, Some(figures));
    }

    pub(super) fn report(
        &mut self,
        now: Instant,
        peer: Peer,
        file: Requested,
        outcome: Outcome,
        transfer: Option<Figures>,
    ) {
        self.stats.count(file.file(), outcome, transfer.as_ref());
        let is_proven = transfer.is_some_and(|figures| figures.is_proven);
        if self.mention.allows(now, is_proven) {
            self.events.push_back(Report {
                peer: peer.address,
                file,
                outcome,
                transfer,
                left_out: self.mention.take_left_out(),
            });
        }
    }
}
