//! Our own client, as it is on the wire.

use std::net::SocketAddr;

use std::time::Duration;

use bootstone::proto::Instant;
use bootstone::proto::client::{Fetch, FetchOptions};

use super::{Client, File};
use crate::world::SERVER;

const PORT: u16 = 49_152;

/// [`Fetch`] with a file to compare with. It goes on listening when it has its file.
pub(crate) struct Fetching {
    file: File,
    options: FetchOptions,
    fetch: Option<Fetch>,
    received: usize,
}

impl Fetching {
    /// Asks for blocks of `blksize` bytes and windows of `windowsize` blocks.
    pub(crate) fn new(file: File, blksize: u16, windowsize: u16) -> Fetching {
        let options = FetchOptions {
            blksize: Some(blksize),
            windowsize: (windowsize > 1).then_some(windowsize),
            stall_timeout: Duration::from_secs(30),
            ..FetchOptions::new(file.name.as_bytes())
        };
        Fetching {
            file,
            options,
            fetch: None,
            received: 0,
        }
    }
}

impl Client for Fetching {
    fn handle_datagram(&mut self, now: Instant, port: u16, datagram: &[u8]) {
        let Some(fetch) = self.fetch.as_mut().filter(|_| port == PORT) else {
            return;
        };
        let bytes = fetch.handle_datagram(now, SERVER, datagram);
        let end = self.received + bytes.len();
        let is_right = self.file.content.get(self.received..end) == Some(bytes);
        assert!(is_right, "wrong bytes behind {}", self.received);
        self.received = end;
    }

    fn handle_timeout(&mut self, now: Instant) {
        match &mut self.fetch {
            None => self.fetch = Some(Fetch::new(now, SERVER, self.options.clone())),
            Some(fetch) => fetch.handle_timeout(now),
        }
    }

    fn poll_transmit(&mut self) -> Option<(u16, Vec<u8>)> {
        let mut datagram = Vec::new();
        let to: SocketAddr = self.fetch.as_mut()?.poll_transmit(&mut datagram)?;
        assert_eq!(to, SERVER);
        Some((PORT, datagram))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.fetch {
            None => Some(Instant::ZERO),
            Some(fetch) => fetch.poll_timeout(),
        }
    }

    fn name(&self) -> String {
        format!("our own, {:?}", self.options)
    }

    fn outcome(&self) -> Option<Result<(), &'static str>> {
        let outcome = self.fetch.as_ref()?.outcome()?;
        Some(match outcome {
            Ok(_) if self.received == self.file.content.len() => Ok(()),
            Ok(_) => Err("was content with a part of the file"),
            Err(_) => Err("gave up"),
        })
    }
}
