//! `bootstone get`: fetches a file from a server and prints its hash.

mod output;
mod progress;
mod url;

use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use argh::FromArgs;
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use super::console::{DONE, MISMATCH, could_not, print, say};
use super::runtime;
use super::signals::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, Signals};
use super::value::Ranged;
use crate::manifest::Digest;
use crate::net::Clock;
use crate::net::client::{Failure, FetchDriver};
use crate::proto::client::{FetchError, FetchOptions, Received};
use output::Output;
use progress::{Progress, kilobytes_per_second};
use url::Url;

/// The signals that a terminal, a service manager or a script ends a program by. They are caught, so
/// that no temporary file is left.
const ENDING: [super::signals::Named; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Fetch a file from a TFTP server. The local file is written only if it is complete.
#[derive(FromArgs, Debug)]
#[cfg_attr(test, derive(argh::ArgsInfo))]
#[argh(subcommand, name = "get")]
pub(crate) struct Get {
    /// tftp://HOST/NAME, or tftp://HOST:PORT/NAME if the port is not 69
    #[argh(positional, arg_name = "URL")]
    url: Url,

    /// output file, or - for standard output (default: the last part of NAME, in this directory)
    #[argh(option, arg_name = "FILE", short = 'o')]
    output: Option<String>,

    /// bytes per block to request, 8 to 65464 (default: 1428)
    #[argh(option, arg_name = "BYTES", default = "Ranged::new(1428)")]
    blksize: Ranged<8, 65464>,

    /// blocks per acknowledgement to request, 1 to 64 (default: 16)
    #[argh(option, arg_name = "N", default = "Ranged::new(16)")]
    windowsize: Ranged<1, 64>,

    /// seconds without progress after which to give up, at least 1 (default: 30)
    #[argh(option, arg_name = "SECONDS", default = "Ranged::new(30)")]
    timeout: Ranged<1, { u64::MAX }>,

    /// seconds for the whole transfer, at least 1 (default: 3600)
    #[argh(option, arg_name = "SECONDS", default = "Ranged::new(3600)")]
    max_time: Ranged<1, { u64::MAX }>,

    /// largest file to accept, in bytes (default: 4294967296)
    #[argh(option, arg_name = "BYTES", default = "Ranged::new(4 << 30)")]
    max_size: Ranged<0, { u64::MAX }>,
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
        let host = &self.url.host;
        let addresses = host.resolve().map_err(|error| {
            format!(
                "{host} has no address: {error}. Check the spelling, and whether this machine can \
                 resolve it"
            )
        })?;
        runtime::start()?.block_on(self.get_from(&addresses))
    }

    async fn get_from(&self, addresses: &[SocketAddr]) -> Result<ExitCode, Problem> {
        let path = match &self.output {
            Some(path) => path.as_str(),
            None => self.url.basename()?,
        };
        // Before there is a temporary file, which a signal would leave behind.
        let mut signals =
            Signals::catch(&ENDING).map_err(|error| format!("cannot catch signals: {error}"))?;
        let output = Output::open(path).map_err(|error| {
            format!("cannot write {path:?}: {error}. Choose another file with -o")
        })?;
        let is_standard_output = output.is_standard_output();
        let ended = self.ended(&mut signals);
        let (received, sha256) = fetch(addresses, &self.fetch_options(), output, ended).await?;
        print_figures(&received);
        if is_standard_output {
            say(sum_line(sha256, "-"));
            return Ok(ExitCode::from(DONE));
        }
        Ok(print(&format!("{}\n", sum_line(sha256, path))))
    }

    /// Waits for a signal or the end of the time, and returns which.
    async fn ended(&self, signals: &mut Signals) -> String {
        let max_time = self.max_time.get();
        tokio::select! {
            name = signals.next() => format!("{name}: interrupted, and no file was written"),
            () = sleep(Duration::from_secs(max_time)) => format!(
                "the file was not complete after {max_time} s, and no file was written. Allow more \
                 time with --max-time"
            ),
        }
    }

    fn fetch_options(&self) -> FetchOptions {
        FetchOptions {
            blksize: Some(self.blksize.get_u16()),
            windowsize: Some(self.windowsize.get_u16()),
            max_size: self.max_size.get(),
            stall_timeout: Duration::from_secs(self.timeout.get()),
            ..FetchOptions::new(self.url.filename.clone())
        }
    }
}

/// Tries the addresses in turn until one answers, or until `ended` returns a message.
async fn fetch(
    addresses: &[SocketAddr],
    options: &FetchOptions,
    mut output: Output,
    ended: impl Future<Output = String>,
) -> Result<(Received, Digest), Problem> {
    let mut ended = pin!(ended);
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
            message = &mut ended => {
                driver.abort().await;
                return Err(message.into());
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

/// Prints the figures to standard error.
fn print_figures(received: &Received) {
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
}

/// The line of `sha256sum`. As there, it begins with a backslash if the name is escaped.
fn sum_line(sha256: Digest, path: &str) -> String {
    let escaped = path
        .replace('\\', r"\\")
        .replace('\n', r"\n")
        .replace('\r', r"\r");
    let mark = if escaped == path { "" } else { "\\" };
    format!("{mark}{sha256}  {escaped}")
}
