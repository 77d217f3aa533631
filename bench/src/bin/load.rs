//! Runs a load on a TFTP server that serves the bench's files, and prints the results.
//!
//! `load --start bootstone fetch --blksize 1428 --windowsize 16` starts the server. `--server` and
//! `--pid` select a running one.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use argh::FromArgs;

use bootstone_bench::content::File;
use bootstone_bench::measure::{measure, scenarios};
use bootstone_bench::process::{self, Account};
use bootstone_bench::servers::{Kind, Running, Settings};

/// Run a load on a TFTP server, and print the results.
#[derive(FromArgs)]
struct Arguments {
    /// address of a running server: 127.0.0.1:69
    #[argh(option)]
    server: Option<SocketAddr>,

    /// process id of the running server
    #[argh(option)]
    pid: Option<u32>,

    /// start this server: bootstone, tftpd-hpa, atftpd, dnsmasq, "dnsmasq single-port",
    /// rs-tftpd or "rs-tftpd single-port"
    #[argh(option)]
    start: Option<String>,

    /// program of Bootstone with the bench's files embedded (default: build it)
    #[argh(option)]
    bootstone: Option<PathBuf>,

    /// pass this flag to Bootstone; may be repeated
    #[argh(option)]
    flag: Vec<String>,

    /// use one address for all clients, as behind a NAT
    #[argh(switch)]
    one_address: bool,

    /// receive joined datagrams (UDP_GRO)
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

/// Fetch the 16 MiB file repeatedly.
#[derive(FromArgs)]
#[argh(subcommand, name = "fetch")]
struct Fetch {
    /// bytes per block (default: 1428)
    #[argh(option, default = "1428")]
    blksize: u16,

    /// blocks per ACK (default: 16)
    #[argh(option, default = "16")]
    windowsize: u16,

    /// number of transfers (default: 20)
    #[argh(option, default = "20")]
    count: usize,

    /// transfers at the same time (default: 1)
    #[argh(option, default = "1")]
    at_once: usize,
}

/// Run many clients: `small` is 4,000 × 64 KiB, 100 at the same time; `herd` 2,000 × 300 KiB, all
/// at the same time; `images` 1,000 × 1 MiB, 100 at the same time; `crowd` 10,000 × 64 KiB, all at
/// the same time.
#[derive(FromArgs)]
#[argh(subcommand, name = "storm")]
struct Storm {
    /// small, herd, images or crowd
    #[argh(positional)]
    which: String,

    /// number of transfers instead of the usual one
    #[argh(option)]
    count: Option<usize>,
}

/// Fetch the one-block file from a new port each time, 32 at the same time.
#[derive(FromArgs)]
#[argh(subcommand, name = "requests")]
struct Requests {
    /// number of transfers (default: 100000)
    #[argh(option, default = "100_000")]
    count: usize,
}

/// Write the bench's files to a directory, for a server that you start yourself.
#[derive(FromArgs)]
#[argh(subcommand, name = "write-files")]
struct WriteFiles {
    /// directory for the files
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

/// File, (`blksize`, `windowsize`), (transfers, transfers at the same time).
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
            Scenario::WriteFiles(_) => bail!("write-files has no load"),
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
            other => bail!("unknown storm {other:?}: use small, herd, images or crowd"),
        })
    }
}
