//! The client driver: one [`Fetch`] on its own socket, with one timer.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::timeout_at;

use super::Clock;
use crate::proto::Instant;
use crate::proto::client::{Fetch, FetchError, FetchOptions, Received};

/// Size of the receive buffer to ask for: 64 blocks of an Ethernet frame, for each of which the
/// kernel accounts 2 to 4 kB.
pub(super) const RECEIVE_BUFFER: usize = 512 << 10;

/// The longest UDP datagram, which is also the most that the kernel joins (GRO).
pub(super) const MAX_DATAGRAM: usize = 65_536;

/// One transfer, on its own port.
pub(crate) struct FetchDriver {
    fetch: Fetch,
    socket: ClientSocket,
    clock: Clock,
    started: Instant,
    /// Time from the first request to the first answer of the server, if it has answered.
    answered_after: Option<Duration>,
    buffer: Vec<u8>,
}

/// Why a fetch failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The transfer failed.
    Transfer(FetchError),
    /// The system reports an error: no route, a closed port, a local firewall.
    Network(io::Error),
    /// The received bytes could not be written.
    Output(io::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Transfer(error) => error.fmt(f),
            Failure::Network(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                f.write_str("no server listens on this port (ICMP port unreachable)")
            }
            Failure::Network(error) => write!(f, "the network reports an error: {error}"),
            Failure::Output(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl FetchDriver {
    /// Opens the socket; nothing is sent before [`run`](FetchDriver::run).
    ///
    /// # Errors
    /// The system cannot open a socket.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O and timer enabled.
    pub(crate) fn new(
        clock: Clock,
        server: SocketAddr,
        options: FetchOptions,
    ) -> io::Result<FetchDriver> {
        let started = clock.now();
        Ok(FetchDriver {
            fetch: Fetch::new(started, server, options),
            socket: ClientSocket::for_server(server)?,
            clock,
            started,
            answered_after: None,
            buffer: vec![0; MAX_DATAGRAM],
        })
    }

    /// Fetches the file. `output` receives its bytes in order, and the size that the server has
    /// announced, if it has. If the future is dropped early, call [`abort`](FetchDriver::abort).
    ///
    /// It returns right after the last ACK. A server that does not receive that ACK repeats its
    /// last blocks a few times; the file is complete all the same.
    ///
    /// # Errors
    /// The file is not complete; the bytes that `output` received must be discarded.
    pub(crate) async fn run(
        &mut self,
        mut output: impl FnMut(&[u8], Option<u64>) -> io::Result<()>,
    ) -> Result<Received, Failure> {
        loop {
            self.transmit().await?;
            if let Some(outcome) = self.fetch.outcome() {
                return outcome.clone().map_err(Failure::Transfer);
            }
            if let Some(meta) = self.receive().await? {
                self.handle_datagrams(&meta, &mut output).await?;
            }
            self.fetch.handle_timeout(self.clock.now());
        }
    }

    /// Time from the first request to the first answer of the server: a round trip, if no request
    /// was lost. `None` if the server has not answered.
    pub(crate) fn answered_after(&self) -> Option<Duration> {
        self.answered_after
    }

    /// Aborts the transfer and tells the server, which would otherwise go on sending.
    pub(crate) async fn abort(&mut self) {
        self.fetch.abort();
        // Best effort: if this ERROR is lost, the server times out.
        let _ = self.transmit().await;
    }

    async fn transmit(&mut self) -> Result<(), Failure> {
        let mut out = Vec::new();
        while let Some(server) = self.fetch.poll_transmit(&mut out) {
            let sent = self.socket.io.send_to(&out, server).await;
            self.fatal(sent.map(drop))?;
        }
        Ok(())
    }

    /// Waits for datagrams, which the kernel may join if they have one size; `None` at a timeout.
    async fn receive(&mut self) -> Result<Option<RecvMeta>, Failure> {
        let Some(deadline) = self.fetch.poll_timeout() else {
            return Ok(None);
        };
        let received = self.socket.receive(&mut self.buffer);
        match timeout_at(self.clock.at(deadline), received).await {
            Err(_) => Ok(None),
            Ok(Ok(meta)) => Ok(Some(meta)),
            Ok(Err(error)) => self.fatal(Err(error)).map(|()| None),
        }
    }

    async fn handle_datagrams(
        &mut self,
        meta: &RecvMeta,
        output: &mut impl FnMut(&[u8], Option<u64>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        self.answered_after.get_or_insert(now - self.started);
        let received = std::mem::take(&mut self.buffer);
        for datagram in received[..meta.len].chunks(meta.stride.max(1)) {
            let bytes = self.fetch.handle_datagram(now, meta.addr, datagram);
            if !bytes.is_empty()
                && let Err(error) = output(bytes, self.fetch.tsize())
            {
                self.abort().await;
                return Err(Failure::Output(error));
            }
            self.transmit().await?;
        }
        self.buffer = received;
        Ok(())
    }

    /// Before the server's first answer a network error is fatal, so that a caller that has other
    /// addresses can try them at once. Later it counts as a lost datagram.
    fn fatal(&self, done: io::Result<()>) -> Result<(), Failure> {
        match done {
            Err(error) if self.answered_after.is_none() => Err(Failure::Network(error)),
            _ => Ok(()),
        }
    }
}

/// The address to bind for a socket that sends to `server`: any address of its family, any port.
pub(super) fn any_port_towards(server: SocketAddr) -> SocketAddr {
    match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// An unconnected socket: the server may answer from another port.
struct ClientSocket {
    io: UdpSocket,
    state: UdpSocketState,
}

impl ClientSocket {
    fn for_server(server: SocketAddr) -> io::Result<ClientSocket> {
        let io = std::net::UdpSocket::bind(any_port_towards(server))?;
        io.set_nonblocking(true)?;
        // Best effort: a smaller buffer may drop a part of a window while the machine is busy.
        let _ = socket2::SockRef::from(&io).set_recv_buffer_size(RECEIVE_BUFFER);
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        // Without this an unconnected socket does not report ICMP errors.
        let _ = state.enable_transport_errors(UdpSockRef::from(&io));
        let io = UdpSocket::from_std(io)?;
        Ok(ClientSocket { io, state })
    }

    async fn receive(&self, buffer: &mut [u8]) -> io::Result<RecvMeta> {
        let receive = || {
            let mut meta = [RecvMeta::default()];
            let mut buffers = [IoSliceMut::new(buffer)];
            self.state
                .recv((&self.io).into(), &mut buffers, &mut meta)?;
            Ok(meta[0])
        };
        let interest = Interest::READABLE | Interest::ERROR;
        self.io.async_io(interest, receive).await
    }
}
