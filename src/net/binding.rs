//! Binds sockets to addresses, also to ones that this machine does not have yet.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Whether this machine had the address when a socket was bound to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It had.
    Present,
    /// It had not. Nothing arrives on the socket before the address comes up.
    Absent,
}

/// Binds a socket. An interface may come up later than the server: if this machine does not have
/// the address, the socket is bound all the same (IP_FREEBIND, which needs no privilege).
///
/// # Errors
/// The address is taken, not permitted, or of a family that the kernel does not have.
pub(super) fn bind(socket: &Socket, address: SocketAddr) -> io::Result<Presence> {
    match socket.bind(&address.into()) {
        Ok(()) => Ok(Presence::Present),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            set_freebind(socket, address).map_err(|_| error)?;
            socket.bind(&address.into())?;
            Ok(Presence::Absent)
        }
        Err(error) => Err(error),
    }
}

#[cfg(target_os = "linux")]
fn set_freebind(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(_) => socket.set_freebind_v4(true),
        SocketAddr::V6(_) => socket.set_freebind_v6(true),
    }
}

/// Other systems have other options for it.
#[cfg(not(target_os = "linux"))]
fn set_freebind(_socket: &Socket, _address: SocketAddr) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Binds a TCP socket. It does not listen yet. `[::]` takes IPv4 as well.
///
/// # Errors
/// As for a UDP socket.
pub(crate) fn bind_tcp(address: SocketAddr) -> io::Result<(TcpListener, Presence)> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Connections of an earlier process may still be closing.
    socket.set_reuse_address(true)?;
    let presence = bind(&socket, address)?;
    Ok((socket.into(), presence))
}

/// True if the kernel has no IPv6 (`ipv6.disable=1`).
pub(crate) fn lacks_ipv6() -> bool {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP));
    socket.is_err_and(|error| is_of_unknown_family(&error))
}

#[cfg(target_os = "linux")]
fn is_of_unknown_family(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

/// Other systems always have IPv6.
#[cfg(not(target_os = "linux"))]
fn is_of_unknown_family(_error: &io::Error) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn an_address_that_this_machine_does_not_have_is_bound() {
        for (address, expected) in [
            ("127.0.0.1:0", Presence::Present),
            ("203.0.113.9:0", Presence::Absent),
        ] {
            let (listener, presence) = bind_tcp(address.parse().unwrap()).unwrap();
            assert_eq!(presence, expected, "{address}");
            let bound = listener.local_addr().unwrap();
            assert_eq!(bound.ip().to_string() + ":0", address);
        }
    }
}
