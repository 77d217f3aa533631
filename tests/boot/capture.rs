//! What a machine received, put together from the capture of its network card.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bootstone::proto::Instant;

pub(crate) const TFTP: u16 = 69;
const DEFAULT_BLKSIZE: usize = 512;

/// A request of the machine's, and what it got.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) name: String,
    /// As the machine asked for them: `tsize=0 blksize=1468`.
    pub(crate) options: String,
    client: SocketAddr,
    blksize: usize,
    blocks: BTreeMap<u16, Vec<u8>>,
    /// The machine ended it, with an ERROR.
    pub(crate) has_error: bool,
    /// The server answered with an ERROR.
    pub(crate) is_refused: bool,
}

impl Transfer {
    /// Of an RRQ (RFC 1350 §5): name, mode, and options in pairs, each with a 0 at its end.
    fn new(client: SocketAddr, rrq: &[u8]) -> Transfer {
        let mut words = rrq.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let name = words.next().unwrap().into_owned();
        let words: Vec<_> = words.skip(1).collect();
        let pair = |pair: &[_]| format!("{}={}", pair[0], pair[1]);
        let options: Vec<String> = words.chunks_exact(2).map(pair).collect();
        Transfer {
            name,
            options: options.join(" "),
            client,
            blksize: DEFAULT_BLKSIZE,
            blocks: BTreeMap::new(),
            has_error: false,
            is_refused: false,
        }
    }

    /// Its name, as the embedded file has it.
    pub(crate) fn embedded(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    /// From the server: an OACK, a block, or an ERROR.
    fn receive(&mut self, datagram: &[u8]) {
        match (datagram[1], &datagram[2..]) {
            (6, options) => {
                let mut words = options.split(|byte| *byte == 0);
                let blksize = words.find(|word| *word == b"blksize").and(words.next());
                if let Some(blksize) = blksize {
                    self.blksize = str::from_utf8(blksize).unwrap().parse().unwrap();
                }
            }
            (3, [high, low, block @ ..]) => {
                let number = u16::from_be_bytes([*high, *low]);
                let known = self.blocks.entry(number).or_insert(block.to_vec());
                assert!(known == block, "{}: two blocks {number}", self.name);
            }
            (5, _) => self.is_refused = true,
            _ => {}
        }
    }

    /// All blocks from the first to the one that is shorter than the others, put together; `None`
    /// if there is a gap or no end. No file here is long enough for block numbers to begin again.
    pub(crate) fn file(&self) -> Option<Vec<u8>> {
        let is_next = |(place, number): (usize, &u16)| usize::from(*number) == place + 1;
        let last = self.blocks.values().next_back()?;
        let is_whole = self.blocks.keys().enumerate().all(is_next) && last.len() < self.blksize;
        is_whole.then(|| self.blocks.values().flatten().copied().collect())
    }
}

/// All of the machine's requests, in their order.
pub(crate) fn transfers(capture: &[u8]) -> Vec<Transfer> {
    let mut transfers: Vec<Transfer> = Vec::new();
    for Datagram {
        from, to, payload, ..
    } in datagrams(capture)
    {
        let is_of = |client| move |transfer: &&mut Transfer| transfer.client == client;
        let mut latest = transfers.iter_mut().rev();
        match (to.port(), from.port(), payload) {
            // The same request from the same port is a repeat: no machine here uses a port twice.
            (TFTP, _, [0, 1, rrq @ ..]) if latest.find(is_of(from)).is_none() => {
                transfers.push(Transfer::new(from, rrq));
            }
            (TFTP, _, [0, 5, ..]) => {
                let transfer = latest.find(is_of(from)).unwrap();
                // PXELINUX closes every file with an ERROR, also one that it has.
                transfer.has_error = transfer.file().is_none();
            }
            (_, TFTP, _) => latest.find(is_of(to)).unwrap().receive(payload),
            _ => {}
        }
    }
    transfers
}

/// A UDP datagram, and when the network card saw it.
#[derive(Clone, Copy)]
pub(crate) struct Datagram<'a> {
    pub(crate) at: Instant,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) payload: &'a [u8],
}

/// All datagrams of a capture.
pub(crate) fn datagrams(capture: &[u8]) -> impl Iterator<Item = Datagram<'_>> {
    frames(capture).filter_map(|(at, frame)| {
        let (from, to, payload) = udp(frame)?;
        Some(Datagram {
            at,
            from,
            to,
            payload,
        })
    })
}

/// The frames of a file as libpcap writes it: a header of 24 bytes, and one of 16 before each
/// frame, with its time and its length.
fn frames(capture: &[u8]) -> impl Iterator<Item = (Instant, &[u8])> {
    let mut rest = capture.get(24..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (header, after) = rest.split_at_checked(16)?;
        let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let time = Duration::from_secs(number(0).into()) + Duration::from_micros(number(4).into());
        // The last one may be half written.
        let (frame, after) = after.split_at_checked(number(8) as usize)?;
        rest = after;
        Some((Instant::ZERO + time, frame))
    })
}

/// From, to, and the payload; `None` if the frame is not UDP. Nothing here is fragmented, and no
/// datagram has IPv6 extension headers before UDP.
fn udp(frame: &[u8]) -> Option<(SocketAddr, SocketAddr, &[u8])> {
    let (ethernet, ip) = frame.split_at_checked(14)?;
    let (from, to, rest): (IpAddr, IpAddr, _) = match &ethernet[12..] {
        [0x08, 0x00] if ip[9] == 17 => {
            let address = |at| Ipv4Addr::from(<[u8; 4]>::try_from(&ip[at..at + 4]).unwrap());
            let header = usize::from(ip[0] & 0x0f) * 4;
            (address(12).into(), address(16).into(), &ip[header..])
        }
        [0x86, 0xdd] if ip[6] == 17 => {
            let address = |at| Ipv6Addr::from(<[u8; 16]>::try_from(&ip[at..at + 16]).unwrap());
            (address(8).into(), address(24).into(), &ip[40..])
        }
        _ => return None,
    };
    let number = |at| u16::from_be_bytes([rest[at], rest[at + 1]]);
    // Ethernet pads short frames; the length of a datagram counts its header of 8 bytes.
    let payload = rest.get(8..usize::from(number(4)))?;
    Some(((from, number(0)).into(), (to, number(2)).into(), payload))
}
