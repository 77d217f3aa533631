//! Fetches every file from every server and compares the hashes.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout_at;

use crate::manifest::Digest;
use crate::net::Clock;
use crate::net::client::{Failure, FetchDriver};
use crate::proto::Instant;
use crate::proto::client::{FetchError, FetchOptions, Received};

/// A server to check.
pub(super) struct Target {
    /// The server as named on the command line.
    pub(super) host: String,
    /// Its address, or why it has none.
    pub(super) address: Result<SocketAddr, String>,
}

/// A published file, which every server should serve.
#[derive(Clone)]
pub(super) struct PublishedFile {
    pub(super) name: String,
    pub(super) sha256: Digest,
    /// Largest size in bytes that is read.
    pub(super) max_size: u64,
}

/// The result for one file of one server.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) host: String,
    pub(super) address: Option<SocketAddr>,
    pub(super) file: String,
    pub(super) expected: Digest,
    /// The hash of the received file, if it is complete.
    pub(super) actual: Option<Digest>,
    /// Bytes received.
    pub(super) bytes: u64,
    /// Duration in milliseconds.
    pub(super) ms: u64,
    pub(super) verdict: Verdict,
    /// Details of a failure.
    pub(super) detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The file is the published one.
    Ok,
    /// The file is complete, and differs.
    Differs,
    /// The server has no such file (ERROR 1).
    Missing,
    /// The server has not answered.
    Silent,
    /// The transfer stopped, or the file is shorter than the server has announced.
    Truncated,
    /// Another ERROR, or an invalid answer.
    Refused,
    /// ERROR 1, which is accepted.
    Ignored,
    /// The time for the whole check is over.
    TimedOut,
}

impl Verdict {
    pub(super) const ALL: [Verdict; 8] = [
        Verdict::Ok,
        Verdict::Differs,
        Verdict::Missing,
        Verdict::Truncated,
        Verdict::Silent,
        Verdict::Refused,
        Verdict::Ignored,
        Verdict::TimedOut,
    ];

    /// The word in all reports.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Differs => "differs",
            Verdict::Missing => "missing",
            Verdict::Silent => "silent",
            Verdict::Truncated => "truncated",
            Verdict::Refused => "refused",
            Verdict::Ignored => "ignored",
            Verdict::TimedOut => "timed-out",
        }
    }
}

/// The time that a check may take.
#[derive(Clone, Copy)]
pub(super) struct TimeLimits {
    /// Time without progress after which a file is given up.
    pub(super) stall: Duration,
    /// The end of the whole check.
    pub(super) end: Instant,
}

/// Checks every file of every target, with at most `jobs` transfers at a time. Returns a list for
/// each target.
pub(super) async fn check_all(
    targets: Vec<Target>,
    files: &[PublishedFile],
    limits: TimeLimits,
    clock: Clock,
    jobs: usize,
) -> Vec<Vec<Check>> {
    let mut checks: Vec<Vec<Option<Check>>> = targets
        .iter()
        .map(|_| files.iter().map(|_| None).collect())
        .collect();
    let states: Vec<Rc<TargetState>> = targets.into_iter().map(TargetState::new).collect();
    // Each file of all targets before the next file. This spreads the load, and finds targets that
    // do not answer early.
    let mut waiting = files.iter().enumerate().flat_map(|(file, published)| {
        let targets = states.iter().enumerate();
        targets.map(move |(target, state)| (target, file, Rc::clone(state), published.clone()))
    });
    let mut running = JoinSet::new();
    let run = async {
        loop {
            while running.len() < jobs
                && let Some((target, file, state, published)) = waiting.next()
            {
                let check = async move {
                    let check = state.check(clock, &published, limits).await;
                    (target, file, check)
                };
                running.spawn_local(check);
            }
            match running.join_next().await {
                Some(Ok((target, file, check))) => checks[target][file] = Some(check),
                // No check is aborted, and a panic is passed on.
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                None => return,
            }
        }
    };
    LocalSet::new().run_until(run).await;
    let flatten = |checks: Vec<Option<Check>>| checks.into_iter().flatten().collect();
    checks.into_iter().map(flatten).collect()
}

