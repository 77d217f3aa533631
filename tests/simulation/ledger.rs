//! What the server may send to one peer, kept beside it like a book.
//!
//! The rules, for each transfer:
//!
//! - **Nothing after the end.** Once its end is reported, nothing leaves until the peer asks again:
//!   PXELINUX takes DATA from any port, so a stray block ends up in its next file.
//! - **Little before the first ACK.** At most three bytes for each byte that came, and with options no
//!   DATA; without, one DATA for each RRQ even if it is longer than that.
//! - **Never ahead of the peer** by more than the window that was agreed on, or in lock-step by more
//!   than the run-ahead that the operator allows.
//! - **No block again without a reason.** Something about a block can be heard a round trip after it
//!   left at the earliest; and silence means something after [`LEAST_RTO`] at the earliest. So the
//!   first block of a window leaves again only when the peer asked for it, by an ACK, a round trip
//!   after its last leaving or later; or after that silence. The blocks behind it leave again with it
//!   or not at all. To have the peer say what it has, the block that it acknowledged last may leave once
//!   more: behind a burst, and else once a round trip at most. In lock-step the silence alone counts (RFC 1123 §4.2.3.1), unless the server runs
//!   ahead: then it may give up what is in flight once a round trip, and what left before that may
//!   leave again. How often a block may leave in all follows from that: once, and once more for each
//!   such pause.

use std::time::Duration;

use bootstone::proto::Instant;
use bootstone::wire::options::decimal;
use bootstone::wire::{OptionName, Options, Packet};

use crate::clients::nearest;

/// No timer of the server is shorter.
const LEAST_RTO: Duration = Duration::from_millis(200);

/// Bytes to an unproven peer for each of its own (RFC 9000 §8.1).
const AMPLIFICATION: usize = 3;

/// The books of one peer's transfer.
pub(crate) struct Ledger {
    /// The least round trip of its path.
    floor: Duration,
    /// Most blocks in flight without a window.
    run_ahead: u64,
    requests: usize,
    bytes_in: usize,
    bytes_out: usize,
    /// An OACK was sent.
    has_options: bool,
    windowsize: u64,
    /// An ACK has reached the server.
    is_proven: bool,
    /// The highest block acknowledged to the server.
    acked: u64,
    /// When each block last left; the OACK is the first.
    left: Vec<Option<Instant>>,
    /// What left last was such an echo.
    has_echoed: bool,
    /// When a server that runs ahead last gave up what was in flight.
    went_back: Instant,
    /// DATA sent, each time counted.
    pub(crate) blocks_sent: usize,
    /// The end was reported.
    pub(crate) is_over: bool,
}

/// A rule that was broken.
pub(crate) type Breach = String;

impl Ledger {
    pub(crate) fn new(floor: Duration, run_ahead: u16) -> Ledger {
        Ledger {
            floor,
            run_ahead: run_ahead.into(),
            requests: 0,
            bytes_in: 0,
            bytes_out: 0,
            has_options: false,
            windowsize: 1,
            is_proven: false,
            acked: 0,
            left: Vec::new(),
            has_echoed: false,
            went_back: Instant::from_micros(0),
            blocks_sent: 0,
            is_over: false,
        }
    }

    /// A datagram of the peer is about to reach the server.
    pub(crate) fn delivered(&mut self, datagram: &[u8]) {
        self.bytes_in += datagram.len();
        match Packet::decode(datagram) {
            Ok(Packet::Rrq(_)) => self.requests += 1,
            Ok(Packet::Ack { block }) => {
                self.is_proven = true;
                let sent = self.left.len() as u64;
                if let Some(block) = nearest(block, self.acked).filter(|&b| b < sent) {
                    self.acked = self.acked.max(block);
                }
            }
            _ => {}
        }
    }

    /// The server sends a datagram, `asked` by one of the peer or by its own clock.
    pub(crate) fn sent(
        &mut self,
        now: Instant,
        asked: bool,
        datagram: &[u8],
    ) -> Result<(), Breach> {
        if self.is_over {
            return Err("sent after the end".into());
        }
        self.bytes_out += datagram.len();
        match Packet::decode(datagram) {
            Ok(Packet::Oack(options)) => self.sent_oack(now, options)?,
            Ok(Packet::Data { block, .. }) => self.sent_data(now, asked, block)?,
            // Ends it without its being reported as a transfer.
            Ok(Packet::Error { .. }) => return Ok(()),
            other => return Err(format!("{other:?} from a server")),
        }
        self.check_unproven()
    }

