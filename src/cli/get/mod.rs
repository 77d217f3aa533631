//! `bootstone get`: fetches a file from a server and prints its hash.

mod output;
mod progress;
mod url;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use argh::FromArgs;
use sha2::{Digest as _, Sha256};

use super::console::{DONE, MISMATCH, could_not, print, say};
use super::runtime;
use super::signals::Signals;
use super::value::Ranged;
use crate::manifest::Digest;
use crate::net::Clock;
use crate::net::client::{Failure, FetchDriver};
use crate::proto::client::{FetchError, FetchOptions, Received};
use output::Output;
use progress::{Progress, kilobytes_per_second};
use url::Url;

/// Fetch a file from a TFTP server. The local file is written only if it is complete.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "get")]
pub(crate) struct Get {
    /// tftp://HOST/NAME, or tftp://HOST:PORT/NAME if the port is not 69
    #[argh(positional)]
    url: Url,

    /// output file, or - for standard output (default: the last part of NAME, in this directory)
    #[argh(option, short = 'o')]
    output: Option<String>,

    /// bytes per block to request, 8 to 65464 (default: 1428)
    #[argh(option, default = "Ranged::new(1428)")]
    blksize: Ranged<8, 65464>,

    /// blocks per acknowledgement to request, 1 to 64 (default: 16)
    #[argh(option, default = "Ranged::new(16)")]
    windowsize: Ranged<1, 64>,

    /// seconds without progress after which to give up, at least 1 (default: 30)
    #[argh(option, default = "Ranged::new(30)")]
    timeout: Ranged<1, { u64::MAX }>,

    /// largest file to accept, in bytes (default: 4294967296)
    #[argh(option, default = "4 << 30")]
    max_size: u64,
}

/// Why the command failed, as a message.
enum Problem {
    /// The file differs from what was announced.
    Mismatch(String),
    /// The server has not answered: the next address may.
    NoAnswer(String),
    /// Any other reason.
    CouldNot(String),
}

impl From<String> for Problem {
    fn from(message: String) -> Problem {
        Problem::CouldNot(message)
    }
}

impl Get {
    /// Fetches the file; fails with a message.
    pub(crate) fn run(self) -> ExitCode {
        match self.get() {
            Ok(code) => code,
            Err(Problem::CouldNot(message) | Problem::NoAnswer(message)) => could_not(message),
            Err(Problem::Mismatch(message)) => {
                could_not(message);
                ExitCode::from(MISMATCH)
            }
        }
    }

    fn get(self) -> Result<ExitCode, Problem> {
        let options = self.fetch_options();
        let host = &self.url.host;
        let addresses = host.resolve().map_err(|error| {
            format!(
                "{host} has no address: {error}. Check the spelling, and whether this machine can \
                 resolve it"
            )
        })?;
        let path = match &self.output {
            Some(path) => path.as_str(),
            None => self.url.basename()?,
        };
        let output = Output::open(path).map_err(|error| {
            format!("cannot write {path:?}: {error}. Choose another file with -o")
        })?;
        let (received, sha256) = runtime::start()?.block_on(fetch(&addresses, &options, output))?;
        Ok(print_result(path, &received, sha256))
    }

    fn fetch_options(&self) -> FetchOptions {
        FetchOptions {
            blksize: Some(self.blksize.get_u16()),
            windowsize: Some(self.windowsize.get_u16()),
            max_size: self.max_size,
            stall_timeout: Duration::from_secs(self.timeout.get()),
            ..FetchOptions::new(self.url.filename.clone())
        }
    }
}

/// Tries the addresses in turn until one answers.
async fn fetch(
    addresses: &[SocketAddr],
    options: &FetchOptions,
    mut output: Output,
) -> Result<(Received, Digest), Problem> {
    let mut signals = Signals::new().map_err(|error| format!("cannot catch signals: {error}"))?;
    let mut progress = Progress::start();
    let mut hash = Sha256::new();
    let mut problem = Problem::CouldNot("the name has no address".to_owned());
    for &server in addresses {
        let mut driver = FetchDriver::new(Clock::start(), server, options.clone())
            .map_err(|error| format!("cannot open a socket: {error}"))?;
        let write = |bytes: &[u8], tsize: Option<u64>| {
            hash.update(bytes);
            progress.advance(bytes.len(), tsize);
            output.write(bytes)
        };
        let fetched = tokio::select! {
            fetched = driver.run(write) => fetched,
            name = signals.next() => {
                driver.abort().await;
                return Err(format!("{name}: interrupted, and no file was written").into());
            }
        };
        match fetched {
            Ok(received) => {
                let committed = output.commit();
                committed.map_err(|error| format!("cannot write the file: {error}"))?;
                return Ok((received, Digest(hash.finalize().into())));
            }
            Err(failure) => problem = explain(server, &failure),
        }
        if !matches!(&problem, Problem::NoAnswer(_)) {
            break;
        }
    }
    Err(problem)
}

fn explain(server: SocketAddr, failure: &Failure) -> Problem {
    let Failure::Transfer(error) = failure else {
        return match failure {
            Failure::Output(error) => format!("cannot write: {error}").into(),
            other => {
                Problem::NoAnswer(format!("{server}: {other}. Check the address and the port"))
            }
        };
    };
    let advice = match error {
        FetchError::Silent {
            other_address: None,
        } => "Check the port and the firewalls: answers may come from any port of the server",
        FetchError::Silent { .. } => {
            "A server with several addresses has to answer from the requested one"
        }
        FetchError::NotFound { .. } => "Check the name: it may be case-sensitive on this server",
        FetchError::Refused { code: 8, .. } => "Try another --blksize, or --windowsize 1",
        FetchError::Refused { .. } => "Only the server's operator can change this",
        FetchError::Stalled { .. } => {
            "Try again; if it stops early each time, blocks may be too large for the path: --blksize 512"
        }
        FetchError::WrongSize { .. } => "The file may be changing on the server: try again",
        FetchError::TooLarge { .. } => "If this size is right, allow it with --max-size",
        FetchError::BadAnswer(_) => "This is a bug of the server",
        FetchError::Aborted => "No file was written",
    };
    let message = format!("{server}: {error}. {advice}");
    match error {
        FetchError::WrongSize { .. } => Problem::Mismatch(message),
        FetchError::Silent { .. } => Problem::NoAnswer(message),
        _ => Problem::CouldNot(message),
    }
}

/// Prints the figures to standard error, and the hash in the format of `sha256sum`.
fn print_result(path: &str, received: &Received, sha256: Digest) -> ExitCode {
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
