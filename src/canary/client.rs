//! A client that behaves as its [`Model`] says.
//!
//! **After every call of `handle_…`, call [`poll_transmit`](ModelClient::poll_transmit) until it
//! returns `None`, check [`outcome`](ModelClient::outcome), and call `handle_…` again with the next
//! datagram, or at [`poll_timeout`](ModelClient::poll_timeout) at the latest.**

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::order::Order;
use super::{Fault, Model, Observed};
use crate::proto::Instant;
use crate::wire::{ErrorCode, Packet};

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelTransmit {
    /// The number of the local port, from 0: each request may have its own.
    pub port: usize,
    /// The destination.
    pub to: SocketAddr,
    /// The payload.
    pub datagram: Vec<u8>,
}

/// A client of the kind that its model describes, as a value.
#[derive(Clone, Debug)]
pub struct ModelClient {
    pub(super) model: Model,
    pub(super) filename: Vec<u8>,
    /// The address of the request.
    pub(super) server: SocketAddr,
    /// The address of the first answer to it.
    pub(super) tid: Option<SocketAddr>,
    pub(super) phase: FetchPhase,
    /// The number of the local port.
    pub(super) port: usize,
    /// Requests windows of another size than its model.
    pub(super) windowsize: Option<u16>,
    pub(super) order: Order,
    /// Blocks since the last ACK.
    pub(super) unacknowledged: u16,
    /// The block of its last ACK.
    pub(super) last_ack: u64,
    /// How often it has repeated what it sent last.
    pub(super) attempt: u32,
    /// When it last sent something, or began to wait.
    pub(super) waits_since: Option<Instant>,
    /// The last round trip, for its timers.
    pub(super) rtt: Option<Duration>,
    /// Blocks that its reader has not read; an ACK waits for it; the end of its pause.
    pub(super) unread: usize,
    pub(super) is_held_back: bool,
    pub(super) reads_at: Option<Instant>,
    pub(super) outgoing: VecDeque<ModelTransmit>,
    /// ACKs that leave later.
    pub(super) late: VecDeque<(Instant, ModelTransmit)>,
    pub(super) observed: Observed,
}

#[derive(Clone, Debug)]
pub(super) enum FetchPhase {
    Off,
    Probing,
    Asking,
    Receiving,
    Finished(Result<(), Fault>),
}

impl ModelClient {
    /// A client that will fetch a file from `server`. The first `handle_timeout` starts it.
    pub fn new(model: &Model, server: SocketAddr, filename: impl Into<Vec<u8>>) -> ModelClient {
        ModelClient {
            model: *model,
            filename: filename.into(),
            server,
            tid: None,
            phase: FetchPhase::Off,
            port: 0,
            windowsize: None,
            order: Order::new(model.out_of_order),
            unacknowledged: 0,
            last_ack: 0,
            attempt: 0,
            waits_since: None,
            rtt: None,
            unread: 0,
            is_held_back: false,
            reads_at: None,
            outgoing: VecDeque::new(),
            late: VecDeque::new(),
            observed: Observed::default(),
        }
    }

    /// The same client, which requests windows of `windowsize` blocks.
    pub fn with_windowsize(self, windowsize: u16) -> ModelClient {
        let windowsize = Some(windowsize);
        ModelClient { windowsize, ..self }
    }

