//! A client that does what RFC 7440 asks for, and nothing more. Other clients hide mistakes of a
//! server: they answer duplicates, or repeat their ACKs early.
//!
//! * It acknowledges a whole window.
//! * It answers a gap with one ACK of the last block in order, whatever else arrives before the gap
//!   is mended, and counts its next window from there.
//! * It ignores a block that it has. If it is the last one in order and the window is empty, the
//!   client acknowledges it again.
//! * A fixed timer starts again at each block in order. When it expires, the client repeats its last
//!   ACK.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bootstone::wire::options::decimal;
use bootstone::wire::{OptionName, Options, Packet};

use crate::client::{Download, Failure, Step};

/// After so many repeated ACKs without a block in order, the client gives up.
const REPEATS: u32 = 8;

/// Reads the file, and repeats the last ACK after `timer`. Returns the time from the RRQ to the last
/// block; `None` if the client gave up, if `limit` has passed, or if the bytes are wrong.
///
/// # Errors
/// The socket cannot be opened or used.
pub fn read(
    server: SocketAddr,
    download: &Download,
    timer: Duration,
    limit: Duration,
) -> io::Result<Option<Duration>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut client = Strict::new(download);
    let mut last_sent = download.request();
    let mut buffer = vec![0; 1 << 16];
    // The server's TID: the source of its first answer.
    let mut tid = None;
    let started = Instant::now();
    let (mut deadline, mut repeats) = (started + timer, 0);
    socket.send_to(&last_sent, server)?;
    while started.elapsed() < limit {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            repeats += 1;
            if repeats > REPEATS {
                return Ok(None);
            }
            socket.send_to(&last_sent, tid.unwrap_or(server))?;
            deadline = Instant::now() + timer;
            continue;
        }
        socket.set_read_timeout(Some(left))?;
        let Ok((len, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        if *tid.get_or_insert(from) != from {
            continue;
        }
        let before = client.blocks;
        let step = client.on_datagram(&buffer[..len]);
        if client.blocks > before {
            (deadline, repeats) = (Instant::now() + timer, 0);
        }
        match step {
            Step::Wait => {}
            Step::Failed(_) => return Ok(None),
            Step::Ack(block) | Step::Done(block) => {
                last_sent = [&[0, 4][..], &block.to_be_bytes()].concat();
                socket.send_to(&last_sent, from)?;
            }
        }
        if let Step::Done(_) = step {
            return Ok(Some(started.elapsed()));
        }
    }
    Ok(None)
}

/// The client as a value.
struct Strict<'a> {
    download: &'a Download,
    blksize: usize,
    windowsize: u16,
    /// Bytes and blocks received in order.
    received: usize,
    blocks: u64,
    /// Blocks since the last ACK.
    in_window: u16,
    has_reported_gap: bool,
}

impl<'a> Strict<'a> {
    fn new(download: &'a Download) -> Strict<'a> {
        Strict {
            download,
            blksize: 512,
            windowsize: 1,
            received: 0,
            blocks: 0,
            in_window: 0,
            has_reported_gap: false,
        }
    }

    fn on_datagram(&mut self, datagram: &[u8]) -> Step {
        match Packet::decode(datagram) {
            Ok(Packet::Data { block, payload }) => self.on_data(block, payload),
            Ok(Packet::Oack(options)) if self.blocks == 0 => self.on_oack(options),
            Ok(Packet::Error { code, .. }) => Step::Failed(Failure::Refused(code)),
            _ => Step::Wait,
        }
    }

    fn on_oack(&mut self, options: Options<'_>) -> Step {
        for (name, value) in options.iter() {
            match (OptionName::of(name), decimal(value)) {
                (Some(OptionName::Blksize), Some(value)) => self.blksize = value as usize,
                (Some(OptionName::Windowsize), Some(value)) => self.windowsize = value as u16,
                _ => return Step::Failed(Failure::BadOack),
            }
        }
        Step::Ack(0)
    }

    fn on_data(&mut self, block: u16, payload: &[u8]) -> Step {
        match block.wrapping_sub(self.blocks as u16) {
            1 => self.on_next(payload),
            0 if self.in_window == 0 && self.blocks > 0 => Step::Ack(block),
            2..0x8000 => self.on_gap(),
            _ => Step::Wait,
        }
    }

    fn on_next(&mut self, payload: &[u8]) -> Step {
        let rest = &self.download.content[self.received..];
        let is_last = payload.len() < self.blksize;
        if !rest.starts_with(payload) || is_last != (rest.len() < self.blksize) {
            return Step::Failed(Failure::WrongContent);
        }
        self.received += payload.len();
        self.blocks += 1;
        self.in_window += 1;
        self.has_reported_gap = false;
        match self.in_window == self.windowsize {
            _ if is_last => Step::Done(self.blocks as u16),
            true => self.acknowledge(),
            false => Step::Wait,
        }
    }

    /// Handles a block that is not the next one, and that the client does not have.
    fn on_gap(&mut self) -> Step {
        match std::mem::replace(&mut self.has_reported_gap, true) {
            true => Step::Wait,
            false => self.acknowledge(),
        }
    }

    fn acknowledge(&mut self) -> Step {
        self.in_window = 0;
        Step::Ack(self.blocks as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootstone::wire::packet::data_header;

    /// The client's steps after an OACK with windows of 3 blocks of 8 bytes, and after DATA.
    fn steps(blocks: &[u16]) -> Vec<Step> {
        let content: Vec<u8> = (0..60).collect();
        let download = Download {
            name: "file".to_owned(),
            blksize: 8,
            windowsize: 3,
            content: content.into(),
        };
        let mut client = Strict::new(&download);
        let oack = b"\0\x06blksize\x008\0windowsize\x003\0";
        assert_eq!(client.on_datagram(oack), Step::Ack(0));
        let mut step = |&block: &u16| {
            let start = 8 * usize::from(block - 1);
            let mut datagram = Vec::new();
            data_header(block, &mut datagram);
            datagram.extend(&download.content[start..60.min(start + 8)]);
            client.on_datagram(&datagram)
        };
        blocks.iter().map(&mut step).collect()
    }

    #[test]
    fn a_gap_is_reported_once_until_it_is_mended() {
        let (wait, ack) = (Step::Wait, Step::Ack);
        let arrived = steps(&[1, 3, 4, 5, 2, 3, 4, 7, 6]);
        let expected = [wait, ack(1), wait, wait, wait, wait, ack(4), ack(4), wait];
        assert_eq!(arrived, expected);
    }

    #[test]
    fn a_duplicate_is_ignored_except_of_the_last_block_with_an_empty_window() {
        let (wait, ack) = (Step::Wait, Step::Ack);
        let arrived = steps(&[1, 2, 2, 3, 3, 2, 4, 3, 4]);
        let expected = [wait, wait, wait, ack(3), ack(3), wait, wait, wait, wait];
        assert_eq!(arrived, expected);
    }

    #[test]
    fn the_last_block_ends_the_transfer() {
        let all: Vec<u16> = (1..=8).collect();
        assert_eq!(steps(&all).last(), Some(&Step::Done(8)));
    }
}
