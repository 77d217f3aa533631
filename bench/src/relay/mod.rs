//! A UDP relay that adds delay and loss to the path between TFTP clients and a server.
//!
//! A server may answer from a new port for each transfer. For each port from which the server
//! answers a client, the relay opens a port towards that client. So the client sees the same ports
//! as without a relay.
//!
//! `tests/boot` of the server includes this module, so it uses only `std`, `rustix` and `fastrand`.

mod link;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;

pub use link::{Conditions, Fates, Link};

/// A flow is discarded after this time without a datagram from its client.
const IDLE_LIMIT: Duration = Duration::from_secs(120);
/// Longest interval between two checks whether to stop.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// A path and its two ends.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// The address to which clients send their requests; port 0 selects a free port.
    pub listen: SocketAddr,
    /// The address of the server.
    pub server: SocketAddr,
    /// From the clients to the server.
    pub up: Conditions,
    /// From the server to the clients.
    pub down: Conditions,
    /// Seed of the random numbers.
    pub seed: u64,
}

/// A socket: the listening one, one towards the server, or one towards a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Listening,
    /// Towards the server, for a flow.
    Back(usize),
    /// Towards the client, for a flow and one of its server sockets.
    Front(usize, usize),
}

/// A client. The server sees it as a port of the relay.
#[derive(Debug)]
struct Flow {
    client: SocketAddr,
    back: UdpSocket,
    server_sockets: Vec<ServerSocket>,
    seen: Instant,
}

/// An address of the server, and the socket of the relay that represents it to the client.
#[derive(Debug)]
struct ServerSocket {
    server: SocketAddr,
    front: UdpSocket,
}

/// A datagram on the path: arrival time, sequence number, sending socket, destination, bytes.
type Delivery = (Instant, u64, Side, SocketAddr, Vec<u8>);

/// See the [module](self).
#[derive(Debug)]
pub struct Relay {
    path: Path,
    epoll: OwnedFd,
    listening: UdpSocket,
    flows: Vec<Option<Flow>>,
    by_client: HashMap<SocketAddr, usize>,
    up: Link,
    down: Link,
    in_flight: BinaryHeap<Reverse<Delivery>>,
    sent: u64,
    buffer: Vec<u8>,
}

impl Relay {
    /// Binds the listening socket.
    pub fn new(path: Path) -> io::Result<Relay> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let listening = UdpSocket::bind(path.listen)?;
        watch(&epoll, &listening, Side::Listening)?;
        Ok(Relay {
            path,
            epoll,
            listening,
            flows: Vec::new(),
            by_client: HashMap::new(),
            up: Link::new(path.up, path.seed),
            down: Link::new(path.down, !path.seed),
            in_flight: BinaryHeap::new(),
            sent: 0,
            buffer: vec![0; 1 << 16],
        })
    }

    /// The address to which clients send their requests.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listening.local_addr()
    }

    /// The counters of both directions: up, down.
    pub fn fates(&self) -> [Fates; 2] {
        [self.up.fates(), self.down.fates()]
    }

    /// Relays until `end`, or until `stop` is set.
    pub fn run(&mut self, stop: &AtomicBool, end: Option<Instant>) -> io::Result<()> {
        let mut events = Vec::with_capacity(256);
        let mut sweep = Instant::now() + IDLE_LIMIT;
        loop {
            let now = Instant::now();
            if stop.load(Ordering::Relaxed) || end.is_some_and(|end| end <= now) {
                return Ok(());
            }
            self.deliver(now);
            if sweep <= now {
                self.discard_idle(now);
                sweep = now + IDLE_LIMIT;
            }
            let wait = self
                .in_flight
                .peek()
                .map_or(CHECK_EVERY, |Reverse((arrival, ..))| {
                    arrival.saturating_duration_since(now).min(CHECK_EVERY)
                });
            let timeout = Timespec {
                tv_sec: 0,
                tv_nsec: wait.subsec_nanos().into(),
            };
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout))?;
            for event in events.drain(..) {
                self.readable(Side::from_number(event.data.u64()))?;
            }
        }
    }

    /// Sends the datagrams that have arrived by now.
    fn deliver(&mut self, now: Instant) {
        while let Some(Reverse((arrival, ..))) = self.in_flight.peek() {
            if *arrival > now {
                return;
            }
            let Some(Reverse((_, _, side, to, bytes))) = self.in_flight.pop() else {
                return;
            };
            if let Some(socket) = self.socket(side) {
                // A datagram that cannot be sent is lost.
                let _ = socket.send_to(&bytes, to);
            }
        }
    }

    fn socket(&self, side: Side) -> Option<&UdpSocket> {
        match side {
            Side::Listening => Some(&self.listening),
            Side::Back(flow) => self.flows.get(flow)?.as_ref().map(|flow| &flow.back),
            Side::Front(flow, socket) => {
                let flow = self.flows.get(flow)?.as_ref()?;
                flow.server_sockets.get(socket).map(|socket| &socket.front)
            }
        }
    }

    /// Receives all datagrams from a socket.
    fn readable(&mut self, side: Side) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        // An error means that an ICMP message has arrived, or that there is no datagram left.
        while let Some(Ok((len, from))) = self
            .socket(side)
            .map(|socket| socket.recv_from(&mut buffer))
        {
            self.take(side, from, &buffer[..len])?;
        }
        self.buffer = buffer;
        Ok(())
    }

    fn take(&mut self, side: Side, from: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let now = Instant::now();
        let (arrivals, out, to) = match side {
            Side::Listening => {
                let flow = self.flow(from, now)?;
                (
                    self.up.offer(now, bytes.len()),
                    Side::Back(flow),
                    self.path.server,
                )
            }
            Side::Front(flow, socket) => {
                let Some(Some(there)) = self.flows.get_mut(flow) else {
                    return Ok(());
                };
                there.seen = now;
                let to = there.server_sockets[socket].server;
                (self.up.offer(now, bytes.len()), Side::Back(flow), to)
            }
            Side::Back(flow) => {
                let Some((out, client)) = self.server_socket(flow, from)? else {
                    return Ok(());
                };
                (self.down.offer(now, bytes.len()), out, client)
            }
        };
        for arrival in arrivals.into_iter().flatten() {
            self.sent += 1;
            self.in_flight
                .push(Reverse((arrival, self.sent, out, to, bytes.to_vec())));
        }
        Ok(())
    }

    /// Finds or makes the flow of a client.
    fn flow(&mut self, client: SocketAddr, now: Instant) -> io::Result<usize> {
        if let Some(&flow) = self.by_client.get(&client) {
            if let Some(there) = &mut self.flows[flow] {
                there.seen = now;
            }
            return Ok(flow);
        }
        let free = self.flows.iter().position(Option::is_none);
        let flow = free.unwrap_or_else(|| {
            self.flows.push(None);
            self.flows.len() - 1
        });
        let back = UdpSocket::bind(any_port(self.path.server))?;
        watch(&self.epoll, &back, Side::Back(flow))?;
        self.flows[flow] = Some(Flow {
            client,
            back,
            server_sockets: Vec::new(),
            seen: now,
        });
        self.by_client.insert(client, flow);
        Ok(flow)
    }

    /// Finds or makes the socket that represents `server` to the client of a flow. Returns it with
    /// the client.
    fn server_socket(
        &mut self,
        flow: usize,
        server: SocketAddr,
    ) -> io::Result<Option<(Side, SocketAddr)>> {
        let Some(Some(there)) = self.flows.get_mut(flow) else {
            return Ok(None);
        };
        if server == self.path.server {
            return Ok(Some((Side::Listening, there.client)));
        }
        let known = there
            .server_sockets
            .iter()
            .position(|socket| socket.server == server);
        let socket = match known {
            Some(socket) => socket,
            None => {
                let front = UdpSocket::bind((self.listening.local_addr()?.ip(), 0))?;
                let socket = there.server_sockets.len();
                watch(&self.epoll, &front, Side::Front(flow, socket))?;
                there.server_sockets.push(ServerSocket { server, front });
                socket
            }
        };
        Ok(Some((Side::Front(flow, socket), there.client)))
    }

    fn discard_idle(&mut self, now: Instant) {
        for place in &mut self.flows {
            if let Some(flow) = place.take_if(|flow| flow.seen + IDLE_LIMIT < now) {
                self.by_client.remove(&flow.client);
            }
        }
    }
}

