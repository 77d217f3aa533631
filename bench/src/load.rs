//! The load generator: many TFTP clients in one thread with one `epoll`.
//!
//! Each client has its own socket and, by default, its own loopback address. The time of a transfer
//! runs from the first RRQ to the last block.

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

/// Timeout of an RRQ, varied by up to a quarter, and doubled after each repetition. It is between
/// those of iPXE (0.25 s) and EDK2 (4 s).
const REQUEST_TIMER: Duration = Duration::from_secs(1);
/// Timeout of an ACK.
const DATA_TIMER: Duration = Duration::from_secs(1);
/// Longest timeout.
const LONGEST_TIMER: Duration = Duration::from_secs(4);
/// A client gives up after this time without a datagram.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Interval between two checks of the timers.
const SWEEP_EVERY: Duration = Duration::from_millis(50);
/// Payload that fits a socket's default receive buffer: Linux's `net.core.rmem_default`, of which
/// each datagram takes about twice its size.
const DEFAULT_BUFFER: usize = 100_000;
/// Size of the longest datagram, and of the datagrams that GRO joins.
const LONGEST: usize = 1 << 16;

/// A run of transfers.
#[derive(Clone, Debug)]
pub struct Load {
    /// The destination of RRQs.
    pub server: SocketAddr,
    /// The file that each client reads.
    pub download: Download,
    /// Number of transfers.
    pub count: usize,
    /// Number of transfers at the same time.
    pub at_once: usize,
    /// All clients have the same address, as behind a NAT.
    pub one_address: bool,
    /// Clients receive joined datagrams (UDP_GRO), as from a network card.
    pub gro: bool,
    /// Poll without sleeping. Otherwise the server pays for the wake-up of a client on another
    /// core of the same machine, which a remote client does not cost it.
    pub spin: bool,
    /// The run ends after this time, even if transfers are still in progress.
    pub limit: Duration,
}

/// The result of a run.
#[derive(Clone, Debug, Default)]
pub struct LoadResult {
    /// Times of the completed transfers, from RRQ to last block, in ascending order.
    pub times: Vec<Duration>,
    /// Number of failed transfers by reason.
    pub failures: BTreeMap<Failure, usize>,
    /// Repeated RRQs.
    pub repeated_requests: u64,
    /// ACKs repeated by a timer.
    pub repeated_acks: u64,
    /// Payload bytes of the completed transfers.
    pub bytes: u64,
    /// Granted `blksize` and `windowsize` of the last transfer.
    pub terms: (usize, u16),
    /// Time from the first RRQ to the last block.
    pub wall: Duration,
    /// CPU time of this process, which shows whether it is the bottleneck.
    pub own_cpu: Duration,
}

