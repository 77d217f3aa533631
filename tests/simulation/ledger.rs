//! What the server may send to one peer.
//!
//! The rules, for each transfer:
//!
//! - **Nothing after the end.** Once its end is reported, nothing leaves until the peer asks again:
//!   PXELINUX takes DATA from any port, so a stray block ends up in its next file.
//! - **Little before the first ACK.** At most three bytes for each byte that came, and with options no
//!   DATA; without, one DATA for each RRQ even if it is longer than that.
//! - **Never ahead of the peer** by more than its window, or the operator's bound on pipelining in whole
//!   windows; two windows after silence. Until the third ACK, and to a peer with a low RTT: by its window.
//! - **Whole windows.** When the server resends because nothing came, what had left beyond the last ACK
//!   was whole windows of the peer's, or ended the file.
//! - **No block again without a reason.** Blocks leave in order. When the order starts again, it starts at
//!   the first block that is not acknowledged, and a round trip after the last time or later; in lock-step,
//!   after [`LEAST_RTO`] at the earliest (RFC 1123 §4.2.3.1). Until the third ACK the timer may resend
//!   single blocks of the window, a few of them.

use std::time::Duration;

use bootstone::proto::Instant;
use bootstone::wire::options::decimal;
use bootstone::wire::{OptionName, Options, Packet};

use crate::clients::nearest;

/// No timer of the server is shorter.
const LEAST_RTO: Duration = Duration::from_millis(200);

/// Single blocks that the timer may resend before the third ACK.
const PROBES: usize = 4;

/// Bytes to an unvalidated peer for each of its own (RFC 9000 §8.1).
const AMPLIFICATION: usize = 3;

/// The books of one peer's transfer.
pub(crate) struct Ledger {
    /// The least round trip of its path.
    floor: Duration,
    /// Most blocks in flight that the operator allows.
    pipeline: u64,
    requests: usize,
    bytes_in: usize,
    bytes_out: usize,
    /// An OACK was sent.
    has_options: bool,
    windowsize: u64,
    blksize: usize,
    /// The block that ends the file has left.
    has_short_block: bool,
    /// An ACK has reached the server.
    is_validated: bool,
    /// The highest block acknowledged to the server.
    acked: u64,
    /// When each block last left; the OACK is the first.
    left: Vec<Option<Instant>>,
    /// ACKs that made progress.
    acks: usize,
    /// The last block that left in order, and when the order last started again.
    pass_end: u64,
    /// The same before the first block left again, which may have been a probe.
    before_probe: Option<u64>,
    restarted: Instant,
    /// An ACK has come since.
    has_news: bool,
    /// Single blocks that the timer has resent since the last progress.
    probes: usize,
    /// DATA sent, each time counted.
    pub(crate) blocks_sent: usize,
    /// The end was reported.
    pub(crate) is_over: bool,
}

/// A rule that was broken.
pub(crate) type Breach = String;

impl Ledger {
    pub(crate) fn new(floor: Duration, pipeline: u16) -> Ledger {
        Ledger {
            floor,
            pipeline: pipeline.into(),
            requests: 0,
            bytes_in: 0,
            bytes_out: 0,
            has_options: false,
            windowsize: 1,
            blksize: 512,
            has_short_block: false,
            is_validated: false,
            acked: 0,
            left: Vec::new(),
            acks: 0,
            pass_end: 0,
            before_probe: None,
            restarted: Instant::from_micros(0),
            has_news: false,
            probes: 0,
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
                self.is_validated = true;
                self.has_news = true;
                let sent = self.left.len() as u64;
                let block = nearest(block, self.acked).filter(|&block| block < sent);
                if let Some(block) = block.filter(|&b| b > self.acked || self.acks == 0) {
                    self.acked = block;
                    self.acks += 1;
                    self.probes = 0;
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
            Ok(Packet::Data { block, payload }) => {
                self.has_short_block |= payload.len() < self.blksize;
                self.sent_data(now, asked, block)?;
            }
            // Ends it without its being reported as a transfer.
            Ok(Packet::Error { .. }) => return Ok(()),
            other => return Err(format!("{other:?} from a server")),
        }
        self.check_unvalidated()
    }

    fn check_unvalidated(&self) -> Result<(), Breach> {
        if self.is_validated {
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
            let value = decimal(value).unwrap_or(1);
            match OptionName::of(name) {
                Some(OptionName::Windowsize) => self.windowsize = value,
                Some(OptionName::Blksize) => self.blksize = value as usize,
                _ => {}
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
        if self.has_options && !self.is_validated {
            return Err("DATA before the OACK was acknowledged".into());
        }
        if block > self.acked + self.most_ahead() {
            return Err(format!("{block} where {} is acknowledged", self.acked));
        }
        if block <= self.acked {
            return Err(format!("{block}, which was acknowledged"));
        }
        let left = self.leaves(now, block);
        if self.before_probe.is_some_and(|end| block == end + 1)
            || block == self.pass_end + 1
            || block > self.pass_end && block == self.acked + 1
        {
            self.pass_end = block;
            self.before_probe = None;
            return Ok(());
        }
        match left {
            Some(left) => self.leaves_again(now, asked, block, left),
            None => Err(format!("{block} behind {}", self.pass_end)),
        }
    }

    fn bound(&self) -> u64 {
        (self.pipeline / self.windowsize).max(1) * self.windowsize
    }

    fn most_ahead(&self) -> u64 {
        match self.bound() {
            _ if self.acks < 3 => self.windowsize,
            bound if self.pipeline == 1 => bound,
            1 => 1,
            bound => bound.max(2 * self.windowsize),
        }
    }

    /// The order starts again at `block`, which left at `left` before; or `block` leaves alone.
    fn leaves_again(
        &mut self,
        now: Instant,
        asked: bool,
        block: u64,
        left: Instant,
    ) -> Result<(), Breach> {
        let is_lock_step = self.bound() == 1 || self.windowsize == 1 && self.acks < 3;
        let pause = match () {
            () if !self.is_validated => Duration::ZERO,
            () if is_lock_step => LEAST_RTO,
            // A single block that the timer has resent starts no order.
            () if self.acks < 3 => Duration::ZERO,
            // A round trip may turn out to be a little shorter than those before.
            () => (self.floor * 6 / 8).min(LEAST_RTO),
        };
        let passed = (now - left).min(now - self.restarted);
        if passed < pause {
            return Err(format!("{block} again after {passed:?}"));
        }
        let is_first = block == self.acked + 1;
        let is_probe = self.probes < PROBES || std::mem::take(&mut self.has_news);
        if self.acks < 3 && self.is_validated && !is_first && is_probe {
            self.probes += 1;
            self.left[block as usize] = Some(left);
            return Ok(());
        }
        if !is_first {
            return Err(format!(
                "{block} again, where {} is missing",
                self.acked + 1
            ));
        }
        let beyond = self.pass_end - self.acked;
        let is_whole = beyond.is_multiple_of(self.windowsize) || self.has_short_block;
        if !asked && !self.has_news && self.acks >= 3 && !is_whole {
            return Err(format!("a resend where {beyond} had left"));
        }
        if self.acks < 3 {
            self.before_probe.get_or_insert(self.pass_end);
            if !asked {
                self.left[block as usize] = Some(left);
            }
        }
        self.pass_end = block;
        self.restarted = now;
        self.has_news = false;
        Ok(())
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
