//! Dialogues between clients and a [`Server`], written as somebody would see them on the wire.
//!
//! ```text
//!     0  > RRQ ipxe.efi octet blksize=1432       a client sends, at 0 ms
//!        < OACK blksize=1432                     and is answered at the same instant
//!    50  > ACK 0
//!        < DATA 1
//!   250  < DATA 1                                the timer, and not earlier than that
//!   300  > "\0\x04\0\x01\0"                      any bytes, in quotes
//!        < DATA 2..3 (136)                       two blocks, of which the last has 136 bytes
//!   400  nothing                                 until then
//!   410  > ACK 3
//!        = complete                              what is told to the operator
//!  ever  nothing                                 and nothing more, until no timer is left
//! ```
//!
//! Every datagram, report and ignored datagram must be in the script, at its time: what is not there
//! did not happen. At one instant, what is sent comes before what is reported, and that before what is
//! counted as ignored. A name in front of the arrow picks another client of [`CLIENTS`].
//!
//! DATA is compared with the file, byte by byte: `(n)` means shorter than a block, `of NAME` stands
//! there when more files than one are served, and the payload itself for a file of text. `UNREACHABLE port` and
//! `UNREACHABLE host` are not datagrams but ICMP messages about one of the server's, `END` is the program's.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bootstone::catalog::{Catalog, Entry};
use bootstone::proto::Instant;
use bootstone::proto::Peer;
use bootstone::proto::config::ServerConfig;
use bootstone::proto::report::Report;
use bootstone::proto::server::{Server, Unreachable};
use bootstone::proto::stats::Ignored;

/// Who may talk, and to which of our addresses. A line without a name is `a`'s.
const CLIENTS: [(&str, &str, &str); 8] = [
    ("a", "192.0.2.1:2001", "192.0.2.69"),
    // Another port of the same machine.
    ("b", "192.0.2.1:2002", "192.0.2.69"),
    // Another machine, another address of ours.
    ("c", "198.51.100.7:2001", "192.0.2.70"),
    ("v6", "[2001:db8::1]:2001", "2001:db8::69"),
    // Of the server's own network.
    ("lan", "10.0.0.5:2001", "10.0.0.69"),
    // From no port.
    ("nowhere", "192.0.2.1:0", "192.0.2.69"),
    // To everybody.
    ("broadcast", "192.0.2.9:2001", "255.255.255.255"),
    ("multicast", "[2001:db8::9]:2001", "ff02::1"),
];

/// The same dialogue has to come out however many blocks the driver takes at a time.
const SEGMENTS: [usize; 3] = [64, 1, 3];

/// A server to be: its files and what the operator has set.
#[derive(Clone)]
pub(crate) struct Served {
    files: Vec<File>,
    config: ServerConfig,
}

#[derive(Clone)]
struct File {
    name: String,
    bytes: Vec<u8>,
    is_text: bool,
}

/// A server of one file of `size` bytes.
pub(crate) fn serving(name: &str, size: usize) -> Served {
    Served::default().and(name, size)
}

/// A server of one file whose bytes matter to the reader.
pub(crate) fn serving_text(name: &str, text: &[u8]) -> Served {
    Served::default().with(name, text.to_vec(), true)
}

/// Nothing yet, and lock-step for clients without a window: what runs ahead has its own dialogues.
impl Default for Served {
    fn default() -> Served {
        Served {
            files: Vec::new(),
            config: ServerConfig {
                pipeline: 1,
                ..ServerConfig::default()
            },
        }
    }
}

impl Served {
    /// Up to so many blocks in flight to a far client without a window.
    pub(crate) fn pipeline(mut self, blocks: u16) -> Served {
        self.config.pipeline = blocks;
        self
    }

    /// One file more, of other bytes.
    pub(crate) fn and(self, name: &str, size: usize) -> Served {
        let seed = name
            .bytes()
            .fold(1u64, |seed, b| seed.wrapping_mul(31) + u64::from(b));
        let bytes = (0..size as u64)
            .map(|i| noise(seed.wrapping_add(i)))
            .collect();
        self.with(name, bytes, false)
    }

    fn with(mut self, name: &str, bytes: Vec<u8>, is_text: bool) -> Served {
        self.files.push(File {
            name: name.to_owned(),
            bytes,
            is_text,
        });
        self
    }

    pub(crate) fn mtu(mut self, mtu: u16) -> Served {
        self.config.limits.mtu = mtu;
        self
    }

    pub(crate) fn max_windowsize(mut self, blocks: u16) -> Served {
        self.config.limits.max_windowsize = blocks;
        self
    }

