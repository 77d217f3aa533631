//! Many unvalidated clients at once: who gets through, and what is sent to whom.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use bootstone::proto::config::ServerConfig;
use bootstone::proto::server::Unreachable;
use bootstone::proto::stats::{Ignored, Limit, Outcome};
use bootstone::proto::{Instant, Peer};

use crate::attacker::{Line, Traffic, ack, near, public, rrq};

/// One way.
const DELAY: Duration = Duration::from_millis(25);

/// iPXE's, near enough.
const RRQ_AGAIN: Duration = Duration::from_millis(250);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What happens when: to the server, or to an honest client.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    ToServer(usize, Vec<u8>),
    Flood(u32),
    AskAgain(usize),
}

/// Clients that do as iPXE does, and a flood from `spoofed` that sends `rate` requests a second, each in another
/// name.
struct Scene {
    line: Line,
    options: &'static str,
    clients: Vec<(Peer, bool)>,
    events: BinaryHeap<Reverse<(Instant, u32, Event)>>,
    count: u32,
}

impl Scene {
    fn new(config: ServerConfig, options: &'static str, clients: Vec<Peer>) -> Scene {
        let mut scene = Scene {
            line: Line::new(5000, config),
            options,
            clients: clients.into_iter().map(|peer| (peer, false)).collect(),
            events: BinaryHeap::new(),
            count: 0,
        };
        // They are switched on within the second, after the flood has lasted for one.
        for client in 0..scene.clients.len() {
            let at = 1000 + 1000 * client as u64 / scene.clients.len() as u64;
            scene.plan(Instant::from_millis(at), Event::AskAgain(client));
        }
        scene
    }

    fn plan(&mut self, at: Instant, event: Event) {
        self.count += 1;
        self.events.push(Reverse((at, self.count, event)));
    }

    /// How many of the clients have had their file within `lasts`.
    fn run(
        &mut self,
        rate: u32,
        spoofed: impl Fn(u32) -> (Peer, Vec<u8>),
        lasts: Duration,
    ) -> usize {
        let every = Duration::from_secs(1) / rate;
        self.plan(Instant::ZERO, Event::Flood(0));
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            if at > Instant::ZERO + lasts {
                break;
            }
            let mut sent = Vec::new();
            self.line
                .wait_until(at, &mut |to, d| sent.push((to, d.to_vec())));
            let (from, datagram) = match event {
                Event::Flood(n) => {
                    self.plan(at + every, Event::Flood(n + 1));
                    spoofed(n)
                }
                Event::AskAgain(client) if self.clients[client].1 => continue,
                Event::AskAgain(client) => {
                    self.plan(at + RRQ_AGAIN, Event::AskAgain(client));
                    (self.clients[client].0, rrq(self.options))
                }
                Event::ToServer(client, datagram) => (self.clients[client].0, datagram),
            };
            self.line
                .hear(from, &datagram, &mut |to, d| sent.push((to, d.to_vec())));
            self.line.reports.clear();
            for (to, datagram) in sent {
                self.deliver(to, &datagram);
            }
        }
        let complete = self.line.server.stats().outcome(Outcome::Complete);
        usize::try_from(complete).unwrap()
    }

    /// To an honest client, which acknowledges what it gets after a round trip; or to no one.
    fn deliver(&mut self, to: Peer, datagram: &[u8]) {
        let Some(client) = self.clients.iter().position(|(peer, _)| *peer == to) else {
            return;
        };
        self.clients[client].1 = true;
        let number = match *datagram {
            [0, 3, high, low, ..] => u16::from_be_bytes([high, low]),
            _ => 0,
        };
        let back = self.line.now + DELAY + DELAY;
        self.plan(back, Event::ToServer(client, ack(number)));
    }
}

fn honest(count: u16) -> Vec<Peer> {
    (0..count).map(|n| public(60_000 + n, 7, 2000)).collect()
}

/// Twenty thousand requests a second, each from another prefix: the table is full within a second, and every honest
/// client still gets its file.
#[test]
fn a_flood_from_everywhere_stops_no_client() {
    let mut scene = Scene::new(ServerConfig::default(), "blksize=1468 tsize=0", honest(100));
    let spoofed = |n: u32| {
        (
            public(n as u16 % 50_000, (n >> 16) as u8, 9),
            rrq("tsize=0"),
        )
    };
    assert_eq!(scene.run(20_000, spoofed, ms(3000)), 100);
    let server = &scene.line.server;
    assert_eq!(server.sessions(), ServerConfig::default().max_sessions);
    // More than a table's worth a second is not admitted.
    assert!(server.stats().ignored(Ignored::TableFull) < 20_000);
    // Each one in the table, beyond those that filled it, has taken the place of another.
    let evicted = server.stats().evicted;
    assert_eq!(
        evicted,
        server.stats().outcome(Outcome::Dropped) - server.stats().ignored(Ignored::TableFull)
    );
}

