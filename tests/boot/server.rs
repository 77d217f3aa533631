//! Bootstone as it is started on a machine of its own, and what it says of its clients.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::image;
use crate::machine::{Ended, Machine};
use crate::running::Running;

const SHORTLY: Duration = Duration::from_secs(20);
/// The port of its HTTP listener.
const HTTP: u16 = 8080;

/// A server that serves.
pub(crate) struct Server {
    running: Running,
    http: SocketAddr,
}

impl Server {
    /// Starts one as root, and returns once it serves without root.
    pub(crate) fn start(
        work: &Path,
        machine: &Machine,
        listen: &[SocketAddr],
        more: &[&str],
    ) -> Server {
        let http = SocketAddr::from((machine.server(), HTTP));
        let mut command = Command::new(image::program(work, machine.image));
        command.args(["--log-format", "json", "--http", &http.to_string()]);
        for address in listen {
            command.args(["--listen", &address.to_string()]);
        }
        command.args(more).env_clear();
        let log = machine.folder(work).join("bootstone.log");
        let running = Running::start(&mut command, &log);
        let first = running.wait_for(SHORTLY, |line| value(line)["message"] == "serving");
        let first =
            value(&first.unwrap_or_else(|said| panic!("{} has no server: {said}", machine.name)));
        assert_eq!(first["user"], "65532:65532", "{first}");
        assert_eq!(first["seccomp"], "on", "{first}");
        Server { running, http }
    }

    /// Returns once the end of the machine's request for `file` is logged, whichever it was.
    pub(crate) fn wait_for(&self, limit: Duration, machine: &Machine, file: &str) {
        let line = self.running.wait_for(limit, |line| {
            let line = value(line);
            line["file"] == file && is_about(&line, machine)
        });
        line.unwrap_or_else(|said| panic!("nothing of {file} in the log:\n{said}"));
    }

    /// Returns once the end of as many requests is logged as the machine makes.
    pub(crate) fn wait_for_all(&self, limit: Duration, machine: &Machine) {
        let mut under_way = machine.requests().len();
        let last = self.running.wait_for(limit, |line| {
            let line = value(line);
            let counts = is_about(&line, machine) && is_of_every_version(&ended(&line));
            under_way -= usize::from(counts);
            under_way == 0
        });
        last.unwrap_or_else(|said| panic!("{}: there is more under way:\n{said}", machine.name));
    }

    /// All lines about this machine's requests.
    pub(crate) fn requests(&self, machine: &Machine) -> Vec<Value> {
        let lines = self.running.lines().into_iter().map(|line| value(&line));
        lines.filter(|line| is_about(line, machine)).collect()
    }

    /// Stops it. Each request must be in its counters as it is in its log, whose lines must all be
    /// about this machine.
    pub(crate) fn stop(self, machine: &Machine) {
        let metrics = self.metrics();
        self.running.signal(Signal::TERM);
        let (status, lines) = self.running.end(SHORTLY);
        assert_eq!(status.code(), Some(0));
        let mut logged: BTreeMap<Ended, u64> = BTreeMap::new();
        for line in lines.iter().map(|line| value(line)) {
            if !line["peer"].is_null() {
                assert!(
                    is_from(&line, machine),
                    "the machine did not ask for this: {line}"
                );
            }
            if is_of_tftp(&line) {
                let (mut file, outcome) = ended(&line);
                if outcome == "not-found" {
                    // The counters know embedded names only.
                    file.clear();
                }
                *logged.entry((file, outcome)).or_default() += 1;
            }
        }
        assert_eq!(counted(&metrics), logged);
        for reason in ["malformed", "not-for-servers", "never-sent", "too-short"] {
            let line = format!("bootstone_ignored_datagrams_total{{reason=\"{reason}\"}} 0\n");
            assert!(metrics.contains(&line), "{reason}: {metrics}");
        }
    }

    fn metrics(&self) -> String {
        let mut connection = TcpStream::connect(self.http).unwrap();
        connection.set_read_timeout(Some(SHORTLY)).unwrap();
        connection
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: bootstone\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// File and outcome of a line.
pub(crate) fn ended(line: &Value) -> Ended {
    let word = |name: &str| line[name].as_str().unwrap().to_owned();
    (word("file"), word("outcome"))
}

/// False for files that shim looks for in vain: 15.8 asks for `revocations.efi`, 16.1 for three others.
pub(crate) fn is_of_every_version((file, outcome): &Ended) -> bool {
    let is_of_shim = file.starts_with("revocations") || file.starts_with("shim_certificate");
    outcome != "not-found" || !is_of_shim
}

/// Requests by file and outcome, those that happened.
fn counted(metrics: &str) -> BTreeMap<Ended, u64> {
    let mut counted = BTreeMap::new();
    for line in metrics.lines() {
        let Some(labels) = line.strip_prefix("bootstone_requests_total{file=\"") else {
            continue;
        };
        let (file, rest) = labels.split_once("\",outcome=\"").unwrap();
        let (outcome, count) = rest.split_once("\"} ").unwrap();
        counted.insert(
            (file.to_owned(), outcome.to_owned()),
            count.parse().unwrap(),
        );
    }
    counted.retain(|_, count| *count > 0);
    counted
}

/// A line about a TFTP request of this machine. Its HTTP downloads and its boot have lines as well.
fn is_about(line: &Value, machine: &Machine) -> bool {
    is_of_tftp(line) && is_from(line, machine)
}

fn is_of_tftp(line: &Value) -> bool {
    !line["peer"].is_null() && line["message"] != "download" && line["message"] != "boot"
}

/// The peer is an address and a port; that of a boot is an address.
fn is_from(line: &Value, machine: &Machine) -> bool {
    let text = line["peer"].as_str().unwrap_or_default();
    let address = text
        .parse::<IpAddr>()
        .map(|address| SocketAddr::from((address, 0)));
    let peer = text.parse::<SocketAddr>().or(address);
    peer.is_ok_and(|peer| machine.is_known_as(peer))
}

fn value(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_default()
}
