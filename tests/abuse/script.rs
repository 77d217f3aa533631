//! Anything that may happen to a server, in a form that the fuzzer can make up: unvalidated clients that follow the
//! protocol for a while, and then do not.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bootstone::catalog::{Catalog, Entry};
use bootstone::proto::config::ServerConfig;
use bootstone::proto::negotiate::NegotiationLimits;
use bootstone::proto::server::Unreachable;
use bootstone::proto::{Instant, Peer};

use crate::invariants::Checker;

/// More of them might have reports left out, and the books would no longer be exact.
const MOST_STEPS: usize = 200;

/// Who may speak: others in public prefixes, one of the server's own network, and IPv6.
const SOURCES: [(&str, &str); 8] = [
    ("192.0.2.1:2001", "192.0.2.69"),
    ("192.0.2.1:2002", "192.0.2.69"),
    ("192.0.2.200:69", "192.0.2.70"),
    ("198.51.100.7:2001", "192.0.2.69"),
    ("10.0.0.5:2070", "10.0.0.69"),
    ("[2001:db8::1]:2001", "2001:db8::69"),
    ("[::ffff:203.0.113.9]:7", "::ffff:192.0.2.69"),
    ("[fe80::1]:2001", "fe80::69"),
];

/// An honest client, and when iPXE repeats its request, in milliseconds.
const HONEST: (&str, &str) = ("198.18.0.1:2001", "192.0.2.69");
const RRQ_AT: [u64; 6] = [0, 250, 750, 1750, 3750, 7750];

const NAMES: [&[u8]; 8] = [
    b"one",
    b"exact",
    b"empty",
    b"text",
    b"long",
    b"DIR\\LONG\xff\xff",
    b"../one",
    b"missing",
];

const MODES: [&[u8]; 4] = [b"octet", b"NetASCII", b"mail", b"octets"];

#[derive(Arbitrary, Debug)]
struct Script {
    max_sessions: u8,
    pipeline: u8,
    max_windowsize: u8,
    mtu: u16,
    segments: u8,
    steps: Vec<(u8, Step)>,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Rrq {
        name: u8,
        mode: u8,
        options: Vec<(Name, Value)>,
    },
    /// The request before, of each one that, word for word.
    Again,
    Wrq {
        name: u8,
    },
    Ack(Aim),
    /// So many ACKs like an honest client's, one each so many milliseconds; the peer's ACKs of `lost` fail.
    Follow {
        acks: u8,
        every: u8,
        lost: u8,
    },
    Error(u16),
    Raw(Vec<u8>),
    /// ICMP: no such port, or no such host.
    Unreachable {
        port: bool,
    },
    Wait(Pause),
    /// Up to the next timer.
    Timer,
    /// The timer, before it is due.
    EarlyTimer,
    Back {
        millis: u16,
    },
    /// What follows comes in the same batch.
    Together {
        count: u8,
    },
}

#[derive(Arbitrary, Debug)]
enum Name {
    Blksize,
    Windowsize,
    Tsize,
    Timeout,
    Other(u8),
}

#[derive(Arbitrary, Debug)]
enum Value {
    Small(u8),
    Any(u16),
    Huge(u64),
    Raw([u8; 2]),
}

#[derive(Arbitrary, Debug)]
enum Aim {
    Highest,
    Again,
    Inside(u8),
    Beyond(u8),
    Any(u16),
}

#[derive(Arbitrary, Debug)]
enum Pause {
    Micros(u16),
    Millis(u16),
    Seconds(u8),
}

/// Plays whatever `bytes` stand for, up to the end of all timers.
pub(crate) fn play(bytes: &[u8]) {
    if let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(bytes)) {
        let shown = ShownIfWrong(&script);
        Stage::new(&script).play(&script.steps);
        drop(shown);
    }
}

struct ShownIfWrong<'a>(&'a Script);

impl Drop for ShownIfWrong<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:#?}", self.0);
        }
    }
}

