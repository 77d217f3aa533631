//! A TFTP client as a value: reads one file by RFC 1350, 2347, 2348 and 7440.
//!
//! The client compares every block with the expected file. So a transfer that is done has delivered
//! all bytes of the file, in order.

use std::net::SocketAddr;
use std::sync::Arc;

use bootstone::wire::options::{decimal, put_option};
use bootstone::wire::packet::DEFAULT_BLKSIZE;
use bootstone::wire::{Mode, OptionName, Options, Packet, Request};

/// The file to read, and the options to request.
#[derive(Clone, Debug)]
pub struct Download {
    /// The requested file name.
    pub name: String,
    /// Bytes per block. 512 sends no `blksize` option.
    pub blksize: u16,
    /// Blocks per ACK. 1 sends no `windowsize` option.
    pub windowsize: u16,
    /// The expected content.
    pub content: Arc<[u8]>,
}

impl Download {
    /// Returns the RRQ. The answer to an RRQ without options is the first block, else an OACK.
    pub fn request(&self) -> Vec<u8> {
        let mut pairs = Vec::new();
        if self.blksize != DEFAULT_BLKSIZE {
            put_option(b"blksize", self.blksize.into(), &mut pairs);
        }
        if self.windowsize != 1 {
            put_option(b"windowsize", self.windowsize.into(), &mut pairs);
        }
        let mut rrq = Vec::new();
        Packet::Rrq(Request {
            filename: self.name.as_bytes(),
            mode: Mode::Octet,
            options: Options::new(&pairs),
        })
        .encode(&mut rrq);
        rrq
    }
}

/// Why a transfer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The server sent an ERROR with this code.
    Refused(u16),
    /// The bytes differ from the file, or there are too few or too many of them.
    WrongContent,
    /// The OACK raises a value, or contains an option that was not requested.
    BadOack,
    /// The server stopped sending.
    TimedOut,
    /// The run ended before the transfer.
    Incomplete,
}

/// What the client has to do after a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait for the next datagram.
    Wait,
    /// Send an ACK, then wait.
    Ack(u16),
    /// Send an ACK: the transfer is complete.
    Done(u16),
    /// Abort the transfer.
    Failed(Failure),
}

/// One transfer.
#[derive(Debug)]
pub struct Client {
    /// The server's TID: the source address of its first answer.
    tid: Option<SocketAddr>,
    blksize: usize,
    windowsize: u16,
    /// Bytes received in order.
    received: usize,
    /// Blocks received in order.
    blocks: u64,
    /// Blocks since the last ACK.
    unacknowledged: u16,
    /// The client has reported a gap since the last block in order.
    repeated_ack: bool,
}

impl Default for Client {
    /// A client that has not received an answer.
    fn default() -> Client {
        Client {
            tid: None,
            blksize: DEFAULT_BLKSIZE.into(),
            windowsize: 1,
            received: 0,
            blocks: 0,
            unacknowledged: 0,
            repeated_ack: false,
        }
    }
}

impl Client {
    /// The destination of ACKs; `None` until the RRQ is answered.
    pub fn tid(&self) -> Option<SocketAddr> {
        self.tid
    }

    /// The `blksize` and `windowsize` that the server granted.
    pub fn terms(&self) -> (usize, u16) {
        (self.blksize, self.windowsize)
    }

    /// The number of the last block in order.
    pub fn last_ack(&self) -> u16 {
        self.blocks as u16
    }

    /// Handles a datagram from `from`.
    pub fn on_datagram(&mut self, download: &Download, from: SocketAddr, datagram: &[u8]) -> Step {
        if *self.tid.get_or_insert(from) != from {
            return Step::Wait;
        }
        match Packet::decode(datagram) {
            Ok(Packet::Data { block, payload }) => self.on_data(download, block, payload),
            Ok(Packet::Oack(options)) if self.blocks == 0 => self.on_oack(download, options),
            Ok(Packet::Error { code, .. }) => Step::Failed(Failure::Refused(code)),
            _ => Step::Wait,
        }
    }

    fn on_oack(&mut self, download: &Download, options: Options<'_>) -> Step {
        for (name, value) in options.iter() {
            match (OptionName::of(name), decimal(value)) {
                (Some(OptionName::Blksize), Some(value)) if value <= download.blksize.into() => {
                    self.blksize = value as usize;
                }
                (Some(OptionName::Windowsize), Some(value))
                    if value <= download.windowsize.into() =>
                {
                    self.windowsize = value as u16;
                }
                _ => return Step::Failed(Failure::BadOack),
            }
        }
        Step::Ack(0)
    }

