//! `bootstone verify`: compares what servers serve with a release.
//!
//! `release` is what should be served, `target` who is asked, `fetch` how a file is fetched.
//! `round` asks each server for its list and its files; `wait` repeats that. `check` has the
//! results, which `table` and `report` write.

#[cfg(feature = "canary")]
mod canary;
mod check;
mod fetch;
mod release;
mod report;
mod round;
mod served_list;
mod signature;
mod summary;
mod table;
mod target;
mod wait;

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use argh::{FromArgValue, FromArgs};

use super::console::{DONE, could_not, print};
use super::runtime;
use super::value::{Ranged, option_or_variable};
use crate::net::Clock;
use check::HostReport;
use fetch::{Fetcher, TimeLimits};
use round::Comparison;
use signature::Key;
use target::NamedServer;
use wait::Rounds;

/// The variable in which Fly.io passes the address of the machine to check.
const MACHINE_VARIABLE: &str = "FLY_TEST_MACHINE_IP";

/// Seconds for the whole check, besides those of `--wait`. A server that sends one block in a while
/// would otherwise hold it up for ever.
const DEFAULT_MAX_TIME: u64 = 600;

/// Compare all that servers serve with a release: the content id, and the hash of each file. Exit
/// status: 0 if all is as published; 1 if anything is not (differs, missing, extra, bad-signature,
/// truncated); else 2 if anything could not be compared (silent, refused, unreachable,
/// no-such-host, error, timed-out).
#[derive(FromArgs, Debug)]
#[cfg_attr(test, derive(argh::ArgsInfo))]
#[argh(subcommand, name = "verify")]
pub(crate) struct Verify {
    /// servers, as HOST, HOST:PORT, tftp://HOST:PORT or http://HOST:PORT (default:
    /// FLY_TEST_MACHINE_IP, which a check of Fly.io sets)
    #[argh(positional, arg_name = "SERVER")]
    hosts: Vec<NamedServer>,

    /// file of published hashes, in any form that sha256sum accepts; - is standard input (default:
    /// the embedded files)
    #[argh(option, arg_name = "FILE")]
    sums: Option<String>,

    /// accept that a server does not have a listed file, if at least one file was compared on it
    #[argh(switch)]
    ignore_missing: bool,

    /// accept further files on a server: compare only the listed ones, and not the content id
    #[argh(switch)]
    ignore_extra: bool,

    /// file with a public key of minisign: SHA256SUMS.minisig has to be its signature of the list
    /// that a server serves
    #[argh(option, arg_name = "FILE")]
    key: Option<String>,

    /// table or json (default: table)
    #[argh(option, arg_name = "table|json", default = "ReportFormat::Table")]
    format: ReportFormat,

    /// check every address of each name, not only the first
    #[argh(switch)]
    all_addresses: bool,

    /// seconds to repeat the check until all is as published (default: 0)
    #[argh(option, arg_name = "SECONDS", default = "Ranged::new(0)")]
    wait: Ranged<0, { u64::MAX }>,

    /// seconds without progress after which to give up a file, at least 1 (default: 5)
    #[argh(option, arg_name = "SECONDS", default = "Ranged::new(5)")]
    timeout: Ranged<1, { u64::MAX }>,

    /// seconds for the whole check, at least 1 (default: 600, and those of --wait)
    #[argh(option, arg_name = "SECONDS")]
    max_time: Option<Ranged<1, { u64::MAX }>>,

    /// transfers at the same time, 1 to 65536 (default: 8)
    #[argh(option, arg_name = "N", default = "Ranged::new(8)")]
    jobs: Ranged<1, 65536>,

    /// largest size in bytes of a file whose size is not known (default: 1073741824)
    #[argh(option, arg_name = "BYTES", default = "Ranged::new(1 << 30)")]
    max_size: Ranged<0, { u64::MAX }>,

    /// fetch one file as firmware would, and report what it would show: edk2, ipxe, grub, pxelinux,
    /// uboot, shim, strict, several with commas, or all
    #[cfg(feature = "canary")]
    #[argh(
        option,
        arg_name = "edk2|ipxe|grub|pxelinux|uboot|shim|strict|all",
        long = "as"
    )]
    models: Option<super::canary::Models>,

    /// the published file to fetch with --as (default: the largest; with --sums, the first)
    #[cfg(feature = "canary")]
    #[argh(option, arg_name = "NAME")]
    file: Option<String>,
}

#[derive(Debug, FromArgValue)]
enum ReportFormat {
    Table,
    Json,
}

impl Verify {
    /// Compares the servers with the release and prints the report.
    pub(crate) fn run(self) -> ExitCode {
        #[cfg(feature = "canary")]
        if let Some(models) = &self.models {
            return self.run_as(models);
        }
        match self.verify() {
            Ok((comparison, hosts)) => {
                let release = &comparison.release;
                let printed = print(&match self.format {
                    ReportFormat::Table => table::text(release, &hosts),
                    ReportFormat::Json => report::json(release, &hosts),
                });
                match summary::code(&hosts) {
                    DONE => printed,
                    code => ExitCode::from(code),
                }
            }
            Err(message) => could_not(message),
        }
    }

    fn verify(&self) -> Result<(Rc<Comparison>, Vec<HostReport>), String> {
        let clock = Clock::start();
        let waiting = Rounds {
            servers: self.named_servers()?,
            all_addresses: self.all_addresses,
            until: clock.now() + Duration::from_secs(self.wait.get()),
        };
        let release = match &self.sums {
            None => release::embedded(),
            Some(path) => release::listed(path, self.max_size.get()),
        }?;
        let limits = TimeLimits {
            stall: Duration::from_secs(self.timeout.get()),
            end: clock.now() + self.max_time(),
        };
        let comparison = Rc::new(Comparison {
            release,
            fetcher: Fetcher { clock, limits },
            jobs: self.jobs.get_usize(),
            ignore_missing: self.ignore_missing,
            ignore_extra: self.ignore_extra,
            key: self.key.as_deref().map(Key::read).transpose()?,
        });
        let rounds = wait::rounds(&comparison, &waiting);
        let hosts = runtime::start()?.block_on(rounds);
        Ok((comparison, hosts))
    }

    /// The servers of the command line, else the one of the environment: a check of Fly.io has no
    /// shell that could put it on the command line.
    fn named_servers(&self) -> Result<Vec<NamedServer>, String> {
        if !self.hosts.is_empty() {
            return Ok(self.hosts.clone());
        }
        let host = option_or_variable(None, MACHINE_VARIABLE)?;
        host.map(|host| vec![host]).ok_or_else(|| {
            format!(
                "no server was given: use bootstone verify HOST[:PORT]…, or set {MACHINE_VARIABLE}"
            )
        })
    }

    fn max_time(&self) -> Duration {
        let default = DEFAULT_MAX_TIME.saturating_add(self.wait.get());
        Duration::from_secs(self.max_time.map_or(default, Ranged::get))
    }
}
