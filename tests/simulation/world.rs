//! A server, its clients and the paths between them, in virtual time.
//!
//! The server is the one on the wire; only who drives it is another. Every datagram that it sends is
//! entered in the peer's [`Ledger`], and a rule that is broken ends the test with the last lines of
//! the trace.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bootstone::catalog::{Catalog, Entry};
use bootstone::proto::Instant;
use bootstone::proto::config::ServerConfig;
use bootstone::proto::server::Server;
use bootstone::proto::stats::Outcome;
use bootstone::wire::Opcode;

use crate::clients::{Client, File};
use crate::ledger::Ledger;
use crate::link::{Link, Path};
use crate::trace::{Trace, Way};

/// Where the server is, as its clients see it.
pub(crate) const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 69);

/// The address of the first client; the others follow.
const FIRST_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);

/// Nothing lasts so long: a world that is not at rest by then never will be.
const LONG: Instant = Instant::from_millis(3 * 3_600_000);

/// See the [module](self).
pub(crate) struct World {
    seed: u64,
    server: Server,
    pipeline: u16,
    now: Instant,
    /// What will happen, in order of time and then of planning.
    agenda: BTreeMap<(Instant, u64), Event>,
    planned: u64,
    stations: Vec<Station>,
    ledgers: HashMap<SocketAddr, Ledger>,
    /// What the server reported, by station.
    outcomes: HashMap<usize, Vec<Outcome>>,
    dice: fastrand::Rng,
    /// Most datagrams that one system call takes.
    pub(crate) segments: usize,
    /// How long the server takes to wake up. It then handles all datagrams that have come before it sends anything.
    pub(crate) wakes_after: Duration,
    /// What it will find then.
    inbox: Vec<(SocketAddr, Vec<u8>)>,
    pub(crate) trace: Trace,
    buffer: Vec<u8>,
}

/// A client and its path.
struct Station {
    client: Box<dyn Client>,
    up: Link,
    down: Link,
    start: Instant,
    end: Option<Instant>,
    /// The next entry of the agenda that is its timer.
    alarm: Option<Instant>,
    /// The server has heard of it.
    is_heard: bool,
    blocks_sent: usize,
}

enum Event {
    Alarm(usize),
    AtServer(SocketAddr, Vec<u8>),
    ServerWakes,
    AtClient(SocketAddr, Vec<u8>),
}

/// How it went for one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Story {
    pub(crate) outcome: Result<(), &'static str>,
    /// From its start to its end.
    pub(crate) took: Duration,
    /// DATA that the server sent to it.
    pub(crate) blocks_sent: usize,
    /// The server has heard of it.
    pub(crate) is_heard: bool,
}

impl World {
    /// A world in which everything that happens follows from `seed`.
    pub(crate) fn new(seed: u64, files: &[File], config: ServerConfig) -> World {
        let entry = |file: &File| Entry::new(file.name.clone(), file.content.to_vec());
        let catalog = Arc::new(Catalog::new(files.iter().map(entry).collect()));
        World::with_catalog(seed, catalog, config)
    }

    pub(crate) fn with_catalog(seed: u64, catalog: Arc<Catalog>, config: ServerConfig) -> World {
        World {
            seed,
            server: Server::new(catalog, config),
            pipeline: config.pipeline,
            now: Instant::ZERO,
            agenda: BTreeMap::new(),
            planned: 0,
            stations: Vec::new(),
            ledgers: HashMap::new(),
            outcomes: HashMap::new(),
            dice: fastrand::Rng::with_seed(seed),
            segments: 64,
            wakes_after: Duration::ZERO,
            inbox: Vec::new(),
            trace: Trace::default(),
            buffer: Vec::new(),
        }
    }

