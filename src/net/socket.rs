//! UDP sockets that report the local address of each datagram, and receive and send in batches.
//!
//! `quinn-udp` gives access to what the kernel offers: the local address (IP_PKTINFO), batches
//! (`recvmmsg`, GRO), a whole window in one call (GSO), and the don't-fragment bit.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Type};

use super::binding::{self, Presence};
use super::fragments;
use super::icmp::{self, QueuedError};
use super::polling::PolledSocket;
use crate::proto::Peer;
use crate::proto::server::Transmit;

/// Size of the receive buffer to ask for: it holds the requests of 2,000 machines that boot at
/// once. The kernel may give less (`net.core.rmem_max`).
const RECEIVE_BUFFER: usize = 4 << 20;

/// Longest datagram that is read whole. Requests and ACKs are far shorter; a longer datagram is
/// truncated, and then ignored. GRO joins only datagrams of one length from one sender.
const MAX_DATAGRAM: usize = 2048;

/// Batch size while datagrams arrive one by one.
const MIN_BATCH: usize = if BATCH_SIZE < 4 { BATCH_SIZE } else { 4 };

/// A bound socket that is not yet registered with a runtime.
#[derive(Debug)]
pub struct BoundSocket {
    socket: UdpSocket,
    duplicate: UdpSocket,
    /// The kernel's capabilities. They are queried early: the sandbox does not allow it later.
    state: UdpSocketState,
    receive_buffer: usize,
    address: SocketAddr,
    presence: Presence,
    is_inherited: bool,
}

impl BoundSocket {
    /// Binds `address`. `[::]` takes IPv4 as well. The machine may get the address later.
    pub fn bind(address: SocketAddr) -> io::Result<BoundSocket> {
        BoundSocket::open(address, false)
    }

    /// Binds the same address for another worker. The kernel distributes the peers among the
    /// sockets, and delivers all datagrams of a peer to the same socket.
    pub(crate) fn bind_again(&self) -> io::Result<BoundSocket> {
        BoundSocket::open(self.address, true)
    }

    fn open(address: SocketAddr, is_shared: bool) -> io::Result<BoundSocket> {
        let domain = Domain::for_address(address);
        let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        // Best effort: a small buffer loses requests in a storm, and their clients repeat them.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        if is_shared {
            socket.set_reuse_port(true)?;
        }
        let presence = binding::bind(&socket, address)?;
        // Only now, so that a second server on the same port finds it taken.
        socket.set_reuse_port(true)?;
        BoundSocket::new(socket.into(), presence, false)
    }

    /// Takes over a socket that systemd has bound, with its buffer sizes as they are.
    pub(crate) fn inherit(socket: UdpSocket) -> io::Result<BoundSocket> {
        BoundSocket::new(socket, Presence::Present, true)
    }

    fn new(socket: UdpSocket, presence: Presence, is_inherited: bool) -> io::Result<BoundSocket> {
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        state.enable_transport_errors(UdpSockRef::from(&socket))?;
        let address = socket.local_addr()?;
        disable_control_messages(&socket, address.ip());
        fragments::prepare(&socket);
        Ok(BoundSocket {
            receive_buffer: state.recv_buffer_size(UdpSockRef::from(&socket))?,
            address,
            duplicate: socket.try_clone()?,
            socket,
            state,
            presence,
            is_inherited,
        })
    }

    /// True if systemd has bound the socket.
    pub(crate) fn is_inherited(&self) -> bool {
        self.is_inherited
    }

    /// Whether this machine had the address when the socket was bound.
    pub(crate) fn presence(&self) -> Presence {
        self.presence
    }

    /// True if the socket takes no IPv4, as systemd's `BindIPv6Only=ipv6-only` says.
    pub(crate) fn is_only_v6(&self) -> bool {
        let socket = socket2::SockRef::from(&self.socket);
        self.address.is_ipv6() && socket.only_v6().unwrap_or(false)
    }

    /// Size of the receive buffer in bytes, if the kernel gave less than was asked for.
    pub(crate) fn short_receive_buffer(&self) -> Option<usize> {
        Some(self.receive_buffer).filter(|size| *size < RECEIVE_BUFFER)
    }

    /// The bound address, with the port that the kernel chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Turns off the control messages that `quinn-udp` enables and TFTP does not need: the time of
/// arrival, the type of service, and on a socket that is bound to one address the local address.
/// Each costs time per datagram.
#[cfg(target_os = "linux")]
fn disable_control_messages(socket: &UdpSocket, address: IpAddr) {
    use nix::sys::socket::setsockopt;
    use nix::sys::socket::sockopt::{
        IpRecvTos, Ipv4PacketInfo, Ipv6RecvPacketInfo, Ipv6RecvTClass, ReceiveTimestampns,
    };
    // Best effort: control messages that stay enabled are ignored.
    let _ = setsockopt(socket, ReceiveTimestampns, &false);
    let _ = setsockopt(socket, IpRecvTos, &false);
    let is_one_address = match address {
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_multicast() && !v4.is_broadcast(),
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_multicast(),
    };
    if address.is_ipv6() {
        let _ = setsockopt(socket, Ipv6RecvTClass, &false);
    }
    if is_one_address && address.is_ipv6() {
        let _ = setsockopt(socket, Ipv6RecvPacketInfo, &false);
    }
    if is_one_address && address.is_ipv4() {
        let _ = setsockopt(socket, Ipv4PacketInfo, &false);
    }
}

#[cfg(not(target_os = "linux"))]
fn disable_control_messages(_socket: &UdpSocket, _address: IpAddr) {}

/// A socket registered with a runtime.
#[derive(Debug)]
pub struct Socket {
    io: PolledSocket,
    state: UdpSocketState,
}

