//! `bootstone verify`: fetches the published files from servers and compares their hashes.

mod check;
mod published;
mod report;

use std::process::ExitCode;
use std::time::Duration;

use argh::{FromArgValue, FromArgs};

use super::console::{COULD_NOT, DONE, MISMATCH, could_not, print};
use super::host::Host;
use super::runtime;
use super::value::{Ranged, option_or_variable};
use crate::net::Clock;
use check::{Check, PublishedFile, Target, TimeLimits, Verdict, check_all};

/// The variable in which Fly.io passes the address of the machine to check.
const MACHINE_VARIABLE: &str = "FLY_TEST_MACHINE_IP";

/// Seconds for the whole check, besides those of `--wait`. A server that sends one block in a while
/// would otherwise hold it up for ever.
const DEFAULT_MAX_TIME: u64 = 600;

/// Pause between two rounds of `--wait`.
const ROUND_PAUSE: Duration = Duration::from_secs(1);

/// Fetch the published files from servers and compare their hashes. Exit status: 0 if all are as
/// published; 1 if any is not (differs, missing, truncated); else 2 if any could not be compared
/// (silent, refused, timed-out).
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "verify")]
pub(crate) struct Verify {
    /// servers, as HOST or HOST:PORT (default: FLY_TEST_MACHINE_IP, which a check of Fly.io sets)
    #[argh(positional)]
    hosts: Vec<Host>,

    /// file of published hashes, in any form that sha256sum accepts; - is standard input (default:
    /// the embedded files)
    #[argh(option)]
    sums: Option<String>,

    /// accept that a server does not have a listed file, if at least one file was verified on it
    #[argh(switch)]
    ignore_missing: bool,

    /// table or json (default: table)
    #[argh(option, default = "ReportFormat::Table")]
    format: ReportFormat,

    /// check every address of each name, not only the first
    #[argh(switch)]
    all_addresses: bool,

    /// seconds to repeat the check until all files are as published (default: 0)
    #[argh(option, default = "0")]
    wait: u64,

    /// seconds without progress after which to give up a file, at least 1 (default: 5)
    #[argh(option, default = "Ranged::new(5)")]
    timeout: Ranged<1, { u64::MAX }>,

    /// seconds for the whole check, at least 1 (default: 600, and those of --wait)
    #[argh(option)]
    max_time: Option<Ranged<1, { u64::MAX }>>,

    /// transfers at the same time, 1 to 65536 (default: 8)
    #[argh(option, default = "Ranged::new(8)")]
    jobs: Ranged<1, 65536>,

    /// largest size in bytes of a file whose size is not known (default: 1073741824)
    #[argh(option, default = "1 << 30")]
    max_size: u64,
}

#[derive(Debug, FromArgValue)]
enum ReportFormat {
    Table,
    Json,
}

impl Verify {
    /// Checks the servers and prints the report.
    pub(crate) fn run(self) -> ExitCode {
        match self.verify() {
            Ok(checks) => {
                let printed = print(&match self.format {
                    ReportFormat::Table => report::table(&checks),
                    ReportFormat::Json => report::json(&checks),
                });
                match exit_code(&checks) {
                    DONE => printed,
                    code => ExitCode::from(code),
                }
            }
            Err(message) => could_not(message),
        }
    }

    fn verify(&self) -> Result<Vec<Vec<Check>>, String> {
        let hosts = self.named_hosts()?;
        let files = match &self.sums {
            None => published::embedded(),
            Some(path) => published::listed(path, self.max_size),
        }?;
        Ok(runtime::start()?.block_on(self.check_until_ok(&hosts, &files)))
    }

    /// The servers of the command line, else the one of the environment: a check of Fly.io has no
    /// shell that could put it on the command line.
    fn named_hosts(&self) -> Result<Vec<Host>, String> {
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

    /// Checks once, and repeats the check until all is as published or the time is over. Names are
    /// resolved each time, because a rollout replaces machines.
    async fn check_until_ok(&self, hosts: &[Host], files: &[PublishedFile]) -> Vec<Vec<Check>> {
        let clock = Clock::start();
        let last = clock.now() + Duration::from_secs(self.wait);
        let limits = TimeLimits {
            stall: Duration::from_secs(self.timeout.get()),
            end: clock.now() + self.max_time(),
        };
        let jobs = self.jobs.get_usize();
        loop {
            let targets = hosts.iter().flat_map(|host| self.targets(host));
            let mut checks = check_all(targets.collect(), files, limits, clock, jobs).await;
            if self.ignore_missing {
                checks.iter_mut().for_each(|column| ignore_missing(column));
            }
            let left = last.min(limits.end) - clock.now();
            if exit_code(&checks) == DONE || left.is_zero() {
                return checks;
            }
            tokio::time::sleep(left.min(ROUND_PAUSE)).await;
        }
    }

    fn max_time(&self) -> Duration {
        let default = DEFAULT_MAX_TIME.saturating_add(self.wait);
        Duration::from_secs(self.max_time.map_or(default, Ranged::get))
    }

    /// The addresses to check, or why there are none.
    fn targets(&self, host: &Host) -> Vec<Target> {
        let target = |address| Target {
            host: host.to_string(),
            address,
        };
        match host.resolve() {
            Ok(addresses) => {
                let count = if self.all_addresses { usize::MAX } else { 1 };
                let asked = addresses.into_iter().take(count);
                asked.map(|address| target(Ok(address))).collect()
            }
            Err(error) => vec![target(Err(format!("the name has no address: {error}")))],
        }
    }
}

/// Marks missing files as ignored, unless the server has none of the files: then nothing was
/// verified. `sha256sum` has the same rule.
fn ignore_missing(checks: &mut [Check]) {
    if checks.iter().any(|check| check.verdict == Verdict::Ok) {
        let missing = |check: &&mut Check| check.verdict == Verdict::Missing;
        for check in checks.iter_mut().filter(missing) {
            check.verdict = Verdict::Ignored;
        }
    }
}

/// The exit code. A wrong file takes precedence over a server that could not be checked.
fn exit_code(checks: &[Vec<Check>]) -> u8 {
    let all = checks.iter().flatten().map(|check| check.verdict);
    let any = |verdicts: &[Verdict]| all.clone().any(|verdict| verdicts.contains(&verdict));
    if any(&[Verdict::Differs, Verdict::Missing, Verdict::Truncated]) {
        MISMATCH
    } else if any(&[Verdict::Silent, Verdict::Refused, Verdict::TimedOut]) {
        COULD_NOT
    } else {
        DONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(verdicts: &[Verdict]) -> (Vec<Verdict>, u8) {
        let check = |verdict: &Verdict| report::testing::check("host", "file", *verdict);
        let mut checks: Vec<Check> = verdicts.iter().map(check).collect();
        ignore_missing(&mut checks);
        let verdicts = checks.iter().map(|check| check.verdict).collect();
        (verdicts, exit_code(&[checks]))
    }

    #[test]
    fn missing_files_are_ignored_if_another_was_verified() {
        use Verdict::{Differs, Ignored, Missing, Ok, Silent};
        assert_eq!(checked(&[Missing, Ok]), (vec![Ignored, Ok], DONE));
        assert_eq!(
            checked(&[Ok, Missing, Differs]),
            (vec![Ok, Ignored, Differs], MISMATCH)
        );
        assert_eq!(checked(&[Missing, Missing]).1, MISMATCH);
        assert_eq!(checked(&[Missing, Silent]).1, MISMATCH);
        assert_eq!(
            checked(&[Ok, Missing, Silent]),
            (vec![Ok, Ignored, Silent], COULD_NOT)
        );
    }
}