    fn check_unproven(&self) -> Result<(), Breach> {
        if self.is_proven {
            return Ok(());
        }
        let is_answer = !self.has_options && self.blocks_sent <= self.requests;
        let is_small = is_answer || self.bytes_out <= AMPLIFICATION * self.bytes_in;
        match is_small {
            true => Ok(()),
            false => Err(format!(
                "{} bytes, {} blocks for {} bytes, {} requests before the first ACK",
                self.bytes_out, self.blocks_sent, self.bytes_in, self.requests
            )),
        }
    }

    fn sent_oack(&mut self, now: Instant, options: Options<'_>) -> Result<(), Breach> {
        self.has_options = true;
        for (name, value) in options.iter() {
            if OptionName::of(name) == Some(OptionName::Windowsize) {
                self.windowsize = decimal(value).unwrap_or(1);
            }
        }
        self.leaves(now, 0);
        match self.acked {
            0 if self.left.len() == 1 => Ok(()),
            _ => Err("an OACK in mid-transfer".into()),
        }
    }

    fn sent_data(&mut self, now: Instant, asked: bool, number: u16) -> Result<(), Breach> {
        let block = nearest(number, self.acked).filter(|&block| block > 0);
        let block = block.ok_or("a block below the first")?;
        self.blocks_sent += 1;
        if self.has_options && !self.is_proven {
            return Err("DATA before the OACK was acknowledged".into());
        }
        let has_window = self.windowsize > 1;
        let most_ahead = match has_window {
            true => self.windowsize,
            false => self.run_ahead,
        };
        if block > self.acked + most_ahead {
            return Err(format!("{block} where {} is acknowledged", self.acked));
        }
        if block < self.acked + u64::from(self.windowsize == 1) {
            return Err(format!("{block}, which was acknowledged"));
        }
        let is_echo = has_window && block == self.acked;
        let has_echoed = std::mem::replace(&mut self.has_echoed, is_echo);
        let Some(left) = self.leaves(now, block) else {
            return Ok(());
        };
        if is_echo {
            return match !has_echoed || now - left >= self.floor {
                true => Ok(()),
                false => Err(format!("{block} echoed again after {:?}", now - left)),
            };
        }
        let pause = match () {
            () if !self.is_proven => Duration::ZERO,
            () if has_window && block > self.acked + 1 => {
                return self.with_the_first(now, block);
            }
            // A round trip may turn out to be a little shorter than those before.
            () if has_window && asked => (self.floor * 7 / 8).min(LEAST_RTO),
            () if has_window || most_ahead == 1 => LEAST_RTO,
            () if left < self.went_back => Duration::ZERO,
            () => return self.gives_up(now, block),
        };
        match now - left {
            passed if passed >= pause => Ok(()),
            passed => Err(format!("{block} again after {passed:?}")),
        }
    }

    /// A block behind the first of its window leaves again.
    fn with_the_first(&self, now: Instant, block: u64) -> Result<(), Breach> {
        let first = self.acked + 1;
        match self.left[first as usize] {
            // Spread over what the server takes for a round trip.
            Some(left) if now - left <= Duration::from_secs(1) => Ok(()),
            _ => Err(format!("{block} again without {first}")),
        }
    }

    /// A server that runs ahead gives up what is in flight.
    fn gives_up(&mut self, now: Instant, block: u64) -> Result<(), Breach> {
        let passed = now - std::mem::replace(&mut self.went_back, now);
        match passed >= self.floor.min(LEAST_RTO) {
            true => Ok(()),
            false => Err(format!("{block} again, {passed:?} after going back")),
        }
    }

    /// Notes that a block leaves, and tells when it last did.
    fn leaves(&mut self, now: Instant, block: u64) -> Option<Instant> {
        let index = block as usize;
        if self.left.len() <= index {
            self.left.resize(index + 1, None);
        }
        self.left[index].replace(now)
    }
}
