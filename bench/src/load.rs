//! Many TFTP clients in one thread and one `epoll`: the load.
//!
//! Each client has a socket of its own, and unless told otherwise a loopback address of its own, as
//! each machine has. The clock that counts for a transfer runs from its first RRQ until its last
//! block.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::client::{Client, Download, Failure, Step};
use crate::process;

/// When a client repeats its RRQ, give or take a quarter; then after twice, four times … as long.
/// Between iPXE (0.25 s) and EDK2 (4 s).
const REQUEST_TIMER: Duration = Duration::from_secs(1);
/// When a client repeats its last ACK.
const DATA_TIMER: Duration = Duration::from_secs(1);
/// No timer grows beyond.
const LONGEST_TIMER: Duration = Duration::from_secs(4);
/// When a client has waited long enough.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often timers are looked at.
const SWEEP_EVERY: Duration = Duration::from_millis(50);
/// What a socket's buffer holds without being told to: Linux's `net.core.rmem_default`, of which
/// each datagram takes about twice its size.
const DEFAULT_BUFFER: usize = 100_000;
/// Size of the longest datagram, and of all that GRO may join.
const LONGEST: usize = 1 << 16;

/// A run of transfers.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where RRQs go.
    pub server: SocketAddr,
    /// What each client reads.
    pub download: Download,
    /// How many transfers in all.
    pub count: usize,
    /// How many at once.
    pub at_once: usize,
    /// All clients have one address, as behind a NAT.
    pub one_address: bool,
    /// Clients take joined datagrams (UDP_GRO), as a network card gives them.
    pub gro: bool,
    /// Never sleep. The wake-up of a client on another core of the same machine is work of the
    /// server's that no client out there would cost it.
    pub spin: bool,
    /// After this the run is over, whatever is under way.
    pub limit: Duration,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct LoadResult {
    /// Transfers that are done, from RRQ to last block, in the order of their times.
    pub times: Vec<Duration>,
    /// Transfers that are not.
    pub failures: BTreeMap<Failure, usize>,
    /// RRQs that were sent again.
    pub repeated_requests: u64,
    /// ACKs that were sent again by a timer.
    pub repeated_acks: u64,
    /// Payload bytes of the transfers that are done.
    pub bytes: u64,
    /// Granted `blksize` and `windowsize` of the last transfer.
    pub terms: (usize, u16),
    /// From first RRQ to last block.
    pub wall: Duration,
    /// CPU time of this process, to see when it is the bottleneck.
    pub own_cpu: Duration,
}

