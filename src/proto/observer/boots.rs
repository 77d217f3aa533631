//! The table of boots: one for each address that is fetching files.
//!
//! A boot begins with the first request of an address and ends after a minute without any. TFTP has
//! no name for a machine, so several machines behind one address are one boot. The names that are
//! asked for do not tell them apart: machines of one kind ask for the same names, and one machine
//! asks for the same name several times (a size probe, a repeated script, a second attempt).
//!
//! An address without a started transfer is only a candidate, because any host can forge its
//! requests. Candidates have places of their own in the table, so that a flood of forged requests
//! takes no place of a boot. They exist because a boot begins with its first request, which has no
//! ACK if it is a size probe or asks for an unknown name.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::event::{RequestEnd, RequestEvent, RequestStep};
use crate::proto::Instant;
use crate::proto::stats::Outcome;

/// Time without a request or a transfer after which a boot has ended. Firmware waits less between
/// two files: the longest known pause is iPXE's search for a network, 15 to 30 s.
const IDLE: Duration = Duration::from_secs(60);

/// The longest boot. Behind one address with many machines there may never be a pause.
const LONGEST: Duration = Duration::from_secs(3600);

/// Most boots at a time: many more machines than one server boots in a minute.
const BOOTS: usize = 10_000;

/// Most candidates at a time. With the boots they fill a hash table of 16,384 places of 64 bytes.
const CANDIDATES: usize = 4_000;

/// How often the table is searched for boots that have ended, at most.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A boot that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The address of the machine.
    pub address: IpAddr,
    /// Files that it has received whole.
    pub files: u32,
    /// Bytes that it has received, of whole files and others.
    pub bytes: u64,
    /// From its first request to the end of its last whole file; if the boot is incomplete, to when
    /// the machine was last heard of.
    pub duration: Duration,
    /// When that was.
    pub ended: Instant,
    /// Whether it was complete.
    pub result: BootResult,
}

/// The result of a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BootResult {
    /// The machine has received the last file that it asked for.
    Complete,
    /// It has not.
    Incomplete,
}

impl BootResult {
    /// Both, in the order of their numbers.
    pub const ALL: [BootResult; 2] = [BootResult::Complete, BootResult::Incomplete];

    /// The word for it in the log and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            BootResult::Complete => "complete",
            BootResult::Incomplete => "incomplete",
        }
    }
}

/// An address as a key: IPv4 in its IPv4-mapped form.
type Address = [u8; 16];

/// The boots that have not ended, and the candidates.
#[derive(Debug, Default)]
pub(super) struct Boots {
    open: HashMap<Address, OpenBoot>,
    boots: usize,
    left_out: u64,
    /// When to search the table for boots that have ended.
    sweep: Option<Instant>,
}

/// What is known of an address.
#[derive(Debug)]
struct OpenBoot {
    /// The first request.
    first: Instant,
    /// When the machine was last heard of.
    heard: Instant,
    /// When the last whole file ended.
    whole: Option<Instant>,
    /// When the last file that has ended was asked for.
    last_asked: Instant,
    bytes: u64,
    files: u32,
    transfers: u16,
    /// A transfer has started. Otherwise it is a candidate.
    is_boot: bool,
    result: BootResult,
}

impl Boots {
    /// Notes an event. Returns the boot of the same address that had ended before, if there is one.
    pub(super) fn record(&mut self, now: Instant, event: &RequestEvent) -> Option<Boot> {
        let key = key(event.source);
        let open = self.open.get(&key);
        let is_over = open.is_some_and(|boot| boot.deadline() <= event.asked);
        let ended = is_over.then(|| self.remove(key)).flatten();
        if self.has_place(key, event) {
            let boot = self.open.entry(key);
            let boot = boot.or_insert_with(|| OpenBoot::new(event.asked));
            let was_boot = boot.is_boot;
            boot.record(now, event);
            self.boots += usize::from(boot.is_boot && !was_boot);
            let deadline = boot.deadline().max(now + SWEEP_EVERY);
            self.sweep = Some(self.sweep.map_or(deadline, |sweep| sweep.min(deadline)));
        }
        ended
    }

