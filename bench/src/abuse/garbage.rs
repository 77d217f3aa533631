//! Malformed datagrams.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::rrq;
use crate::content::File;

/// Datagrams sent between two looks at the clock.
const BURST: u64 = 50;

/// Number of datagrams sent, and of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Datagrams sent that are not requests: DATA, ACK, ERROR, OACK, unknown opcodes, noise.
    pub others: u64,
    /// Answers to them.
    pub answers_to_others: u64,
    /// Malformed RRQs sent.
    pub requests: u64,
    /// Answers to them.
    pub answers_to_requests: u64,
}

/// Sends `count` datagrams at `per_second`. Half of them are malformed requests.
pub fn garbage(server: SocketAddr, count: u64, per_second: u64, seed: u64) -> io::Result<Answered> {
    let mut random = fastrand::Rng::with_seed(seed);
    let bind = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        io::Result::Ok(socket)
    };
    let (others, requests) = (bind()?, bind()?);
    let mut seen = Answered::default();
    let mut buffer = vec![0; 1 << 16];
    let mut drain = |socket: &UdpSocket| {
        let mut answers = 0;
        while socket.recv(&mut buffer).is_ok() {
            answers += 1;
        }
        answers
    };
    let started = Instant::now();
    for number in 0..count {
        if number % BURST == 0 {
            seen.answers_to_others += drain(&others);
            seen.answers_to_requests += drain(&requests);
            let due = Duration::from_secs_f64(number as f64 / per_second as f64);
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
        // Datagrams that do not fit the kernel's buffer may be lost.
        if number % 2 == 0 {
            seen.others += 1;
            let _ = others.send_to(&no_request(&mut random), server);
        } else {
            seen.requests += 1;
            let _ = requests.send_to(&malformed_request(&mut random), server);
        }
    }
    std::thread::sleep(Duration::from_millis(500));
    seen.answers_to_others += drain(&others);
    seen.answers_to_requests += drain(&requests);
    Ok(seen)
}

/// A random datagram that is neither an RRQ nor a WRQ.
fn no_request(random: &mut fastrand::Rng) -> Vec<u8> {
    let len = if random.bool() {
        random.usize(0..40)
    } else {
        random.usize(0..1400)
    };
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    let opcode = match random.u8(0..4) {
        0 => random.u16(7..),
        1 => 0,
        _ => random.u16(3..=6),
    };
    for (byte, value) in bytes.iter_mut().zip(opcode.to_be_bytes()) {
        *byte = value;
    }
    bytes
}

/// A malformed RRQ: truncated, overwritten, extended, or without NULs.
fn malformed_request(random: &mut fastrand::Rng) -> Vec<u8> {
    let value = random.u64(..);
    let option = [
        "blksize",
        "windowsize",
        "timeout",
        "tsize",
        "",
        "msftwindow",
    ][random.usize(0..6)];
    let mut bytes = rrq(
        File::Small.name(),
        &[(option, value), ("blksize", random.u64(0..70_000))],
    );
    match random.u8(0..5) {
        0 => bytes.truncate(random.usize(2..bytes.len())),
        1 => {
            for _ in 0..random.usize(1..8) {
                let place = random.usize(2..bytes.len());
                bytes[place] = random.u8(..);
            }
        }
        2 => bytes
            .iter_mut()
            .skip(2)
            .filter(|byte| **byte == 0)
            .for_each(|byte| *byte = b'x'),
        3 => bytes
            .splice(2..2, std::iter::repeat_n(b'/', random.usize(1..1200)))
            .for_each(drop),
        _ => bytes.extend((0..random.usize(1..1200)).map(|_| random.u8(..))),
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_datagrams_are_never_requests() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..10_000 {
            let bytes = no_request(&mut random);
            assert!(!matches!(bytes.get(..2), Some([0, 1 | 2])), "{bytes:?}");
        }
    }

    #[test]
    fn malformed_requests_have_the_opcode_of_an_rrq() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..10_000 {
            assert_eq!(malformed_request(&mut random)[..2], [0, 1]);
        }
    }
}
