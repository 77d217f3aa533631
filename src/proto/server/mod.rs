//! The whole server as a value.
//!
//! **The driver calls [`handle_datagram`](Server::handle_datagram) for each datagram of a batch, and
//! then [`handle_timeout`](Server::handle_timeout). After that it calls
//! [`poll_transmit`](Server::poll_transmit) and [`poll_event`](Server::poll_event) until they return
//! `None`, and takes the [`request_events`](Server::request_events). Then it waits for datagrams or
//! for [`poll_timeout`](Server::poll_timeout), whichever comes first.**
//!
//! Datagrams come before the timer, because the ACK that the timer waits for may be among them.

mod finish;
mod news;
mod requests;
mod sessions;
mod too_big;

use std::collections::VecDeque;
use std::sync::Arc;

use self::news::News;
use self::sessions::{Memory, Sessions, Slot};
use super::config::ServerConfig;
use super::guard::{Guard, LogLimiter, Refusal};
use super::local::LocalNetworks;
use super::observer::{FileProtocol, RequestEvent, RequestStep};
use super::path_mtu::PathMtus;
pub use super::path_mtu::{SmallMtu, TooBig};
use super::report::Report;
use super::routes::Routes;
use super::sender::{Acked, Expired, Transfer};
use super::stats::{Ignored, Limit, Outcome, Stats};
use super::{Instant, Peer};
use crate::catalog::Catalog;
use crate::wire::Packet;

/// Datagrams to send. They are in the buffer given to [`Server::poll_transmit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The client, and the address of ours to send from.
    pub peer: Peer,
    /// Length of each datagram in the buffer; the last one may be shorter.
    pub segment: usize,
    /// The path does not take datagrams of this size whole: they may be fragmented.
    pub may_fragment: bool,
}

/// What an ICMP report says of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The host is there, and has no such port: no client has asked, or it has gone.
    Port,
    /// There is no route to the host.
    Host,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Server {
    catalog: Arc<Catalog>,
    config: ServerConfig,
    paths: PathMtus,
    local: Arc<LocalNetworks>,
    sessions: Sessions,
    guard: Guard,
    log_limiter: LogLimiter,
    /// Transfers under way to validated addresses: their client has acknowledged something.
    validated: usize,
    /// Transfers under way to unvalidated addresses.
    unvalidated: usize,
    /// Sessions with something to send, in turn.
    ready: VecDeque<Slot>,
    /// ERRORs to send; at most one for each datagram since the last `poll_transmit`.
    refusals: VecDeque<(Peer, Refusal)>,
    events: VecDeque<Report>,
    /// For the observer: at most two for each datagram.
    request_events: Vec<RequestEvent>,
    stats: Stats,
    /// A request has met a full table.
    full_table: News<()>,
    /// A path takes smaller packets than was known.
    small_mtu: News<SmallMtu>,
}

impl Server {
    /// A server of the files in `catalog`.
    pub fn new(catalog: Arc<Catalog>, config: ServerConfig) -> Server {
        let stats = Stats::new(catalog.iter().count());
        Server {
            catalog,
            config,
            paths: PathMtus::default(),
            local: Arc::default(),
            sessions: Sessions::new(config.max_sessions.max(1)),
            guard: Guard::default(),
            log_limiter: LogLimiter::default(),
            validated: 0,
            unvalidated: 0,
            ready: VecDeque::new(),
            refusals: VecDeque::new(),
            events: VecDeque::new(),
            request_events: Vec::new(),
            stats,
            full_table: News::default(),
            small_mtu: News::default(),
        }
    }

    /// The same server, which knows the routes of its machine.
    pub fn with_routes(self, routes: Arc<Routes>) -> Server {
        Server {
            paths: PathMtus::new(routes),
            ..self
        }
    }

    /// The same server, which knows the networks of its site.
    pub fn with_local(mut self, local: Arc<LocalNetworks>) -> Server {
        self.guard.exempt(Arc::clone(&local));
        Server { local, ..self }
    }

