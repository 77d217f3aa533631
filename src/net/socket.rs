//! A UDP socket that knows which of our addresses was asked, and takes and gives datagrams in bulk.
//!
//! `quinn-udp` brings what the kernel has: the asked address (IP_PKTINFO), batches (`recvmmsg`, GRO),
//! a window in one call (GSO), and the don't-fragment bit.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Type};

use super::icmp;
use super::polling::Ready;
use crate::proto::Peer;
use crate::proto::server::{Transmit, Unreachable};

/// Asked of the kernel for datagrams that wait to be read: a thundering herd of 2,000 machines
/// fits. The kernel may give less (`net.core.rmem_max`).
const RECEIVE_BUFFER: usize = 4 << 20;

/// Longest datagram that is read whole. Requests and ACKs are far shorter; what is longer is cut,
/// and then ignored as what it is. GRO joins only datagrams of one length from one sender.
const LONGEST: usize = 2048;

/// Datagrams asked for at once while they come one by one.
const SMALLEST_BATCH: usize = if BATCH_SIZE < 4 { BATCH_SIZE } else { 4 };

/// A bound socket, before the runtime exists.
#[derive(Debug)]
pub struct Bound {
    socket: UdpSocket,
    again: UdpSocket,
    /// What the kernel can do is asked at once: inside the sandbox it cannot be asked any more.
    state: UdpSocketState,
    buffer: usize,
    address: SocketAddr,
    adopted: bool,
}

impl Bound {
    /// Binds `address`. `[::]` takes IPv4 as well.
    pub fn bind(address: SocketAddr) -> io::Result<Bound> {
        Bound::open(address, false)
    }

    /// Binds the address of this one once more, for another worker: the kernel gives each of them its share
    /// of the peers, and each peer always to the same.
    pub fn another(&self) -> io::Result<Bound> {
        Bound::open(self.address, true)
    }

    fn open(address: SocketAddr, is_another: bool) -> io::Result<Bound> {
        let domain = Domain::for_address(address);
        let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        // Best effort: a small buffer loses requests in a storm, and their clients ask again.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        if is_another {
            socket.set_reuse_port(true)?;
        }
        socket.bind(&address.into())?;
        // Only now, so that a second server on the same port finds it taken.
        socket.set_reuse_port(true)?;
        Bound::new(socket.into(), false)
    }

    /// Takes a socket that somebody else has bound, with the buffer that it has.
    pub fn adopt(socket: UdpSocket) -> io::Result<Bound> {
        Bound::new(socket, true)
    }

    fn new(socket: UdpSocket, adopted: bool) -> io::Result<Bound> {
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        state.enable_transport_errors(UdpSockRef::from(&socket))?;
        let address = socket.local_addr()?;
        spare_control_messages(&socket, address.ip());
        Ok(Bound {
            buffer: state.recv_buffer_size(UdpSockRef::from(&socket))?,
            address,
            again: socket.try_clone()?,
            socket,
            state,
            adopted,
        })
    }

    /// Whether somebody else has bound it.
    pub fn is_adopted(&self) -> bool {
        self.adopted
    }

    /// Bytes that the kernel keeps for datagrams that wait to be read, if that is less than was asked for.
    pub fn short_buffer(&self) -> Option<usize> {
        Some(self.buffer).filter(|size| *size < RECEIVE_BUFFER)
    }

    /// The address that it is bound to, with the port that the kernel chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// `quinn-udp` has the kernel tell a time of arrival and a type of service with each datagram, which QUIC needs and TFTP
