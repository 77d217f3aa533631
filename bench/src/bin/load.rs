//! Puts a load on a TFTP server that serves the bench's files, and says what it came to.
//!
//! `load --start bootstone fetch --blksize 1428 --windowsize 16` starts the server itself; with
//! `--server` and `--pid` it is one that runs already.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use argh::FromArgs;

use bootstone_bench::content::File;
use bootstone_bench::measure::{measure, scenarios};
use bootstone_bench::process::{self, Account};
use bootstone_bench::servers::{Kind, Running, Settings};

/// Put a load on a TFTP server.
#[derive(FromArgs)]
struct Arguments {
    /// address of a server that runs: 127.0.0.1:69
    #[argh(option)]
    server: Option<SocketAddr>,

    /// its process
    #[argh(option)]
    pid: Option<u32>,

    /// a server to start for this: bootstone, tftpd-hpa, atftpd, dnsmasq, "dnsmasq single-port",
    /// rs-tftpd or "rs-tftpd single-port"
    #[argh(option)]
    start: Option<String>,

    /// bootstone with the bench's files in it (default: it is built)
    #[argh(option)]
    bootstone: Option<PathBuf>,

    /// a flag for bootstone; repeatable
    #[argh(option)]
    flag: Vec<String>,

    /// all clients have one address, as behind a NAT
    #[argh(switch)]
    one_address: bool,

    /// take joined datagrams (UDP_GRO)
    #[argh(switch)]
    gro: bool,

    #[argh(subcommand)]
    scenario: Scenario,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Scenario {
    Fetch(Fetch),
    Storm(Storm),
    Requests(Requests),
    WriteFiles(WriteFiles),
}

/// The 16 MiB file, one client after the other.
#[derive(FromArgs)]
#[argh(subcommand, name = "fetch")]
struct Fetch {
    /// bytes per block (default: 1428)
    #[argh(option, default = "1428")]
    blksize: u16,

    /// blocks per ACK (default: 16)
    #[argh(option, default = "16")]
    windowsize: u16,

    /// transfers (default: 20)
    #[argh(option, default = "20")]
    count: usize,

    /// at once (default: 1)
    #[argh(option, default = "1")]
    at_once: usize,
}

/// Many machines: `small` is 64 KiB × 4000, 100 at once; `herd` 300 KiB × 2000, all at once;
/// `images` 1 MiB × 1000 with windows of 16, 100 at once; `crowd` 64 KiB × 10,000, all at once.
#[derive(FromArgs)]
#[argh(subcommand, name = "storm")]
struct Storm {
    /// small, herd, images or crowd
    #[argh(positional)]
    which: String,

    /// instead of the usual number
    #[argh(option)]
    count: Option<usize>,
}

/// The one-block file, 32 at once, each from a port of its own.
#[derive(FromArgs)]
#[argh(subcommand, name = "requests")]
struct Requests {
    /// transfers (default: 100000)
    #[argh(option, default = "100_000")]
    count: usize,
}

/// Write the bench's files to a directory, for a server that you start.
#[derive(FromArgs)]
#[argh(subcommand, name = "write-files")]
struct WriteFiles {
    #[argh(positional)]
    directory: PathBuf,
}

fn main() -> Result<()> {
    let arguments: Arguments = argh::from_env();
    if let Scenario::WriteFiles(WriteFiles { directory }) = &arguments.scenario {
        return bootstone_bench::content::write_to(directory);
    }
    let running = arguments
        .start
        .as_deref()
        .map(|name| start(name, &arguments))
        .transpose()?;
    let (server, account) = match (&running, arguments.server, arguments.pid) {
        (Some(running), None, None) => (running.address(), running.account().clone()),
        (None, Some(server), Some(pid)) => (server, Account::of(pid)),
        _ => bail!("give --start NAME, or --server ADDRESS and --pid PROCESS"),
    };
    let (_, core) = process::cores()?;
    process::pin(core)?;
    let (file, terms, counts) = arguments.scenario.plan()?;
    let mut load = scenarios::load(server, file, terms, counts);
    load.one_address = arguments.one_address;
    load.gro = arguments.gro;
    print!("{}", measure(&load, &account)?.describe());
    Ok(())
}

fn start(name: &str, arguments: &Arguments) -> Result<Running> {
    let kind = Kind::named(name)?;
    let flags: Vec<&str> = arguments.flag.iter().map(String::as_str).collect();
    let settings = Settings::prepare(arguments.bootstone.clone())?.with_flags(&flags);
    Running::start(kind, &settings)
}

/// File, (`blksize`, `windowsize`), (transfers, at once).
type Plan = (File, (u16, u16), (usize, usize));

impl Scenario {
    fn plan(&self) -> Result<Plan> {
        Ok(match self {
            Scenario::Fetch(fetch) => (
                File::Huge,
                (fetch.blksize, fetch.windowsize),
                (fetch.count, fetch.at_once),
            ),
            Scenario::Storm(storm) => storm.plan()?,
            Scenario::Requests(requests) => (File::OneBlock, (512, 1), (requests.count, 32)),
            Scenario::WriteFiles(_) => bail!("there is nothing to measure"),
        })
    }
}

impl Storm {
    fn plan(&self) -> Result<Plan> {
        let or = |usual| self.count.unwrap_or(usual);
        Ok(match self.which.as_str() {
            "small" => (File::Small, (1428, 1), (or(4000), 100)),
            "herd" => (File::Middle, (1428, 16), (or(2000), or(2000))),
            "images" => (File::Large, (1428, 16), (or(1000), 100)),
            "crowd" => (File::Small, (1428, 4), (or(10_000), or(10_000))),
            other => bail!("there is no storm {other:?}: use small, herd, images or crowd"),
        })
    }
}