    /// Handles a datagram that arrived on the local port with this number. `output` receives each
    /// block in order, with its number.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        port: usize,
        from: SocketAddr,
        datagram: &[u8],
        output: &mut dyn FnMut(u64, &[u8]),
    ) {
        if port != self.port || self.outcome().is_some() {
            return;
        }
        if !self.is_server(from) {
            self.observed.other = Some(from);
            return;
        }
        let Ok(packet) = Packet::decode(datagram) else {
            return;
        };
        self.on_answer(now, from, datagram.len(), &packet);
        match packet {
            Packet::Oack(options) => self.on_oack(now, options),
            Packet::Data { block, payload } => self.on_data(now, block, payload, output),
            Packet::Error { code, message } => {
                self.fail(Fault::refused(self.request_kind(), code, message));
            }
            _ => {}
        }
    }

    /// Handles the timeout: starts, repeats what may have been lost, or gives up.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let FetchPhase::Off = self.phase {
            return self.start(now);
        }
        while let Some((_, transmit)) = self.late.pop_front_if(|(at, _)| *at <= now) {
            self.outgoing.push_back(transmit);
        }
        if self.reads_at.is_some_and(|at| at <= now) {
            self.read_all(now);
        }
        if self.outcome().is_none() && self.repeats_at().is_some_and(|at| at <= now) {
            self.on_silence(now);
        }
    }

    /// ICMP "port unreachable" has arrived for the local port with this number.
    pub fn handle_unreachable(&mut self, port: usize) {
        if port == self.port && self.model.heeds_icmp {
            self.fail(Fault::Unreachable);
        }
    }

    /// Ends the transfer with an ERROR, because the file is longer than `max` bytes.
    pub fn stop_at(&mut self, max: u64) {
        if self.outcome().is_none() {
            self.send_error(ErrorCode::NotDefined, "too large");
            self.fail(Fault::TooLarge(max));
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<ModelTransmit> {
        self.outgoing.pop_front()
    }

    /// When [`handle_timeout`](ModelClient::handle_timeout) is due; `None` once all is sent.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let late = self.late.front().map(|(at, _)| *at);
        match self.phase {
            FetchPhase::Off => Some(Instant::ZERO),
            FetchPhase::Finished(_) => late,
            _ => [self.repeats_at(), self.reads_at, late]
                .into_iter()
                .flatten()
                .min(),
        }
    }

    /// The outcome, once the client has finished. It does not answer datagrams after that.
    pub fn outcome(&self) -> Option<&Result<(), Fault>> {
        match &self.phase {
            FetchPhase::Finished(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// The options of its current request.
    pub fn requested(&self) -> Vec<(&'static str, u64)> {
        let options = match (&self.phase, self.model.probe) {
            (FetchPhase::Probing, Some(options)) => return options.to_vec(),
            _ => self.model.options.iter().copied(),
        };
        let Some(windowsize) = self.windowsize else {
            return options.collect();
        };
        options
            .filter(|(name, _)| *name != "windowsize")
            .chain((windowsize > 1).then_some(("windowsize", windowsize.into())))
            .collect()
    }

    /// The number of its local port, from 0.
    pub fn port(&self) -> u16 {
        self.port as u16
    }

    /// What it observed so far.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// What it behaves like.
    pub fn model(&self) -> &Model {
        &self.model
    }

    fn is_server(&self, from: SocketAddr) -> bool {
        let tid = self.tid.filter(|_| !self.model.accepts_any_port);
        from.ip() == self.server.ip() && tid.is_none_or(|tid| tid.port() == from.port())
    }

    fn on_answer(&mut self, now: Instant, from: SocketAddr, len: usize, packet: &Packet<'_>) {
        if self.tid.is_none() {
            self.tid = Some(from);
            self.observed.server = Some(from);
        }
        self.observed.longest = self.observed.longest.max(len);
        // A second OACK answers a repeated request, not the ACK of the first.
        let is_late = matches!(
            (&self.phase, packet),
            (FetchPhase::Receiving, Packet::Oack(_))
        );
        let is_first = self.order.next == 1 && self.attempt == 0 && !is_late;
        if let Some(sent) = self.waits_since.filter(|_| is_first) {
            self.observed.answered(sent, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::models;
    use super::*;

    /// The server's timer and the repeated request have each brought an OACK. The second one is no
    /// answer to the ACK of the first.
    #[test]
    fn a_second_oack_is_no_answer_to_the_ack_of_the_first() {
        let server: SocketAddr = "192.0.2.1:69".parse().unwrap();
        let mut client = ModelClient::new(&models::IPXE, server, "f");
        let oack = b"\0\x06blksize\x001432\0tsize\x001\0";
        let mut at = |millis, datagram: &[u8]| {
            let now = Instant::from_millis(millis);
            match datagram {
                [] => client.handle_timeout(now),
                _ => client.handle_datagram(now, 0, server, datagram, &mut |_, _| {}),
            }
            client.observed().round_trip
        };
        at(0, &[]);
        assert_eq!(at(250, &[]), None);
        at(300, oack);
        assert_eq!(at(301, oack), None);
        let round_trip = at(350, b"\0\x03\0\x01x");
        assert_eq!(round_trip, Some(Duration::from_millis(49)));
    }
}
