//! The counters in Prometheus's text format, version 0.0.4.
//!
//! Written by hand: the client library of the Prometheus project writes OpenMetrics only, in which `promtool`
//! finds faults, and the other one costs 35 kB for three kinds of lines.

use std::fmt::{Display, Write};

use super::Site;
use crate::net::status::Tally;
use crate::proto::histogram::Histogram;
use crate::proto::stats::{Ignored, Outcome, Stats};

const MICROS_PER_SECOND: f64 = 1e6;

/// What `/metrics` answers.
pub(super) fn text(site: &Site, tally: &Tally) -> String {
    let mut text = Text(String::new());
    text.build_info(site);
    text.loops(tally);
    if let Some(stats) = &tally.stats {
        text.requests(site, stats);
        text.totals(stats);
        text.spreads(stats);
    }
    text.0
}

struct Text(String);

impl Text {
    fn build_info(&mut self, site: &Site) {
        let help = "What runs here: always 1.";
        self.family("bootstone_build_info", "gauge", help);
        let content = site.manifest.content_id().to_string();
        let labels = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("content", &content),
            ("region", site.region.as_deref().unwrap_or_default()),
        ];
        self.sample("bootstone_build_info", &labels, 1);
    }

    fn loops(&mut self, tally: &Tally) {
        let help = "Loops that serve TFTP: one for each worker and address.";
        self.single("bootstone_loops", "gauge", help, tally.drivers);
        let help = "Loops that have answered within a second.";
        self.single("bootstone_loops_alive", "gauge", help, tally.answered);

        let name = "bootstone_transfers_under_way";
        let help = "Transfers under way; unproven ones have not been acknowledged yet.";
        self.family(name, "gauge", help);
        self.sample(name, &[("state", "active")], tally.proven);
        self.sample(name, &[("state", "unproven")], tally.unproven);
    }

    /// A row for each file and each way to end, also where there was none yet: a rate needs its zero.
    fn requests(&mut self, site: &Site, stats: &Stats) {
        let name = "bootstone_requests_total";
        let help = "Requests by file and by how they or their transfers ended; without a file: for names that no file has, and refused ones.";
        self.family(name, "counter", help);
        let files = site.catalog.iter();
        let files = files.map(|(file, entry)| (Some(file), entry.name.as_str()));
        for (file, label) in files.chain([(None, "")]) {
            for outcome in Outcome::ALL {
                let labels = [("file", label), ("outcome", outcome.as_str())];
                let is_of_no_file = matches!(outcome, Outcome::NotFound | Outcome::Refused);
                if is_of_no_file == file.is_none() || outcome == Outcome::Dropped {
                    self.sample(name, &labels, stats.outcome_of(file, outcome));
                }
            }
        }
    }

    fn totals(&mut self, stats: &Stats) {
        let name = "bootstone_acknowledged_bytes_total";
        let help = "Bytes of files that clients have acknowledged, of ended transfers.";
        self.single(name, "counter", help, stats.bytes);
        let name = "bootstone_resent_blocks_total";
        let help = "Blocks sent again, of ended transfers.";
        self.single(name, "counter", help, stats.resent);
        let name = "bootstone_ignored_datagrams_total";
        let help = "Datagrams left without an answer, by reason.";
        self.family(name, "counter", help);
        for reason in Ignored::ALL {
            let labels = [("reason", reason.as_str())];
            self.sample(name, &labels, stats.ignored(reason));
        }
    }

    fn spreads(&mut self, stats: &Stats) {
        let name = "bootstone_transfer_duration_seconds";
        let help = "From the request to the last ACK, of complete transfers.";
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

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram, unit: f64) {
        self.family(name, "histogram", help);
        let mut count = 0;
        for (bound, below) in histogram.cumulative() {
            let bound = bound.map_or("+Inf".to_owned(), |b| (b as f64 / unit).to_string());
            self.sample(&format!("{name}_bucket"), &[("le", &bound)], below);
            count = below;
        }
        let sum = histogram.sum() as f64 / unit;
        self.sample(&format!("{name}_sum"), &[], sum);
        self.sample(&format!("{name}_count"), &[], count);
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
