//! Errors from the error queue of a socket (IP_RECVERR), most of them ICMP messages. Linux only.

use std::net::SocketAddr;

use crate::proto::server::Unreachable;

/// How much of a quoted datagram is read: the opcode and the block number.
const QUOTED: usize = 4;

/// An entry of the queue, with the destination of the datagram that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "Linux only"))]
pub(super) enum QueuedError {
    /// The peer, or its host, is unreachable.
    Unreachable(SocketAddr, Unreachable),
    /// A router says that the datagram is larger than this MTU, and quotes its beginning.
    TooBigForPath(SocketAddr, u16, Quoted),
    /// The datagram that could not be sent just now is larger than this MTU of the interface. (The
    /// kernel does not always give its destination.)
    TooBigForInterface(u16),
}

/// The beginning of a quoted datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "Linux only"))]
pub(super) struct Quoted {
    bytes: [u8; QUOTED],
    len: usize,
}

impl Quoted {
    /// What was quoted of the TFTP datagram.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len.min(QUOTED)]
    }
}

/// The next entry of the queue that says something about a peer.
#[cfg(target_os = "linux")]
pub(super) fn next(socket: &impl std::os::fd::AsRawFd) -> Option<QueuedError> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
    use std::io::IoSliceMut;

    let mut control = [0; 512];
    loop {
        let mut bytes = [0; QUOTED];
        let mut buffers = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut buffers, Some(&mut control), flags)
                .ok()?;
        let (address, len) = (message.address.as_ref().and_then(standard), message.bytes);
        let error = message.cmsgs().ok()?.find_map(|control| match control {
            ControlMessageOwned::Ipv4RecvErr(error, _)
            | ControlMessageOwned::Ipv6RecvErr(error, _) => Some(error),
            _ => None,
        });
        let meaning = error.and_then(|error| meaning(&error, address, Quoted { bytes, len }));
        if meaning.is_some() {
            return meaning;
        }
    }
}

/// What an entry says, if it is of any use here.
#[cfg(target_os = "linux")]
fn meaning(
    error: &libc::sock_extended_err,
    address: Option<SocketAddr>,
    quoted: Quoted,
) -> Option<QueuedError> {
    use nix::errno::Errno;

    let mtu = u16::try_from(error.ee_info).unwrap_or(u16::MAX);
    let unreachable = |what| Some(QueuedError::Unreachable(address?, what));
    match Errno::from_raw(error.ee_errno as i32) {
        Errno::ECONNREFUSED => unreachable(Unreachable::Port),
        Errno::EHOSTUNREACH | Errno::ENETUNREACH => unreachable(Unreachable::Host),
        Errno::EMSGSIZE if error.ee_origin == libc::SO_EE_ORIGIN_LOCAL => {
            Some(QueuedError::TooBigForInterface(mtu))
        }
        Errno::EMSGSIZE => Some(QueuedError::TooBigForPath(address?, mtu, quoted)),
        _ => None,
    }
}

/// The address in the type of the standard library.
#[cfg(target_os = "linux")]
pub(super) fn standard(address: &nix::sys::socket::SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|v6| SocketAddr::V6((*v6).into()))
    })
}

/// Other systems have no such queue.
#[cfg(not(target_os = "linux"))]
pub(super) fn next<S>(_socket: &S) -> Option<QueuedError> {
    None
}