struct Stage {
    checker: Checker,
    request: Vec<u8>,
    /// So many more steps before anything is sent.
    together: u8,
    /// It does not wait for what is under way.
    aborts: bool,
}

impl Stage {
    fn new(script: &Script) -> Stage {
        let config = ServerConfig {
            limits: NegotiationLimits {
                mtu: script.mtu.max(576),
                max_windowsize: u16::from(script.max_windowsize % 64) + 1,
            },
            pipeline: u16::from(script.pipeline % 64) + 1,
            max_sessions: usize::from(script.max_sessions % 8) + 1,
        };
        let segments = usize::from(script.segments % 64) + 1;
        Stage {
            checker: Checker::new(CATALOG.clone(), config, segments),
            request: b"\0\x01one\0octet\0".to_vec(),
            together: 0,
            aborts: script.segments >= 192,
        }
    }

    fn play(mut self, steps: &[(u8, Step)]) {
        for (who, step) in steps.iter().take(MOST_STEPS) {
            self.step(source(*who), step);
            match self.together.checked_sub(1) {
                Some(left) => self.together = left,
                None => self.checker.send(),
            }
        }
        self.checker.send();
        match self.aborts {
            true => self.checker.abort_all(),
            false => self.serve_an_honest_client(),
        }
        self.checker.wait_for_ever();
    }

    fn step(&mut self, from: Peer, step: &Step) {
        let checker = &mut self.checker;
        match *step {
            Step::Rrq {
                name,
                mode,
                ref options,
            } => {
                self.request = rrq(name, mode, options);
                checker.hear(from, &self.request);
            }
            Step::Again => checker.hear(from, &self.request),
            Step::Wrq { name } => {
                let wrq = [b"\0\x02", pick(&NAMES, name), b"\0octet\0"].concat();
                checker.hear(from, &wrq);
            }
            Step::Ack(ref aim) => {
                let number = self.aimed(from, aim);
                self.ack(from, number);
            }
            Step::Follow { acks, every, lost } => self.follow(from, acks, every, lost),
            Step::Error(code) => {
                let error = [b"\0\x05", &code.to_be_bytes()[..], b"enough\0"].concat();
                checker.hear(from, &error);
            }
            Step::Raw(ref bytes) => checker.hear(from, bytes),
            Step::Unreachable { port: true } => checker.hear_unreachable(from, Unreachable::Port),
            Step::Unreachable { port: false } => checker.hear_unreachable(from, Unreachable::Host),
            Step::Together { count } => self.together = count % 8 + 1,
            Step::Wait(_) | Step::Timer | Step::EarlyTimer | Step::Back { .. } => self.pass(step),
        }
    }

    /// Time passes, and what there was to send has left before.
    fn pass(&mut self, step: &Step) {
        let checker = &mut self.checker;
        checker.send();
        match step {
            Step::Wait(pause) => checker.wait_until(checker.now + pause.length()),
            Step::EarlyTimer => checker.timer(),
            &Step::Back { millis } => {
                let micros = checker.now.as_micros();
                // Little enough that no backlog seems larger than it can be: the clock of a driver never goes back.
                let back = u64::from(millis % 16) * 1000;
                checker.now = Instant::from_micros(micros.saturating_sub(back));
            }
            _ => {
                let due = checker.server.poll_timeout();
                checker.wait_until(due.unwrap_or(checker.now));
            }
        }
    }

    fn aimed(&self, from: Peer, aim: &Aim) -> u16 {
        let book = self.checker.book(from);
        let (highest, acknowledged) =
            book.map_or((0, 0), |book| (book.highest(), book.acknowledged()));
        match *aim {
            Aim::Highest => highest,
            Aim::Again => acknowledged,
            Aim::Inside(blocks) => acknowledged.wrapping_add(blocks.into()),
            Aim::Beyond(blocks) => highest.wrapping_add(blocks.into()),
            Aim::Any(number) => number,
        }
    }

    fn ack(&mut self, from: Peer, number: u16) {
        let ack = [&b"\0\x04"[..], &number.to_be_bytes()].concat();
        self.checker.hear(from, &ack);
    }

