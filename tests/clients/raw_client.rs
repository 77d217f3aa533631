//! A peer whose datagrams are written by client.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::processes::DEADLINE;

/// A socket that receives from one server address only.
///
/// It ignores datagrams that it has received since its last request: on a busy machine the server's
/// timer may rightly send a datagram again. The server's reports tell how often it did.
pub struct RawClient {
    socket: UdpSocket,
    received: RefCell<HashSet<Vec<u8>>>,
}

impl RawClient {
    pub fn to(server: SocketAddr) -> RawClient {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).unwrap();
        // From now on the kernel drops datagrams from other addresses and ports.
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        RawClient {
            socket,
            received: RefCell::default(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    #[track_caller]
    pub fn send(&self, datagram: impl AsRef<[u8]>) {
        let datagram = datagram.as_ref();
        if datagram.starts_with(b"\0\x01") {
            self.received.borrow_mut().clear();
        }
        assert_eq!(self.socket.send(datagram).unwrap(), datagram.len());
    }

    /// Waits for the next datagram.
    #[track_caller]
    pub fn receive(&self) -> Vec<u8> {
        self.receive_where(true)
    }

    /// Waits for a datagram that has been received before.
    #[track_caller]
    pub fn receive_again(&self) -> Vec<u8> {
        self.receive_where(false)
    }

    #[track_caller]
    fn receive_where(&self, is_new: bool) -> Vec<u8> {
        loop {
            let datagram = self.recv().unwrap();
            if self.received.borrow_mut().insert(datagram.clone()) == is_new {
                return datagram;
            }
        }
    }

    /// All datagrams that have arrived.
    #[track_caller]
    pub fn pending(&self) -> Vec<Vec<u8>> {
        self.socket.set_nonblocking(true).unwrap();
        let mut rest = Vec::new();
        let end = loop {
            match self.recv() {
                Ok(datagram) => rest.push(datagram),
                Err(error) => break error,
            }
        };
        assert_eq!(end.kind(), ErrorKind::WouldBlock);
        self.socket.set_nonblocking(false).unwrap();
        rest.retain(|datagram| !self.received.borrow().contains(datagram));
        rest
    }

    fn recv(&self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 65_536];
        // A machine that is suspended and resumed interrupts a waiting call.
        let length = loop {
            match self.socket.recv(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                received => break received?,
            }
        };
        buffer.truncate(length);
        Ok(buffer)
    }

    /// An RRQ in mode octet.
    pub fn request(name: &str, options: &[(&str, &str)]) -> Vec<u8> {
        let mut datagram = b"\0\x01".to_vec();
        let options = options.iter().flat_map(|(name, value)| [*name, *value]);
        for text in [name, "octet"].into_iter().chain(options) {
            datagram.extend_from_slice(text.as_bytes());
            datagram.push(0);
        }
        datagram
    }

    pub fn ack(block: u16) -> [u8; 4] {
        let [high, low] = block.to_be_bytes();
        [0, 4, high, low]
    }

    /// The number and the payload of the next datagram, which must be a DATA.
    #[track_caller]
    pub fn data(&self) -> (u16, Vec<u8>) {
        let datagram = self.receive();
        assert_eq!(datagram[..2], [0, 3], "{datagram:?}");
        (
            u16::from_be_bytes([datagram[2], datagram[3]]),
            datagram[4..].to_vec(),
        )
    }

    /// Takes blocks of `blksize` bytes in lock-step, from the first one after `acked`, and
    /// acknowledges each, up to the last.
    #[track_caller]
    pub fn take(&self, acked: u16, blksize: usize) -> Vec<u8> {
        let mut file = Vec::new();
        for expected in acked + 1.. {
            let (block, payload) = self.data();
            assert_eq!(block, expected);
            self.send(RawClient::ack(block));
            file.extend_from_slice(&payload);
            if payload.len() < blksize {
                break;
            }
        }
        file
    }

    /// Requests a file without options, and receives all of it.
    #[track_caller]
    pub fn fetch(&self, name: &str) -> Vec<u8> {
        self.send(RawClient::request(name, &[]));
        self.take(0, 512)
    }
}