    /// A datagram has come in.
    pub fn handle_datagram(&mut self, now: Instant, from: Peer, datagram: &[u8]) {
        if from.is_broadcast() {
            return self.stats.ignore(Ignored::Broadcast);
        }
        if !from.can_be_answered() {
            return self.stats.ignore(Ignored::Malformed);
        }
        match Packet::decode(datagram) {
            Ok(Packet::Rrq(_) | Packet::Wrq(_)) if self.is_to_all_of_a_link(from) => {
                self.stats.ignore(Ignored::Broadcast);
            }
            Ok(Packet::Rrq(request)) => self.on_rrq(now, from, request, datagram.len()),
            Ok(Packet::Wrq(request)) => {
                self.refuse(now, from, request, Refusal::ReadOnly, datagram.len());
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

    /// Replaces the content of `out` by the next datagrams: one, or up to `segments` of equal length for the
    /// same peer, the last of which may be shorter. Together they have at most 65,507 bytes, the largest UDP
    /// payload.
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
            return Some(Transmit {
                peer,
                segment,
                may_fragment: false,
            });
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

    /// What has happened to requests, for an [`Observer`](super::observer::Observer): every transfer
    /// that has started and every request that has ended. The caller empties it.
    pub fn request_events(&mut self) -> &mut Vec<RequestEvent> {
        &mut self.request_events
    }

    /// True once, at most once a minute, when a request has met a full table.
    pub fn take_table_full(&mut self) -> bool {
        self.full_table.take().is_some()
    }

    /// True when no transfer to a validated address is under way. Requests without an ACK do not count: a
    /// flood of them would keep the program from ever ending, and their clients will ask again.
    pub fn is_idle(&self) -> bool {
        self.validated == 0
    }

    /// True when exactly one transfer is under way, with an ACK or without.
    pub fn has_one_transfer(&self) -> bool {
        self.validated + self.unvalidated == 1
    }

    /// Sessions in the table: transfers under way, and those that finished a moment ago.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Most sessions that the table holds.
    pub fn max_sessions(&self) -> usize {
        self.config.max_sessions
    }

    /// Transfers under way to validated addresses.
    pub fn validated(&self) -> usize {
        self.validated
    }

    /// Transfers under way to unvalidated addresses.
    pub fn unvalidated(&self) -> usize {
        self.unvalidated
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
        let was_validated = transfer.is_validated();
        let acked = transfer.on_ack(now, number);
        if transfer.is_validated() && !was_validated {
            self.on_validated(slot);
        }
        match acked {
            Acked::Complete => return self.finish(now, slot, Outcome::Complete, Memory::Kept),
            Acked::Blind => {
                return self.finish_limited(now, slot, Limit::BlindAcks, Memory::Kept);
            }
            Acked::NeverSent => self.stats.ignore(Ignored::NeverSent),
            Acked::Progress | Acked::Repeated => {}
        }
        self.make_ready(slot);
    }

    /// True if a datagram was sent to a subnet's broadcast address (RFC 1123 §4.2.3.5).
    fn is_to_all_of_a_link(&self, from: Peer) -> bool {
        let local = &self.local;
        from.local
            .is_some_and(|address| local.has_broadcast(address))
    }

    /// The first ACK of a transfer has validated the client's address (RFC 9000 §8).
    fn on_validated(&mut self, slot: Slot) {
        if let Some(session) = self.sessions.get(slot) {
            self.guard
                .on_validated(session.reservation, session.reserved.into());
            self.validated += 1;
            self.unvalidated -= 1;
            let (peer, asked) = (session.peer, session.transfer.started());
            self.observe(peer, asked, RequestStep::Started);
        }
    }

    fn observe(&mut self, peer: Peer, asked: Instant, step: RequestStep) {
        self.request_events.push(RequestEvent {
            source: peer.address.ip(),
            protocol: FileProtocol::Tftp,
            asked,
            step,
        });
    }

    /// The transfer of a peer, if it has one that is not finished.
    fn under_way(&mut self, peer: Peer) -> Option<(Slot, &mut Transfer)> {
        let slot = self.sessions.find(peer)?;
        let session = self.sessions.get(slot)?;
        session
            .finished
            .is_none()
            .then_some((slot, &mut session.transfer))
    }

    /// The alarm of a session has expired, perhaps early.
    fn wake(&mut self, now: Instant, slot: Slot) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        if let Some(finished) = session.finished {
            return self.forget(now, slot, finished);
        }
        let outcome = match session.transfer.on_timeout(now) {
            Expired::No => return self.make_ready(slot),
            Expired::LastAckMissing => Outcome::LastAckMissing,
            Expired::TimedOut => Outcome::TimedOut,
        };
        self.finish(now, slot, outcome, Memory::None);
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
        if session.finished.is_some() || !session.transfer.wants_to_send() {
            return None;
        }
        let peer = session.peer;
        let has_rate = !session.is_exempt;
        let source = peer.address.ip();
        if has_rate && let Some(wait) = self.guard.throttle(now, source, session.transfer.waiting())
        {
            session.transfer.hold(now + wait);
            session.limited = Some(self.guard.reason_to_throttle(now, source));
            self.make_ready(slot);
            return None;
        }
        let may_fragment = session.may_fragment;
        // The kernel takes several at once only if each of them leaves whole.
        let segments = if may_fragment { 1 } else { segments };
        let file = self.catalog.bytes(session.file);
        let segment = session.transfer.fill(now, file, segments, out);
        if has_rate {
            self.guard.charge(now, source, out.len());
        }
        self.make_ready(slot);
        Some(Transmit {
            peer,
            segment,
            may_fragment,
        })
    }
}