    fn on_data(&mut self, download: &Download, block: u16, payload: &[u8]) -> Step {
        if block != (self.blocks + 1) as u16 {
            return self.on_other_block(block);
        }
        let rest = &download.content[self.received..];
        let is_last = payload.len() < self.blksize;
        if payload.len() > self.blksize
            || !rest.starts_with(payload)
            || is_last != (rest.len() < self.blksize)
        {
            return Step::Failed(Failure::WrongContent);
        }
        self.received += payload.len();
        self.blocks += 1;
        self.unacknowledged += 1;
        self.repeated_ack = false;
        if is_last {
            return Step::Done(self.last_ack());
        }
        if self.unacknowledged < self.windowsize {
            return Step::Wait;
        }
        self.unacknowledged = 0;
        Step::Ack(self.last_ack())
    }

    /// Handles a block that is not the next one. In lock-step the client acknowledges a repeated
    /// block again (RFC 1350 §4). In a window it answers the first block after a gap with an ACK of
    /// the last block in order, and starts a new window (RFC 7440 §4).
    fn on_other_block(&mut self, block: u16) -> Step {
        if self.windowsize == 1 {
            return match block == self.last_ack() {
                true => Step::Ack(block),
                false => Step::Wait,
            };
        }
        if std::mem::replace(&mut self.repeated_ack, true) {
            return Step::Wait;
        }
        self.unacknowledged = 0;
        Step::Ack(self.last_ack())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootstone::wire::packet::data_header;

    const SERVER: &str = "127.0.0.1:69";

    fn download(blksize: u16, windowsize: u16, size: usize) -> Download {
        let content: Vec<u8> = (0..size).map(|i| i as u8).collect();
        Download {
            name: "file".to_owned(),
            blksize,
            windowsize,
            content: content.into(),
        }
    }

    fn data(download: &Download, block: u16) -> Vec<u8> {
        let blksize = usize::from(download.blksize);
        let start = usize::from(block - 1) * blksize;
        let end = download.content.len().min(start + blksize);
        let mut datagram = Vec::new();
        data_header(block, &mut datagram);
        datagram.extend_from_slice(&download.content[start..end]);
        datagram
    }

    /// The client's step after each datagram.
    fn steps(download: &Download, datagrams: &[Vec<u8>]) -> Vec<Step> {
        let mut client = Client::default();
        let from = SERVER.parse().unwrap();
        let step = |datagram: &Vec<u8>| client.on_datagram(download, from, datagram);
        datagrams.iter().map(step).collect()
    }

    #[test]
    fn lock_step_without_options() {
        let download = download(512, 1, 1024);
        assert_eq!(download.request(), b"\0\x01file\0octet\0");
        let [one, two, three] = [1, 2, 3].map(|block| data(&download, block));
        assert_eq!(
            steps(&download, &[one.clone(), one, two, three]),
            [Step::Ack(1), Step::Ack(1), Step::Ack(2), Step::Done(3)]
        );
    }

    #[test]
    fn a_window_with_a_gap() {
        let download = download(8, 3, 50);
        let oack = b"\0\x06blksize\x008\0windowsize\x003\0".to_vec();
        let mut all = vec![oack];
        all.extend([1, 2, 4, 5, 3, 4, 5, 6, 7].map(|block| data(&download, block)));
        let (wait, ack) = (Step::Wait, Step::Ack);
        let expected = [
            ack(0),
            wait,
            wait,
            ack(2),
            wait,
            wait,
            wait,
            ack(5),
            wait,
            Step::Done(7),
        ];
        assert_eq!(steps(&download, &all), expected);
    }

    #[test]
    fn wrong_bytes_fail() {
        let download = download(512, 1, 1024);
        let wrong = Step::Failed(Failure::WrongContent);
        let mut other = data(&download, 1);
        other[100] ^= 1;
        assert_eq!(steps(&download, &[other]), [wrong]);
        let mut short = data(&download, 1);
        short.pop();
        assert_eq!(steps(&download, &[short]), [wrong]);
        let mut long = data(&download, 1);
        long.push(0);
        assert_eq!(steps(&download, &[long]), [wrong]);
    }

    #[test]
    fn an_oack_with_a_raised_or_unrequested_option_fails() {
        let download = download(8, 3, 50);
        for oack in [&b"\0\x06blksize\x009\0"[..], b"\0\x06tsize\x0050\0"] {
            let steps = steps(&download, &[oack.to_vec()]);
            assert_eq!(steps, [Step::Failed(Failure::BadOack)]);
        }
    }

    #[test]
    fn datagrams_from_another_port_are_ignored() {
        let download = download(512, 1, 1024);
        let mut client = Client::default();
        let [one, two] = [1, 2].map(|block| data(&download, block));
        client.on_datagram(&download, SERVER.parse().unwrap(), &one);
        let other_address = "127.0.0.1:70".parse().unwrap();
        assert_eq!(
            client.on_datagram(&download, other_address, &two),
            Step::Wait
        );
    }
}
