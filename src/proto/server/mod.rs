//! The whole server as a value.
//!
//! **Whoever drives it calls [`handle_datagram`](Server::handle_datagram) and
//! [`handle_timeout`](Server::handle_timeout) as things happen, and after each of them
//! [`poll_transmit`](Server::poll_transmit) and [`poll_event`](Server::poll_event) until they return
//! `None`; then it waits for a datagram or for [`poll_timeout`](Server::poll_timeout), whichever
//! comes first.**

mod finish;
mod requests;
pub mod sessions;

use std::collections::VecDeque;
use std::sync::Arc;

use self::sessions::{Sessions, Slot};
use super::config::Config;
use super::guard::{Guard, LogLimiter, Refusal};
use super::report::Report;
use super::sender::{Acked, Expired, Transfer};
use super::stats::{Ignored, Outcome, Stats};
use super::{Instant, Peer};
use crate::catalog::Catalog;
use crate::wire::Packet;

/// Datagrams to send, which lie in the buffer given to [`Server::poll_transmit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// To whom, and from which of our addresses.
    pub peer: Peer,
    /// Length of each datagram in the buffer; the last one may be shorter.
    pub segment: usize,
}

/// What an ICMP message says of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The host is there, and has no such port: nobody has asked, or not any more.
    Port,
    /// No way leads there.
    Host,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Server {
    catalog: Arc<Catalog>,
    config: Config,
    sessions: Sessions,
    guard: Guard,
    mention: LogLimiter,
    /// Transfers under way whose peer has acknowledged something.
    proven: usize,
    /// Transfers under way whose peer has not.
    unproven: usize,
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
        let stats = Stats::new(catalog.iter().count());
        Server {
            catalog,
            config,
            sessions: Sessions::new(config.max_sessions.max(1)),
            guard: Guard::default(),
            mention: LogLimiter::default(),
            proven: 0,
            unproven: 0,
            ready: VecDeque::new(),
            refusals: VecDeque::new(),
            events: VecDeque::new(),
            stats,
        }
    }

    /// A datagram has come in.
    pub fn handle_datagram(&mut self, now: Instant, from: Peer, datagram: &[u8]) {
        if from.asked_everybody() {
            return self.stats.ignore(Ignored::Broadcast);
        }
        if !from.can_be_answered() {
            return self.stats.ignore(Ignored::Malformed);
        }
        match Packet::decode(datagram) {
            Ok(Packet::Rrq(request)) => self.on_rrq(now, from, request, datagram.len()),
            Ok(Packet::Wrq(request)) => {
                self.refuse(
                    now,
                    from,
                    request.filename,
                    Refusal::ReadOnly,
                    datagram.len(),
                );
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

    /// False when [`poll_transmit`](Self::poll_transmit) has nothing, whatever the time is.
    pub fn wants_to_transmit(&self) -> bool {
        !self.refusals.is_empty() || !self.ready.is_empty()
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

    /// True when no transfer is under way. A request without an ACK is none yet, or a flood of them
    /// would keep the program from ever ending; its client will ask again.
    pub fn is_idle(&self) -> bool {
        self.proven == 0
    }

    /// True when exactly one transfer is under way, with an ACK or without.
    pub fn is_for_one(&self) -> bool {
        self.proven + self.unproven == 1
    }

    /// Sessions in the table: transfers, requests without an ACK, and what is remembered of the last
    /// moment's.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Transfers under way whose peer has acknowledged something.
    pub fn proven(&self) -> usize {
        self.proven
    }

    /// Transfers under way whose peer has not acknowledged anything yet.
    pub fn unproven(&self) -> usize {
        self.unproven
    }

    /// Counters since the start.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The files served.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn on_ack(&mut self, now: Instant, from: Peer, number: u16) {
        let Some((slot, transfer)) = self.under_way(from) else {
            return self.stats.ignore(Ignored::Stray);
        };
        let was_proven = transfer.is_proven();
        let acked = transfer.on_ack(now, number);
        if transfer.is_proven() && !was_proven {
            self.prove(slot);
        }
        match acked {
            Acked::Complete => return self.leave(now, slot, Outcome::Complete),
            Acked::Guessed => return self.leave(now, slot, Outcome::Dropped),
            Acked::NeverSent => self.stats.ignore(Ignored::NeverSent),
            Acked::Progress | Acked::Repeated => {}
        }
        self.make_ready(slot);
    }

    /// The first ACK of a transfer: its peer is where it says.
    fn prove(&mut self, slot: Slot) {
        self.sessions.enqueue(slot, None);
        if let Some(session) = self.sessions.get(slot) {
            self.guard.prove(session.booking, session.booked.into());
            self.proven += 1;
            self.unproven -= 1;
        }
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
        if let Some(ended) = session.over {
            return self.forget(now, slot, ended);
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
        if session.transfer.is_exhausted() {
            self.leave(now, slot, Outcome::Dropped);
            return None;
        }
        let peer = session.peer;
        let waiting = session.transfer.waiting();
        if let Some(wait) = self.guard.hold_back(now, peer.address.ip(), waiting) {
            session.transfer.hold(now + wait);
            self.make_ready(slot);
            return None;
        }
        let file = self.catalog.bytes(session.file);
        let segment = session.transfer.fill(now, file, segments, out);
        self.guard.spend(now, peer.address.ip(), out.len());
        self.make_ready(slot);
        Some(Transmit { peer, segment })
    }
}