/// does not; and the address that was asked, which a socket of one address knows. Each costs with each datagram.
#[cfg(target_os = "linux")]
fn spare_control_messages(socket: &UdpSocket, address: IpAddr) {
    use nix::sys::socket::setsockopt;
    use nix::sys::socket::sockopt::{
        IpRecvTos, Ipv4PacketInfo, Ipv6RecvPacketInfo, Ipv6RecvTClass, ReceiveTimestampns,
    };
    // Best effort: what stays on is ignored.
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
fn spare_control_messages(_socket: &UdpSocket, _address: IpAddr) {}

/// A socket that belongs to a runtime.
#[derive(Debug)]
pub struct Socket {
    io: Ready,
    state: UdpSocketState,
}

impl Socket {
    /// Hands a bound socket to the current runtime.
    pub fn new(bound: Bound) -> io::Result<Socket> {
        Ok(Socket {
            io: Ready::new(bound.socket, bound.again)?,
            state: bound.state,
        })
    }

    /// Most datagrams that [`send`](Self::send) takes in one call.
    pub fn segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Waits for datagrams and takes as many as fit into `batch`. `soon`: the next is worth being waited for awake.
    ///
    /// # Errors
    /// Among others what ICMP has said about any peer: see [`unreachable`](Self::unreachable).
    pub async fn receive(&mut self, batch: &mut Batch, soon: bool) -> io::Result<()> {
        let state = &self.state;
        let read = |socket: &UdpSocket| {
            batch.fill(|buffers, meta| state.recv(socket.into(), buffers, meta))
        };
        self.io.read(soon, read).await?;
        if !batch.is_full() {
            self.io.has_been_emptied();
        }
        Ok(())
    }

    /// A peer of whom ICMP says that our datagrams do not arrive, and why. To be asked after an error, until
    /// there is none.
    pub fn unreachable(&self) -> Option<(Peer, Unreachable)> {
        let (address, what) = icmp::next(self.io.socket())?;
        Some((Peer::from(address), what))
    }

    /// Sends what `transmit` describes and `bytes` holds; waits while the kernel's buffer is full.
    ///
    /// # Errors
    /// Either about this peer alone (no route, a firewall, a packet larger than the interface takes), or
    /// what ICMP has said about any other, and then nothing was sent.
    pub async fn send(&self, transmit: &Transmit, bytes: &[u8]) -> io::Result<()> {
        loop {
            match self.try_send(transmit, bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.io.room().await?,
                done => return done,
            }
        }
    }

    /// One datagram from a socket of one address needs no control message, and each costs the kernel some time.
    fn try_send(&self, transmit: &Transmit, bytes: &[u8]) -> io::Result<()> {
        let Transmit { peer, segment } = *transmit;
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

/// Room for what one system call receives.
#[derive(Debug)]
pub struct Batch {
    buffers: Vec<u8>,
    meta: [RecvMeta; BATCH_SIZE],
    /// How many datagrams are asked for: preparing for many costs as much as a system call, so a batch grows
    /// and shrinks with what comes.
    room: usize,
    filled: usize,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch {
            buffers: vec![0; BATCH_SIZE * LONGEST],
            meta: [RecvMeta::default(); BATCH_SIZE],
            room: SMALLEST_BATCH,
            filled: 0,
        }
    }
}

impl Batch {
    /// The datagrams and their senders.
    pub fn datagrams(&self) -> impl Iterator<Item = (Peer, &[u8])> {
        let buffers = self.buffers.chunks(LONGEST);
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

    fn is_full(&self) -> bool {
        self.filled == self.room
    }

    fn fill(
        &mut self,
        receive: impl FnOnce(&mut [IoSliceMut<'_>], &mut [RecvMeta]) -> io::Result<usize>,
    ) -> io::Result<()> {
        self.room = (2 * self.filled).clamp(SMALLEST_BATCH, BATCH_SIZE);
        self.filled = 0;
        // A client that is alone is looked for again and again, each time with the smallest.
        self.filled = match self.room {
            SMALLEST_BATCH => receive(
                &mut slices::<SMALLEST_BATCH>(&mut self.buffers),
                &mut self.meta,
            ),
            room => receive(
                &mut slices::<BATCH_SIZE>(&mut self.buffers)[..room],
                &mut self.meta,
            ),
        }?;
        Ok(())
    }
}

fn slices<const COUNT: usize>(buffers: &mut [u8]) -> [IoSliceMut<'_>; COUNT] {
    let mut chunks = buffers.chunks_mut(LONGEST);
    std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()))
}
