//! What a client does with OACKs and blocks, and when it acknowledges.

use std::time::Duration;

use super::client::{FetchPhase, ModelClient};
use super::{Fault, OackRule, WithoutOack};
use crate::proto::Instant;
use crate::wire::options::decimal;
use crate::wire::{ErrorCode, Options, Packet};

/// The text of the ERROR 8 that ends a size probe.
const PROBE_END: &str = "User aborted the transfer";

impl ModelClient {
    pub(super) fn on_oack(&mut self, now: Instant, options: Options<'_>) {
        self.observed.has_oack = true;
        let is_first = matches!(self.phase, FetchPhase::Probing | FetchPhase::Asking);
        if is_first && !self.take_options(options) {
            return;
        }
        match self.phase {
            FetchPhase::Probing => self.end_probe(now),
            FetchPhase::Asking => {
                self.phase = FetchPhase::Receiving;
                // A client that never opens without an OACK may have counted blocks before it.
                self.order.next = 1;
                self.progressed(now);
                self.acknowledge(now);
            }
            FetchPhase::Receiving if self.model.starts_over => {
                self.order.next = 1;
                self.acknowledge(now);
            }
            FetchPhase::Receiving if self.order.next == 1 => self.acknowledge(now),
            _ => {}
        }
    }

    /// The probe is answered: ends it, and requests the file from another port.
    fn end_probe(&mut self, now: Instant) {
        self.send_error(ErrorCode::OptionNegotiation, PROBE_END);
        self.port += 1;
        self.tid = None;
        self.attempt = 0;
        self.phase = FetchPhase::Asking;
        self.request(now);
    }

    /// Adopts the granted options. False if the client does not accept them: it has failed then.
    fn take_options(&mut self, options: Options<'_>) -> bool {
        let requested = self.requested();
        for (name, value) in options.iter() {
            let asked = requested
                .iter()
                .find(|(asked, _)| name.eq_ignore_ascii_case(asked.as_bytes()));
            let value = decimal(value);
            if let Some(what) = refusal(self.model.oack, asked.copied(), value) {
                self.send_error(ErrorCode::OptionNegotiation, "options not as requested");
                self.fail(Fault::BadOack(what));
                return false;
            }
            if let (Some((name, _)), Some(value)) = (asked, value) {
                self.adopt(name, value);
            }
        }
        true
    }

    fn adopt(&mut self, name: &str, value: u64) {
        let small = u16::try_from(value).unwrap_or(u16::MAX).max(1);
        match name {
            "blksize" => self.observed.blksize = small,
            "windowsize" => self.observed.windowsize = small,
            "tsize" => self.observed.tsize = Some(value),
            _ => {}
        }
    }

    pub(super) fn on_data(
        &mut self,
        now: Instant,
        number: u16,
        payload: &[u8],
        output: &mut dyn FnMut(u64, &[u8]),
    ) {
        match self.phase {
            FetchPhase::Probing if self.model.without_oack == WithoutOack::FailsProbe => {
                self.send_error(ErrorCode::IllegalOperation, "no OACK");
                return self.fail(Fault::NoOack);
            }
            FetchPhase::Probing => return self.end_probe(now),
            FetchPhase::Asking if number != 1 && self.order.next == 1 => return,
            FetchPhase::Asking => match self.model.without_oack {
                WithoutOack::NeverOpens if !self.model.options.is_empty() => {
                    return self.on_data_unopened(number);
                }
                _ => self.phase = FetchPhase::Receiving,
            },
            FetchPhase::Receiving => {}
            _ => return,
        }
        if let Some(block) = self.order.block(number) {
            let is_new = self.order.is_new(block);
            self.observed.on_block(now, block, is_new);
            match block == self.order.next {
                true => self.on_next(now, payload, output),
                false => self.on_other(now, block, payload),
            }
        }
    }

    /// It acknowledges the block, but still waits for an OACK.
    fn on_data_unopened(&mut self, number: u16) {
        if self.order.block(number) == Some(self.order.next) {
            self.order.next += 1;
            self.send(Packet::Ack { block: number });
        }
    }

