//! The whole server as a value.
//!
//! **Whoever drives it calls [`handle_datagram`](Server::handle_datagram) and
//! [`handle_timeout`](Server::handle_timeout) as things happen, and after each of them
//! [`poll_transmit`](Server::poll_transmit) and [`poll_event`](Server::poll_event) until they return
//! `None`; then it waits for a datagram or for [`poll_timeout`](Server::poll_timeout), whichever
//! comes first.**

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::config::Config;
use super::guard::Refusal;
use super::negotiate::Terms;
use super::report::{Figures, Report, Requested};
use super::send::{Acked, Expired, Transfer};
use super::sessions::{Queue, Session, Sessions, Slot};
use super::stats::{Ignored, Outcome, Stats};
use super::{Instant, Peer};
use crate::catalog::{Catalog, FileId};
use crate::wire::{Mode, Packet, Request};

/// How long a finished transfer swallows a late duplicate of its RRQ. PXELINUX takes DATA from any
/// port, so an answer to it would end up in the next file. Shorter than the first repeat of any
/// client, and for one RRQ only: whoever asks again gets the file again.
const REMEMBERED_FOR: Duration = Duration::from_millis(250);

/// How much of a name that was not found is kept for the log; TFTP requests of real clients fit.
const NAME_KEPT: usize = 256;

/// Datagrams to send, which lie in the buffer given to [`Server::poll_transmit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// To whom, and from which of our addresses.
    pub peer: Peer,
    /// Length of each datagram in the buffer; the last one may be shorter.
    pub segment: usize,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Server {
    catalog: Arc<Catalog>,
    config: Config,
    sessions: Sessions,
    /// Sessions that are not over.
    live: usize,
    /// Sessions with something to send, in turn.
    ready: VecDeque<Slot>,
    /// ERRORs to send; at most one for each datagram since the last `poll_transmit`.
    refusals: VecDeque<(Peer, Refusal)>,
    events: VecDeque<Report>,
    stats: Stats,
}

impl Server {
    /// A server of the files in `catalog`.
    pub fn new(catalog: Arc<Catalog>, config: Config) -> Server {
        Server {
            catalog,
            config,
            sessions: Sessions::new(config.max_sessions.max(1)),
            live: 0,
            ready: VecDeque::new(),
            refusals: VecDeque::new(),
            events: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// A datagram has come in.
    pub fn handle_datagram(&mut self, now: Instant, from: Peer, datagram: &[u8]) {
        if from.asked_everybody() {
            return self.stats.ignore(Ignored::Broadcast);
        }
        match Packet::decode(datagram) {
            Ok(Packet::Rrq(request)) => self.on_rrq(now, from, request, datagram.len()),
            Ok(Packet::Wrq(request)) => {
                self.refuse(from, request.filename, Refusal::ReadOnly, datagram.len());
            }
            Ok(Packet::Ack { block }) => self.on_ack(now, from, block),
            Ok(Packet::Error { .. }) => self.on_error(now, from),
            // Answering these, be it by an ERROR, lets two servers talk to each other for ever.
            Ok(Packet::Data { .. } | Packet::Oack(_)) => self.stats.ignore(Ignored::NotForServers),
            Err(_) => self.stats.ignore(Ignored::Malformed),
        }
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come. Does no harm when called early.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(slot) = self.sessions.expired(now) {
            self.wake(now, slot);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.sessions.next_alarm()
    }

    /// Puts the next datagrams into `out`, which is emptied before: one, or up to `segments` of equal
    /// length for the same peer, the last of which may be shorter. They fit into one UDP payload's
    /// worth of bytes (65,507).
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        segments: usize,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        out.clear();
        if let Some((peer, refusal)) = self.refusals.pop_front() {
            refusal.packet().encode(out);
            let segment = out.len();
            return Some(Transmit { peer, segment });
        }
        while let Some(slot) = self.ready.pop_front() {
            let transmit = self.fill(now, slot, segments, out);
            if transmit.is_some() {
                return transmit;
            }
        }
        None
    }

    /// Something that has ended.
    pub fn poll_event(&mut self) -> Option<Report> {
        self.events.pop_front()
    }

    /// True when no transfer is under way.
    pub fn is_idle(&self) -> bool {
        self.live == 0
    }

    /// Counters since the start.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The files served.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn on_rrq(&mut self, now: Instant, from: Peer, request: Request<'_>, len: usize) {
        let netascii = match request.mode {
            Mode::Octet => false,
            Mode::Netascii => true,
            Mode::Other(_) => {
                return self.refuse(from, request.filename, Refusal::UnknownMode, len);
            }
        };
        let file = self.catalog.find(request.filename);
        let limits = self.config.limits;
        let terms = Terms::negotiate(request.options, netascii, from.address.ip(), limits);
        if let Some(slot) = self.sessions.find(from.address)
            && !self.makes_way(now, slot, file, terms, len)
        {
            return;
        }
        match file {
            Some(file) => self.begin(now, from, file, terms, len),
            None => self.refuse(from, request.filename, Refusal::NotFound, len),
        }
    }

    /// A peer with a session has sent an RRQ. True when the session is gone, and the RRQ is a new one;
    /// false when it was the RRQ of that session, and everything has been done.
    fn makes_way(
        &mut self,
        now: Instant,
        slot: Slot,
        file: Option<FileId>,
        terms: Terms,
        len: usize,
    ) -> bool {
        let Some(session) = self.sessions.get(slot) else {
            return true;
        };
        let is_same = Some(session.file) == file && *session.transfer.terms() == terms;
        match session.over {
            Some(until) => {
                // Forgotten either way: of a second one we know that it is no late duplicate.
                self.sessions.remove(slot);
                let is_late = is_same && now < until;
                if is_late {
                    self.stats.ignore(Ignored::Duplicate);
                }
                return !is_late;
            }
            None if is_same && !session.transfer.on_request_again(now, len) => {
                if session.transfer.wants_to_send() {
                    self.make_ready(slot);
                } else {
                    self.stats.ignore(Ignored::Duplicate);
                }
                return false;
            }
            None => {}
        }
        let outcome = session.transfer.outcome_when_left(Outcome::LastAckMissing);
        self.end(now, slot, outcome);
        true
    }

    fn begin(&mut self, now: Instant, peer: Peer, file: FileId, terms: Terms, len: usize) {
        if self.sessions.is_full() {
            match self.sessions.next_to_leave() {
                Some(slot) => self.end(now, slot, Outcome::Dropped),
                None => return self.report(peer, Requested::File(file), Outcome::Dropped, None),
            }
        }
        let entry = self.catalog.entry(file);
        let size = match terms.netascii {
            true => entry.netascii_size,
            false => entry.bytes.len() as u64,
        };
        let session = Session {
            peer,
            file,
            transfer: Transfer::new(now, terms, size, len),
            over: None,
            is_ready: false,
        };
        let slot = self.sessions.insert(session, Some(Queue::Unproven));
        self.live += 1;
        self.make_ready(slot);
    }

    fn on_ack(&mut self, now: Instant, from: Peer, number: u16) {
        let Some((slot, transfer)) = self.under_way(from) else {
            return self.stats.ignore(Ignored::Stray);
        };
        let was_proven = transfer.is_proven();
        match transfer.on_ack(now, number) {
            Acked::Complete => return self.end(now, slot, Outcome::Complete),
            Acked::Progress if !was_proven => self.sessions.enqueue(slot, None),
            Acked::NeverSent => self.stats.ignore(Ignored::NeverSent),
            Acked::Progress | Acked::Repeated => {}
        }
        self.make_ready(slot);
    }

    /// A client's ERROR ends its transfer, and is never answered.
    fn on_error(&mut self, now: Instant, from: Peer) {
        let Some((slot, transfer)) = self.under_way(from) else {
            return self.stats.ignore(Ignored::Stray);
        };
        let outcome = transfer.outcome_when_left(Outcome::Complete);
        self.end(now, slot, outcome);
    }

    /// The transfer of a peer, if it has one that is not over.
    fn under_way(&mut self, peer: Peer) -> Option<(Slot, &mut Transfer)> {
        let slot = self.sessions.find(peer.address)?;
        let session = self.sessions.get(slot)?;
        session
            .over
            .is_none()
            .then_some((slot, &mut session.transfer))
    }

    /// The alarm of a session went off, perhaps early.
    fn wake(&mut self, now: Instant, slot: Slot) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        if let Some(until) = session.over {
            if until <= now {
                self.sessions.remove(slot);
            } else {
                self.sessions.set_alarm(slot, until);
            }
            return;
        }
        match session.transfer.on_timeout(now) {
            Expired::LastAckMissing => self.end(now, slot, Outcome::LastAckMissing),
            Expired::TimedOut => self.end(now, slot, Outcome::TimedOut),
            Expired::No => self.make_ready(slot),
        }
    }

