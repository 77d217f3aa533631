//! The stage of a dialogue: a server, the time, and what was sent.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bootstone::proto::Instant;
use bootstone::proto::Peer;
use bootstone::proto::report::Report;
use bootstone::proto::server::{Server, TooBig, Unreachable};
use bootstone::proto::stats::Ignored;

use super::notation::{as_script, datagram, escaped, expanded, millis, parsed, quoted};
use super::{CLIENTS, File, Served, peer};

/// A server, the time, and what it has done that the script has not spoken of yet.
pub(super) struct Stage<'a> {
    served: &'a Served,
    pub(super) server: Server,
    segments: usize,
    clients: [(&'static str, Peer); CLIENTS.len()],
    now: Instant,
    seen: VecDeque<(Instant, String)>,
    pub(super) log: Vec<(Instant, String)>,
    /// What each peer was granted last.
    blksize: HashMap<(SocketAddr, Option<IpAddr>), usize>,
    /// What is sent now is the answer to an RRQ.
    answers_rrq: bool,
    pub(super) reports: Vec<Report>,
    ignored: [u64; Ignored::ALL.len()],
}

/// How many lines of the log are shown when a dialogue fails.
pub(super) const SHOWN: usize = 200;

pub(super) type Verdict = Result<(), String>;

impl<'a> Stage<'a> {
    pub(super) fn new(served: &'a Served, segments: usize) -> Stage<'a> {
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
    pub(super) fn play(&mut self, line: &str) -> Verdict {
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

    /// A `+` behind the client's name: the driver takes the next datagram before it sends anything.
    pub(super) fn hear(&mut self, client: &str, what: &str) {
        let (client, is_last) = match client.strip_suffix('+') {
            Some(client) => (client, false),
            None => (client, true),
        };
        let from = peer(if client.is_empty() { "a" } else { client });
        self.note(format!("{client}> {what}"));
        let (server, now) = (&mut self.server, self.now);
        match what {
            "UNREACHABLE port" => server.handle_unreachable(now, from, Unreachable::Port),
            "UNREACHABLE host" => server.handle_unreachable(now, from, Unreachable::Host),
            "END" => server.abort_all(now),
            _ if what.starts_with("TOO BIG ") => too_big(server, now, from, what),
            _ => {
                let datagram = datagram(what);
                server.handle_datagram(now, from, &datagram);
                self.answers_rrq = datagram.starts_with(b"\0\x01");
            }
        }
        if is_last {
            self.drain();
        }
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
    pub(super) fn advance(&mut self, to: Instant) {
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
                let mut what = self.described(transmit.peer, datagram);
                if transmit.may_fragment {
                    what += " may fragment";
                }
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
    pub(super) fn heard(&self) -> String {
        let known = self.log.len() - self.seen.len();
        as_script(&self.log[known.saturating_sub(SHOWN)..known])
    }

    fn note_seen(&mut self, what: String) {
        self.note(what.clone());
        self.seen.push_back((self.now, what));
    }

    fn note(&mut self, what: String) {
        self.log.push((self.now, what));
    }

    /// A datagram of the server in the words of a script.
    fn described(&mut self, to: Peer, datagram: &[u8]) -> String {
        let to = (to.address, to.local);
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

/// `TOO BIG MTU`, and what a router quotes of our datagram; or `interface`.
fn too_big(server: &mut Server, now: Instant, peer: Peer, what: &str) {
    let what = what.trim_start_matches("TOO BIG ");
    let (mtu, quoted) = what.split_once(' ').unwrap_or((what, ""));
    let mtu = parsed(mtu);
    match quoted {
        "interface" => server.handle_too_big(now, peer, mtu, TooBig::Interface),
        "" => server.handle_too_big(now, peer, mtu, TooBig::Path(&[])),
        _ => server.handle_too_big(now, peer, mtu, TooBig::Path(&datagram(quoted))),
    }
}
