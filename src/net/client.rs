//! A transfer on its own socket: [`Fetch`] ↔ socket ↔ one timer.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::timeout_at;

use super::Clock;
use crate::proto::client::{Config, Fetch, FetchError, Received};

/// Asked of the kernel: 64 blocks of an Ethernet frame, each of which it books as 2 to 4 kB.
const RECEIVE_BUFFER: usize = 512 << 10;

/// The longest UDP datagram, and what the kernel joins at most.
const LONGEST: usize = 65_536;

/// One transfer, on a port of its own.
pub struct Fetcher {
    fetch: Fetch,
    socket: Socket,
    clock: Clock,
    /// The server has said something.
    heard: bool,
    buffer: Vec<u8>,
}

/// Why there is no file.
#[derive(Debug)]
pub enum Failure {
    /// So it went between us and the server.
    Fetch(FetchError),
    /// The network refuses: no route, a closed port, a firewall of our own.
    Network(io::Error),
    /// Whoever was given the bytes could not keep them.
    Owner(io::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Fetch(error) => error.fmt(f),
            Failure::Network(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                f.write_str("nothing listens there (ICMP port unreachable)")
            }
            Failure::Network(error) => write!(f, "the network refuses: {error}"),
            Failure::Owner(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl Fetcher {
    /// Opens the socket; nothing is sent before [`run`](Fetcher::run).
    ///
    /// # Errors
    /// The system gives no socket.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O and timer enabled.
    pub fn new(clock: Clock, server: SocketAddr, config: Config) -> io::Result<Fetcher> {
        Ok(Fetcher {
            fetch: Fetch::new(clock.now(), server, config),
            socket: Socket::for_server(server)?,
            clock,
            heard: false,
            buffer: vec![0; LONGEST],
        })
    }

    /// Fetches the file. `owner` is given its bytes in order, and with them the size that the
    /// server has announced, if it has. Dropping the future loses nothing but the file: call
    /// [`abort`](Fetcher::abort) then.
    ///
    /// Nothing is awaited after the last ACK: a server that does not get it repeats its last blocks
    /// a few times, and the file is whole all the same.
    ///
    /// # Errors
    /// There is no whole file; what `owner` was given is good for nothing.
    pub async fn run(
        &mut self,
        mut owner: impl FnMut(&[u8], Option<u64>) -> io::Result<()>,
    ) -> Result<Received, Failure> {
        loop {
            self.transmit().await?;
            if let Some(outcome) = self.fetch.outcome() {
                return outcome.clone().map_err(Failure::Fetch);
            }
            if let Some(meta) = self.receive().await? {
                self.take(&meta, &mut owner).await?;
            }
            self.fetch.handle_timeout(self.clock.now());
        }
    }

    /// Gives up, and tells the server, which would otherwise go on sending.
    pub async fn abort(&mut self) {
        self.fetch.abort();
        // The server gets it or not: we are leaving.
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

    /// Waits for datagrams, which the kernel joins where they are of one size; `None` when the
    /// time is up.
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

    async fn take(
        &mut self,
        meta: &RecvMeta,
        owner: &mut impl FnMut(&[u8], Option<u64>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        self.heard = true;
        let now = self.clock.now();
        let received = std::mem::take(&mut self.buffer);
        for datagram in received[..meta.len].chunks(meta.stride.max(1)) {
            let bytes = self.fetch.handle_datagram(now, meta.addr, datagram);
            if !bytes.is_empty()
                && let Err(error) = owner(bytes, self.fetch.tsize())
            {
                self.abort().await;
                return Err(Failure::Owner(error));
            }
            self.transmit().await?;
        }
        self.buffer = received;
        Ok(())
    }

    /// Until something was heard, an error of the network is the answer: whoever has other
    /// addresses to try need not wait. Later it is as good as a lost datagram.
    fn fatal(&self, done: io::Result<()>) -> Result<(), Failure> {
        match done {
            Err(error) if !self.heard => Err(Failure::Network(error)),
            _ => Ok(()),
        }
    }
}

/// Not connected, for the server may answer from another port.
struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    fn for_server(server: SocketAddr) -> io::Result<Socket> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let io = std::net::UdpSocket::bind(any)?;
        io.set_nonblocking(true)?;
        // Best effort: with less, a window may be cut short by a busy moment.
        let _ = socket2::SockRef::from(&io).set_recv_buffer_size(RECEIVE_BUFFER);
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        // An unconnected socket hears of a closed port only if it asks to.
        let _ = state.enable_transport_errors(UdpSockRef::from(&io));
        let io = UdpSocket::from_std(io)?;
        Ok(Socket { io, state })
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
