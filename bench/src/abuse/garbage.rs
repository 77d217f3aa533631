//! Datagrams that are not TFTP, or not quite.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::rrq;
use crate::content::File;

/// Sent at once, before the clock is looked at.
const BURST: u64 = 50;

/// What came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Datagrams sent that are no request: DATA, ACK, ERROR, OACK, unknown opcodes, noise.
    pub others: u64,
    /// Answers to them.
    pub answers_to_others: u64,
    /// Datagrams sent that are a spoiled RRQ.
    pub requests: u64,
    /// Answers to them.
    pub answers_to_requests: u64,
}

/// Sends `count` datagrams at `per_second`, half of them spoiled requests.
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
        // A full buffer loses some: it is only noise.
        if number % 2 == 0 {
            seen.others += 1;
            let _ = others.send_to(&no_request(&mut random), server);
        } else {
            seen.requests += 1;
            let _ = requests.send_to(&spoiled_request(&mut random), server);
        }
    }
    std::thread::sleep(Duration::from_millis(500));
    seen.answers_to_others += drain(&others);
    seen.answers_to_requests += drain(&requests);
    Ok(seen)
}

/// Anything but RRQ and WRQ.
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

/// An RRQ with something wrong: truncated, overwritten, drawn out, or without its terminators.
fn spoiled_request(random: &mut fastrand::Rng) -> Vec<u8> {
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
    fn what_is_no_request_never_is_one() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..10_000 {
            let bytes = no_request(&mut random);
            assert!(!matches!(bytes.get(..2), Some([0, 1 | 2])), "{bytes:?}");
        }
    }

    #[test]
    fn spoiled_requests_say_that_they_are_requests() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..10_000 {
            assert_eq!(spoiled_request(&mut random)[..2], [0, 1]);
        }
    }
}