    pub(crate) fn max_sessions(mut self, sessions: usize) -> Served {
        self.config.max_sessions = sessions;
        self
    }

    pub(crate) fn server(&self) -> Server {
        let entry = |file: &File| Entry::new(file.name.clone(), file.bytes.clone());
        let catalog = Catalog::new(self.files.iter().map(entry).collect());
        Server::new(Arc::new(catalog), self.config)
    }

    /// Plays the script. Returns what was reported to the operator.
    #[track_caller]
    pub(crate) fn talk(&self, script: &str) -> Vec<Report> {
        let mut reports = Vec::new();
        for segments in SEGMENTS {
            reports = self.play(script, segments);
        }
        reports
    }

    #[track_caller]
    fn play(&self, script: &str, segments: usize) -> Vec<Report> {
        let mut stage = Stage::new(self, segments);
        for line in script.lines().chain(["nothing"]) {
            if let Err(wrong) = stage.play(line) {
                let heard = stage.heard();
                let line = line.trim();
                let actual = self.transcript(script, segments);
                panic!(
                    "the dialogue went\n{heard}\n\nand then, for the line `{line}`,\n{wrong}\n\n\
                     what the clients say leads to this:\n{actual}"
                );
            }
        }
        stage.reports
    }

    /// A script with the same lines of the clients, and what the server does with them.
    fn transcript(&self, script: &str, segments: usize) -> String {
        let mut stage = Stage::new(self, segments);
        for line in script.lines() {
            let words = line.split(" # ").next().unwrap_or_default();
            let mut words = words.split_whitespace().peekable();
            if let Some(at) = words.peek().and_then(|word| word.parse::<f64>().ok()) {
                stage.advance(Instant::from_micros((at * 1000.0) as u64));
                words.next();
            }
            if let Some(client) = words.next().and_then(|verb| verb.strip_suffix('>')) {
                stage.hear(client, &words.collect::<Vec<_>>().join(" "));
            } else if line.trim_start().starts_with("ever") {
                while let Some(next) = stage.server.poll_timeout() {
                    stage.advance(next);
                }
            }
        }
        stage.log.join("\n")
    }
}

/// Bytes in which no two blocks look alike.
fn noise(i: u64) -> u8 {
    (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

/// The peer of a name in a script.
pub(crate) fn peer(name: &str) -> Peer {
    let found = CLIENTS.iter().find(|client| client.0 == name);
    let Some((_, address, local)) = found else {
        panic!("no client is called {name:?}");
    };
    Peer {
        address: parsed::<SocketAddr>(address),
        local: Some(parsed::<IpAddr>(local)),
    }
}

fn parsed<T: std::str::FromStr>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("cannot read {text:?}"))
}