    /// Whatever the others have left behind, a client in another prefix that repeats its request as iPXE does gets its
    /// file.
    fn serve_an_honest_client(&mut self) {
        let (begun, complete) = (self.checker.now, self.checker.complete());
        for millis in RRQ_AT {
            let at = begun + Duration::from_millis(millis);
            self.checker.wait_until(at.max(self.checker.now));
            let rrq = b"\0\x01long\0octet\0blksize\x001432\0tsize\x000\0";
            self.checker.hear(honest(), rrq);
            self.checker.send();
            self.follow(honest(), u8::MAX, 20, 0);
            if self.checker.complete() > complete {
                return;
            }
        }
        panic!("an honest client is not served");
    }

    fn follow(&mut self, from: Peer, acks: u8, every: u8, lost: u8) {
        for turn in 1..=acks {
            self.checker.send();
            let pause = Duration::from_millis(every.into());
            self.checker.wait_until(self.checker.now + pause);
            let Some(book) = self.checker.book(from) else {
                return;
            };
            let highest = book.highest();
            if lost == 0 || turn % lost != 0 {
                self.ack(from, highest);
            }
        }
    }
}

impl Pause {
    fn length(&self) -> Duration {
        match *self {
            Pause::Micros(micros) => Duration::from_micros(micros.into()),
            Pause::Millis(millis) => Duration::from_millis(millis.into()),
            Pause::Seconds(seconds) => Duration::from_secs(seconds.into()),
        }
    }
}

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    let noise = |len: u32| {
        let byte = |i: u32| (i.wrapping_mul(0x9e37_79b9) >> 24) as u8;
        (0..len).map(byte).collect::<Vec<_>>()
    };
    let files = vec![
        Entry::new("one", noise(300)),
        Entry::new("exact", noise(4096)),
        Entry::new("empty", Vec::new()),
        Entry::new("text", b"#!ipxe\r\n\n\rchain\n".repeat(40)),
        // With the smallest blocks its numbers roll over.
        Entry::new("dir/long", noise(600_000)),
        Entry::new("long", noise(40_000)),
    ];
    Arc::new(Catalog::new(files))
});

fn source(who: u8) -> Peer {
    peer(SOURCES[usize::from(who) % SOURCES.len()])
}

fn honest() -> Peer {
    peer(HONEST)
}

fn peer((address, local): (&str, &str)) -> Peer {
    let address: SocketAddr = address.parse().expect("an address");
    let local: IpAddr = local.parse().expect("an address");
    Peer {
        address,
        local: Some(local),
    }
}

fn rrq(name: u8, mode: u8, options: &[(Name, Value)]) -> Vec<u8> {
    // Most unvalidated clients know a mode.
    let mode = if mode < 128 {
        MODES[0]
    } else {
        pick(&MODES, mode)
    };
    let mut rrq = [b"\0\x01", pick(&NAMES, name), b"\0", mode, b"\0"].concat();
    for (name, value) in options.iter().take(8) {
        let name = match name {
            Name::Blksize => "blksize".to_owned(),
            Name::Windowsize => "WindowSize".to_owned(),
            Name::Tsize => "tsize".to_owned(),
            Name::Timeout => "timeout".to_owned(),
            Name::Other(byte) => format!("x-{byte}"),
        };
        rrq.extend_from_slice(name.as_bytes());
        rrq.push(0);
        match value {
            Value::Small(number) => rrq.extend_from_slice(number.to_string().as_bytes()),
            Value::Any(number) => rrq.extend_from_slice(number.to_string().as_bytes()),
            Value::Huge(number) => rrq.extend_from_slice(number.to_string().as_bytes()),
            Value::Raw(bytes) => rrq.extend_from_slice(bytes),
        }
        rrq.push(0);
    }
    rrq
}

fn pick<'a>(all: &[&'a [u8]], which: u8) -> &'a [u8] {
    all[usize::from(which) % all.len()]
}
