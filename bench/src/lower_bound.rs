//! The lower bound: the least work with which a program answers TFTP clients through a socket.
//!
//! One system call receives an ACK, and one sends the next window. There are no timers, no rate
//! limits and no log; the program believes every datagram, and never resends one. It is not a
//! usable server. It shows the cost of the datagrams in the kernel, and so the least cost of a
//! server. With many clients, a server that receives several ACKs in one call can cost a little
//! less.

use std::convert::Infallible;
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;

use anyhow::Result;
use bootstone::wire::options::decimal;
use bootstone::wire::packet::{DATA_HEADER, DEFAULT_BLKSIZE, data_header};
use bootstone::wire::{OptionName, Packet, Request};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::UdpGsoSegment;
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery};

use crate::content::File;

/// Size of the receive buffer, as in Bootstone: no request is lost in a storm.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Size of the longest request.
const LONGEST: usize = 512;
/// Most bytes and most datagrams in one call.
const MAX_BURST: usize = 65_507;
const MAX_SEGMENTS: usize = 64;
/// Bits of the hash that identifies a peer. Two peers with the same hash share their terms, which
/// does no harm, because all clients of a row request the same terms.
const PEER_BITS: u32 = 17;

/// The terms that a peer has requested.
#[derive(Clone, Debug)]
struct Terms {
    content: Arc<[u8]>,
    blksize: usize,
    windowsize: usize,
}

/// The files, and the terms of all peers.
#[derive(Debug)]
pub struct LowerBound {
    files: Vec<(&'static str, Arc<[u8]>)>,
    peers: Vec<Option<Terms>>,
}

impl Default for LowerBound {
    /// Serves the bench's files.
    fn default() -> LowerBound {
        let files = File::ALL.map(|file| (file.name(), file.content()));
        LowerBound {
            files: files.to_vec(),
            peers: vec![None; 1 << PEER_BITS],
        }
    }
}

impl LowerBound {
    /// Writes the answer to a datagram into `out`: an OACK, or all blocks of a window. Returns the
    /// length of the first datagram, or 0 if there is no answer.
    pub fn answer(&mut self, from: SocketAddrV4, datagram: &[u8], out: &mut Vec<u8>) -> usize {
        out.clear();
        let peer = slot(from);
        match Packet::decode(datagram) {
            Ok(Packet::Ack { block }) => self.window(peer, block.into(), out),
            Ok(Packet::Rrq(request)) => self.begin(peer, &request, out),
            _ => 0,
        }
    }

    /// Grants all requested options.
    fn begin(&mut self, peer: usize, request: &Request<'_>, out: &mut Vec<u8>) -> usize {
        let mut files = self.files.iter();
        let Some((_, content)) = files.find(|(name, _)| name.as_bytes() == request.filename) else {
            return 0;
        };
        let option = |wanted, default| {
            let mut options = request.options.iter();
            let value = options.find(|(name, _)| OptionName::of(name) == Some(wanted));
            value
                .and_then(|(_, value)| decimal(value))
                .unwrap_or(default) as usize
        };
        self.peers[peer] = Some(Terms {
            content: Arc::clone(content),
            blksize: option(OptionName::Blksize, DEFAULT_BLKSIZE.into()),
            windowsize: option(OptionName::Windowsize, 1),
        });
        if request.options.is_empty() {
            return self.window(peer, 0, out);
        }
        Packet::Oack(request.options).encode(out);
        out.len()
    }

    /// Writes the window after block `acked`.
    fn window(&self, peer: usize, acked: usize, out: &mut Vec<u8>) -> usize {
        let Some(terms) = &self.peers[peer] else {
            return 0;
        };
        for block in acked..acked + terms.windowsize {
            let start = block * terms.blksize;
            if start > terms.content.len() {
                break;
            }
            let end = terms.content.len().min(start + terms.blksize);
            data_header((block + 1) as u16, out);
            out.extend_from_slice(&terms.content[start..end]);
        }
        out.len().min(DATA_HEADER + terms.blksize)
    }
}

/// Returns how many of the datagrams to send in one call: as few calls as possible, with the same
/// number in each.
fn per_call(datagrams: usize, len: usize) -> usize {
    let most = (MAX_BURST / len).clamp(1, MAX_SEGMENTS);
    datagrams.div_ceil(datagrams.div_ceil(most))
}

fn slot(peer: SocketAddrV4) -> usize {
    let number = u64::from(peer.ip().to_bits()) << 16 | u64::from(peer.port());
    // Fibonacci hashing: the upper bits depend on all of them.
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PEER_BITS)) as usize
}

/// Serves files of up to 65,535 blocks on `listen`. If `busy_poll` is set, it polls for the next
/// datagram instead of sleeping until it arrives.
///
/// # Errors
/// The address is in use, or the kernel does not support UDP GSO.
pub fn serve(listen: SocketAddrV4, busy_poll: bool) -> Result<Infallible> {
    let socket = UdpSocket::bind(listen)?;
    socket.set_nonblocking(busy_poll)?;
    sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
    sockopt::set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::PROBE)?;
    let mut lower_bound = LowerBound::default();
    let (mut datagram, mut out) = ([0; LONGEST], Vec::new());
    let mut segment = 0;
    loop {
        let Ok((len, SocketAddr::V4(from))) = socket.recv_from(&mut datagram) else {
            continue;
        };
        let first = lower_bound.answer(from, &datagram[..len], &mut out);
        if first == 0 {
            continue;
        }
        if first < out.len() && first != segment {
            // The kernel splits what one call sends into datagrams of this length. In a row of the
            // bench the length is always the same.
            setsockopt(&socket, UdpGsoSegment, &(first as i32))?;
            segment = first;
        }
        for part in out.chunks(per_call(out.len().div_ceil(first), first) * first) {
            // A datagram that cannot be sent is lost.
            let _ = socket.send_to(part, from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    use crate::client::{Client, Download, Step};

    /// Fetches the file with the bench's client, which compares every block.
    fn fetch(file: File, blksize: u16, windowsize: u16) -> Step {
        let download = Download {
            name: file.name().to_owned(),
            blksize,
            windowsize,
            content: file.content(),
        };
        let client_address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2000);
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 69));
        let (mut lower_bound, mut client, mut out) =
            (LowerBound::default(), Client::default(), Vec::new());
        let mut datagram = download.request();
        loop {
            let first = lower_bound.answer(client_address, &datagram, &mut out);
            let steps = out
                .chunks(first.max(1))
                .map(|part| client.on_datagram(&download, server, part));
            match steps.last() {
                Some(Step::Ack(block)) => datagram = ack(block),
                other => return other.unwrap_or(Step::Wait),
            }
        }
    }

    fn ack(block: u16) -> Vec<u8> {
        let mut datagram = Vec::new();
        Packet::Ack { block }.encode(&mut datagram);
        datagram
    }

    #[test]
    fn a_client_gets_its_file() {
        assert_eq!(fetch(File::OneBlock, 512, 1), Step::Done(1));
        assert_eq!(fetch(File::Small, 1428, 1), Step::Done(46));
        assert_eq!(fetch(File::Middle, 1024, 16), Step::Done(301));
        assert_eq!(fetch(File::Huge, 512, 64), Step::Done(32_769));
    }

    #[test]
    fn unknown_files_and_peers_get_no_answer() {
        let other_address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2000);
        let mut out = vec![1];
        for datagram in [&b"\0\x01other\0octet\0"[..], b"\0\x04\0\0", b"\0\x05", b""] {
            assert_eq!(
                LowerBound::default().answer(other_address, datagram, &mut out),
                0
            );
            assert!(out.is_empty());
        }
    }
}