/// Requests without options, which are answered by forty times their bytes, use up their half of what may be
/// sent to unvalidated clients; who asks with options has the other half.
#[test]
fn a_flood_without_options_leaves_bytes_for_requests_with_them() {
    let mut scene = Scene::new(ServerConfig::default(), "blksize=1468 tsize=0", honest(100));
    let spoofed = |n: u32| (public(n as u16 % 50_000, (n >> 16) as u8, 9), rrq(""));
    assert_eq!(scene.run(40_000, spoofed, ms(3000)), 100);
    assert!(scene.line.server.stats().ignored(Ignored::TotalBudget) > 10_000);
}

/// the client that can forge the addresses of a prefix can lock it out, as `SECURITY.md` says; no one else is
/// concerned.
#[test]
fn a_flood_in_the_name_of_one_prefix_concerns_that_prefix() {
    let spoofed = |n: u32| (public(1, n as u8, 9 + (n >> 8) as u16), rrq("tsize=0"));
    let mut scene = Scene::new(ServerConfig::default(), "blksize=1468 tsize=0", honest(50));
    assert_eq!(scene.run(20_000, spoofed, ms(3000)), 50);
    let others = (0..50).map(|n| public(1, 7, 60_000 + n)).collect();
    let mut scene = Scene::new(ServerConfig::default(), "blksize=1468 tsize=0", others);
    assert_eq!(scene.run(20_000, spoofed, ms(3000)), 0);
    let stats = scene.line.server.stats();
    assert!(stats.ignored(Ignored::PrefixBudget) > 30_000);
    assert_eq!(
        stats.limited(Limit::PrefixBudget),
        stats.ignored(Ignored::PrefixBudget)
    );
}

/// A table of 64, half of it transfers with progress: ten thousand unvalidated clients evict only each other.
#[test]
fn a_transfer_with_progress_is_not_evicted() {
    let config = ServerConfig {
        max_sessions: 64,
        ..ServerConfig::default()
    };
    let mut line = Line::new(100_000, config);
    let validated: Vec<_> = (0..32).map(|n| public(n, 1, 2000)).collect();
    for &peer in &validated {
        line.hear(peer, &rrq(""), &mut |_, _| ());
        line.hear(peer, &ack(1), &mut |_, _| ());
    }
    let flood = |line: &mut Line, from: u16, count: u16| {
        for n in from..from + count {
            line.hear(public(n, 1, 9), &rrq("tsize=0"), &mut |_, _| ());
        }
    };
    flood(&mut line, 1000, 32);
    assert_eq!(line.server.sessions(), 64);
    line.wait_until(Instant::ZERO + ms(2000), &mut |_, _| ());
    let acknowledge = |line: &mut Line, number: u16| {
        for &peer in &validated {
            let mut answered = Traffic::default();
            line.hear(peer, &ack(number), &mut |_, d| answered.count(d.len()));
            assert_eq!(answered.datagrams, 1);
        }
    };
    acknowledge(&mut line, 2);
    flood(&mut line, 2000, 10_000);
    assert_eq!(line.server.sessions(), 64);
    let evicted = line.server.stats().evicted;
    assert!((16..=32).contains(&evicted), "{evicted}");
    acknowledge(&mut line, 3);
    assert_eq!(line.server.stats().outcome(Outcome::Dropped), 10_000);
    assert_eq!(line.server.stats().limited(Limit::TableFull), 10_000);
}

/// Machines of a prefix that did not ask, and whose hosts say so 50 ms after each datagram. `acks` are guessed on the
/// heels of the request. What the prefix gets in a minute in which a spoofer tries ten times a second.
fn reflected(acks: &[u16], options: &str) -> Traffic {
    let mut line = Line::new(1 << 20, ServerConfig::default());
    let mut drawn = Traffic::default();
    let mut icmp_reports = VecDeque::new();
    for tick in 0..60_000 {
        let now = Instant::from_millis(tick);
        let mut see = |to: Peer, datagram: &[u8]| {
            drawn.count(datagram.len());
            icmp_reports.push_back((now + ms(50), to));
        };
        line.wait_until(now, &mut see);
        let turn = (tick / 100) as u16;
        let victim = public(1, turn as u8, 5000 + turn);
        // The request first, and then a guess each millisecond.
        let guess = (tick % 100)
            .checked_sub(1)
            .map(|nth| acks.get(nth as usize));
        match guess {
            None => line.hear(victim, &rrq(options), &mut see),
            Some(Some(&number)) => line.hear(victim, &ack(number), &mut see),
            Some(None) => {}
        }
        while let Some((_, victim)) = icmp_reports.pop_front_if(|(at, _)| *at <= now) {
            line.server
                .handle_unreachable(now, victim, Unreachable::Port);
        }
    }
    drawn
}