    fn on_next(&mut self, now: Instant, payload: &[u8], output: &mut dyn FnMut(u64, &[u8])) {
        self.progressed(now);
        let bytes = &mut self.observed.bytes;
        let mut count = |block, part: &[u8]| {
            *bytes += part.len() as u64;
            output(block, part);
        };
        let (blksize, first) = (self.observed.blksize, self.order.next);
        self.order.take_next(payload, blksize, &mut count);
        self.read(now);
        self.unacknowledged += (self.order.next - first) as u16;
        let is_whole = self.order.is_whole();
        if is_whole || self.unacknowledged >= self.observed.windowsize {
            self.acknowledge(now);
            self.send_late_copy();
        }
        if is_whole && !self.is_held_back {
            self.finish();
        }
    }

    fn on_other(&mut self, now: Instant, block: u64, payload: &[u8]) {
        let (unacknowledged, windowsize) = (self.unacknowledged, self.observed.windowsize);
        if self
            .order
            .take_other(block, payload, unacknowledged, windowsize)
        {
            self.acknowledge(now);
        } else if self.model.any_block_restarts_timer {
            self.waits_since = Some(now);
        }
    }

    fn finish(&mut self) {
        if let Some(text) = self.model.closing_error {
            self.send_error(ErrorCode::NotDefined, text);
        }
        self.phase = FetchPhase::Finished(Ok(()));
    }

    /// Acknowledges the last block in order.
    pub(super) fn acknowledge(&mut self, now: Instant) {
        self.unacknowledged = 0;
        self.waits_since = Some(now);
        self.is_held_back = self.model.reader.is_some_and(|r| self.unread >= r.queue);
        if !self.is_held_back {
            self.last_ack = self.order.next - 1;
            self.send_ack(now);
        }
    }

    /// Repeats its last ACK, whatever it has received since.
    pub(super) fn repeat_ack(&mut self, now: Instant) {
        self.waits_since = Some(now);
        self.send_ack(now);
    }

    /// Sends its ACK, at once or later.
    fn send_ack(&mut self, now: Instant) {
        self.observed.acknowledge(now, self.last_ack);
        let block = self.last_ack as u16;
        let transmit = self.transmit(Packet::Ack { block });
        match self.model.ack_delay {
            Duration::ZERO => self.outgoing.push_back(transmit),
            delay => self.late.push_back((now + delay, transmit)),
        }
    }

    /// Something that it waited for has come.
    fn progressed(&mut self, now: Instant) {
        if self.attempt == 0 {
            self.rtt = self.waits_since.map(|since| now - since);
        }
        if !self.model.counts_all_repeats {
            self.attempt = 0;
        }
        self.waits_since = Some(now);
    }

    /// Its reader reads the block that has come, unless it is busy.
    fn read(&mut self, now: Instant) {
        let Some(reader) = self.model.reader else {
            return;
        };
        if self.order.next.is_multiple_of(reader.every) {
            self.reads_at = Some(now + reader.pause);
        }
        if self.reads_at.is_some() {
            self.unread += 1;
        }
    }

    /// Its reader continues.
    pub(super) fn read_all(&mut self, now: Instant) {
        self.reads_at = None;
        self.unread = 0;
        if self.is_held_back {
            self.acknowledge(now);
        }
        if self.order.is_whole() {
            self.finish();
        }
    }
}

/// Why a client with this rule does not accept an option of an OACK, if it does not.
fn refusal(rule: OackRule, asked: Option<(&str, u64)>, value: Option<u64>) -> Option<&'static str> {
    let is_strict = rule == OackRule::Strict;
    match (rule, asked, value) {
        (OackRule::Any, ..) => None,
        (OackRule::SameTimeout, Some(("timeout", asked)), value) if value != Some(asked) => {
            Some("the server granted another timeout than requested")
        }
        (OackRule::SameTimeout, ..) => None,
        (_, None, _) => Some("the server granted an option that was not requested"),
        (_, _, None) => Some("the server granted an option without a number"),
        (_, Some(("timeout", asked)), Some(value)) if value != asked => {
            Some("the server granted another timeout than requested")
        }
        (_, Some(("blksize" | "windowsize", asked)), Some(value))
            if is_strict && (value > asked || value == 0) =>
        {
            Some("the server granted a larger block or window size than requested")
        }
        _ => None,
    }
}
