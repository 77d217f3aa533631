//! Transfers of one file through a relay that adds delay and loss: every server with every client.
//! All transfers from a server run at the same time, because they mostly wait.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path as FilePath, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::client::Download;
use crate::content::File;
use crate::load::{self, Load};
use crate::relay::{self, Conditions, Path};
use crate::servers::{Kind, Running, Settings};
use crate::strict;

/// Round-trip time of the path.
pub const ROUND_TRIP: Duration = Duration::from_millis(50);

/// A client, with the options that it requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The bench's client, with `blksize` and `windowsize`.
    Own(u16, u16),
    /// The client of [`strict`], with `blksize`, `windowsize`, and its timer in seconds.
    Strict(u16, u16, u64),
    /// `bootstone get`, with `blksize` and `windowsize`.
    BootstoneGet(u16, u16),
    /// curl, with `blksize`; it does not support `windowsize`.
    Curl(u16),
    /// atftp, with `blksize` and `windowsize`.
    Atftp(u16, u16),
    /// tftp-hpa, whose command line has no options for them.
    TftpHpa,
}

impl Reader {
    /// The name in the table.
    pub fn name(self) -> String {
        match self {
            Reader::Own(blksize, windowsize) => format!("bench {blksize}/{windowsize}"),
            Reader::Strict(blksize, windowsize, timer) => {
                format!("strict {blksize}/{windowsize}, {timer} s")
            }
            Reader::BootstoneGet(blksize, windowsize) => {
                format!("bootstone get {blksize}/{windowsize}")
            }
            Reader::Curl(blksize) => format!("curl {blksize}/1"),
            Reader::Atftp(blksize, windowsize) => format!("atftp {blksize}/{windowsize}"),
            Reader::TftpHpa => "tftp-hpa 512/1, 64 KiB".to_owned(),
        }
    }

    /// The file that it reads. tftp-hpa gets a smaller one: in its small blocks the usual file
    /// would take two minutes.
    fn file(self, file: File) -> File {
        match self {
            Reader::TftpHpa => File::Small,
            _ => file,
        }
    }

    /// The program to start.
    fn program(self, settings: &Settings) -> PathBuf {
        match self {
            Reader::Own(..) | Reader::Strict(..) => "true".into(),
            Reader::BootstoneGet(..) => settings.bootstone.clone(),
            Reader::Curl(_) => "curl".into(),
            Reader::Atftp(..) => "atftp".into(),
            Reader::TftpHpa => "tftp".into(),
        }
    }

    /// True if the program can be started.
    pub fn is_here(self, settings: &Settings) -> bool {
        let mut command = Command::new(self.program(settings));
        command
            .arg("--help")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok()
    }

    fn command(
        self,
        settings: &Settings,
        server: SocketAddr,
        file: File,
        to: &FilePath,
    ) -> Command {
        let mut command = Command::new(self.program(settings));
        let (ip, port, name, to) = (server.ip(), server.port(), file.name(), to.display());
        let line = match self {
            Reader::Own(..) | Reader::Strict(..) => String::new(),
            Reader::BootstoneGet(blksize, windowsize) => format!(
                "get tftp://{server}/{name} --output {to} \
                 --blksize {blksize} --windowsize {windowsize}"
            ),
            Reader::Curl(blksize) => {
                format!("--silent --tftp-blksize {blksize} --output {to} tftp://{server}/{name}")
            }
            Reader::Atftp(blksize, windowsize) => {
                for option in [
                    format!("blksize {blksize}"),
                    format!("windowsize {windowsize}"),
                ] {
                    command.args(["--option", &option]);
                }
                format!("--get --remote-file {name} --local-file {to} {ip} {port}")
            }
            Reader::TftpHpa => format!("-m binary {ip} {port} -c get {name} {to}"),
        };
        command.args(line.split_whitespace());
        command
    }

    /// Reads the file through `relay`. Returns the time; `None` if the file did not arrive
    /// complete.
    fn read(
        self,
        settings: &Settings,
        relay: SocketAddr,
        file: File,
        limit: Duration,
    ) -> Result<Option<Duration>> {
        let file = self.file(file);
        match self {
            Reader::Own(blksize, windowsize) => {
                return own(relay, download(file, blksize, windowsize), limit);
            }
            Reader::Strict(blksize, windowsize, timer) => {
                let (download, timer) = (
                    download(file, blksize, windowsize),
                    Duration::from_secs(timer),
                );
                return Ok(strict::read(relay, &download, timer, limit)?);
            }
            _ => {}
        }
        let folder = tempfile::tempdir()?;
        let to = folder.path().join("file");
        let started = Instant::now();
        let mut child = self
            .command(settings, relay, file, &to)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", self.name()))?;
        while child.try_wait()?.is_none() {
            if started.elapsed() > limit {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            thread::sleep(Duration::from_millis(5));
        }
        let took = started.elapsed();
        let is_whole = fs::read(&to).is_ok_and(|bytes| bytes == *file.content());
        Ok(is_whole.then_some(took))
    }
}

fn download(file: File, blksize: u16, windowsize: u16) -> Download {
    Download {
        name: file.name().to_owned(),
        blksize,
        windowsize,
        content: file.content(),
    }
}

fn own(server: SocketAddr, download: Download, limit: Duration) -> Result<Option<Duration>> {
    let load = Load {
        server,
        download,
        count: 1,
        at_once: 1,
        one_address: true,
        gro: false,
        spin: false,
        limit,
    };
    Ok(load::run(&load)?.times.first().copied())
}

/// The transfers to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The file.
    pub file: File,
    /// Loss rates, for each direction.
    pub losses: Vec<f64>,
    /// Seeds; every transfer runs with each of them.
    pub seeds: std::ops::Range<u64>,
    /// The clients.
    pub readers: Vec<Reader>,
    /// A transfer that takes longer counts as failed.
    pub limit: Duration,
}