impl LoadResult {
    /// The time within which `share` of the transfers completed; 0.5 is the median.
    pub fn percentile(&self, share: f64) -> Duration {
        let index = (self.times.len() as f64 * share).ceil() as usize;
        self.times
            .get(index.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    /// Number of failed transfers.
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

    /// Share of the time in which this process was busy; at 1.0 it is the bottleneck.
    pub fn own_share(&self) -> f64 {
        self.own_cpu.as_secs_f64() / self.wall.as_secs_f64().max(1e-9)
    }
}

/// A client with its socket and its timers.
struct Transfer {
    client: Client,
    socket: UdpSocket,
    /// Set if the client receives joined datagrams (GRO).
    joined: Option<UdpSocketState>,
    started: Instant,
    /// When the last datagram arrived.
    last_received: Instant,
    /// When to repeat the last datagram.
    timer: Instant,
    wait: Duration,
}

/// A run in progress.
struct Run<'a> {
    load: &'a Load,
    request: Vec<u8>,
    epoll: OwnedFd,
    transfers: Vec<Option<Transfer>>,
    buffer: Vec<u8>,
    random: fastrand::Rng,
    begun: usize,
    ended: usize,
    result: LoadResult,
}

/// Runs a load.
///
/// # Errors
/// A socket cannot be created, for example because there are more clients than file descriptors.
pub fn run(load: &Load) -> io::Result<LoadResult> {
    let cpu_before = process::own_cpu_time();
    let mut run = Run {
        load,
        request: load.download.request(),
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        transfers: Vec::new(),
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
    /// Opens the first sockets, then sends all their RRQs.
    fn all_at_once(&mut self) -> io::Result<Instant> {
        for slot in 0..self.load.at_once.min(self.load.count) {
            let transfer = self.open(slot)?;
            self.transfers.push(Some(transfer));
        }
        let first = Instant::now();
        for slot in 0..self.transfers.len() {
            self.request(slot)?;
        }
        Ok(first)
    }

    fn open(&mut self, slot: usize) -> io::Result<Transfer> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
        let socket = UdpSocket::from(socket);
        if !self.load.one_address {
            rustix::net::bind(&socket, &SocketAddrV4::new(self.next_address(), 0))?;
        }
        let window =
            usize::from(self.load.download.blksize) * usize::from(self.load.download.windowsize);
        if window > DEFAULT_BUFFER {
            // Only root may exceed the system's limit. If the buffer is too small, the result
            // contains repeated ACKs.
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
        // Real machines do not repeat their requests at the same moment.
        let wait = REQUEST_TIMER.mul_f64(0.75 + self.random.f64() / 2.0);
        Ok(Transfer {
            client: Client::default(),
            socket,
            joined,
            started: now,
            last_received: now,
            timer: now,
            wait,
        })
    }

    /// The address of the next client: 127.1.0.1, 127.1.0.2 … 127.1.1.1 …, none twice.
    fn next_address(&self) -> Ipv4Addr {
        let (network, host) = (self.begun / 254, self.begun % 254 + 1);
        Ipv4Addr::from_bits(0x7f01_0000 + ((network as u32) << 8) + host as u32)
    }

    /// Sends the first RRQ of a transfer.
    fn request(&mut self, slot: usize) -> io::Result<()> {
        if let Some(transfer) = &mut self.transfers[slot] {
            let now = Instant::now();
            (transfer.started, transfer.last_received, transfer.timer) =
                (now, now, now + transfer.wait);
            transfer.send(&self.request, self.load.server)?;
        }
        Ok(())
    }

    /// Receives once. If there are more datagrams, `epoll` reports the socket again.
    fn readable(&mut self, slot: usize) -> io::Result<()> {
        let Some(transfer) = &mut self.transfers[slot] else {
            return Ok(());
        };
        let Some((from, len, stride)) = transfer.receive(&mut self.buffer) else {
            return Ok(());
        };
        let mut end = None;
        for datagram in self.buffer[..len].chunks(stride.max(1)) {
            match transfer
                .client
                .on_datagram(&self.load.download, from, datagram)
            {
                Step::Wait => continue,
                Step::Ack(block) => transfer.ack(block)?,
                Step::Done(block) => {
                    transfer.ack(block)?;
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

    /// Records the end of a transfer, and starts the next one in its slot.
    fn end(&mut self, slot: usize, failure: Option<Failure>) -> io::Result<()> {
        let Some(transfer) = self.transfers[slot].take() else {
            return Ok(());
        };
        self.ended += 1;
        match failure {
            Some(failure) => *self.result.failures.entry(failure).or_default() += 1,
            None => {
                self.result.times.push(transfer.started.elapsed());
                self.result.bytes += self.load.download.content.len() as u64;
                self.result.terms = transfer.client.terms();
            }
        }
        drop(transfer);
        if self.begun < self.load.count {
            self.transfers[slot] = Some(self.open(slot)?);
            self.request(slot)?;
        }
        Ok(())
    }

    /// Handles the timers that have expired.
    fn sweep(&mut self, now: Instant) -> io::Result<()> {
        for slot in 0..self.transfers.len() {
            let Some(transfer) = &mut self.transfers[slot] else {
                continue;
            };
            if now < transfer.timer {
                continue;
            }
            if transfer.last_received + TIMEOUT <= now {
                self.end(slot, Some(Failure::TimedOut))?;
                continue;
            }
            transfer.wait = (2 * transfer.wait).min(LONGEST_TIMER);
            transfer.timer = now + transfer.wait;
            if transfer.client.tid().is_none() {
                self.result.repeated_requests += 1;
                transfer.send(&self.request, self.load.server)?;
            } else {
                self.result.repeated_acks += 1;
                let block = transfer.client.last_ack();
                transfer.send_ack(block)?;
            }
        }
        Ok(())
    }

    /// Counts the transfers that the run did not finish.
    fn count_incomplete(&mut self) {
        let missing = self.load.count - self.ended;
        if missing > 0 {
            self.result.failures.insert(Failure::Incomplete, missing);
        }
    }
}

impl Transfer {
    /// Receives one datagram, or several joined ones. Returns the sender, the length, and the
    /// length of each datagram; `None` if there is no datagram, or if the server has closed its
    /// port.
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
        self.last_received = Instant::now();
        self.wait = DATA_TIMER;
        self.timer = self.last_received + self.wait;
        self.send_ack(block)
    }

    fn send_ack(&mut self, block: u16) -> io::Result<()> {
        let Some(server) = self.client.tid() else {
            return Ok(());
        };
        let [high, low] = block.to_be_bytes();
        self.send(&[0, 4, high, low], server)
    }

    /// Sends a datagram. It is lost if the kernel's buffer is full, as on any network.
    fn send(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        match self.socket.send_to(datagram, to) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(error),
            _ => Ok(()),
        }
    }
}
