//! Transfers in lock-step with `proto::server`, without sockets and clocks. All are the same.

use std::sync::Arc;

use bootstone::catalog::{Catalog, Entry};
use bootstone::proto::config::ServerConfig;
use bootstone::proto::server::Server;
use bootstone::proto::{Instant, Peer};

use crate::abuse::{ack, rrq};

/// Blocks of one transfer. The block numbers do not roll over.
pub const BLOCKS: u16 = 1000;
const BLKSIZE: u16 = 512;

/// A server with one file, and its clients.
#[derive(Debug)]
pub struct LockStep {
    server: Server,
    request: Vec<u8>,
    now: Instant,
    out: Vec<u8>,
    transfers: u32,
}

impl Default for LockStep {
    /// A server that has not received a request.
    fn default() -> LockStep {
        let content = vec![7; usize::from(BLKSIZE) * usize::from(BLOCKS) - 1];
        let catalog = Catalog::new(vec![Entry::new("file", content)]);
        LockStep {
            server: Server::new(Arc::new(catalog), ServerConfig::default()),
            request: rrq("file", &[]),
            now: Instant::from_millis(1000),
            out: Vec::new(),
            transfers: 0,
        }
    }
}

impl LockStep {
    /// Runs a whole transfer: an RRQ and 1,000 ACKs, 100 µs apart. Returns the number of datagrams
    /// that the server has sent.
    pub fn transfer(&mut self) -> u64 {
        let peer = self.next_peer();
        let request = std::mem::take(&mut self.request);
        let mut sent = self.step(peer, &request);
        self.request = request;
        for block in 1..=BLOCKS {
            sent += self.step(peer, &ack(block));
        }
        while self.server.poll_event().is_some() {}
        self.server.request_events().clear();
        sent
    }

    /// Passes a datagram to the server, and takes the datagrams that it sends.
    fn step(&mut self, peer: Peer, datagram: &[u8]) -> u64 {
        self.now = self.now + std::time::Duration::from_micros(100);
        self.server.handle_datagram(self.now, peer, datagram);
        let mut sent = 0;
        while self
            .server
            .poll_transmit(self.now, 64, &mut self.out)
            .is_some()
        {
            sent += 1;
        }
        if self
            .server
            .poll_timeout()
            .is_some_and(|deadline| deadline <= self.now)
        {
            self.server.handle_timeout(self.now);
        }
        sent
    }

    fn next_peer(&mut self) -> Peer {
        self.transfers += 1;
        let address = std::net::Ipv4Addr::from_bits(0x7f01_0000 + self.transfers);
        Peer::from(std::net::SocketAddr::from((address, 2000)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transfer_sends_each_block_once() {
        let mut lock_step = LockStep::default();
        for _ in 0..3 {
            assert_eq!(lock_step.transfer(), u64::from(BLOCKS));
        }
    }
}