/// The transfers of one client from one server at one loss rate.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The server's name.
    pub server: String,
    /// The client.
    pub reader: Reader,
    /// Loss rate of each direction.
    pub loss: f64,
    /// The time with each seed; `None` if the transfer failed.
    pub times: Vec<Option<Duration>>,
}

impl Outcome {
    /// The median of the times; `None` if that transfer failed.
    pub fn median(&self) -> Option<Duration> {
        let mut times = self.times.clone();
        times.sort_by_key(|time| time.unwrap_or(Duration::MAX));
        times.get(times.len() / 2).copied().flatten()
    }

    /// The cell of the table.
    pub fn cell(&self) -> String {
        let failed = self.times.iter().filter(|time| time.is_none()).count();
        let time = self
            .median()
            .map(|time| crate::document::digits(time.as_secs_f64()));
        match (time, failed) {
            (Some(time), 0) => time,
            (Some(time), failed) => format!("{time} ({failed} of {} failed)", self.times.len()),
            (None, failed) => format!("{failed} of {} failed", self.times.len()),
        }
    }
}

/// Between the starts of two transfers. A hundred clients that start together would keep the cores
/// busy for a second.
const BETWEEN_STARTS: Duration = Duration::from_millis(100);

/// Runs all transfers from one server side by side.
fn try_server(
    name: &str,
    server: &Running,
    settings: &Settings,
    plan: &Plan,
) -> Result<Vec<Outcome>> {
    thread::scope(|scope| {
        let mut in_progress = Vec::new();
        let mut wait = Duration::ZERO;
        for &reader in &plan.readers {
            for &loss in &plan.losses {
                let tries: Vec<_> = plan
                    .seeds
                    .clone()
                    .map(|seed| {
                        wait += BETWEEN_STARTS;
                        let transfer = move || {
                            thread::sleep(wait);
                            try_once(server, settings, plan, reader, loss, seed)
                        };
                        scope.spawn(transfer)
                    })
                    .collect();
                in_progress.push((reader, loss, tries));
            }
        }
        let outcome =
            |(reader, loss, tries): (Reader, f64, Vec<thread::ScopedJoinHandle<'_, Result<_>>>)| {
                let ended = |handle: thread::ScopedJoinHandle<'_, Result<_>>| {
                    handle
                        .join()
                        .map_err(|_| anyhow::anyhow!("a client panicked"))?
                };
                let times: Result<Vec<_>> = tries.into_iter().map(ended).collect();
                Ok(Outcome {
                    server: name.to_owned(),
                    reader,
                    loss,
                    times: times?,
                })
            };
        in_progress.into_iter().map(outcome).collect()
    })
}

fn try_once(
    server: &Running,
    settings: &Settings,
    plan: &Plan,
    reader: Reader,
    loss: f64,
    seed: u64,
) -> Result<Option<Duration>> {
    let way = Conditions {
        delay: ROUND_TRIP / 2,
        loss,
        ..Conditions::default()
    };
    let relay = relay::Running::start(Path {
        listen: (std::net::Ipv4Addr::LOCALHOST, 0).into(),
        server: server.address(),
        up: way,
        down: way,
        seed,
    })?;
    reader.read(settings, relay.address(), plan.file, plan.limit)
}

/// The default servers. The single-port mode of the `tftpd` crate is not among them: it keeps a
/// core busy while it waits, which would delay all other servers.
pub const USUAL: &str = "bootstone,dnsmasq,dnsmasq single-port,r-tftpd,atftpd,tftpd-hpa";

/// The servers of the table. Bootstone is in it twice: with and without pipelining.
pub fn variants(kinds: &[Kind], settings: &Settings) -> Vec<(String, Kind, Settings)> {
    let mut all = Vec::new();
    for &kind in kinds {
        all.push((kind.name().to_owned(), kind, settings.clone()));
        if kind == Kind::Bootstone {
            let plain = settings.with_flags(&["--pipeline", "1"]);
            all.push(("bootstone --pipeline 1".to_owned(), kind, plain));
        }
    }
    all
}

/// So many servers are measured at the same time. The relays of more keep two cores busy, and add to
/// the RTT.
const SERVERS_AT_ONCE: usize = 2;

/// Runs all transfers. If a server cannot be started, it reports that and continues without it.
pub fn run(kinds: &[Kind], settings: &Settings, plan: &Plan) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for variants in variants(kinds, settings).chunks(SERVERS_AT_ONCE) {
        outcomes.extend(run_together(variants, plan)?);
    }
    Ok(outcomes)
}

/// Runs all transfers from these servers at the same time.
fn run_together(variants: &[(String, Kind, Settings)], plan: &Plan) -> Result<Vec<Outcome>> {
    let mut servers = Vec::new();
    for (name, kind, settings) in variants {
        match Running::start(*kind, settings) {
            Ok(server) => servers.push((name, server, settings)),
            Err(error) => eprintln!("skipped: {error}"),
        }
    }
    thread::scope(|scope| {
        let start = |(name, server, settings)| {
            scope.spawn(move || try_server(name, server, settings, plan))
        };
        let handles: Vec<_> = servers
            .iter()
            .map(|(n, s, t)| start((n.as_str(), s, *t)))
            .collect();
        let mut outcomes = Vec::new();
        for handle in handles {
            outcomes.extend(
                handle
                    .join()
                    .map_err(|_| anyhow::anyhow!("a server's thread panicked"))??,
            );
        }
        Ok(outcomes)
    })
}
