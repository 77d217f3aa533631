//! `verify --as`: fetches one of the published files as firmware would.

use std::process::ExitCode;
use std::time::Duration;

use super::release::{self, PublishedFile};
use super::target::{NamedServer, Protocol};
use super::{ReportFormat, Verify};
use crate::cli::canary::{self, CanaryTarget, Course, File, Models, Trial};
use crate::cli::console::{DONE, could_not, print};
use crate::cli::runtime;
use crate::net::Clock;

/// Pause between two rounds of `--wait`.
const PAUSE: Duration = Duration::from_secs(1);

impl Verify {
    /// Fetches the file as each of the models, and prints the report.
    pub(super) fn run_as(&self, models: &Models) -> ExitCode {
        let trials = match self.try_as(models) {
            Ok(trials) => trials,
            Err(message) => return could_not(message),
        };
        let printed = print(&match self.format {
            ReportFormat::Table => canary::text(&trials),
            ReportFormat::Json => canary::json(&trials),
        });
        match canary::exit_code(&trials) {
            DONE => printed,
            code => ExitCode::from(code),
        }
    }

    fn try_as(&self, models: &Models) -> Result<Vec<Vec<Trial>>, String> {
        let servers = self.named_servers()?;
        let mut of_http = servers.iter().filter(|it| it.protocol == Protocol::Http);
        if let Some(server) = of_http.next() {
            return Err(format!(
                "{server}: --as fetches by TFTP, as firmware does. Leave http:// out"
            ));
        }
        let release = match &self.sums {
            None => release::embedded(),
            Some(path) => release::listed(path, self.max_size.get()),
        }?;
        let file = self.file_to_try(&release.files)?;
        Ok(runtime::start()?.block_on(self.try_until_ok(&servers, &file, models)))
    }

    /// Fetches once, and again until every client has the file or the time of `--wait` is over.
    /// Names are resolved each time, because a rollout replaces machines.
    async fn try_until_ok(
        &self,
        servers: &[NamedServer],
        file: &File,
        models: &Models,
    ) -> Vec<Vec<Trial>> {
        let clock = Clock::start();
        let last = clock.now() + Duration::from_secs(self.wait.get());
        let course = Course {
            clock,
            end: clock.now() + self.max_time(),
            jobs: self.jobs.get_usize(),
        };
        loop {
            let targets = servers
                .iter()
                .flat_map(|server| server.targets(self.all_addresses));
            let targets: Vec<CanaryTarget> = targets
                .map(|target| CanaryTarget {
                    host: target.server.to_string(),
                    address: target.address,
                })
                .collect();
            let trials = canary::try_all(&targets, file, models, course).await;
            let left = last.min(course.end) - clock.now();
            if canary::exit_code(&trials) == DONE || left.is_zero() {
                return trials;
            }
            tokio::time::sleep(left.min(PAUSE)).await;
        }
    }

    /// The file of `--file`, else the largest one. The size of a file is not known if a list names
    /// it: then it is the first by name.
    fn file_to_try(&self, files: &[PublishedFile]) -> Result<File, String> {
        let chosen = match &self.file {
            Some(name) => files.iter().find(|file| file.name == *name),
            None => files.iter().rev().max_by_key(|file| file.max_size),
        };
        let chosen = chosen.ok_or_else(|| {
            let name = self.file.as_deref().unwrap_or_default();
            format!("{name:?} is not among the published files: see bootstone list, or --sums")
        })?;
        Ok(File {
            name: chosen.name.clone(),
            sha256: chosen.sha256,
            max_size: chosen.max_size,
        })
    }
}