/// A prefix whose hosts say that they did not ask gets less and less, however many good guesses come before they can.
/// If they said nothing, it would be 14 MB by one guess a try, and 42 by three.
#[test]
fn what_icmp_stops() {
    let options = "blksize=1468 windowsize=16";
    let minute = |acks| reflected(acks, options).bytes;
    let tries = 600;
    let first_answers = minute(&[]);
    assert!(first_answers <= tries * 29, "{first_answers}");
    for acks in [&[0][..], &[0, 16], &[0, 16, 32], &[0, 16, 32, 48, 64]] {
        let drawn = minute(acks);
        assert!(drawn <= 600_000, "{acks:?}: {drawn}");
        assert!(drawn >= 30_000, "{acks:?}: {drawn} show nothing");
    }
}

/// 64 MB at once and then 4 MB/s to all of a public /24, however many ask and acknowledge there; a prefix of the
/// server's own network has no bound.
#[test]
fn bytes_to_a_public_prefix_are_bounded() {
    let drawn = |source: fn(u16) -> Peer| {
        let mut line = Line::new(16 << 20, ServerConfig::default());
        let peers: Vec<_> = (0..20).map(source).collect();
        let mut drawn = Traffic::default();
        let mut highest = vec![0; peers.len()];
        for peer in &peers {
            line.hear(*peer, &rrq("blksize=1468 windowsize=16"), &mut |_, _| ());
        }
        while line.now < Instant::from_millis(10_000) {
            for (n, peer) in peers.iter().enumerate() {
                line.hear(*peer, &ack(highest[n]), &mut |to, d| {
                    note(&peers, &mut highest, to, d);
                    drawn.count(d.len());
                });
            }
            line.wait_until(line.now + ms(20), &mut |to, d| {
                note(&peers, &mut highest, to, d);
                drawn.count(d.len());
            });
        }
        drawn.bytes
    };
    let bound = 64_000_000 + 10 * 4_000_000;
    let public_bytes = drawn(|n| public(1, n as u8, 2000 + n));
    // What is on its way when the bound is met still leaves: a burst.
    assert!(public_bytes <= bound + 65_507, "{public_bytes}");
    assert!(public_bytes >= bound - 1_000_000, "{public_bytes}");
    let near_bytes = drawn(|n| near(n as u8, 2000 + n));
    assert!(near_bytes > 2 * bound, "{near_bytes}");
}

fn note(peers: &[Peer], highest: &mut [u16], to: Peer, datagram: &[u8]) {
    let who = peers.iter().position(|peer| *peer == to);
    if let (Some(who), [0, 3, high, low, ..]) = (who, datagram) {
        highest[who] = u16::from_be_bytes([*high, *low]);
    }
}

/// Lines about unvalidated clients: 500 at once, then 20 a second; and those left out are counted.
#[test]
fn a_flood_does_not_fill_the_log() {
    let mut line = Line::new(1000, ServerConfig::default());
    let requests = 20_000;
    for n in 0..requests {
        let name = format!("\0\x01x{n}\0octet\0");
        line.hear(public(n % 5000, 1, 9), name.as_bytes(), &mut |_, _| ());
        line.wait_until(line.now + ms(1), &mut |_, _| ());
    }
    let (told, seconds) = (line.reports.len(), usize::from(requests) / 1000);
    assert!((500..=500 + 20 * seconds).contains(&told), "{told} lines");
    // The next one says how many came before it.
    line.wait_until(line.now + ms(10_000), &mut |_, _| ());
    line.hear(public(1, 1, 9), b"\0\x01y\0octet\0", &mut |_, _| ());
    let left_out: u32 = line.reports.iter().map(|report| report.left_out).sum();
    assert_eq!(
        left_out as usize + line.reports.len(),
        usize::from(requests) + 1
    );
}

/// And about those who have acknowledged something, or guessed it: 10,000 at once, then 200 a second.
#[test]
fn blind_acks_do_not_fill_the_log() {
    let mut line = Line::new(10, ServerConfig::default());
    let files = 30_000;
    for n in 0..files {
        let victim = public(n % 5000, 1, 9 + n / 5000);
        line.hear(victim, &rrq(""), &mut |_, _| ());
        line.hear(victim, &ack(1), &mut |_, _| ());
        line.wait_until(line.now + Duration::from_micros(500), &mut |_, _| ());
    }
    let (told, seconds) = (line.reports.len(), usize::from(files) / 2000);
    assert!(
        (10_000..=10_000 + 200 * seconds + 1).contains(&told),
        "{told} lines"
    );
    let complete = line.server.stats().outcome(Outcome::Complete);
    assert_eq!(complete, u64::from(files));
}