impl Side {
    /// The number that `epoll` stores.
    fn number(self) -> u64 {
        match self {
            Side::Listening => 0,
            Side::Back(flow) => (flow as u64 + 1) << 16,
            Side::Front(flow, socket) => (flow as u64 + 1) << 16 | (socket as u64 + 1),
        }
    }

    fn from_number(number: u64) -> Side {
        let (flow, socket) = (number >> 16, number & 0xffff);
        match (flow.checked_sub(1), socket.checked_sub(1)) {
            (None, _) => Side::Listening,
            (Some(flow), None) => Side::Back(flow as usize),
            (Some(flow), Some(socket)) => Side::Front(flow as usize, socket as usize),
        }
    }
}

fn watch(epoll: &OwnedFd, socket: &UdpSocket, side: Side) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let data = epoll::EventData::new_u64(side.number());
    Ok(epoll::add(epoll, socket, data, epoll::EventFlags::IN)?)
}

/// The wildcard address of `server`'s address family, with any port.
fn any_port(server: SocketAddr) -> SocketAddr {
    match server.ip() {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// A relay on its own thread. It stops when this value is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    /// Starts a relay.
    pub fn start(path: Path) -> io::Result<Running> {
        let mut relay = Relay::new(path)?;
        let address = relay.address()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stop_requested = Arc::clone(&stop);
        let thread = std::thread::spawn(move || relay.run(&stop_requested, None));
        Ok(Running {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// The address to which clients send their requests.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(server: SocketAddr) -> Path {
        Path {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            server,
            up: Conditions::default(),
            down: Conditions {
                delay: Duration::from_millis(20),
                ..Conditions::default()
            },
            seed: 1,
        }
    }

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        socket
    }

    #[test]
    fn a_server_that_answers_from_another_port_is_followed() {
        let (server, transfer, client) = (socket(), socket(), socket());
        let relay = Running::start(path(server.local_addr().unwrap())).unwrap();
        let mut buffer = [0; 100];

        client.send_to(b"request", relay.address()).unwrap();
        let (len, back) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"request");

        let asked = Instant::now();
        transfer.send_to(b"data", back).unwrap();
        let (len, front) = client.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"data");
        assert!(asked.elapsed() >= Duration::from_millis(20));
        assert_ne!(front, relay.address());

        client.send_to(b"ack", front).unwrap();
        let (len, from) = transfer.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..len], from), (&b"ack"[..], back));

        server.send_to(b"again", back).unwrap();
        let (len, from) = client.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..len], from), (&b"again"[..], relay.address()));
    }

    #[test]
    fn a_side_is_read_back_from_its_number() {
        for side in [
            Side::Listening,
            Side::Back(0),
            Side::Back(70_000),
            Side::Front(0, 0),
            Side::Front(3, 9),
        ] {
            assert_eq!(Side::from_number(side.number()), side);
        }
    }
}
