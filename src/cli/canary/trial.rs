//! One fetch as one client.

use std::net::SocketAddr;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::timeout_at;

use super::diagnosis;
use super::{Course, Target};
use crate::canary::{Fault, Model, Observed, models};
use crate::manifest::Digest;
use crate::net::canary::{CanaryDriver, Fragments};

/// The file that is fetched.
#[derive(Clone, Debug)]
pub(in super::super) struct File {
    pub(in super::super) name: String,
    pub(in super::super) sha256: Digest,
    /// Largest size in bytes that is read.
    pub(in super::super) max_size: u64,
}

/// One fetch as one client, and its result.
#[derive(Clone, Debug)]
pub(in super::super) struct Trial {
    pub(super) host: String,
    pub(super) address: Option<SocketAddr>,
    pub(super) model: Model,
    pub(super) file: File,
    /// The hash of the received file, if it is complete.
    pub(super) actual: Option<Digest>,
    pub(super) verdict: Verdict,
    /// What the firmware would show.
    pub(super) screen: Option<String>,
    /// What happened, and what it means.
    pub(super) detail: Option<String>,
    pub(super) elapsed: Duration,
    pub(super) observed: Observed,
    pub(super) fragments: Fragments,
    /// The local port of its last request.
    pub(super) local_port: Option<u16>,
}

/// The result, in the words of `verify`.
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
    /// The transfer stopped.
    Truncated,
    /// Another ERROR, or an answer that the client does not accept.
    Refused,
    /// The time for the whole check is over.
    TimedOut,
}

impl Verdict {
    /// The word in all reports.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Differs => "differs",
            Verdict::Missing => "missing",
            Verdict::Silent => "silent",
            Verdict::Truncated => "truncated",
            Verdict::Refused => "refused",
            Verdict::TimedOut => "timed-out",
        }
    }

    fn of(fault: &Fault) -> Verdict {
        match fault {
            Fault::Silent(_) | Fault::Unreachable => Verdict::Silent,
            Fault::Stalled => Verdict::Truncated,
            Fault::Refused { code: 1, .. } => Verdict::Missing,
            Fault::Refused { .. } | Fault::NoOack | Fault::BadOack(_) => Verdict::Refused,
            Fault::TooLarge(_) => Verdict::Differs,
        }
    }
}

/// A client that asks for blocks of 512 bytes, to find out whether only larger ones are lost.
const SMALL: Model = Model {
    options: &[("blksize", 512)],
    request_waits: |attempt, _| models::times(3, models::ms(1000), attempt),
    ack_waits: |attempt, _| models::times(3, models::ms(1000), attempt),
    ..models::BASE
};

impl Trial {
    pub(super) fn new(target: &Target, file: &File, model: Model) -> Trial {
        let address = target.address.as_ref().ok().copied();
        let model = match address.is_some_and(|address| address.is_ipv6()) {
            true => models::over_ipv6(&model),
            false => model,
        };
        Trial {
            host: target.host.clone(),
            address,
            // The pauses of GRUB's reader depend on what it unpacks, and are not the network's.
            model: Model {
                reader: None,
                ..model
            },
            file: file.clone(),
            actual: None,
            verdict: Verdict::Silent,
            screen: None,
            detail: target.address.as_ref().err().cloned(),
            elapsed: Duration::ZERO,
            observed: Observed::default(),
            fragments: Fragments::default(),
            local_port: None,
        }
    }

    /// Fetches the file.
    pub(super) async fn run(&mut self, course: Course) {
        let Some(address) = self.address else {
            return;
        };
        let Course { clock, end, .. } = course;
        let (name, max_size) = (&self.file.name, self.file.max_size);
        let mut driver = CanaryDriver::new(clock, &self.model, address, name, max_size);
        let mut hash = Sha256::new();
        let started = clock.now();
        let mut output = |part: &[u8]| hash.update(part);
        let ran = timeout_at(clock.at(end), driver.run(&mut output)).await;
        self.elapsed = clock.now() - started;
        self.observed = driver.observed().clone();
        self.fragments = driver.fragments();
        self.local_port = driver.local_port();
        match ran {
            Err(_) => self.time_out(),
            Ok(Err(error)) => self.detail = Some(format!("cannot open a port: {error}")),
            Ok(Ok(())) => {
                let actual = Digest(hash.finalize().into());
                self.judge(&driver, actual, course, address).await;
            }
        }
    }

    fn time_out(&mut self) {
        self.verdict = Verdict::TimedOut;
        let detail = "the time for the whole check is over: allow more with --max-time";
        self.detail = Some(detail.to_owned());
    }

    async fn judge(
        &mut self,
        driver: &CanaryDriver,
        actual: Digest,
        course: Course,
        address: SocketAddr,
    ) {
        match driver.client().outcome() {
            None => {}
            Some(Ok(())) => {
                self.actual = Some(actual);
                let is_same = actual == self.file.sha256;
                self.verdict = if is_same {
                    Verdict::Ok
                } else {
                    Verdict::Differs
                };
                self.detail = diagnosis::remark(self);
            }
            Some(Err(fault)) => {
                self.verdict = Verdict::of(fault);
                self.screen = fault.screen(&self.model, &self.file.name);
                let small_arrives = diagnosis::may_be_size(fault, &self.observed)
                    && self.small_block_arrives(course, address).await;
                let is_unreachable = driver.is_unreachable();
                let detail = diagnosis::explain(self, fault, is_unreachable, small_arrives);
                self.detail = Some(detail);
            }
        }
    }

    /// Fetches the first block again, with 512 bytes.
    async fn small_block_arrives(&self, course: Course, address: SocketAddr) -> bool {
        let mut driver = CanaryDriver::new(course.clock, &SMALL, address, &self.file.name, 0);
        let end = course.clock.at(course.end);
        let ran = timeout_at(end, driver.run(&mut |_: &[u8]| {})).await;
        ran.is_ok() && driver.observed().blocks > 0
    }
}
