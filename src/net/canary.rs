//! The driver of a [`ModelClient`]: it opens the client's ports, and sees how datagrams arrive.

mod port;

use std::io;
use std::net::SocketAddr;

use tokio::time::timeout_at;

use super::Clock;
use super::client::MAX_DATAGRAM;
use crate::canary::{Model, ModelClient, Observed};
use port::{Arrival, Port};

/// One client and its ports.
pub(crate) struct CanaryDriver {
    client: ModelClient,
    clock: Clock,
    ports: Vec<Port>,
    max_size: u64,
    fragments: Fragments,
    unreachable: bool,
    buffer: Vec<u8>,
}

/// Whether datagrams arrived in fragments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fragments {
    /// This system reports fragments (IP_RECVFRAGSIZE).
    pub(crate) known: bool,
    /// Datagrams that arrived in fragments.
    pub(crate) datagrams: u64,
    /// The largest fragment, in bytes, with its IP header.
    pub(crate) largest: u32,
}

impl CanaryDriver {
    /// A driver for a client that fetches a file of at most `max_size` bytes. Nothing is sent before
    /// [`run`](CanaryDriver::run).
    pub(crate) fn new(
        clock: Clock,
        model: &Model,
        server: SocketAddr,
        file: &str,
        max_size: u64,
    ) -> CanaryDriver {
        CanaryDriver {
            client: ModelClient::new(model, server, file.as_bytes()),
            clock,
            ports: Vec::new(),
            max_size,
            fragments: Fragments::default(),
            unreachable: false,
            buffer: vec![0; MAX_DATAGRAM],
        }
    }

    /// Runs the client until it has an outcome. `output` receives the blocks of the file.
    ///
    /// # Errors
    /// The system cannot open a port.
    pub(crate) async fn run(&mut self, output: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        self.client.handle_timeout(self.clock.now());
        loop {
            self.transmit().await?;
            let (Some(deadline), None) = (self.client.poll_timeout(), self.client.outcome()) else {
                return Ok(());
            };
            let number = usize::from(self.client.port());
            let receive = self.ports[number].receive(&mut self.buffer);
            if let Ok(arrival) = timeout_at(self.clock.at(deadline), receive).await {
                self.handle(number, arrival?, output);
            }
            self.client.handle_timeout(self.clock.now());
        }
    }

    /// The client, with its outcome.
    pub(crate) fn client(&self) -> &ModelClient {
        &self.client
    }

    /// What the client observed.
    pub(crate) fn observed(&self) -> &Observed {
        self.client.observed()
    }

    /// Whether datagrams arrived in fragments.
    pub(crate) fn fragments(&self) -> Fragments {
        self.fragments
    }

    /// ICMP "port unreachable" has arrived, whether the client heeds it or not.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.unreachable
    }

    /// The local port of its last request.
    pub(crate) fn local_port(&self) -> Option<u16> {
        self.ports.last().map(Port::number)
    }

    async fn transmit(&mut self) -> io::Result<()> {
        while let Some(transmit) = self.client.poll_transmit() {
            while self.ports.len() <= transmit.port {
                let ports = self.client.model().ports;
                let port = Port::open(transmit.to, ports, self.ports.len(), self.clock.now())?;
                self.fragments.known = port.reports_fragments();
                self.ports.push(port);
            }
            let port = &self.ports[transmit.port];
            if port.send(&transmit.datagram, transmit.to).await {
                self.on_unreachable(transmit.port);
            }
        }
        Ok(())
    }

    fn handle(&mut self, number: usize, arrival: Arrival, output: &mut dyn FnMut(&[u8])) {
        let (len, from, fragment) = match arrival {
            Arrival::Unreachable => return self.on_unreachable(number),
            Arrival::Datagram {
                len,
                from,
                fragment,
            } => (len, from, fragment),
        };
        if let Some(size) = fragment {
            self.fragments.datagrams += 1;
            self.fragments.largest = self.fragments.largest.max(size);
        }
        let now = self.clock.now();
        let datagram = &self.buffer[..len];
        let mut output = |_, part: &[u8]| output(part);
        self.client
            .handle_datagram(now, number, from, datagram, &mut output);
        if self.client.observed().bytes > self.max_size {
            self.client.stop_at(self.max_size);
        }
    }

    fn on_unreachable(&mut self, number: usize) {
        self.unreachable = true;
        self.client.handle_unreachable(number);
    }
}