impl LoadResult {
    /// The time that `share` of the transfers did not exceed; 0.5 is the median.
    pub fn percentile(&self, share: f64) -> Duration {
        let index = (self.times.len() as f64 * share).ceil() as usize;
        self.times
            .get(index.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    /// Transfers that failed.
    pub fn failed(&self) -> usize {
        self.failures.values().sum()
    }

    /// Transfers per second.
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    /// Payload bytes per second.
    pub fn throughput(&self) -> f64 {
        self.bytes as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    /// Share of the time that this process was busy; 1.0 is the bottleneck.
    pub fn own_share(&self) -> f64 {
        self.own_cpu.as_secs_f64() / self.wall.as_secs_f64().max(1e-9)
    }
}

/// A client with its socket and its timers.
struct Flight {
    client: Client,
    socket: UdpSocket,
    /// With GRO only.
    joined: Option<UdpSocketState>,
    started: Instant,
    /// When something last came.
    heard: Instant,
    /// When to repeat.
    timer: Instant,
    wait: Duration,
}

/// A run under way.
struct Run<'a> {
    load: &'a Load,
    request: Vec<u8>,
    epoll: OwnedFd,
    flights: Vec<Option<Flight>>,
    buffer: Vec<u8>,
    random: fastrand::Rng,
    begun: usize,
    ended: usize,
    result: LoadResult,
}

/// Runs it.
///
/// # Errors
/// The system refuses a socket: more clients at once than file descriptors, for one.
pub fn run(load: &Load) -> io::Result<LoadResult> {
    let cpu_before = process::own_cpu_time();
    let mut run = Run {
        load,
        request: load.download.request(),
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        flights: Vec::new(),
        buffer: vec![0; LONGEST],
        random: fastrand::Rng::with_seed(1),
        begun: 0,
        ended: 0,
        result: LoadResult::default(),
    };
    let first = run.all_at_once()?;
    let end = first + load.limit;
    let mut last = first;
    let mut events = Vec::with_capacity(256);
    let mut sweep = first + SWEEP_EVERY;
    while run.ended < load.count && last < end {
        let timeout = match load.spin {
            true => Duration::ZERO,
            false => sweep.saturating_duration_since(last),
        };
        let timeout = timespec(timeout);
        epoll::wait(&run.epoll, spare_capacity(&mut events), Some(&timeout))?;
        for event in events.drain(..) {
            run.readable(event.data.u64() as usize)?;
        }
        last = Instant::now();
        if sweep <= last {
            run.sweep(last)?;
            sweep = last + SWEEP_EVERY;
        }
    }
    run.count_incomplete();
    let mut result = run.result;
    result.wall = last - first;
    result.own_cpu = process::own_cpu_time() - cpu_before;
    result.times.sort_unstable();
    Ok(result)
}

fn timespec(wait: Duration) -> Timespec {
    Timespec {
        tv_sec: wait.as_secs() as i64,
        tv_nsec: wait.subsec_nanos().into(),
    }
}

impl Run<'_> {
    /// Opens the first sockets, and then sends all their RRQs in one go.
    fn all_at_once(&mut self) -> io::Result<Instant> {
        for slot in 0..self.load.at_once.min(self.load.count) {
            let flight = self.open(slot)?;
            self.flights.push(Some(flight));
        }
        let first = Instant::now();
        for slot in 0..self.flights.len() {
            self.request(slot)?;
        }
        Ok(first)
    }

    fn open(&mut self, slot: usize) -> io::Result<Flight> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
        let socket = UdpSocket::from(socket);
        if !self.load.one_address {
            rustix::net::bind(&socket, &SocketAddrV4::new(self.next_address(), 0))?;
        }
        let window =
            usize::from(self.load.download.blksize) * usize::from(self.load.download.windowsize);
        if window > DEFAULT_BUFFER {
            // Only root may exceed the system's limit. A buffer that is too small shows as repeated
            // ACKs.
            let size = 3 * window;
            if sockopt::set_socket_recv_buffer_size_force(&socket, size).is_err() {
                sockopt::set_socket_recv_buffer_size(&socket, size)?;
            }
        }
        let joined = match self.load.gro {
            true => Some(UdpSocketState::new(UdpSockRef::from(&socket))?),
            false => None,
        };
        let data = epoll::EventData::new_u64(slot as u64);
        epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN)?;
        let now = Instant::now();
        self.begun += 1;
        // No two machines keep step for long.
        let wait = REQUEST_TIMER.mul_f64(0.75 + self.random.f64() / 2.0);
        Ok(Flight {
            client: Client::default(),
            socket,
            joined,
            started: now,
            heard: now,
            timer: now,
            wait,
        })
    }

    /// 127.1.0.1, 127.1.0.2 … 127.1.1.1 …: consecutive addresses, none twice.
    fn next_address(&self) -> Ipv4Addr {
        let (network, host) = (self.begun / 254, self.begun % 254 + 1);
        Ipv4Addr::from_bits(0x7f01_0000 + ((network as u32) << 8) + host as u32)
    }

    /// Sends the first RRQ of a flight.
    fn request(&mut self, slot: usize) -> io::Result<()> {
        if let Some(flight) = &mut self.flights[slot] {
            let now = Instant::now();
            (flight.started, flight.heard, flight.timer) = (now, now, now + flight.wait);
            flight.send(&self.request, self.load.server)?;
        }
        Ok(())
    }

    /// Takes what one call gives; where more waits, `epoll` says so again.
    fn readable(&mut self, slot: usize) -> io::Result<()> {
        let Some(flight) = &mut self.flights[slot] else {
            return Ok(());
        };
        let Some((from, len, stride)) = flight.receive(&mut self.buffer) else {
            return Ok(());
        };
        let mut end = None;
        for datagram in self.buffer[..len].chunks(stride.max(1)) {
            match flight
                .client
                .on_datagram(&self.load.download, from, datagram)
            {
                Step::Wait => continue,
                Step::Ack(block) => flight.ack(block)?,
                Step::Done(block) => {
                    flight.ack(block)?;
                    end = Some(None);
                }
                Step::Failed(failure) => end = Some(Some(failure)),
            }
        }
        match end {
            Some(failure) => self.end(slot, failure),
            None => Ok(()),
        }
    }

    /// Books a transfer, and begins the next in its place.
    fn end(&mut self, slot: usize, failure: Option<Failure>) -> io::Result<()> {
        let Some(flight) = self.flights[slot].take() else {
            return Ok(());
        };
        self.ended += 1;
        match failure {
            Some(failure) => *self.result.failures.entry(failure).or_default() += 1,
            None => {
                self.result.times.push(flight.started.elapsed());
                self.result.bytes += self.load.download.content.len() as u64;
                self.result.terms = flight.client.terms();
            }
        }
        drop(flight);
        if self.begun < self.load.count {
            self.flights[slot] = Some(self.open(slot)?);
            self.request(slot)?;
        }
        Ok(())
    }

    /// Looks at every timer.
    fn sweep(&mut self, now: Instant) -> io::Result<()> {
        for slot in 0..self.flights.len() {
            let Some(flight) = &mut self.flights[slot] else {
                continue;
            };
            if now < flight.timer {
                continue;
            }
            if flight.heard + TIMEOUT <= now {
                self.end(slot, Some(Failure::TimedOut))?;
                continue;
            }
            flight.wait = (2 * flight.wait).min(LONGEST_TIMER);
            flight.timer = now + flight.wait;
            if flight.client.tid().is_none() {
                self.result.repeated_requests += 1;
                flight.send(&self.request, self.load.server)?;
            } else {
                self.result.repeated_acks += 1;
                let block = flight.client.last_ack();
                flight.send_ack(block)?;
            }
        }
        Ok(())
    }

    /// Time is up.
    fn count_incomplete(&mut self) {
        let missing = self.load.count - self.ended;
        if missing > 0 {
            self.result.failures.insert(Failure::Incomplete, missing);
        }
    }
}

