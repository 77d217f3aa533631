//! Every file from every server, a few at a time.

use std::cell::{Cell, OnceCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::manifest::Digest;
use crate::net::Clock;
use crate::net::client::{Failure, Fetcher};
use crate::proto::client::{Config, FetchError, Received};

/// A server to ask.
pub(super) struct Target {
    /// As it was named.
    pub(super) host: String,
    /// Or why there is none.
    pub(super) address: Result<SocketAddr, String>,
}

/// A file that every server is to have.
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) sha256: Digest,
    /// No more bytes than these are read.
    pub(super) max_size: u64,
}

/// What came of asking one server for one file.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) host: String,
    pub(super) address: Option<SocketAddr>,
    pub(super) file: String,
    pub(super) expected: Digest,
    /// The hash of what was received, if that was a whole file.
    pub(super) actual: Option<Digest>,
    /// Received, of a whole file or a part.
    pub(super) bytes: u64,
    /// Milliseconds that it took.
    pub(super) ms: u64,
    pub(super) verdict: Verdict,
    /// More about it, where it is not as it should be.
    pub(super) detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Byte for byte as published.
    Ok,
    /// A whole file, and another one.
    Differs,
    /// ERROR 1.
    Missing,
    /// Nothing answered.
    Silent,
    /// It stopped in mid-transfer, or is shorter than the server itself says.
    Truncated,
    /// Another ERROR, or an answer that is none.
    Refused,
    /// ERROR 1, which is accepted.
    Ignored,
}

impl Verdict {
    pub(super) const ALL: [Verdict; 7] = [
        Verdict::Ok,
        Verdict::Differs,
        Verdict::Missing,
        Verdict::Truncated,
        Verdict::Silent,
        Verdict::Refused,
        Verdict::Ignored,
    ];

    /// The word for it, everywhere.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Differs => "differs",
            Verdict::Missing => "missing",
            Verdict::Silent => "silent",
            Verdict::Truncated => "truncated",
            Verdict::Refused => "refused",
            Verdict::Ignored => "ignored",
        }
    }
}

/// Asks every target for every file, `jobs` at a time. A list for each target.
pub(super) async fn check_all(
    targets: Vec<Target>,
    files: &[Wanted],
    patience: Duration,
    jobs: usize,
) -> Vec<Vec<Check>> {
    let count = targets.len() * files.len();
    let work = Work {
        silent: targets.iter().map(|_| Cell::new(false)).collect(),
        done: (0..count).map(|_| OnceCell::new()).collect(),
        targets,
        files,
        patience,
        clock: Clock::start(),
        next: Cell::new(0),
    };
    let mut workers: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    for _ in 0..jobs.min(count) {
        workers.push(Box::pin(work.do_some()));
    }
    poll_fn(|context| {
        workers.retain_mut(|worker| worker.as_mut().poll(context).is_pending());
        if workers.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    drop(workers);
    let mut lists = work.targets.iter().map(|_| Vec::new()).collect::<Vec<_>>();
    let done = work.done.into_iter().enumerate();
    for (place, check) in done {
        lists[place % work.targets.len()].extend(check.into_inner());
    }
    lists
}

/// The work, shared among the workers of one thread.
struct Work<'a> {
    targets: Vec<Target>,
    files: &'a [Wanted],
    patience: Duration,
    clock: Clock,
    /// How many of the checks have been taken up.
    next: Cell<usize>,
    /// The checks: each file from all targets, before the next file. So the load is spread, and the
    /// dead are found early.
    done: Vec<OnceCell<Check>>,
    /// The targets that have let a request go unanswered. They are not asked again: a dead host is
    /// to cost one timeout, not one a file.
    silent: Vec<Cell<bool>>,
}

impl Work<'_> {
    /// Takes up one check after the other.
    async fn do_some(&self) {
        while let Some(done) = self.done.get(self.next.get()) {
            let next = self.next.replace(self.next.get() + 1);
            let (file, target) = (next / self.targets.len(), next % self.targets.len());
            let check = self.check(target, file).await;
            done.get_or_init(|| check);
        }
    }

    async fn check(&self, target: usize, file: usize) -> Check {
        let silent = &self.silent[target];
        let (target, file) = (&self.targets[target], &self.files[file]);
        let mut check = Check::new(target, file);
        match &target.address {
            Err(why) => check.detail = Some(why.clone()),
            Ok(_) if silent.get() => check.detail = Some("not asked again".to_owned()),
            Ok(address) => {
                self.fetch(*address, file, &mut check).await;
                if check.verdict == Verdict::Silent {
                    silent.set(true);
                }
            }
        }
        check
    }

    async fn fetch(&self, address: SocketAddr, file: &Wanted, check: &mut Check) {
        let config = Config {
            max_size: file.max_size,
            patience: self.patience,
            ..Config::new(file.name.as_bytes())
        };
        let started = self.clock.now();
        let mut hash = Sha256::new();
        let mut bytes = 0;
        let owner = |part: &[u8], _| {
            hash.update(part);
            bytes += part.len() as u64;
            Ok(())
        };
        let fetched = match Fetcher::new(self.clock, address, config) {
            Ok(mut fetcher) => fetcher.run(owner).await,
            Err(error) => Err(Failure::Network(error)),
        };
        let elapsed = self.clock.now() - started;
        check.bytes = bytes;
        check.ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        check.judge(&fetched, Digest(hash.finalize().into()));
    }
}

impl Check {
    fn new(target: &Target, file: &Wanted) -> Check {
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
        Failure::Fetch(error) => error,
        Failure::Network(_) => return Verdict::Silent,
        Failure::Owner(_) => return Verdict::Refused,
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
