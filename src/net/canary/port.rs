//! A local port of a client: an unconnected socket, because a server may answer from any port.

use std::io;
use std::net::SocketAddr;

use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::super::client::{RECEIVE_BUFFER, any_port_towards};
use super::super::icmp::{self, QueuedError};
use crate::canary::SourcePorts;
use crate::proto::Instant;
use crate::proto::server::Unreachable;

/// How many ports are tried if a port is in use.
const ATTEMPTS: u16 = 64;

pub(super) struct Port {
    io: UdpSocket,
    number: u16,
    reports_fragments: bool,
}

/// What a port received.
pub(super) enum Arrival {
    Datagram {
        len: usize,
        from: SocketAddr,
        /// The size of its largest fragment, if it arrived in fragments.
        fragment: Option<u32>,
    },
    /// ICMP "port unreachable".
    Unreachable,
}

impl Port {
    /// Opens the port of the `index`th request (from 0) to `server`. If the client's port is in use,
    /// takes one of the next ones, or else any.
    pub(super) fn open(
        server: SocketAddr,
        ports: SourcePorts,
        index: usize,
        now: Instant,
    ) -> io::Result<Port> {
        let any = any_port_towards(server);
        let wanted = candidates(ports, index as u16, now);
        let mut bound = wanted.filter_map(|port| std::net::UdpSocket::bind((any.ip(), port)).ok());
        let socket = match bound.next() {
            Some(socket) => socket,
            None => std::net::UdpSocket::bind(any)?,
        };
        socket.set_nonblocking(true)?;
        // Best effort: a smaller buffer may drop a part of a window while the machine is busy.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        let reports_fragments = system::prepare(&socket, server.is_ipv4());
        Ok(Port {
            number: socket.local_addr()?.port(),
            io: UdpSocket::from_std(socket)?,
            reports_fragments,
        })
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }

    pub(super) fn reports_fragments(&self) -> bool {
        self.reports_fragments
    }

    /// Sends a datagram. True if the system reports ICMP "port unreachable" of an earlier one. Other
    /// errors count as a lost datagram.
    pub(super) async fn send(&self, datagram: &[u8], to: SocketAddr) -> bool {
        let sent = self.io.send_to(datagram, to).await;
        let kind = sent.err().map(|error| error.kind());
        if kind != Some(io::ErrorKind::ConnectionRefused) {
            return false;
        }
        // The error was that of an earlier datagram: this one was not sent.
        let _ = self.io.send_to(datagram, to).await;
        true
    }

    /// Waits for a datagram or an ICMP message.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Arrival> {
        let interest = Interest::READABLE | Interest::ERROR;
        self.io
            .async_io(interest, || {
                match system::receive(&self.io, buffer) {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                        match self.is_port_unreachable(&error) {
                            true => Ok(Arrival::Unreachable),
                            // The ICMP message is taken: wait for the next datagram.
                            false => Err(io::ErrorKind::WouldBlock.into()),
                        }
                    }
                    arrival => arrival,
                }
            })
            .await
    }

    /// Empties the error queue. True if a "port unreachable" was in it, or is this error.
    fn is_port_unreachable(&self, error: &io::Error) -> bool {
        let mut found = error.kind() == io::ErrorKind::ConnectionRefused;
        while let Some(queued) = icmp::next(&self.io) {
            found |= matches!(queued, QueuedError::Unreachable(_, Unreachable::Port));
        }
        found
    }
}

/// The ports to try, in their order.
fn candidates(ports: SourcePorts, index: u16, now: Instant) -> impl Iterator<Item = u16> {
    let (first, last, start) = match ports {
        SourcePorts::Any => (0, 0, 0),
        SourcePorts::From(first) => (first, first.saturating_add(ATTEMPTS), first + index),
        SourcePorts::Within(first, last) => {
            // U-Boot derives its port from a timer as well.
            let offset = now.as_micros() % (u64::from(last - first) + 1);
            (first, last, first + offset as u16)
        }
    };
    let count = if first == 0 { 0 } else { ATTEMPTS };
    (0..count).map(move |step| {
        let port = u32::from(start) + u32::from(step);
        let beyond = port > u32::from(last);
        if beyond {
            first + (port - u32::from(last) - 1) as u16
        } else {
            port as u16
        }
    })
}