/// A target, and whether it has failed to answer.
struct TargetState {
    target: Target,
    /// The target has not answered a request. It is not asked again, so that it costs one timeout,
    /// not one per file.
    is_silent: Cell<bool>,
}

impl TargetState {
    fn new(target: Target) -> Rc<TargetState> {
        Rc::new(TargetState {
            target,
            is_silent: Cell::new(false),
        })
    }

    async fn check(&self, clock: Clock, file: &PublishedFile, limits: TimeLimits) -> Check {
        let mut check = Check::new(&self.target, file);
        match &self.target.address {
            Err(reason) => check.detail = Some(reason.clone()),
            Ok(_) if self.is_silent.get() => check.detail = Some("not asked again".to_owned()),
            Ok(_) if clock.now() >= limits.end => check.time_out(),
            Ok(address) => {
                fetch(clock, *address, file, limits, &mut check).await;
                if check.verdict == Verdict::Silent {
                    self.is_silent.set(true);
                }
            }
        }
        check
    }
}

async fn fetch(
    clock: Clock,
    address: SocketAddr,
    file: &PublishedFile,
    limits: TimeLimits,
    check: &mut Check,
) {
    let options = FetchOptions {
        max_size: file.max_size,
        stall_timeout: limits.stall,
        ..FetchOptions::new(file.name.as_bytes())
    };
    let started = clock.now();
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let output = |part: &[u8], _| {
        hash.update(part);
        bytes += part.len() as u64;
        Ok(())
    };
    let fetched = match FetchDriver::new(clock, address, options) {
        Ok(mut driver) => match timeout_at(clock.at(limits.end), driver.run(output)).await {
            Ok(fetched) => Some(fetched),
            Err(_) => {
                driver.abort().await;
                None
            }
        },
        Err(error) => Some(Err(Failure::Network(error))),
    };
    let elapsed = clock.now() - started;
    check.bytes = bytes;
    check.ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    match fetched {
        Some(fetched) => check.judge(&fetched, Digest(hash.finalize().into())),
        None => check.time_out(),
    }
}

impl Check {
    fn new(target: &Target, file: &PublishedFile) -> Check {
        Check {
            host: target.host.clone(),
            address: target.address.as_ref().ok().copied(),
            file: file.name.clone(),
            expected: file.sha256,
            actual: None,
            bytes: 0,
            ms: 0,
            verdict: Verdict::Silent,
            detail: None,
        }
    }

    fn time_out(&mut self) {
        self.verdict = Verdict::TimedOut;
        let detail = "the time for the whole check is over: allow more with --max-time";
        self.detail = Some(detail.to_owned());
    }

    fn judge(&mut self, fetched: &Result<Received, Failure>, actual: Digest) {
        match fetched {
            Ok(_) => {
                self.actual = Some(actual);
                let same = actual == self.expected;
                self.verdict = if same { Verdict::Ok } else { Verdict::Differs };
            }
            Err(failure) => {
                self.verdict = verdict(failure);
                self.detail = Some(failure.to_string());
            }
        }
    }
}

fn verdict(failure: &Failure) -> Verdict {
    let error = match failure {
        Failure::Transfer(error) => error,
        Failure::Network(_) => return Verdict::Silent,
        Failure::Output(_) => return Verdict::Refused,
    };
    match error {
        FetchError::NotFound { .. } => Verdict::Missing,
        FetchError::Silent { .. } => Verdict::Silent,
        FetchError::Stalled { .. } => Verdict::Truncated,
        FetchError::WrongSize { received, tsize } if received < tsize => Verdict::Truncated,
        FetchError::WrongSize { .. } | FetchError::TooLarge { .. } => Verdict::Differs,
        FetchError::Refused { .. } | FetchError::BadAnswer(_) | FetchError::Aborted => {
            Verdict::Refused
        }
    }
}
