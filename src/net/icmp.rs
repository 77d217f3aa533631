//! ICMP messages from the error queue of a socket (IP_RECVERR). Linux only.

use std::net::SocketAddr;

use crate::proto::server::Unreachable;

/// The next ICMP "unreachable" message of the queue: the destination of the datagram that caused
/// it, and what is unreachable.
#[cfg(target_os = "linux")]
pub(super) fn next(socket: &impl std::os::fd::AsRawFd) -> Option<(SocketAddr, Unreachable)> {
    use nix::errno::Errno;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
    use std::io::IoSliceMut;

    let mut payload = [0; 1];
    let mut control = [0; 512];
    loop {
        let mut buffers = [IoSliceMut::new(&mut payload)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut buffers, Some(&mut control), flags)
                .ok()?;
        let error = message.cmsgs().ok()?.find_map(|control| match control {
            ControlMessageOwned::Ipv4RecvErr(error, _)
            | ControlMessageOwned::Ipv6RecvErr(error, _) => Some(error.ee_errno),
            _ => None,
        });
        let reason = match error.map(|error| Errno::from_raw(error as i32)) {
            Some(Errno::ECONNREFUSED) => Unreachable::Port,
            Some(Errno::EHOSTUNREACH | Errno::ENETUNREACH) => Unreachable::Host,
            // Other messages, such as "packet too big", do not say that the peer is unreachable.
            _ => continue,
        };
        if let Some(address) = message.address.as_ref().and_then(standard) {
            return Some((address, reason));
        }
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
pub(super) fn next<S>(_socket: &S) -> Option<(SocketAddr, Unreachable)> {
    None
}