#[cfg(target_os = "linux")]
mod system {
    use std::io::{self, IoSliceMut};
    use std::os::fd::{AsFd, AsRawFd};

    use nix::sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
    };
    // The macro calls the others by their bare names.
    use nix::{setsockopt_impl, sockopt_impl};
    use tokio::net::UdpSocket;

    use super::super::super::icmp;
    use super::Arrival;

    sockopt_impl!(
        /// The kernel reports the size of the largest fragment of a datagram.
        RecvFragSize4, SetOnly, libc::IPPROTO_IP, libc::IP_RECVFRAGSIZE, bool
    );
    sockopt_impl!(
        /// The same for IPv6.
        RecvFragSize6, SetOnly, libc::IPPROTO_IPV6, libc::IPV6_RECVFRAGSIZE, bool
    );

    /// Turns on reports of ICMP messages and of fragments. True if fragments are reported.
    pub(super) fn prepare(socket: &impl AsFd, is_ipv4: bool) -> bool {
        match is_ipv4 {
            true => {
                let _ = setsockopt(socket, sockopt::Ipv4RecvErr, &true);
                setsockopt(socket, RecvFragSize4, &true).is_ok()
            }
            false => {
                let _ = setsockopt(socket, sockopt::Ipv6RecvErr, &true);
                setsockopt(socket, RecvFragSize6, &true).is_ok()
            }
        }
    }

    pub(super) fn receive(io: &UdpSocket, buffer: &mut [u8]) -> io::Result<Arrival> {
        let mut control = [0; 128];
        let mut buffers = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrStorage>(
            io.as_raw_fd(),
            &mut buffers,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let fragment = message
            .cmsgs()
            .ok()
            .and_then(|mut all| all.find_map(fragment));
        let from = message.address.as_ref().and_then(icmp::standard);
        Ok(Arrival::Datagram {
            len: message.bytes,
            from: from.ok_or(io::ErrorKind::WouldBlock)?,
            fragment,
        })
    }

    fn fragment(message: ControlMessageOwned) -> Option<u32> {
        let ControlMessageOwned::Unknown(message) = message else {
            return None;
        };
        let header = message.cmsg_header;
        let is_size = matches!(
            (header.cmsg_level, header.cmsg_type),
            (libc::IPPROTO_IP, libc::IP_RECVFRAGSIZE)
                | (libc::IPPROTO_IPV6, libc::IPV6_RECVFRAGSIZE)
        );
        let size = message.data_bytes.first_chunk()?;
        is_size.then_some(u32::from_ne_bytes(*size))
    }
}

/// Other systems report neither.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    use tokio::net::UdpSocket;

    use super::Arrival;

    pub(super) fn prepare<S>(_socket: &S, _is_ipv4: bool) -> bool {
        false
    }

    pub(super) fn receive(io: &UdpSocket, buffer: &mut [u8]) -> io::Result<Arrival> {
        let (len, from) = io.try_recv_from(buffer)?;
        let fragment = None;
        Ok(Arrival::Datagram {
            len,
            from,
            fragment,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_takes_its_own_ports_in_turn() {
        let first = |ports, index, micros| {
            let now = Instant::ZERO + std::time::Duration::from_micros(micros);
            candidates(ports, index, now).take(3).collect::<Vec<_>>()
        };
        assert!(first(SourcePorts::Any, 0, 5).is_empty());
        assert_eq!(
            first(SourcePorts::From(25_300), 1, 5),
            [25_301, 25_302, 25_303]
        );
        assert_eq!(
            first(SourcePorts::Within(1024, 4095), 0, 3071),
            [4095, 1024, 1025]
        );
    }
}
