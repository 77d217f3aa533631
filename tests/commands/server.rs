//! Test servers that are correct, or not.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::time::Duration;

use bootstone::catalog::{Catalog, Entry};
use bootstone::net::Clock;
use bootstone::net::driver::{ActiveDrivers, Driver};
use bootstone::net::observer::SharedObserver;
use bootstone::net::socket::{BoundSocket, Socket};
use bootstone::net::status::StatusRequester;
use bootstone::proto::server::Server;
use bootstone::wire::{Options, Packet, Request};

/// The behaviour of a test server. The default is correct.
#[derive(Clone, Default)]
pub(crate) struct Behaviour {
    pub(crate) files: Vec<(&'static str, Vec<u8>)>,
    /// Does not answer requests whose name contains this.
    pub(crate) silent: Option<&'static str>,
    /// Ignores options.
    pub(crate) ignores_options: bool,
    /// Announces this size.
    pub(crate) tsize: Option<u64>,
    /// Stops sending after this many blocks.
    pub(crate) stalls_after: Option<usize>,
    /// Sends an ERROR after this many blocks.
    pub(crate) fails_after: Option<usize>,
    /// Sends a file of several blocks again and again, without an end.
    pub(crate) endless: bool,
    /// Grants twice the requested block size.
    pub(crate) raises_blksize: bool,
    /// Answers from this address.
    pub(crate) answers_from: Option<&'static str>,
    /// Has no file until this many requests have been made.
    pub(crate) missing_at_first: Option<Arc<AtomicUsize>>,
    /// Receives the name of each requested file. A repeated request counts again.
    pub(crate) requested: Option<Sender<String>>,
    /// Receives a copy of each datagram that a transfer receives.
    pub(crate) received: Option<Sender<Vec<u8>>>,
}

/// Longer than any test. It ends the threads of servers.
pub(crate) const LONG: Duration = Duration::from_secs(60);

impl Behaviour {
    pub(crate) fn with(files: &[(&'static str, &[u8])]) -> Behaviour {
        let files = files.iter().map(|(name, bytes)| (*name, bytes.to_vec()));
        Behaviour {
            files: files.collect(),
            ..Behaviour::default()
        }
    }

    /// Starts a server as in RFC 1350, with a new port for each transfer.
    pub(crate) fn start(self) -> SocketAddr {
        let socket = socket_on("127.0.0.1");
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((len, peer)) = socket.recv_from(&mut buffer) {
                let (behaviour, request) = (self.clone(), buffer[..len].to_vec());
                std::thread::spawn(move || behaviour.answer(peer, &request));
            }
        });
        address
    }

    fn answer(&self, peer: SocketAddr, datagram: &[u8]) {
        let Ok(Packet::Rrq(request)) = Packet::decode(datagram) else {
            return;
        };
        let name = std::str::from_utf8(request.filename).unwrap();
        if let Some(requested) = &self.requested {
            let _ = requested.send(name.to_owned());
        }
        if self.silent.is_some_and(|part| name.contains(part)) {
            return;
        }
        let transfer = Transfer {
            behaviour: self,
            socket: socket_on(self.answers_from.unwrap_or("127.0.0.1")),
            peer,
        };
        let found = self.files.iter().find(|(served, _)| *served == name);
        match found.filter(|_| !self.is_missing_now()) {
            Some((_, bytes)) => transfer.send_file(bytes, request),
            None => transfer.error(1, b"no such file \x1b[2J"),
        }
    }
}

impl Behaviour {
    /// True for the first requests, if the files are missing at first.
    fn is_missing_now(&self) -> bool {
        let fewer = |left: usize| left.checked_sub(1);
        let missing = self.missing_at_first.as_ref();
        missing.is_some_and(|missing| missing.fetch_update(Relaxed, Relaxed, fewer).is_ok())
    }
}

pub(crate) fn socket_on(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

struct Transfer<'a> {
    behaviour: &'a Behaviour,
    socket: UdpSocket,
    peer: SocketAddr,
}

impl Transfer<'_> {
    /// Sends the file in lock-step.
    fn send_file(&self, bytes: &[u8], request: Request<'_>) {
        let mut blksize = 512;
        if !self.behaviour.ignores_options {
            let asked = request.options.iter().find(|(name, _)| *name == b"blksize");
            let (_, value) = asked.unwrap();
            blksize = std::str::from_utf8(value).unwrap().parse().unwrap();
            blksize *= if self.behaviour.raises_blksize { 2 } else { 1 };
            let tsize = self.behaviour.tsize.unwrap_or(bytes.len() as u64);
            let mut options = format!("blksize\0{blksize}\0");
            if !self.behaviour.endless {
                options += &format!("tsize\0{tsize}\0");
            }
            if !self.send_and_wait(Packet::Oack(Options::new(options.as_bytes())), 0) {
                return;
            }
        }
        let mut blocks: Vec<&[u8]> = bytes.chunks(blksize).collect();
        if bytes.len().is_multiple_of(blksize) {
            blocks.push(&[]);
        }
        let is_endless = self.behaviour.endless && bytes.len() > blksize;
        if is_endless {
            blocks.retain(|block| block.len() == blksize);
        }
        let mut sent = 0;
        loop {
            for payload in &blocks {
                if self.behaviour.fails_after == Some(sent) {
                    return self.error(0, b"disk on fire");
                }
                if self.behaviour.stalls_after == Some(sent) {
                    return self.only_receive();
                }
                sent += 1;
                let block = sent as u16;
                if !self.send_and_wait(Packet::Data { block, payload }, block) {
                    return;
                }
            }
            if !is_endless {
                return;
            }
        }
    }

    /// Sends and waits for this ACK; false if another answer or none arrives.
    fn send_and_wait(&self, packet: Packet<'_>, block: u16) -> bool {
        self.send(packet);
        self.receive()
            .is_some_and(|answer| Packet::decode(&answer) == Ok(Packet::Ack { block }))
    }

    fn error(&self, code: u16, message: &[u8]) {
        self.send(Packet::Error { code, message });
    }

    /// Receives until nothing arrives.
    fn only_receive(&self) {
        while self.receive().is_some() {}
    }

    fn send(&self, packet: Packet<'_>) {
        let mut out = Vec::new();
        packet.encode(&mut out);
        self.socket.send_to(&out, self.peer).unwrap();
    }

    fn receive(&self) -> Option<Vec<u8>> {
        let mut buffer = [0; 2048];
        let (len, _) = self.socket.recv_from(&mut buffer).ok()?;
        if let Some(received) = &self.behaviour.received {
            let _ = received.send(buffer[..len].to_vec());
        }
        Some(buffer[..len].to_vec())
    }
}

/// Starts Bootstone's own server with these files.
pub(crate) fn bootstone_serving(files: &[(&str, &[u8])]) -> SocketAddr {
    let entry = |(name, bytes): &(&str, &[u8])| Entry::new(*name, bytes.to_vec());
    let catalog = Arc::new(Catalog::new(files.iter().map(entry).collect()));
    let socket = BoundSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.address();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let server = Server::new(catalog, Default::default());
            let socket = Socket::new(socket).unwrap();
            let clock = Clock::start();
            let status = StatusRequester::new(clock).add_driver();
            let observer = SharedObserver::new(clock);
            let report = |_: &Catalog, _: &_| {};
            let driver = Driver::new(socket, server, clock, report, observer);
            let Err(error) = driver.run(ActiveDrivers::new(0), status).await;
            panic!("{error}");
        });
    });
    address
}