    /// Has a client begin at `start`. Returns its number, from 0.
    pub(crate) fn add(
        &mut self,
        start: Instant,
        [up, down]: [Path; 2],
        client: impl Client + 'static,
    ) -> usize {
        let number = self.stations.len();
        self.stations.push(Station {
            client: Box::new(client),
            up: Link::new(up, self.dice.u64(..)),
            down: Link::new(down, self.dice.u64(..)),
            start,
            end: None,
            alarm: None,
            is_heard: false,
            blocks_sent: 0,
        });
        self.plan(start, Event::Alarm(number));
        number
    }

    /// Runs until nothing more will happen.
    pub(crate) fn run(&mut self) -> Vec<Story> {
        while self.step() {
            assert!(self.now < LONG, "the world does not come to rest");
        }
        assert!(self.server.is_idle(), "a transfer is left");
        self.stations.iter().map(Station::story).collect()
    }

    /// Shows what has led to this state.
    pub(crate) fn show(&self) {
        self.trace.print();
        eprintln!("SEED={}, {} µs", self.seed, self.now.as_micros());
    }

    /// What a client is.
    pub(crate) fn name(&self, station: usize) -> String {
        self.stations[station].client.name()
    }

    /// How the server saw a client's transfers end, in that order.
    pub(crate) fn outcomes(&self, station: usize) -> &[Outcome] {
        self.outcomes.get(&station).map_or(&[], Vec::as_slice)
    }