    /// Has the session's datagrams sent, if it has any, and its alarm set.
    fn make_ready(&mut self, slot: Slot) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        if !session.transfer.wants_to_send() {
            let deadline = session.transfer.deadline();
            return self.sessions.set_alarm(slot, deadline);
        }
        if !session.is_ready {
            session.is_ready = true;
            self.ready.push_back(slot);
        }
    }

    fn fill(
        &mut self,
        now: Instant,
        slot: Slot,
        segments: usize,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let session = self.sessions.get(slot)?;
        session.is_ready = false;
        if session.over.is_some() || !session.transfer.wants_to_send() {
            return None;
        }
        let file = self.catalog.bytes(session.file);
        let segment = session.transfer.fill(now, file, segments, out);
        let peer = session.peer;
        self.make_ready(slot);
        Some(Transmit { peer, segment })
    }

    /// Ends a transfer. One that went well is remembered for a moment.
    fn end(&mut self, now: Instant, slot: Slot, outcome: Outcome) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        if session.over.is_none() {
            self.live -= 1;
            let (peer, file) = (session.peer, session.file);
            let figures = session.figures(now);
            self.stats.bytes += figures.bytes;
            self.stats.resent += u64::from(figures.resent);
            self.report(peer, Requested::File(file), outcome, Some(figures));
        }
        if outcome == Outcome::Complete
            && let Some(session) = self.sessions.get(slot)
        {
            let until = now + REMEMBERED_FOR;
            session.over = Some(until);
            self.sessions.enqueue(slot, Some(Queue::Over));
            self.sessions.set_alarm(slot, until);
        } else {
            self.sessions.remove(slot);
        }
    }

    /// Turns a request down, unless that would make more of it than it is worth.
    fn refuse(&mut self, peer: Peer, name: &[u8], refusal: Refusal, request_len: usize) {
        if !refusal.is_worth(request_len) {
            return self.stats.ignore(Ignored::TooShort);
        }
        self.refusals.push_back((peer, refusal));
        let name = &name[..name.len().min(NAME_KEPT)];
        self.report(peer, Requested::Name(name.into()), refusal.outcome(), None);
    }

    fn report(&mut self, peer: Peer, file: Requested, outcome: Outcome, transfer: Option<Figures>) {
        self.stats.count(outcome);
        self.events.push_back(Report {
            peer: peer.address,
            file,
            outcome,
            transfer,
        });
    }
}
