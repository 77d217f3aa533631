//! Dialogues between clients and a [`Server`], written as they look on the wire.
//!
//! ```text
//!     0  > RRQ ipxe.efi octet blksize=1432       a client sends, at 0 ms
//!        < OACK blksize=1432                     and is answered at the same instant
//!    50  > ACK 0
//!        < DATA 1
//!   250  < DATA 1                                the timer, and not earlier
//!   300  > "\0\x04\0\x01\0"                      any bytes, in quotes
//!        < DATA 2..3 (136)                       two blocks, of which the last has 136 bytes
//!   400  nothing                                 until then
//!   410  > ACK 3
//!        = complete                              the outcome in the report
//!  ever  nothing                                 and nothing more, until no timer is left
//! ```
//!
//! Every datagram, report and ignored datagram must be in the script, at its time: what is not
//! there did not happen. At one instant, what is sent comes before what is reported, and that
//! before what is counted as ignored. A name in front of the arrow picks another client of
//! [`CLIENTS`]. After `+>` the next datagram comes in the same batch, before the server sends
//! anything.
//!
//! DATA is compared with the file, byte by byte: `(n)` means shorter than a block, `of NAME` stands
//! there when more files than one are served, and the payload itself for a file of text.
//! `UNREACHABLE port`, `UNREACHABLE host` and `TOO BIG 1400 DATA 1` are ICMP messages about a datagram
//! of the server, and `TOO BIG 1400 interface` is the kernel's; `may fragment` stands behind a datagram
//! that may leave in fragments. `END` ends the program.

mod notation;
mod stage;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bootstone::catalog::{Catalog, Entry};
use bootstone::proto::Instant;
use bootstone::proto::Peer;
use bootstone::proto::config::ServerConfig;
use bootstone::proto::local::LocalNetworks;
use bootstone::proto::report::Report;
use bootstone::proto::routes::{Network, Route, Routes};
use bootstone::proto::server::Server;

pub(crate) use self::notation::datagram;
use self::notation::{as_script, parsed};
use self::stage::{SHOWN, Stage};

/// The clients: name, address, and the address of the server that they ask. A line without a name
/// is `a`'s.
const CLIENTS: [(&str, &str, &str); 10] = [
    ("a", "192.0.2.1:2001", "192.0.2.69"),
    // Another port of the same machine.
    ("b", "192.0.2.1:2002", "192.0.2.69"),
    // The same port as `a`, but it asks another address of the server.
    ("a70", "192.0.2.1:2001", "192.0.2.70"),
    // Another machine, which asks that address too.
    ("c", "198.51.100.7:2001", "192.0.2.70"),
    ("v6", "[2001:db8::1]:2001", "2001:db8::69"),
    // Of the server's own network.
    ("lan", "10.0.0.5:2001", "10.0.0.69"),
    // From source port 0.
    ("nowhere", "192.0.2.1:0", "192.0.2.69"),
    // To a broadcast address, that of a subnet, and a multicast address.
    ("broadcast", "192.0.2.9:2001", "255.255.255.255"),
    ("subnet", "192.0.2.9:2001", "192.0.2.255"),
    ("multicast", "[2001:db8::9]:2001", "ff02::1"),
];

/// The same dialogue has to come out however many blocks the driver takes at a time.
const SEGMENTS: [usize; 3] = [64, 1, 3];

/// The files of a server, and its configuration.
#[derive(Clone)]
pub(crate) struct Served {
    files: Vec<File>,
    config: ServerConfig,
    local: LocalNetworks,
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

/// No file, and no pipelining, which has dialogues of its own.
impl Default for Served {
    fn default() -> Served {
        Served {
            files: Vec::new(),
            config: ServerConfig {
                pipeline: 1,
                ..ServerConfig::default()
            },
            local: LocalNetworks::default(),
        }
    }
}

impl Served {
    /// The operator allows so many blocks in flight to a client with a high RTT.
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

    /// The server has links to these networks, and its operator trusts those.
    pub(crate) fn site(mut self, links: &[&str], trusted: &[&str]) -> Served {
        let network = |text: &&str| text.parse().unwrap_or_else(|_| panic!("{text}"));
        let routes = links.iter().map(|text| Route {
            network: network(text),
            is_direct: true,
            mtu: 1500,
        });
        let trusted: Vec<Network> = trusted.iter().map(network).collect();
        self.local = LocalNetworks::new(&Routes::new(routes.collect()), &trusted);
        self
    }

    pub(crate) fn server(&self) -> Server {
        let entry = |file: &File| Entry::new(file.name.clone(), file.bytes.clone());
        let catalog = Catalog::new(self.files.iter().map(entry).collect());
        Server::new(Arc::new(catalog), self.config).with_local(Arc::new(self.local.clone()))
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
        as_script(&stage.log[stage.log.len().saturating_sub(SHOWN)..])
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