    /// True if the address of the event is in the table as what it is, or can be added.
    fn has_place(&mut self, key: Address, event: &RequestEvent) -> bool {
        let open = self.open.get(&key);
        if !event.is_of_transfer() {
            return open.is_some() || self.open.len() - self.boots < CANDIDATES;
        }
        if open.is_some_and(|boot| boot.is_boot) || self.boots < BOOTS {
            return true;
        }
        self.left_out += u64::from(event.step == RequestStep::Started);
        false
    }

    fn remove(&mut self, key: Address) -> Option<Boot> {
        let boot = self.open.remove(&key)?.ended(key);
        self.boots -= usize::from(boot.is_some());
        boot
    }

    /// Removes the boots that have ended, and calls `ended` for each.
    pub(super) fn handle_timeout(&mut self, now: Instant, ended: &mut dyn FnMut(Boot)) {
        if self.sweep.is_some_and(|sweep| sweep <= now) {
            self.remove_until(now, ended);
        }
    }

    /// Ends all boots, and calls `ended` for each.
    pub(super) fn end_all(&mut self, ended: &mut dyn FnMut(Boot)) {
        self.remove_until(Instant::from_micros(u64::MAX), ended);
    }

    fn remove_until(&mut self, now: Instant, ended: &mut dyn FnMut(Boot)) {
        let mut next: Option<Instant> = None;
        let boots = &mut self.boots;
        self.open.retain(|key, boot| {
            let deadline = boot.deadline();
            if deadline <= now {
                *boots -= usize::from(boot.is_boot);
                boot.ended(*key).into_iter().for_each(&mut *ended);
                return false;
            }
            next = Some(next.map_or(deadline, |next| next.min(deadline)));
            true
        });
        self.sweep = next.map(|next| next.max(now + SWEEP_EVERY));
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.sweep
    }

    /// Number of boots that have not ended.
    pub(super) fn in_progress(&self) -> usize {
        self.boots
    }

    /// Number of transfers that belong to no boot, because there were too many boots.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl OpenBoot {
    fn new(asked: Instant) -> OpenBoot {
        OpenBoot {
            first: asked,
            heard: asked,
            whole: None,
            last_asked: Instant::ZERO,
            bytes: 0,
            files: 0,
            transfers: 0,
            is_boot: false,
            result: BootResult::Incomplete,
        }
    }

    fn record(&mut self, now: Instant, event: &RequestEvent) {
        self.is_boot |= event.is_of_transfer();
        // The outcome of a size probe may come after that of the file.
        self.first = self.first.min(event.asked);
        match event.step {
            RequestStep::Started => {
                self.transfers = self.transfers.saturating_add(1);
                self.heard = self.heard.max(now);
            }
            RequestStep::Ended(end) => self.end_request(event.asked, &end),
        }
    }

    fn end_request(&mut self, asked: Instant, end: &RequestEnd) {
        let started = u16::from(end.was_started);
        self.transfers = self.transfers.saturating_sub(started);
        self.heard = self.heard.max(end.heard);
        self.bytes = self.bytes.saturating_add(end.bytes);
        if end.is_whole() {
            self.files = self.files.saturating_add(1);
            self.whole = self.whole.max(Some(end.heard));
        }
        // A missing last ACK is reported when the machine has asked for other files since.
        if end.outcome != Outcome::Probe && self.last_asked <= asked {
            self.last_asked = asked;
            self.result = match end.is_whole() {
                true => BootResult::Complete,
                false => BootResult::Incomplete,
            };
        }
    }

    /// When it has ended, if nothing happens before.
    fn deadline(&self) -> Instant {
        let longest = self.first + LONGEST;
        match self.transfers {
            0 => longest.min(self.heard + IDLE),
            _ => longest,
        }
    }

    /// The boot, now that it has ended; `None` for a candidate.
    fn ended(&self, key: Address) -> Option<Boot> {
        let ended = match self.result {
            BootResult::Complete => self.whole.unwrap_or(self.heard),
            BootResult::Incomplete => self.heard,
        };
        self.is_boot.then(|| Boot {
            address: Ipv6Addr::from(key).to_canonical(),
            files: self.files,
            bytes: self.bytes,
            duration: ended - self.first,
            ended,
            result: self.result,
        })
    }
}

impl RequestEvent {
    /// True if it is about a transfer to a validated address.
    fn is_of_transfer(&self) -> bool {
        match self.step {
            RequestStep::Started => true,
            RequestStep::Ended(end) => end.was_started,
        }
    }
}

fn key(address: IpAddr) -> Address {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
