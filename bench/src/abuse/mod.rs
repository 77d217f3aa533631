//! Attacks on a server: reflection to third parties, malformed datagrams, floods, and many
//! sessions. All traffic stays on loopback, and every server was started for it.

mod flood;
mod garbage;
mod http;
mod reflect;
mod sessions;

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};

use bootstone::wire::options::put_option;
use bootstone::wire::{Mode, Options, Packet, Request};

pub use flood::{Flooded, flood};
pub use garbage::{Answered, garbage};
pub use http::{HealthChecks, HttpAttack, http};
pub use reflect::{Behaviour, Reflection, reflect};
pub use sessions::{Opened, open_many};

/// Returns an RRQ with these options.
pub fn rrq(name: &str, options: &[(&str, u64)]) -> Vec<u8> {
    let mut pairs = Vec::new();
    for (option, value) in options {
        put_option(option.as_bytes(), *value, &mut pairs);
    }
    let mut datagram = Vec::new();
    let request = Request {
        filename: name.as_bytes(),
        mode: Mode::Octet,
        options: Options::new(&pairs),
    };
    Packet::Rrq(request).encode(&mut datagram);
    datagram
}

/// Returns an ACK.
pub fn ack(block: u16) -> [u8; 4] {
    let [high, low] = block.to_be_bytes();
    [0, 4, high, low]
}

/// A socket that sends from any address of 127.0.0.0/8, and reports to which one an answer came.
#[derive(Debug)]
pub struct Everywhere {
    socket: UdpSocket,
    state: UdpSocketState,
    buffer: Vec<u8>,
}

impl Everywhere {
    /// Binds a free port.
    pub fn bind() -> io::Result<Everywhere> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Everywhere {
            socket,
            state,
            buffer: vec![0; 1 << 16],
        })
    }

    /// Sends from `source`. The datagram is lost if the kernel's buffer is full.
    pub fn send(&self, source: Ipv4Addr, to: SocketAddr, contents: &[u8]) {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents,
            segment_size: None,
            src_ip: Some(IpAddr::V4(source)),
        };
        let _ = self
            .state
            .try_send(UdpSockRef::from(&self.socket), &transmit);
    }

    /// Receives a datagram: its destination, its source, and its bytes. Of several joined datagrams
    /// it returns the first.
    pub fn receive(&mut self) -> Option<(IpAddr, SocketAddr, &[u8])> {
        let mut meta = [RecvMeta::default()];
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        let socket = UdpSockRef::from(&self.socket);
        self.state.recv(socket, &mut slices, &mut meta).ok()?;
        let first = meta[0].len.min(meta[0].stride);
        Some((meta[0].dst_ip?, meta[0].addr, &self.buffer[..first]))
    }
}

/// Returns the address of a source. Consecutive numbers are in different /24 prefixes, and each
/// prefix has few sources.
pub fn source(number: u32) -> Ipv4Addr {
    // 127.16.0.0 and up: 15,728,640 addresses. The step is coprime to that number.
    let place = u64::from(number) * 1_000_003 % 15_728_640;
    Ipv4Addr::from_bits(0x7f10_0000 + place as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn sources_are_distinct_and_in_many_prefixes() {
        let sources: HashSet<Ipv4Addr> = (0..100_000).map(source).collect();
        assert_eq!(sources.len(), 100_000);
        assert!(sources.iter().all(|source| source.is_loopback()));
        let networks: HashSet<[u8; 3]> = sources
            .iter()
            .map(|source| source.octets()[..3].try_into().unwrap())
            .collect();
        assert!(networks.len() > 28_000, "{}", networks.len());
    }

    #[test]
    fn one_socket_has_many_addresses() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut everywhere = Everywhere::bind().unwrap();
        let here = source(5);
        everywhere.send(here, server.local_addr().unwrap(), b"hello");
        let mut buffer = [0; 10];
        let (len, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(
            (&buffer[..len], from.ip()),
            (&b"hello"[..], IpAddr::V4(here))
        );
        server.send_to(b"back", from).unwrap();
        let (at, who, bytes) = everywhere.receive().unwrap();
        assert_eq!(
            (at, who, bytes),
            (here.into(), server.local_addr().unwrap(), &b"back"[..])
        );
    }
}
