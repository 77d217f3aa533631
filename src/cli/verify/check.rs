//! The results: of one file, and of all files of one server.

use std::time::Duration;

use super::fetch::Fetched;
use super::target::Target;
use crate::cli::verdict::Verdict;
use crate::json;
use crate::manifest::Digest;

/// The result for one file of one server.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) file: String,
    /// The published hash; `None` for a file that was not published, and for a signature.
    pub(super) expected: Option<Digest>,
    /// The hash of the received file, if it is complete; of an extra file, the hash that the server
    /// lists.
    pub(super) actual: Option<Digest>,
    /// Bytes received.
    pub(super) bytes: u64,
    /// Duration of the transfer.
    pub(super) elapsed: Duration,
    pub(super) verdict: Verdict,
    /// Details of a failure.
    pub(super) detail: Option<String>,
}

/// What a server says of itself over HTTP, under `/version`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    pub(super) version: Option<String>,
    pub(super) region: Option<String>,
    pub(super) machine: Option<String>,
}

/// The results for one address of one server.
#[derive(Clone, Debug)]
pub(super) struct HostReport {
    pub(super) target: Target,
    /// Its `SHA256SUMS`, whose hash is the content id. `None` if it was not asked for.
    pub(super) list: Option<Check>,
    /// The list differs only in that it lacks published files.
    pub(super) lacks_files_only: bool,
    /// Its signature, if it was asked for.
    pub(super) signature: Option<Check>,
    /// One for each published file, in the order of the release.
    pub(super) files: Vec<Check>,
    /// The files that its list has and the release does not.
    pub(super) extra: Vec<Check>,
    pub(super) about: About,
    /// The shortest time from a request to its first answer.
    pub(super) rtt: Option<Duration>,
    /// Time after which all was as published, from the beginning of the whole check.
    pub(super) arrived: Option<Duration>,
}

impl About {
    /// Reads the JSON object of `/version`. What is not a text in it is not known.
    pub(super) fn parse(bytes: &[u8]) -> About {
        let fields = json::texts(bytes).unwrap_or_default();
        let text = |name: &str| {
            let found = fields.iter().find(|(field, _)| field == name);
            found.map(|(_, text)| text.clone())
        };
        About {
            version: text("version"),
            region: text("region"),
            machine: text("machine"),
        }
    }
}

impl Check {
    /// A file that nothing is known of yet.
    pub(super) fn new(file: &str, expected: Option<Digest>) -> Check {
        Check {
            file: file.to_owned(),
            expected,
            actual: None,
            bytes: 0,
            elapsed: Duration::ZERO,
            verdict: Verdict::Silent,
            detail: None,
        }
    }

    /// The same file with what its transfer has taken.
    pub(super) fn measured(self, fetched: &Fetched) -> Check {
        Check {
            bytes: fetched.bytes,
            elapsed: fetched.elapsed,
            ..self
        }
    }

    /// The same file with this verdict, for this reason.
    pub(super) fn failed(self, verdict: Verdict, detail: impl Into<String>) -> Check {
        Check {
            verdict,
            detail: Some(detail.into()),
            ..self
        }
    }
}

impl HostReport {
    /// A server that nothing is known of yet.
    pub(super) fn new(target: Target) -> HostReport {
        HostReport {
            target,
            list: None,
            lacks_files_only: false,
            signature: None,
            files: Vec::new(),
            extra: Vec::new(),
            about: About::default(),
            rtt: None,
            arrived: None,
        }
    }

    /// All results, the list first.
    pub(super) fn checks(&self) -> impl Iterator<Item = &Check> {
        let first = self.list.iter().chain(&self.signature);
        first.chain(&self.files).chain(&self.extra)
    }

    /// The verdicts of all results.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        self.checks().map(|check| check.verdict)
    }

    /// Number of results with this verdict.
    pub(super) fn count(&self, verdict: Verdict) -> usize {
        self.verdicts().filter(|it| *it == verdict).count()
    }

    /// True if all is as published, or accepted.
    pub(super) fn is_ok(&self) -> bool {
        self.verdicts().all(Verdict::is_accepted)
    }

    /// The verdict in one word: the first one, in the order of the reports, that is not accepted.
    pub(super) fn verdict(&self) -> Verdict {
        let found = |verdict: &Verdict| !verdict.is_accepted() && self.count(*verdict) > 0;
        let worst = Verdict::ALL.into_iter().find(found);
        worst.unwrap_or(Verdict::Ok)
    }

    /// The content id of what it serves, if its list was received.
    pub(super) fn content_id(&self) -> Option<Digest> {
        self.list.as_ref().and_then(|list| list.actual)
    }

    /// The time of all its transfers together.
    pub(super) fn elapsed(&self) -> Duration {
        self.checks().map(|check| check.elapsed).sum()
    }

    /// Records a measured RTT.
    pub(super) fn add_rtt(&mut self, rtt: Option<Duration>) {
        self.rtt = self.rtt.into_iter().chain(rtt).min();
    }

    /// The server as named on the command line, and its address if that differs.
    pub(super) fn name(&self) -> String {
        let server = self.target.server.to_string();
        match &self.target.address {
            Ok(address) if !server.contains(&address.ip().to_string()) => {
                format!("{server} ({address})")
            }
            _ => server,
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    pub(in super::super) fn check(file: &str, verdict: Verdict) -> Check {
        Check::new(file, Some(Digest::of(b"abc"))).failed(verdict, "because")
    }

    /// A server with two files. Its list has the verdict `list`.
    pub(in super::super) fn host(name: &str, list: Verdict, files: [Verdict; 2]) -> HostReport {
        let server = name.parse().unwrap();
        let address = ([192, 0, 2, 7], 69).into();
        let address = match list {
            Verdict::NoSuchHost => Err("none".to_owned()),
            _ => Ok(address),
        };
        let [a, b] = files;
        HostReport {
            list: Some(check("SHA256SUMS", list)),
            files: vec![check("a", a), check("b", b)],
            ..HostReport::new(Target { server, address })
        }
    }
}
