//! Runs one fetch as one client.

use std::net::SocketAddr;

use sha2::{Digest as _, Sha256};
use tokio::time::timeout_at;

use super::course::Course;
use super::diagnosis;
use super::trial::{Trial, verdict_on};
use crate::canary::{Model, models};
use crate::cli::verdict::Verdict;
use crate::manifest::Digest;
use crate::net::canary::CanaryDriver;

/// A client that asks for blocks of 512 bytes, to find out whether only larger ones are lost.
const SMALL: Model = Model {
    options: &[("blksize", 512)],
    request_waits: |attempt, _| models::times(3, models::ms(1000), attempt),
    ack_waits: |attempt, _| models::times(3, models::ms(1000), attempt),
    ..models::BASE
};

impl Trial {
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
                self.verdict = verdict_on(fault);
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
