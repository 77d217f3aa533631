//! `bootstone get`: one file from a server, and its hash.

mod output;
mod progress;
mod url;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use argh::FromArgs;
use sha2::{Digest as _, Sha256};

use super::signals::Signals;
use super::{DONE, MISMATCH, could_not, print, runtime, say};
use crate::manifest::Digest;
use crate::net::Clock;
use crate::net::client::{Failure, Fetcher};
use crate::proto::client::{Config, FetchError, Received};
use output::Output;
use progress::Progress;
use url::Url;

/// Fetch a file from a TFTP server. Nothing is left behind unless it arrives whole.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "get")]
pub struct Get {
    /// tftp://HOST/NAME, with :PORT behind HOST if it is not 69
    #[argh(positional)]
    url: Url,

    /// where to: a file, or - for standard output (default: the last part of NAME, here)
    #[argh(option, short = 'o')]
    output: Option<String>,

    /// bytes per block to ask for, 8 to 65464 (default: 1428)
    #[argh(option, default = "1428")]
    blksize: u16,

    /// blocks per acknowledgement to ask for, 1 to 64 (default: 16)
    #[argh(option, default = "16")]
    windowsize: u16,

    /// give up after so many seconds without any progress (default: 30)
    #[argh(option, default = "30")]
    timeout: u64,

    /// refuse a file of more bytes (default: 4294967296)
    #[argh(option, default = "4 << 30")]
    max_size: u64,
}

/// Why there is no file, for people.
enum Problem {
    /// What arrived is not what was announced.
    Mismatch(String),
    /// Nobody was there: another address may do better.
    Silence(String),
    CouldNot(String),
}

impl From<String> for Problem {
    fn from(message: String) -> Problem {
        Problem::CouldNot(message)
    }
}

impl Get {
    /// Fetches the file, or says why not.
    pub fn run(self) -> ExitCode {
        match self.get() {
            Ok(code) => code,
            Err(Problem::CouldNot(message) | Problem::Silence(message)) => could_not(message),
            Err(Problem::Mismatch(message)) => {
                could_not(message);
                ExitCode::from(MISMATCH)
            }
        }
    }

    fn get(self) -> Result<ExitCode, Problem> {
        let config = self.config()?;
        let host = &self.url.host;
        let addresses = host.resolve().map_err(|error| {
            format!("{host} has no address: {error}. Is it spelled right, and does its name resolve from here?")
        })?;
        let path = match &self.output {
            Some(path) => path.as_str(),
            None => self.url.basename()?,
        };
        let output = Output::open(path)
            .map_err(|error| format!("cannot write {path:?}: {error}. Choose another with -o"))?;
        let (received, sha256) = runtime()?.block_on(fetch(&addresses, &config, output))?;
        Ok(tell(path, &received, sha256))
    }

    fn config(&self) -> Result<Config, String> {
        if !(8..=65464).contains(&self.blksize) {
            return Err(format!("--blksize {} is not 8 to 65464", self.blksize));
        }
        if !(1..=64).contains(&self.windowsize) {
            return Err(format!("--windowsize {} is not 1 to 64", self.windowsize));
        }
        if self.timeout == 0 {
            return Err("--timeout 0 leaves no time for an answer".to_owned());
        }
        Ok(Config {
            blksize: Some(self.blksize),
            windowsize: Some(self.windowsize),
            max_size: self.max_size,
            patience: Duration::from_secs(self.timeout),
            ..Config::new(self.url.filename.clone())
        })
    }
}

/// Tries the addresses in turn until one says something. Keeps the file, or nothing.
async fn fetch(
    addresses: &[SocketAddr],
    config: &Config,
    mut output: Output,
) -> Result<(Received, Digest), Problem> {
    let mut signals =
        Signals::new().map_err(|error| format!("signals cannot be caught: {error}"))?;
    let mut progress = Progress::start();
    let mut hash = Sha256::new();
    let mut problem = Problem::CouldNot("the name has no address".to_owned());
    for &server in addresses {
        let mut fetcher = Fetcher::new(Clock::start(), server, config.clone())
            .map_err(|error| format!("the system gives no socket: {error}"))?;
        let owner = |bytes: &[u8], tsize: Option<u64>| {
            hash.update(bytes);
            progress.advance(bytes.len(), tsize);
            output.write(bytes)
        };
        let fetched = tokio::select! {
            fetched = fetcher.run(owner) => fetched,
            name = signals.next() => {
                fetcher.abort().await;
                return Err(format!("{name}: interrupted, and nothing was kept").into());
            }
        };
        match fetched {
            Ok(received) => {
                let kept = output.keep();
                kept.map_err(|error| format!("the file cannot be kept: {error}"))?;
                return Ok((received, Digest(hash.finalize().into())));
            }
            Err(failure) => problem = explain(server, &failure),
        }
        if !matches!(&problem, Problem::Silence(_)) {
            break;
        }
    }
    Err(problem)
}

fn explain(server: SocketAddr, failure: &Failure) -> Problem {
    let Failure::Fetch(error) = failure else {
        return match failure {
            Failure::Owner(error) => format!("cannot write: {error}").into(),
            other => Problem::Silence(format!(
                "{server}: {other}. Is the address right, and the port?"
            )),
        };
    };
    let way_out = match error {
        FetchError::Silent { elsewhere: None } => {
            "Is a firewall between, and is the port right? Answers may come from any port of the server"
        }
        FetchError::Silent { .. } => {
            "A server with several addresses has to answer from the one that was asked"
        }
        FetchError::NotFound { .. } => "Is the name right? It may be case-sensitive there",
        FetchError::Refused { code: 8, .. } => "Try another --blksize, or --windowsize 1",
        FetchError::Refused { .. } => "That is the server's to change",
        FetchError::Stalled { .. } => {
            "Try again; if it stops early each time, blocks may be too large for the path: --blksize 512"
        }
        FetchError::WrongSize { .. } => "The file may be changing on the server: try again",
        FetchError::TooLarge { .. } => "If so much is right, allow it with --max-size",
        FetchError::BadAnswer(_) => "That is a fault of the server",
        FetchError::Aborted => "Nothing was kept",
    };
    let message = format!("{server}: {error}. {way_out}");
    match error {
        FetchError::WrongSize { .. } => Problem::Mismatch(message),
        FetchError::Silent { .. } => Problem::Silence(message),
        _ => Problem::CouldNot(message),
    }
}

/// The figures for people; the hash as `sha256sum` prints it, for `sha256sum -c`.
fn tell(path: &str, received: &Received, sha256: Digest) -> ExitCode {
    let ms = received.elapsed.as_millis();
    say(format_args!(
        "{} bytes from {} in {ms} ms, {} kB/s (blksize {}, windowsize {}, {} resends)",
        received.size,
        received.server,
        kilobytes_per_second(received.size, received.elapsed),
        received.blksize,
        received.windowsize,
        received.resends,
    ));
    if path == "-" {
        say(format_args!("{sha256}  -"));
        return ExitCode::from(DONE);
    }
    print(&format!("{sha256}  {path}\n"))
}

fn kilobytes_per_second(bytes: u64, time: Duration) -> u128 {
    u128::from(bytes) * 1000 / time.as_micros().max(1)
}
