//! A machine that is too slow for its network: it has a receive buffer, and other things to do.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use bootstone::proto::Instant;
use bootstone::wire::Packet;

use super::Client;

/// How slow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Datagrams that wait to be looked at; more are lost.
    pub(crate) buffer: usize,
    /// Time to look at one.
    pub(crate) each: Duration,
    /// After so many blocks that are new to it it does something else, such as writing to flash,
    pub(crate) every: usize,
    /// for so long.
    pub(crate) pause: Duration,
}

/// Any client on such a machine. Its timers are late as well, for no one looks at them meanwhile.
pub(crate) struct Slow<C> {
    inner: C,
    pace: Pace,
    waiting: VecDeque<(u16, Vec<u8>)>,
    busy_until: Instant,
    /// Numbers of DATA.
    seen: HashSet<u16>,
}

impl<C: Client> Slow<C> {
    pub(crate) fn new(inner: C, pace: Pace) -> Slow<C> {
        Slow {
            inner,
            pace,
            waiting: VecDeque::new(),
            busy_until: Instant::ZERO,
            seen: HashSet::new(),
        }
    }

    fn look(&mut self, now: Instant, port: u16, datagram: &[u8]) {
        self.inner.handle_datagram(now, port, datagram);
        let is_new = match Packet::decode(datagram) {
            Ok(Packet::Data { block, .. }) => self.seen.insert(block),
            _ => false,
        };
        let is_pause = is_new && self.seen.len().is_multiple_of(self.pace.every);
        self.busy_until = now
            + if is_pause {
                self.pace.pause
            } else {
                self.pace.each
            };
    }
}

impl<C: Client> Client for Slow<C> {
    fn handle_datagram(&mut self, now: Instant, port: u16, datagram: &[u8]) {
        if now >= self.busy_until && self.waiting.is_empty() {
            self.look(now, port, datagram);
        } else if self.waiting.len() < self.pace.buffer {
            self.waiting.push_back((port, datagram.to_vec()));
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if now < self.busy_until {
            return;
        }
        match self.waiting.pop_front() {
            Some((port, datagram)) => self.look(now, port, &datagram),
            None => self.inner.handle_timeout(now),
        }
    }

    fn poll_transmit(&mut self) -> Option<(u16, Vec<u8>)> {
        self.inner.poll_transmit()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if !self.waiting.is_empty() {
            return Some(self.busy_until);
        }
        self.inner.poll_timeout().map(|at| at.max(self.busy_until))
    }

    fn name(&self) -> String {
        format!("{} with {:?}", self.inner.name(), self.pace)
    }

    fn outcome(&self) -> Option<Result<(), &'static str>> {
        self.inner.outcome()
    }
}