impl Flight {
    /// One datagram, or several joined: sender, bytes, bytes of each. `None` where there is
    /// nothing, be it because the server is gone.
    fn receive(&mut self, buffer: &mut [u8]) -> Option<(SocketAddr, usize, usize)> {
        let Some(joined) = &self.joined else {
            let (len, from) = self.socket.recv_from(buffer).ok()?;
            return Some((from, len, len));
        };
        let mut meta = [RecvMeta::default()];
        let mut slices = [IoSliceMut::new(buffer)];
        joined
            .recv(UdpSockRef::from(&self.socket), &mut slices, &mut meta)
            .ok()?;
        Some((meta[0].addr, meta[0].len, meta[0].stride))
    }

    fn ack(&mut self, block: u16) -> io::Result<()> {
        self.heard = Instant::now();
        self.wait = DATA_TIMER;
        self.timer = self.heard + self.wait;
        self.send_ack(block)
    }

    fn send_ack(&mut self, block: u16) -> io::Result<()> {
        let Some(server) = self.client.tid() else {
            return Ok(());
        };
        let [high, low] = block.to_be_bytes();
        self.send(&[0, 4, high, low], server)
    }

    /// Datagrams that do not fit the kernel's buffer are lost, as on any network.
    fn send(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        match self.socket.send_to(datagram, to) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(error),
            _ => Ok(()),
        }
    }
}
