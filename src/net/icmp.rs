//! Whom ICMP messages are about: the error queue of a socket (IP_RECVERR), where there is one.

use std::net::SocketAddr;

use crate::proto::server::Unreachable;

/// The destination of a datagram that was answered by an ICMP "unreachable", and what that says, if the kernel has one to
/// tell of.
#[cfg(target_os = "linux")]
pub(super) fn next(socket: &std::net::UdpSocket) -> Option<(SocketAddr, Unreachable)> {
    use nix::errno::Errno;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd;

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
        let what = match error.map(|error| Errno::from_raw(error as i32)) {
            Some(Errno::ECONNREFUSED) => Unreachable::Port,
            Some(Errno::EHOSTUNREACH | Errno::ENETUNREACH) => Unreachable::Host,
            // What else there is, a packet too big above all, says nothing about who is there.
            _ => continue,
        };
        if let Some(address) = message.address.as_ref().and_then(standard) {
            return Some((address, what));
        }
    }
}

#[cfg(target_os = "linux")]
fn standard(address: &nix::sys::socket::SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|v6| SocketAddr::V6((*v6).into()))
    })
}

/// Elsewhere nobody tells.
#[cfg(not(target_os = "linux"))]
pub(super) fn next<S>(_socket: &S) -> Option<(SocketAddr, Unreachable)> {
    None
}