impl Socket {
    /// Registers a bound socket with the current runtime.
    pub fn new(bound: BoundSocket) -> io::Result<Socket> {
        Ok(Socket {
            io: PolledSocket::new(bound.socket, bound.duplicate)?,
            state: bound.state,
        })
    }

    /// Most datagrams that [`send`](Self::send) takes in one call.
    pub fn segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Waits for datagrams and receives as many as fit into `batch`. With `may_busy_poll`, it may
    /// poll before it sleeps.
    ///
    /// # Errors
    /// Among others an ICMP message about any peer: see
    /// `next_error`.
    pub async fn receive(&mut self, batch: &mut Batch, may_busy_poll: bool) -> io::Result<()> {
        let state = &self.state;
        let read = |socket: &UdpSocket| batch.fill(state, socket);
        self.io.read(may_busy_poll, read).await?;
        if !batch.is_full() {
            self.io.mark_drained();
        }
        Ok(())
    }

    /// Receives datagrams that have arrived already; `None` if there are none.
    ///
    /// It asks the kernel, and not the runtime, which may not have noticed them yet.
    pub(super) fn receive_now(&self, batch: &mut Batch) -> Option<io::Result<()>> {
        match batch.fill(&self.state, self.io.socket()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            received => Some(received),
        }
    }

    /// The next queued error. To be called after an error, until it returns `None`.
    pub(super) fn next_error(&self) -> Option<QueuedError> {
        icmp::next(self.io.socket())
    }

    /// Sends the datagrams in `bytes` as `transmit` describes; waits while the send buffer is full.
    ///
    /// # Errors
    /// Either about this peer (no route, a firewall, a packet larger than the interface takes), or
    /// an ICMP message about any other peer; in that case nothing was sent.
    pub async fn send(&self, transmit: &Transmit, bytes: &[u8]) -> io::Result<()> {
        if !transmit.may_fragment {
            return self.send_now(transmit, bytes).await;
        }
        // One by one, because the kernel does not fragment several at once. Nothing else leaves
        // meanwhile: the socket has one driver.
        let is_ipv6 = transmit.peer.address.ip().to_canonical().is_ipv6();
        fragments::allow(self.io.socket(), is_ipv6, true);
        let mut sent = Ok(());
        for datagram in bytes.chunks(transmit.segment.max(1)) {
            sent = sent.and(self.send_now(transmit, datagram).await);
        }
        fragments::allow(self.io.socket(), is_ipv6, false);
        sent
    }

    async fn send_now(&self, transmit: &Transmit, bytes: &[u8]) -> io::Result<()> {
        loop {
            match self.try_send(transmit, bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.io.writable().await?
                }
                done => return done,
            }
        }
    }

    /// A single datagram from a socket bound to one address needs no control message, and each
    /// costs the kernel time.
    fn try_send(&self, transmit: &Transmit, bytes: &[u8]) -> io::Result<()> {
        let Transmit { peer, segment, .. } = *transmit;
        let socket = self.io.socket();
        if peer.local.is_none() && bytes.len() <= segment {
            return socket.send_to(bytes, peer.address).map(drop);
        }
        let transmit = quinn_udp::Transmit {
            destination: peer.address,
            ecn: None,
            contents: bytes,
            segment_size: Some(segment),
            src_ip: peer.local,
        };
        self.state.try_send(socket.into(), &transmit)
    }
}

/// True if a datagram was larger than the interface takes whole.
#[cfg(target_os = "linux")]
pub(super) fn is_too_big(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EMSGSIZE)
}

/// Other systems do not say how large it may be.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_too_big(_error: &io::Error) -> bool {
    false
}

/// Buffers for the datagrams that one system call receives.
#[derive(Debug)]
pub struct Batch {
    buffers: Vec<u8>,
    meta: [RecvMeta; BATCH_SIZE],
    /// Datagrams to ask for. Preparing many buffers costs as much as a system call, so the size
    /// follows the number of datagrams that arrive.
    size: usize,
    filled: usize,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch {
            buffers: vec![0; BATCH_SIZE * MAX_DATAGRAM],
            meta: [RecvMeta::default(); BATCH_SIZE],
            size: MIN_BATCH,
            filled: 0,
        }
    }
}

impl Batch {
    /// The received datagrams and their peers.
    pub fn datagrams(&self) -> impl Iterator<Item = (Peer, &[u8])> {
        let buffers = self.buffers.chunks(MAX_DATAGRAM);
        let filled = buffers.zip(&self.meta).take(self.filled);
        filled.flat_map(|(buffer, meta)| {
            let peer = Peer {
                address: meta.addr,
                local: meta.dst_ip,
            };
            let datagrams = buffer[..meta.len].chunks(meta.stride.max(1));
            datagrams.map(move |datagram| (peer, datagram))
        })
    }

    /// As many datagrams arrived as fit, so there may be more.
    pub(super) fn is_full(&self) -> bool {
        self.filled == self.size
    }

    fn fill(&mut self, state: &UdpSocketState, socket: &UdpSocket) -> io::Result<()> {
        self.size = (2 * self.filled).clamp(MIN_BATCH, BATCH_SIZE);
        self.filled = 0;
        // Busy polling for a single client always uses the smallest batch.
        self.filled = match self.size {
            MIN_BATCH => state.recv(
                socket.into(),
                &mut slices::<MIN_BATCH>(&mut self.buffers),
                &mut self.meta,
            ),
            size => state.recv(
                socket.into(),
                &mut slices::<BATCH_SIZE>(&mut self.buffers)[..size],
                &mut self.meta,
            ),
        }?;
        Ok(())
    }
}

fn slices<const COUNT: usize>(buffers: &mut [u8]) -> [IoSliceMut<'_>; COUNT] {
    let mut chunks = buffers.chunks_mut(MAX_DATAGRAM);
    std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()))
}
