//! An attacker who sends datagrams in any name, and counts what they set in motion.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bootstone::catalog::{Catalog, Entry};
use bootstone::proto::config::ServerConfig;
use bootstone::proto::report::Report;
use bootstone::proto::server::Server;
use bootstone::proto::{Instant, Peer};

/// Datagrams that a driver takes at a time.
const SEGMENTS: usize = 64;

/// IPv4 and UDP headers, which a datagram costs on either way.
const HEADERS: u64 = 28;

/// A server of one file, and the way to it.
pub(crate) struct Line {
    pub(crate) server: Server,
    pub(crate) now: Instant,
    pub(crate) reports: Vec<Report>,
    out: Vec<u8>,
}

/// Datagrams, and the bytes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) datagrams: u64,
    pub(crate) bytes: u64,
}

impl Traffic {
    pub(crate) fn count(&mut self, bytes: usize) {
        self.datagrams += 1;
        self.bytes += bytes as u64;
    }

    /// With the headers.
    pub(crate) fn on_the_wire(self) -> u64 {
        self.bytes + HEADERS * self.datagrams
    }
}

/// The file, whose name is as short as a spoofer would like it.
pub(crate) fn file(size: usize) -> Arc<Catalog> {
    Arc::new(Catalog::new(vec![Entry::new("f", vec![0x5a; size])]))
}

impl Line {
    pub(crate) fn new(size: usize, config: ServerConfig) -> Line {
        Line {
            server: Server::new(file(size), config),
            now: Instant::ZERO,
            reports: Vec::new(),
            out: Vec::new(),
        }
    }

    /// One datagram comes in; calls `sent` for each that goes out.
    pub(crate) fn hear(&mut self, from: Peer, datagram: &[u8], sent: &mut dyn FnMut(Peer, &[u8])) {
        self.server.handle_datagram(self.now, from, datagram);
        self.drain(sent);
    }

    /// Time passes, with every timer at its time.
    pub(crate) fn wait_until(&mut self, until: Instant, sent: &mut dyn FnMut(Peer, &[u8])) {
        while let Some(due) = self.server.poll_timeout().filter(|&due| due <= until) {
            self.now = self.now.max(due);
            self.server.handle_timeout(self.now);
            self.drain(sent);
        }
        self.now = self.now.max(until);
    }

    fn drain(&mut self, sent: &mut dyn FnMut(Peer, &[u8])) {
        while let Some(transmit) = self.server.poll_transmit(self.now, SEGMENTS, &mut self.out) {
            for datagram in self.out.chunks(transmit.segment) {
                sent(transmit.peer, datagram);
            }
        }
        self.reports
            .extend(std::iter::from_fn(|| self.server.poll_event()));
        self.server.request_events().clear();
    }
}

/// Host `host` of the public /24 numbered `prefix`, asking from `port`.
pub(crate) fn public(prefix: u16, host: u8, port: u16) -> Peer {
    // 11.0.0.0/8 and up: whatever is not private there is public.
    let [high, low] = prefix.to_be_bytes();
    at(Ipv4Addr::new(11, high, low, host), port)
}

/// A host of the server's own network.
pub(crate) fn near(host: u8, port: u16) -> Peer {
    at(Ipv4Addr::new(10, 0, 0, host), port)
}

fn at(ip: Ipv4Addr, port: u16) -> Peer {
    Peer::from(SocketAddr::new(IpAddr::V4(ip), port))
}

/// `RRQ f octet` with options like `blksize=1468`.
pub(crate) fn rrq(options: &str) -> Vec<u8> {
    let mut rrq = b"\0\x01f\0octet\0".to_vec();
    for word in options.split([' ', '=']).filter(|word| !word.is_empty()) {
        rrq.extend_from_slice(word.as_bytes());
        rrq.push(0);
    }
    rrq
}

pub(crate) fn ack(number: u16) -> Vec<u8> {
    [&b"\0\x04"[..], &number.to_be_bytes()].concat()
}
