//! `bootstone verify`: whether servers serve what was published, byte for byte.

mod check;
mod report;
mod wanted;

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use argh::FromArgs;

use super::host::Host;
use super::{COULD_NOT, DONE, MISMATCH, could_not, flag_or_variable, print, runtime};
use crate::net::Clock;
use check::{Check, Target, Verdict, Wanted, check_all};

/// Where Fly.io names the machine to be checked.
const MACHINE_VARIABLE: &str = "FLY_TEST_MACHINE_IP";

/// Between two rounds of `--wait`.
const PAUSE: Duration = Duration::from_secs(1);

/// Fetch the published files from servers, and compare them by their hashes. Exit status: 0 if all
/// are as published; 1 if any is not (differs, missing, truncated); else 2 if any could not be
/// compared (silent, refused).
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "verify")]
pub struct Verify {
    /// the servers: names or addresses, with :PORT behind if it is not 69 (default:
    /// FLY_TEST_MACHINE_IP, which a check of Fly.io sets)
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
    #[argh(option, default = "Format::Table")]
    format: Format,

    /// ask every address of each name, not just the first
    #[argh(switch)]
    all_addresses: bool,

    /// if not all is as published, ask all over again until it is, for so many seconds (default: 0)
    #[argh(option, default = "0")]
    wait: u64,

    /// give up on a file after so many seconds without any progress (default: 5)
    #[argh(option, default = "5")]
    timeout: u64,

    /// transfers at the same time (default: 8)
    #[argh(option, default = "8")]
    jobs: usize,

    /// bytes after which a file of unknown size is not read on (default: 1073741824)
    #[argh(option, default = "1 << 30")]
    max_size: u64,
}

#[derive(Debug)]
enum Format {
    Table,
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        match text {
            "table" => Ok(Format::Table),
            "json" => Ok(Format::Json),
            _ => Err(format!("there is no format {text:?}: use table or json")),
        }
    }
}

impl Verify {
    /// Fetches, compares and tells.
    pub fn run(self) -> ExitCode {
        match self.verify() {
            Ok(checks) => {
                let told = print(&match self.format {
                    Format::Table => report::table(&checks),
                    Format::Json => report::json(&checks),
                });
                match exit_code(&checks) {
                    DONE => told,
                    code => ExitCode::from(code),
                }
            }
            Err(message) => could_not(message),
        }
    }

    fn verify(&self) -> Result<Vec<Vec<Check>>, String> {
        if self.timeout == 0 || self.jobs == 0 {
            return Err("--timeout and --jobs are at least 1".to_owned());
        }
        let hosts = self.named_hosts()?;
        let files = match &self.sums {
            None => wanted::embedded(),
            Some(path) => wanted::listed(path, self.max_size),
        }?;
        Ok(runtime()?.block_on(self.until_arrived(&hosts, &files)))
    }

    /// The servers of the command line, else the one of the environment: a check of Fly.io has no
    /// shell to put it on a command line.
    fn named_hosts(&self) -> Result<Vec<Host>, String> {
        if !self.hosts.is_empty() {
            return Ok(self.hosts.clone());
        }
        let host = flag_or_variable(None, MACHINE_VARIABLE)?;
        host.map(|host| vec![host]).ok_or_else(|| {
            format!("no server was named: bootstone verify HOST[:PORT]…, or set {MACHINE_VARIABLE}")
        })
    }

    /// Checks, and checks again while there is time. The names are resolved anew each time: a
    /// rollout replaces machines.
    async fn until_arrived(&self, hosts: &[Host], files: &[Wanted]) -> Vec<Vec<Check>> {
        let clock = Clock::start();
        let last = clock.now() + Duration::from_secs(self.wait);
        let patience = Duration::from_secs(self.timeout);
        loop {
            let targets = hosts.iter().flat_map(|host| self.targets(host));
            let mut checks = check_all(targets.collect(), files, patience, self.jobs).await;
            if self.ignore_missing {
                checks.iter_mut().for_each(|column| ignore_missing(column));
            }
            let left = last - clock.now();
            if exit_code(&checks) == DONE || left.is_zero() {
                return checks;
            }
            tokio::time::sleep(left.min(PAUSE)).await;
        }
    }

    /// The addresses to ask, or why there are none.
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

/// Marks what a server does not have as ignored; unless it has none of the files, for then nothing
/// was verified. `sha256sum` has the same rule.
fn ignore_missing(checks: &mut [Check]) {
    if checks.iter().any(|check| check.verdict == Verdict::Ok) {
        let missing = |check: &&mut Check| check.verdict == Verdict::Missing;
        for check in checks.iter_mut().filter(missing) {
            check.verdict = Verdict::Ignored;
        }
    }
}

/// A wrong file is the graver news than a server that could not be asked: it goes first.
fn exit_code(checks: &[Vec<Check>]) -> u8 {
    let all = checks.iter().flatten().map(|check| check.verdict);
    let any = |verdicts: &[Verdict]| all.clone().any(|verdict| verdicts.contains(&verdict));
    if any(&[Verdict::Differs, Verdict::Missing, Verdict::Truncated]) {
        MISMATCH
    } else if any(&[Verdict::Silent, Verdict::Refused]) {
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