/// A server, the time, and what it has done that the script has not spoken of yet.
struct Stage<'a> {
    served: &'a Served,
    server: Server,
    segments: usize,
    clients: [(&'static str, Peer); CLIENTS.len()],
    now: Instant,
    seen: VecDeque<(Instant, String)>,
    log: Vec<String>,
    /// What each peer has last been granted.
    blksize: HashMap<SocketAddr, usize>,
    /// What is sent now is the answer to an RRQ.
    answers_rrq: bool,
    reports: Vec<Report>,
    ignored: [u64; Ignored::ALL.len()],
}

type Verdict = Result<(), String>;

impl<'a> Stage<'a> {
    fn new(served: &'a Served, segments: usize) -> Stage<'a> {
        Stage {
            served,
            server: served.server(),
            segments,
            clients: CLIENTS.map(|client| (client.0, peer(client.0))),
            now: Instant::ZERO,
            seen: VecDeque::new(),
            log: Vec::new(),
            blksize: HashMap::new(),
            answers_rrq: false,
            reports: Vec::new(),
            ignored: [0; Ignored::ALL.len()],
        }
    }

    /// One line: `[TIME] [CLIENT]> DATAGRAM`, `[TIME] [CLIENT]< DATAGRAM`, `[TIME] = WORD` or
    /// `TIME nothing`.
    fn play(&mut self, line: &str) -> Verdict {
        let line = line.split(" # ").next().unwrap_or_default();
        let mut words = line.split_whitespace().peekable();
        let at = match words.peek() {
            None => return Ok(()),
            Some(&"ever") => Some(None),
            Some(word) => word.parse::<f64>().ok().map(Some),
        };
        match at {
            Some(Some(millis)) => self.advance(Instant::from_micros((millis * 1000.0) as u64)),
            Some(None) => self.run_out()?,
            None => {}
        }
        let verb = words.nth(usize::from(at.is_some())).unwrap_or_default();
        let rest = words.collect::<Vec<_>>().join(" ");
        if verb == "nothing" {
            self.is_silent()
        } else if let Some(client) = verb.strip_suffix('>') {
            self.is_silent()?;
            self.hear(client, &rest);
            Ok(())
        } else {
            expanded(&rest)
                .into_iter()
                .try_for_each(|what| self.expect(&format!("{verb} {what}")))
        }
    }

    fn hear(&mut self, client: &str, what: &str) {
        let from = peer(if client.is_empty() { "a" } else { client });
        self.note(format!("{client}> {what}"));
        let (server, now) = (&mut self.server, self.now);
        match what {
            "UNREACHABLE port" => server.handle_unreachable(now, from, Unreachable::Port),
            "UNREACHABLE host" => server.handle_unreachable(now, from, Unreachable::Host),
            "END" => server.abort_all(now),
            _ => {
                let datagram = datagram(what);
                server.handle_datagram(now, from, &datagram);
                self.answers_rrq = datagram.starts_with(b"\0\x01");
            }
        }
        self.drain();
        self.answers_rrq = false;
    }

    fn expect(&mut self, what: &str) -> Verdict {
        match self.seen.front() {
            Some((at, seen)) if *at == self.now && seen == what => {
                self.seen.pop_front();
                Ok(())
            }
            Some((at, seen)) => Err(format!("{:>8}  {seen}", millis(*at))),
            None => Err(format!("{:>8}  nothing", millis(self.now))),
        }
    }

    fn is_silent(&self) -> Verdict {
        match self.seen.front() {
            Some((at, seen)) => Err(format!("{:>8}  {seen}", millis(*at))),
            None => Ok(()),
        }
    }

    /// Lets time pass, with every timer at its time.
    fn advance(&mut self, to: Instant) {
        assert!(to >= self.now, "the script goes back in time");
        while let Some(next) = self.server.poll_timeout().filter(|&next| next <= to) {
            self.now = self.now.max(next);
            self.server.handle_timeout(self.now);
            self.drain();
        }
        self.now = to;
    }

    /// Lets all time pass.
    fn run_out(&mut self) -> Verdict {
        while let Some(next) = self.server.poll_timeout() {
            let hour = self.now + Duration::from_secs(3600);
            if next > hour {
                return Err(format!("a timer stands at {}", millis(next)));
            }
            self.advance(next);
            self.is_silent()?;
        }
        if self.server.is_idle() {
            return Ok(());
        }
        Err("a transfer is left, and no timer".to_owned())
    }

    /// Takes what the server wants to send and to tell, as a driver does.
    fn drain(&mut self) {
        let mut out = Vec::new();
        while let Some(transmit) = self.server.poll_transmit(self.now, self.segments, &mut out) {
            let mut datagrams = out.chunks(transmit.segment).collect::<Vec<_>>();
            assert!(datagrams.len() <= self.segments, "more than was asked for");
            let name = self.clients.iter().find(|known| known.1 == transmit.peer);
            let name = name.map_or("?", |known| known.0);
            let name = if name == "a" { "" } else { name };
            for datagram in datagrams.drain(..) {
                let what = self.described(transmit.peer.address, datagram);
                self.note_seen(format!("{name}< {what}"));
            }
        }
        while let Some(report) = self.server.poll_event() {
            self.note_seen(format!("= {}", report.outcome.as_str()));
            self.reports.push(report);
        }
        for reason in Ignored::ALL {
            let count = self.server.stats().ignored(reason);
            for _ in std::mem::replace(&mut self.ignored[reason as usize], count)..count {
                self.note_seen(format!("= ignored {}", reason.as_str()));
            }
        }
    }

    /// The last lines before what the script does not know.
    fn heard(&self) -> String {
        let known = self.log.len() - self.seen.len();
        self.log[known.saturating_sub(20)..known].join("\n")
    }

    fn note_seen(&mut self, what: String) {
        self.note(what.clone());
        self.seen.push_back((self.now, what));
    }

    fn note(&mut self, what: String) {
        self.log.push(format!("{:>8}  {what}", millis(self.now)));
    }

    /// A datagram of the server in the words of a script.
    fn described(&mut self, to: SocketAddr, datagram: &[u8]) -> String {
        let (Some([0, opcode]), Some(body)) = (datagram.first_chunk(), datagram.get(2..)) else {
            return quoted(datagram);
        };
        match (opcode, body) {
            (3, [high, low, payload @ ..]) => {
                if self.answers_rrq {
                    // No OACK, no options.
                    self.blksize.remove(&to);
                }
                let blksize = *self.blksize.get(&to).unwrap_or(&512);
                let number = u16::from_be_bytes([*high, *low]);
                format!("DATA {number}{}", self.payload(number, blksize, payload))
            }
            (5, [0, code, text @ .., 0]) => format!("ERROR {code} {}", escaped(text)),
            (6, [pairs @ .., 0]) => {
                let strings: Vec<_> = pairs.split(|&b| b == 0).map(escaped).collect();
                let pairs: Vec<_> = strings.chunks(2).map(|pair| pair.join("=")).collect();
                let granted = pairs.iter().find_map(|pair| pair.strip_prefix("blksize="));
                self.blksize.insert(to, granted.map_or(512, parsed));
                format!("OACK {}", pairs.join(" "))
            }
            _ => quoted(datagram),
        }
    }

    /// Which part of which file a payload is.
    fn payload(&self, number: u16, blksize: usize, payload: &[u8]) -> String {
        let files = &self.served.files;
        if files.iter().all(|file| file.is_text) {
            return format!(" {}", quoted(payload));
        }
        let is_block = |file: &&File| {
            // Block numbers roll over to 0.
            let blocks = (usize::from(number)..=file.bytes.len() / blksize + 1).step_by(1 << 16);
            let mut starts = blocks.filter_map(|block| Some(block.checked_sub(1)? * blksize));
            starts.any(|at| file.bytes[at..].chunks(blksize).next().unwrap_or(&[]) == payload)
        };
        let Some(file) = files.iter().find(is_block) else {
            return format!(" with {} wrong bytes", payload.len());
        };
        let mut what = String::new();
        if files.len() > 1 {
            what += &format!(" of {}", file.name);
        }
        if payload.len() < blksize {
            what += &format!(" ({})", payload.len());
        }
        what
    }
}

/// `DATA 1..3 …` stands for three datagrams; what follows is about the last of them.
fn expanded(what: &str) -> Vec<String> {
    let range = what.strip_prefix("DATA ").and_then(|rest| {
        let (range, rest) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
        let (first, last) = range.split_once("..")?;
        Some((parsed::<u16>(first), parsed::<u16>(last), rest))
    });
    let Some((first, last, rest)) = range else {
        return vec![what.to_owned()];
    };
    // The name of the file is about all of them.
    let of = rest.split_at(rest.find(" (").unwrap_or(rest.len())).0;
    let mut all: Vec<_> = (first..last).map(|n| format!("DATA {n}{of}")).collect();
    all.push(format!("DATA {last}{rest}"));
    all
}

/// The bytes of a client's datagram: `RRQ NAME [MODE [OPTION=VALUE…]]`, `WRQ …`, `ACK N`,
/// `DATA N TEXT`, `ERROR CODE TEXT`, `OACK OPTION=VALUE…`, or bytes in quotes.
pub(crate) fn datagram(what: &str) -> Vec<u8> {
    if let Some(raw) = what.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
        return unescaped(raw);
    }
    let (kind, rest) = what.split_once(' ').unwrap_or((what, ""));
    let (number, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let strings = |opcode: u8| {
        let words = rest.split([' ', '=']).map(unescaped);
        words.fold(vec![0, opcode], |all, word| [all, word, vec![0]].concat())
    };
    let numbered = |opcode: u8| {
        let number: u16 = parsed(number);
        [&[0, opcode], &number.to_be_bytes()[..], &unescaped(text)].concat()
    };
    match kind {
        "RRQ" => strings(1),
        "WRQ" => strings(2),
        "DATA" => numbered(3),
        "ACK" => numbered(4),
        "ERROR" => [numbered(5), vec![0]].concat(),
        "OACK" => strings(6),
        _ => panic!("no datagram: {what:?}"),
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        bytes.push(match (char, char == '\\') {
            (plain, false) => plain as u8,
            (_, true) => match rest.next() {
                Some('x') => {
                    let hex: String = rest.by_ref().take(2).collect();
                    u8::from_str_radix(&hex, 16).unwrap_or_else(|_| panic!("bad \\x in {text:?}"))
                }
                Some('0') => 0,
                Some('r') => b'\r',
                Some('n') => b'\n',
                Some(other) => other as u8,
                None => panic!("a \\ at the end of {text:?}"),
            },
        });
    }
    bytes
}

fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\x00", "\\0")
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", escaped(bytes))
}

fn millis(at: Instant) -> f64 {
    at.as_micros() as f64 / 1000.0
}
