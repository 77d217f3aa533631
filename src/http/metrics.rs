//! Metrics in Prometheus's text format, version 0.0.4.
//!
//! No library is used: the one of the Prometheus project writes only OpenMetrics, which `promtool`
//! rejects, and the other one costs 35 kB for three kinds of lines.

use std::fmt::{Display, Write};

use super::downloads::is_of_no_file;
use super::service::Service;
use super::site::Site;
use crate::catalog::FileId;
use crate::net::status::StatusSnapshot;
use crate::proto::histogram::Histogram;
use crate::proto::observer::{BootResult, BootStats};
use crate::proto::stats::{Ignored, Limit, Outcome, Stats};

const MICROS_PER_SECOND: f64 = 1e6;

/// The body of `/metrics`.
pub(super) fn text(service: &Service, snapshot: &StatusSnapshot) -> String {
    let site = &service.site;
    let mut text = Text(String::new());
    text.build_info(site);
    text.drivers(snapshot);
    if let Some(stats) = &snapshot.stats {
        text.requests(site, stats);
        text.totals(stats);
        text.histograms(stats);
    }
    text.boots(&service.observer.boots());
    text.downloads(service);
    text.http(service);
    text.0
}

struct Text(String);

impl Text {
    fn build_info(&mut self, site: &Site) {
        let help = "Version, content and location of this server; the value is always 1.";
        self.family("bootstone_build_info", "gauge", help);
        let content = site.manifest.content_id().to_string();
        let labels = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("content", &content),
            (
                "region",
                site.location.region.as_deref().unwrap_or_default(),
            ),
            (
                "machine",
                site.location.machine.as_deref().unwrap_or_default(),
            ),
        ];
        self.sample("bootstone_build_info", &labels, 1);
    }

    fn drivers(&mut self, snapshot: &StatusSnapshot) {
        let help = "Drivers that serve TFTP: one for each worker and address.";
        self.single("bootstone_drivers", "gauge", help, snapshot.drivers);
        let help = "Drivers that have responded within half a second.";
        self.single(
            "bootstone_drivers_responding",
            "gauge",
            help,
            snapshot.replied,
        );

        let name = "bootstone_transfers_in_progress";
        let help = "Transfers in progress; to an unvalidated address until its first ACK.";
        self.family(name, "gauge", help);
        self.sample(name, &[("address", "validated")], snapshot.validated);
        self.sample(name, &[("address", "unvalidated")], snapshot.unvalidated);

        let name = "bootstone_sessions";
        let help = "Sessions in the tables: transfers in progress, and ones that have just ended.";
        self.single(name, "gauge", help, snapshot.sessions);
        let name = "bootstone_sessions_limit";
        let help = "Most sessions at once; see --max-sessions.";
        self.single(name, "gauge", help, snapshot.max_sessions);
    }

    fn requests(&mut self, site: &Site, stats: &Stats) {
        let name = "bootstone_requests_total";
        let help = "Requests by file and outcome. Refused requests and unknown names have no file.";
        let occurs = |file: Option<FileId>, outcome| {
            is_of_no_file(outcome) == file.is_none() || outcome == Outcome::Dropped
        };
        let count = |file, outcome| stats.outcome_of(file, outcome);
        self.outcomes((name, help), site, occurs, count);
    }

    /// A sample for each file and outcome that `occurs`, also while it is 0: PromQL's `rate` needs
    /// the first 0.
    fn outcomes(
        &mut self,
        (name, help): (&str, &str),
        site: &Site,
        occurs: impl Fn(Option<FileId>, Outcome) -> bool,
        count: impl Fn(Option<FileId>, Outcome) -> u64,
    ) {
        self.family(name, "counter", help);
        let files = site.catalog.iter();
        let files = files.map(|(file, entry)| (Some(file), entry.name.as_str()));
        for (file, label) in files.chain([(None, "")]) {
            for outcome in Outcome::ALL {
                if occurs(file, outcome) {
                    let labels = [("file", label), ("outcome", outcome.as_str())];
                    self.sample(name, &labels, count(file, outcome));
                }
            }
        }
    }

    fn totals(&mut self, stats: &Stats) {
        let name = "bootstone_acknowledged_bytes_total";
        let help = "Bytes that clients have acknowledged, in finished transfers.";
        self.single(name, "counter", help, stats.bytes);
        let name = "bootstone_resent_blocks_total";
        let help = "Blocks sent again, in finished transfers.";
        self.single(name, "counter", help, stats.resent);
        let name = "bootstone_evicted_sessions_total";
        let help = "Transfers evicted because a session table was full.";
        self.single(name, "counter", help, stats.evicted);
        let name = "bootstone_oversized_datagrams_total";
        let help = "Reports of a datagram that its path does not take whole; see --mtu.";
        self.single(name, "counter", help, stats.too_big);
        let name = "bootstone_ignored_datagrams_total";
        let help = "Datagrams not answered, by reason.";
        let ignored = |reason: Ignored| (reason.as_str(), stats.ignored(reason));
        self.reasons(name, help, &Ignored::ALL.map(ignored));
        let name = "bootstone_limited_requests_total";
        let help = "Requests and transfers that a limit slowed down or left without an answer, by \
                    reason.";
        let limited = |limit: Limit| (limit.as_str(), stats.limited(limit));
        self.reasons(name, help, &Limit::ALL.map(limited));
    }

    /// A counter by reason.
    fn reasons(&mut self, name: &str, help: &str, counts: &[(&str, u64)]) {
        self.family(name, "counter", help);
        for (reason, count) in counts {
            self.sample(name, &[("reason", reason)], count);
        }
    }

    fn histograms(&mut self, stats: &Stats) {
        let name = "bootstone_transfer_duration_seconds";
        let help = "Time from the request to the last ACK, of complete transfers.";
        self.histogram(name, help, &stats.durations, MICROS_PER_SECOND);
        let name = "bootstone_round_trip_seconds";
        let help = "Smoothed round-trip time at the end of a transfer.";
        self.histogram(name, help, &stats.round_trips, MICROS_PER_SECOND);
        let name = "bootstone_blksize_bytes";
        let help = "Negotiated block size of transfers with an ACK (RFC 2348).";
        self.histogram(name, help, &stats.blksizes, 1.0);
        let name = "bootstone_windowsize_blocks";
        let help = "Negotiated window of transfers with an ACK (RFC 7440).";
        self.histogram(name, help, &stats.windowsizes, 1.0);
    }

    fn boots(&mut self, boots: &BootStats) {
        let name = "bootstone_boot_seconds";
        let help = "Time of a boot, from its first request to its last file, by whether that file \
                    was complete.";
        self.family(name, "histogram", help);
        for (result, times) in BootResult::ALL.iter().zip(&boots.times) {
            let label = [("result", result.as_str())];
            self.distribution(name, &label, times, MICROS_PER_SECOND);
        }
        let help = "Complete files of a boot.";
        self.histogram("bootstone_boot_files", help, &boots.files, 1.0);
        let help = "Bytes of a boot.";
        self.histogram("bootstone_boot_bytes", help, &boots.bytes, 1.0);
        let name = "bootstone_boots_in_progress";
        let help = "Addresses that have fetched a file within the last minute.";
        self.single(name, "gauge", help, boots.in_progress);
        let name = "bootstone_boot_transfers_left_out_total";
        let help = "Transfers that belong to no boot, because there were too many boots at once.";
        self.single(name, "counter", help, boots.left_out);
    }

    fn downloads(&mut self, service: &Service) {
        let name = "bootstone_http_downloads_total";
        let help = "HTTP requests for files by file and outcome. Refused requests and unknown \
                    names have no file.";
        let occurs = |file: Option<FileId>, outcome| {
            is_of_no_file(outcome) == file.is_none() && outcome != Outcome::LastAckMissing
        };
        let count = |file, outcome| service.downloads.outcome_of(file, outcome);
        self.outcomes((name, help), &service.site, occurs, count);
        let name = "bootstone_http_sent_bytes_total";
        let help = "Bytes of files sent by HTTP, in finished downloads.";
        self.single(name, "counter", help, service.downloads.bytes());
        let name = "bootstone_http_download_duration_seconds";
        let help = "Time from the request to the last byte, of complete downloads.";
        let durations = service.downloads.durations();
        self.histogram(name, help, &durations, MICROS_PER_SECOND);
    }

    fn http(&mut self, service: &Service) {
        let name = "bootstone_http_responses_total";
        self.family(name, "counter", "HTTP responses by status code.");
        for (code, count) in service.downloads.responses() {
            self.sample(name, &[("code", &code.to_string())], count);
        }
        let name = "bootstone_http_connections";
        let help = "Open HTTP connections.";
        self.single(name, "gauge", help, service.connections());
        let name = "bootstone_http_connections_limit";
        let help = "Most HTTP connections at once.";
        self.single(name, "gauge", help, service.limits.connections);
        let name = "bootstone_http_evicted_connections_total";
        let help = "HTTP connections evicted because all were in use.";
        self.single(name, "counter", help, service.downloads.evicted());
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram, unit: f64) {
        self.family(name, "histogram", help);
        self.distribution(name, &[], histogram, unit);
    }

    /// The samples of a histogram with these labels, of which there is at most one.
    fn distribution(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        histogram: &Histogram,
        unit: f64,
    ) {
        let mut count = 0;
        for (bound, below) in histogram.cumulative() {
            let bound = bound.map_or("+Inf".to_owned(), |b| (b as f64 / unit).to_string());
            let labels = [labels, &[("le", &bound)]].concat();
            self.sample(&format!("{name}_bucket"), &labels, below);
            count = below;
        }
        let sum = histogram.sum() as f64 / unit;
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, count);
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escape(text));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{after} {value}");
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut text = Text(String::new());
        text.sample("m", &[("a", "x\"y"), ("b", "1\\2\n3")], 4);
        assert_eq!(text.0, "m{a=\"x\\\"y\",b=\"1\\\\2\\n3\"} 4\n");
    }
}
