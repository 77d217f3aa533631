//! What a client sends of its own accord: requests, repeated ACKs, and when.

use std::time::Duration;

use super::client::{FetchPhase, ModelClient, ModelTransmit};
use super::{Fault, RequestKind};
use crate::proto::Instant;
use crate::wire::options::put_option;
use crate::wire::{ErrorCode, Mode, Options, Packet, Request as Rrq};

impl ModelClient {
    pub(super) fn request_kind(&self) -> RequestKind {
        match self.phase {
            FetchPhase::Probing => RequestKind::Probe,
            _ => RequestKind::File,
        }
    }

    fn wait(&self) -> Option<Duration> {
        let waits = match self.phase {
            FetchPhase::Receiving => self.model.ack_waits,
            _ => self.model.request_waits,
        };
        waits(self.attempt, self.rtt)
    }

    pub(super) fn repeats_at(&self) -> Option<Instant> {
        let since = self.waits_since?;
        self.wait().map(|wait| since + wait)
    }

    /// What it waits for has not come.
    pub(super) fn on_silence(&mut self, now: Instant) {
        self.attempt += 1;
        let is_receiving = matches!(self.phase, FetchPhase::Receiving);
        if self.wait().is_none() || is_receiving && self.order.is_stuck(self.unacknowledged) {
            return self.fail(match is_receiving {
                true => Fault::Stalled,
                false => Fault::Silent(self.request_kind()),
            });
        }
        if !is_receiving {
            self.observed.repeated_requests += 1;
            return self.request(now);
        }
        self.observed.repeated_acks += 1;
        match self.model.repeats_last_ack {
            true => self.repeat_ack(now),
            false => self.acknowledge(now),
        }
    }

    pub(super) fn start(&mut self, now: Instant) {
        self.phase = match self.model.probe {
            Some(_) => FetchPhase::Probing,
            None => FetchPhase::Asking,
        };
        self.request(now);
    }

    pub(super) fn request(&mut self, now: Instant) {
        self.send_request();
        self.waits_since = Some(now);
    }

    /// Sends a copy of the request to the port that was requested, once, if the model does that.
    pub(super) fn send_late_copy(&mut self) {
        if std::mem::take(&mut self.model.late_copy) {
            let tid = self.tid.take();
            self.send_request();
            self.tid = tid;
        }
    }

    fn send_request(&mut self) {
        let mut options = Vec::new();
        for (name, value) in self.requested() {
            put_option(name.as_bytes(), value, &mut options);
        }
        let filename = std::mem::take(&mut self.filename);
        self.send(Packet::Rrq(Rrq {
            filename: &filename,
            mode: Mode::Octet,
            options: Options::new(&options),
        }));
        self.filename = filename;
    }

    pub(super) fn transmit(&self, packet: Packet<'_>) -> ModelTransmit {
        let mut datagram = Vec::new();
        packet.encode(&mut datagram);
        ModelTransmit {
            port: self.port,
            to: self.tid.unwrap_or(self.server),
            datagram,
        }
    }

    pub(super) fn send(&mut self, packet: Packet<'_>) {
        let transmit = self.transmit(packet);
        self.outgoing.push_back(transmit);
    }

    pub(super) fn send_error(&mut self, code: ErrorCode, message: &str) {
        let (code, message) = (code as u16, message.as_bytes());
        self.send(Packet::Error { code, message });
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        if self.outcome().is_none() {
            self.phase = FetchPhase::Finished(Err(fault));
        }
    }
}
