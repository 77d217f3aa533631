//! Fetches one file from one address, over TFTP or HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout_at;

use super::target::{Protocol, Target};
use crate::cli::verdict::Verdict;
use crate::http::client::{HttpFailure, HttpGet};
use crate::net::Clock;
use crate::net::client::{Failure, FetchDriver};
use crate::proto::Instant;
use crate::proto::client::{FetchError, FetchOptions};

/// The time that a check may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimits {
    /// Time without progress after which a file is given up.
    pub(super) stall: Duration,
    /// The end of the whole check.
    pub(super) end: Instant,
}

/// Fetches files within the limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetcher {
    pub(super) clock: Clock,
    pub(super) limits: TimeLimits,
}

/// The end of a transfer.
#[derive(Debug)]
pub(super) struct Fetched {
    /// The file is complete, or the reason why it is not.
    pub(super) result: Result<(), (Verdict, String)>,
    /// Bytes received.
    pub(super) bytes: u64,
    pub(super) elapsed: Duration,
    /// Time from the request to the first answer.
    pub(super) rtt: Option<Duration>,
}

impl Fetcher {
    /// Fetches the file `name` of at most `max_size` bytes. `output` receives its bytes in order;
    /// they must be discarded if the result is an error.
    pub(super) async fn fetch(
        &self,
        target: &Target,
        name: &str,
        max_size: u64,
        mut output: impl FnMut(&[u8]),
    ) -> Fetched {
        let started = self.clock.now();
        let mut bytes = 0;
        let counted = |part: &[u8]| {
            bytes += part.len() as u64;
            output(part);
        };
        let mut rtt = None;
        let result = match target.address() {
            Err(reason) => Err(reason),
            Ok(_) if started >= self.limits.end => Err(timed_out()),
            Ok(address) => match target.server.protocol {
                Protocol::Tftp => self.tftp(address, name, max_size, &mut rtt, counted).await,
                Protocol::Http => {
                    let get = HttpGet {
                        address,
                        authority: &target.server.authority(),
                        name,
                        max_size,
                        stall_timeout: self.limits.stall,
                    };
                    self.http(get, &mut rtt, counted).await
                }
            },
        };
        let elapsed = self.clock.now() - started;
        Fetched {
            result,
            bytes,
            elapsed,
            rtt,
        }
    }

    /// Fetches a file of at most `max_size` bytes into memory. They must be discarded if the result
    /// is an error.
    pub(super) async fn fetch_all(
        &self,
        target: &Target,
        name: &str,
        max_size: u64,
    ) -> (Vec<u8>, Fetched) {
        let mut bytes = Vec::new();
        let output = |part: &[u8]| bytes.extend_from_slice(part);
        let fetched = self.fetch(target, name, max_size, output).await;
        (bytes, fetched)
    }

    async fn tftp(
        &self,
        address: SocketAddr,
        name: &str,
        max_size: u64,
        rtt: &mut Option<Duration>,
        mut output: impl FnMut(&[u8]),
    ) -> Result<(), (Verdict, String)> {
        let options = FetchOptions {
            max_size,
            stall_timeout: self.limits.stall,
            ..FetchOptions::new(name.as_bytes())
        };
        let output = |part: &[u8], _| {
            output(part);
            Ok(())
        };
        let mut driver = FetchDriver::new(self.clock, address, options)
            .map_err(|error| tftp_failure(&Failure::Network(error)))?;
        let end = self.clock.at(self.limits.end);
        let fetched = timeout_at(end, driver.run(output)).await;
        *rtt = driver.answered_after();
        match fetched {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => Err(tftp_failure(&failure)),
            Err(_) => {
                driver.abort().await;
                Err(timed_out())
            }
        }
    }

    async fn http(
        &self,
        get: HttpGet<'_>,
        rtt: &mut Option<Duration>,
        output: impl FnMut(&[u8]),
    ) -> Result<(), (Verdict, String)> {
        let end = self.clock.at(self.limits.end);
        match timeout_at(end, get.run(self.clock, rtt, output)).await {
            Ok(fetched) => fetched.map_err(|failure| http_failure(&failure)),
            Err(_) => Err(timed_out()),
        }
    }
}

fn timed_out() -> (Verdict, String) {
    let detail = "the time for the whole check is over: allow more with --max-time";
    (Verdict::TimedOut, detail.to_owned())
}

fn tftp_failure(failure: &Failure) -> (Verdict, String) {
    let verdict = match failure {
        Failure::Network(error) => network(error),
        Failure::Output(_) => Verdict::Error,
        Failure::Transfer(error) => match error {
            FetchError::NotFound { .. } => Verdict::Missing,
            FetchError::Silent { .. } => Verdict::Silent,
            FetchError::Stalled { .. } => Verdict::Truncated,
            FetchError::WrongSize { received, tsize } if received < tsize => Verdict::Truncated,
            FetchError::WrongSize { .. } | FetchError::TooLarge { .. } => Verdict::Differs,
            FetchError::Refused { .. } | FetchError::BadAnswer(_) | FetchError::Aborted => {
                Verdict::Error
            }
        },
    };
    (verdict, failure.to_string())
}

fn http_failure(failure: &HttpFailure) -> (Verdict, String) {
    let verdict = match failure {
        HttpFailure::Network(error) => network(error),
        HttpFailure::Silent => Verdict::Silent,
        HttpFailure::NotFound => Verdict::Missing,
        HttpFailure::Truncated { .. } => Verdict::Truncated,
        HttpFailure::TooLarge(_) => Verdict::Differs,
        HttpFailure::Status(_) | HttpFailure::BadAnswer(_) => Verdict::Error,
    };
    (verdict, failure.to_string())
}

fn network(error: &std::io::Error) -> Verdict {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => Verdict::Refused,
        _ => Verdict::Unreachable,
    }
}