    /// The next thing happens; false when there is none.
    fn step(&mut self) -> bool {
        let planned = self.agenda.first_key_value().map(|(&(at, _), _)| at);
        let alarm = self.server.poll_timeout().map(|at| at + self.wakes_after);
        let Some(next) = planned.into_iter().chain(alarm).min() else {
            return false;
        };
        self.now = next;
        // What comes at the same time comes first.
        match self.agenda.first_entry().filter(|_| planned == Some(next)) {
            Some(first) => {
                let event = first.remove();
                self.happens(event);
            }
            None => self.on_server_wakes(),
        }
        true
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Alarm(number) => self.on_alarm(number),
            Event::AtServer(from, datagram) => {
                if self.inbox.is_empty() {
                    self.plan(self.now + self.wakes_after, Event::ServerWakes);
                }
                self.inbox.push((from, datagram));
            }
            Event::ServerWakes => self.on_server_wakes(),
            Event::AtClient(to, datagram) => {
                let number = number_of(to);
                let station = &mut self.stations[number];
                station
                    .client
                    .handle_datagram(self.now, to.port(), &datagram);
                self.drain_client(number);
            }
        }
    }

    fn on_alarm(&mut self, number: usize) {
        let station = &mut self.stations[number];
        // An earlier one was planned since, or none is wanted any more.
        let is_first = station.alarm.is_none() && self.now == station.start;
        if is_first || station.alarm == Some(self.now) {
            station.alarm = None;
            let is_due = station
                .client
                .poll_timeout()
                .is_some_and(|at| at <= self.now);
            if is_due {
                station.client.handle_timeout(self.now);
            }
            self.drain_client(number);
        }
    }

    /// As `net::driver` does it: first what has come, then the timeout, then what leaves.
    fn on_server_wakes(&mut self) {
        let batch = std::mem::take(&mut self.inbox);
        for (from, datagram) in &batch {
            self.on_datagram(*from, datagram);
        }
        self.server.handle_timeout(self.now);
        self.listen();
        let asked_by: Vec<SocketAddr> = batch.into_iter().map(|(from, _)| from).collect();
        self.transmit(&asked_by);
    }

    fn on_datagram(&mut self, from: SocketAddr, datagram: &[u8]) {
        let station = &mut self.stations[number_of(from)];
        station.is_heard = true;
        let floor = station.up.path().delay + station.down.path().delay;
        let is_request = datagram.starts_with(&(Opcode::Rrq as u16).to_be_bytes());
        let new = || Ledger::new(floor, self.pipeline);
        let ledger = self.ledgers.entry(from).or_insert_with(new);
        if is_request && ledger.is_over {
            *ledger = new();
        }
        ledger.delivered(datagram);
        self.server.handle_datagram(self.now, from.into(), datagram);
        self.listen();
        if is_request && self.ledgers[&from].is_over {
            // The end was that of an earlier transfer, which this request has replaced.
            let mut ledger = Ledger::new(floor, self.pipeline);
            ledger.delivered(datagram);
            self.ledgers.insert(from, ledger);
        }
    }

    /// Takes the server's reports; before its datagrams, so that none gets past the end.
    fn listen(&mut self) {
        self.server.request_events().clear();
        while let Some(report) = self.server.poll_event() {
            if let Some(ledger) = self.ledgers.get_mut(&report.peer.address) {
                ledger.is_over |= report.transfer.is_some();
            }
            let outcomes = self
                .outcomes
                .entry(number_of(report.peer.address))
                .or_default();
            outcomes.push(report.outcome);
        }
    }

    fn transmit(&mut self, asked_by: &[SocketAddr]) {
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Some(transmit) = self
            .server
            .poll_transmit(self.now, self.segments, &mut buffer)
        {
            let peer = transmit.peer.address;
            for datagram in buffer.chunks(transmit.segment) {
                self.send_to_client(peer, asked_by.contains(&peer), datagram);
            }
        }
        self.buffer = buffer;
        let alarm = self.server.poll_timeout();
        assert!(
            alarm.is_none_or(|at| at > self.now),
            "{alarm:?} is not in the future"
        );
    }

    fn send_to_client(&mut self, peer: SocketAddr, asked: bool, datagram: &[u8]) {
        let station = &mut self.stations[number_of(peer)];
        let arrivals = station.down.carry(self.now, datagram.len());
        let copies = arrivals.iter().flatten().count();
        self.trace.note(self.now, peer, Way::Down, datagram, copies);
        let ledger = self.ledgers.get_mut(&peer).expect("a peer that has asked");
        let before = ledger.blocks_sent;
        if let Err(breach) = ledger.sent(self.now, asked, datagram) {
            panic!("the server sent {breach}");
        }
        station.blocks_sent += ledger.blocks_sent - before;
        for at in arrivals.into_iter().flatten() {
            self.plan(at, Event::AtClient(peer, datagram.to_vec()));
        }
    }

    fn drain_client(&mut self, number: usize) {
        while let Some((port, datagram)) = self.stations[number].client.poll_transmit() {
            let station = &mut self.stations[number];
            let from = address_of(number, port);
            let arrivals = station.up.carry(self.now, datagram.len());
            let copies = arrivals.iter().flatten().count();
            self.trace.note(self.now, from, Way::Up, &datagram, copies);
            for at in arrivals.into_iter().flatten() {
                self.plan(at, Event::AtServer(from, datagram.clone()));
            }
        }
        let station = &mut self.stations[number];
        if station.end.is_none() && station.client.outcome().is_some() {
            station.end = Some(self.now);
        }
        let wanted = station.client.poll_timeout().map(|at| at.max(self.now));
        if let Some(at) = wanted
            && station.alarm.is_none_or(|alarm| at < alarm)
        {
            station.alarm = Some(at);
            self.plan(at, Event::Alarm(number));
        }
    }

    fn plan(&mut self, at: Instant, event: Event) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), event);
    }
}

impl Drop for World {
    /// A test that fails shows what led to it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show();
        }
    }
}

impl Station {
    fn story(&self) -> Story {
        let outcome = self.client.outcome().expect("every client comes to an end");
        let end = self.end.expect("noted with its outcome");
        Story {
            outcome,
            took: end - self.start,
            blocks_sent: self.blocks_sent,
            is_heard: self.is_heard,
        }
    }
}

fn address_of(number: usize, port: u16) -> SocketAddr {
    let ip = u32::from(FIRST_CLIENT) + number as u32;
    SocketAddr::new(IpAddr::V4(ip.into()), port)
}

fn number_of(address: SocketAddr) -> usize {
    match address.ip() {
        IpAddr::V4(ip) => (u32::from(ip) - u32::from(FIRST_CLIENT)) as usize,
        IpAddr::V6(_) => unreachable!("all clients have IPv4"),
    }
}
