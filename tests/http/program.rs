//! The program: its counters, draining, and the dashboard.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::client::Client;
use super::served::Program;
use super::skip::skip;

impl Program {
    fn start() -> Program {
        Program::with(&[])
    }

    fn with(flags: &[&str]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bootstone"));
        command
            .args(["--workers", "3"])
            .args(flags)
            .env("FLY_REGION", "ams")
            .env("FLY_MACHINE_ID", "148e");
        Program::spawn(&mut command)
    }

    /// Sends SIGTERM, and returns the rest of the log.
    fn stop(&mut self) -> String {
        terminate(self);
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        rest
    }

    /// Reads the log up to a line with `text`, and returns that line.
    fn await_line(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "no {text}");
        }
        line
    }
}

struct Tftp {
    socket: UdpSocket,
}

impl Tftp {
    fn new(server: SocketAddr) -> Tftp {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let wait = Duration::from_secs(10);
        socket.set_read_timeout(Some(wait)).unwrap();
        socket.connect(server).unwrap();
        Tftp { socket }
    }

    fn send(&self, datagram: &[u8]) -> Vec<u8> {
        self.socket.send(datagram).unwrap();
        let mut buffer = [0; 2048];
        let len = self.socket.recv(&mut buffer).unwrap();
        buffer[..len].to_vec()
    }

    /// Acknowledges everything after `data` up to the end of the file. Bytes received.
    fn finish(&self, mut data: Vec<u8>) -> usize {
        let mut bytes = 0;
        loop {
            bytes += data.len() - 4;
            let ack = [0, 4, data[2], data[3]];
            if data.len() < 516 {
                self.socket.send(&ack).unwrap();
                return bytes;
            }
            data = self.send(&ack);
        }
    }
}

const RRQ: &[u8] = b"\0\x01autoexec.ipxe\0octet\0";

#[test]
fn the_page_names_the_port_of_tftp() {
    let program = Program::start();
    let mut client = Client::new(program.http);
    client.send("GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n");
    let response = client.response(true);
    let command = format!("<pre>bootstone verify {}</pre>", program.tftp);
    assert!(response.text().contains(&command), "{command}");
}

/// The samples of a text in Prometheus's format; every one has its HELP and TYPE before it.
fn samples(text: &str) -> HashMap<String, f64> {
    let mut family = (String::new(), String::new());
    let mut helped = String::new();
    let mut samples = HashMap::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            helped = help.split(' ').next().unwrap().to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, helped);
            family = (name.to_owned(), kind.to_owned());
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let name = match family.1.as_str() {
                "histogram" => name.rsplit_once('_').unwrap().0,
                _ => name,
            };
            assert_eq!(name, family.0, "{line}");
            let old = samples.insert(sample.to_owned(), value.parse().unwrap());
            assert_eq!(old, None, "{line} twice");
        }
    }
    samples
}

#[test]
fn the_counters_agree_with_the_transfers() {
    let mut program = Program::start();
    for _ in 0..5 {
        let tftp = Tftp::new(program.tftp);
        assert_eq!(tftp.finish(tftp.send(RRQ)), bytes_of_autoexec());
        program.await_line("\"complete\"");
    }
    let tftp = Tftp::new(program.tftp);
    let error = tftp.send(b"\0\x01nothing-of-this-name\0octet\0");
    assert_eq!(error[..4], [0, 5, 0, 1]);
    program.await_line("\"not-found\"");
    let probe = Tftp::new(program.tftp);
    probe.send(b"\0\x01autoexec.ipxe\0octet\0tsize\x000\0");
    probe.socket.send(b"\0\x05\0\x08\0").unwrap();
    program.await_line("\"probe\"");
    // A client that sends no ACK: the transfer is in progress, to an unvalidated address.
    let silent = Tftp::new(program.tftp);
    silent.send(RRQ);

    let response = Client::new(program.http).get("/metrics");
    let samples = samples(response.text());
    let get = |name: &str| samples[name];
    let requests = |file: &str, outcome: &str| {
        get(&format!(
            "bootstone_requests_total{{file=\"{file}\",outcome=\"{outcome}\"}}"
        ))
    };
    assert_eq!(requests("autoexec.ipxe", "complete"), 5.0);
    assert_eq!(requests("autoexec.ipxe", "probe"), 1.0);
    assert_eq!(requests("autoexec.ipxe", "aborted"), 0.0);
    assert_eq!(requests("", "not-found"), 1.0);
    assert_eq!(requests("SHA256SUMS", "complete"), 0.0);
    let bytes = 5 * bytes_of_autoexec();
    assert_eq!(get("bootstone_acknowledged_bytes_total"), bytes as f64);
    assert_eq!(get("bootstone_resent_blocks_total"), 0.0);
    assert_eq!(get("bootstone_drivers"), 3.0);
    assert_eq!(get("bootstone_drivers_responding"), 3.0);
    let in_progress = |address| {
        get(&format!(
            "bootstone_transfers_in_progress{{address=\"{address}\"}}"
        ))
    };
    assert_eq!(in_progress("validated"), 0.0);
    assert_eq!(in_progress("unvalidated"), 1.0);
    assert!((1.0..=8.0).contains(&get("bootstone_sessions")));
    assert_eq!(get("bootstone_sessions_limit"), 3.0 * 5462.0);
    assert_eq!(get("bootstone_evicted_sessions_total"), 0.0);
    assert_eq!(get("bootstone_oversized_datagrams_total"), 0.0);
    for histogram in [
        "transfer_duration_seconds",
        "round_trip_seconds",
        "blksize_bytes",
        "windowsize_blocks",
    ] {
        assert_eq!(get(&format!("bootstone_{histogram}_count")), 5.0);
        let all = format!("bootstone_{histogram}_bucket{{le=\"+Inf\"}}");
        assert_eq!(get(&all), 5.0);
    }
    assert_eq!(get("bootstone_blksize_bytes_bucket{le=\"512\"}"), 5.0);
    assert_eq!(get("bootstone_blksize_bytes_sum"), 2560.0);
    assert_eq!(get("bootstone_windowsize_blocks_bucket{le=\"1\"}"), 5.0);
    let content = bootstone::embedded::manifest().content_id();
    let info = format!(
        "bootstone_build_info{{version=\"{}\",content=\"{content}\",region=\"ams\",machine=\"148e\"}}",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(get(&info), 1.0);
    check_with_promtool(&["check", "metrics"], &response.body);
}

#[test]
fn a_download_is_logged_and_counted() {
    let mut program = Program::start();
    let mut client = Client::new(program.http);
    let peer = client.stream.get_ref().local_addr().unwrap().to_string();
    let len = bytes_of_autoexec();
    for (method, path, fields, expected) in [
        (
            "GET",
            "/autoexec.ipxe",
            "",
            ("download", "autoexec.ipxe", "complete", 200, len),
        ),
        (
            "GET",
            "//autoexec.ipxe",
            "Range: bytes=0-4\r\n",
            ("download", "autoexec.ipxe", "complete", 206, 5),
        ),
        (
            "HEAD",
            "/autoexec.ipxe",
            "",
            ("download", "autoexec.ipxe", "probe", 200, 0),
        ),
        (
            "GET",
            "/autoexec.ipxe",
            "If-Match: \"a\"\r\n",
            ("download", "autoexec.ipxe", "refused", 412, 0),
        ),
        (
            "GET",
            "/%0anothing",
            "",
            ("download", "/\\nnothing", "not-found", 404, 0),
        ),
    ] {
        client.ask(method, path, fields);
        let line = program.await_line("\"download\"");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let (message, file, outcome, status, bytes) = expected;
        assert_eq!(line["message"], message);
        assert_eq!(line["peer"], peer);
        assert_eq!(line["file"], file);
        assert_eq!(line["outcome"], outcome);
        assert_eq!(line["status"], status);
        assert_eq!(line["bytes"], bytes);
        assert!(line["ms"].as_f64().unwrap() < 10_000.0);
    }
    let response = client.get("/metrics");
    let samples = samples(response.text());
    let downloads = |file: &str, outcome: &str| {
        samples[&format!("bootstone_http_downloads_total{{file=\"{file}\",outcome=\"{outcome}\"}}")]
    };
    assert_eq!(downloads("autoexec.ipxe", "complete"), 2.0);
    assert_eq!(downloads("autoexec.ipxe", "probe"), 1.0);
    assert_eq!(downloads("SHA256SUMS", "complete"), 0.0);
    assert_eq!(downloads("", "refused"), 1.0);
    assert_eq!(downloads("", "not-found"), 1.0);
    let bytes = samples["bootstone_http_sent_bytes_total"];
    assert_eq!(bytes, (len + 5) as f64);
    assert_eq!(
        samples["bootstone_http_download_duration_seconds_count"],
        2.0
    );
    assert_eq!(samples["bootstone_http_responses_total{code=\"412\"}"], 1.0);
    assert_eq!(samples["bootstone_http_connections"], 1.0);
}

#[test]
fn log_lines_of_downloads_are_limited() {
    let mut program = Program::start();
    let mut client = Client::new(program.http);
    for _ in 0..600 {
        assert_eq!(client.get("/nothing").status, 404);
    }
    let lines = program.stop().matches("not-found").count();
    // A burst of 500, and 20 a second.
    assert!((500..590).contains(&lines), "{lines}");
}

/// The transfers of one machine come through three workers and over HTTP. A boot in progress is
/// logged when the program ends.
#[test]
fn a_machine_has_one_boot_whatever_workers_serve_it() {
    for (options, lines) in [(&[][..], 1), (&["--no-boot-log"], 0)] {
        let mut program = Program::with(options);
        let mut bytes = 0;
        for _ in 0..12 {
            let tftp = Tftp::new(program.tftp);
            bytes += tftp.finish(tftp.send(RRQ));
            program.await_line("\"complete\"");
        }
        let mut client = Client::new(program.http);
        bytes += client.get("/autoexec.ipxe").body.len();
        program.await_line("\"download\"");
        let response = client.get("/metrics");
        let samples = samples(response.text());
        assert_eq!(samples["bootstone_boots_in_progress"], 1.0);
        let complete = "bootstone_boot_seconds_count{result=\"complete\"}";
        assert_eq!(samples[complete], 0.0, "it goes on");

        let rest = program.stop();
        let boots: Vec<&str> = rest.lines().filter(|l| l.contains("\"boot\"")).collect();
        assert_eq!(boots.len(), lines, "{rest}");
        for line in boots {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["message"], "boot");
            assert_eq!(line["peer"], "127.0.0.1");
            assert_eq!(line["files"], 13);
            assert_eq!(line["bytes"], bytes);
            assert_eq!(line["result"], "complete");
            let seconds = line["seconds"].as_f64().unwrap();
            assert!((0.001..60.0).contains(&seconds), "{seconds}");
        }
    }
}

/// The page is served inside the sandbox, from what the workers have counted.
#[test]
fn the_plots_show_what_the_metrics_count() {
    let mut program = Program::start();
    let mut client = Client::new(program.http);
    assert_eq!(
        client.get("/").text().matches("last hour: none\"").count(),
        3
    );
    for _ in 0..7 {
        let tftp = Tftp::new(program.tftp);
        tftp.finish(tftp.send(RRQ));
        program.await_line("\"complete\"");
    }
    let tftp = Tftp::new(program.tftp);
    tftp.send(b"\0\x01nothing-of-this-name\0octet\0");
    program.await_line("\"not-found\"");
    client.get("/autoexec.ipxe");
    program.await_line("\"download\"");

    let metrics = client.get("/metrics");
    let samples = samples(metrics.text());
    let sum = |family: &str, outcome: &str| {
        let outcome = format!("outcome=\"{outcome}\"");
        let of = |(name, _): &(&String, &f64)| name.starts_with(family) && name.contains(&outcome);
        samples
            .iter()
            .filter(of)
            .map(|(_, count)| count)
            .sum::<f64>()
    };
    let complete = sum("bootstone_requests", "complete") + sum("bootstone_http", "complete");
    assert_eq!(
        (complete, sum("bootstone_requests", "not-found")),
        (8.0, 1.0)
    );
    let page = client.get("/");
    for label in [
        "\"Requests in the last hour: TFTP 8, HTTP 1\"",
        "\"Transfers by outcome in the last hour: complete 8, not-found 1\"",
        "\"Boot times in the last hour: none\"",
    ] {
        assert!(page.text().contains(label), "{label} in {}", page.text());
    }
}

/// Whatever the number of file descriptors: the program serves HTTP, or it ends with an error.
#[test]
fn the_program_ends_if_the_http_listener_fails() {
    let mut ended = 0;
    for descriptors in 8..28 {
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -n $1; shift; exec \"$@\"", "sh"])
            .args([&descriptors.to_string(), env!("CARGO_BIN_EXE_bootstone")])
            .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .args(["--workers", "1", "--log-format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let is_healthy = serde_json::from_str::<serde_json::Value>(&line).is_ok_and(|line| {
            let address = line["http"].as_str().unwrap().parse().unwrap();
            is_healthy(address)
        });
        if is_healthy {
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            ended += 1;
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{descriptors}: {stderr}");
            assert!(stderr.starts_with("bootstone: "), "{stderr}");
        }
    }
    assert!((1..=20).contains(&ended), "{ended}");
}

/// Asks for the health on a new connection, until the server answers or closes it.
fn is_healthy(server: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(server) else {
        return false;
    };
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let _ = stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n");
    let mut response = Vec::new();
    match stream.read_to_end(&mut response) {
        Ok(_) => response.starts_with(b"HTTP/1.1 200"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "no answer");
            false
        }
    }
}

fn bytes_of_autoexec() -> usize {
    let manifest = bootstone::embedded::manifest();
    let mut records = manifest.records().iter();
    let record = records.find(|record| record.name == "autoexec.ipxe");
    usize::try_from(record.expect("a build of boot-assets").size).unwrap()
}

/// Checks the text with Prometheus's own tool.
fn check_with_promtool(what: &[&str], text: &[u8]) {
    let mut promtool = Command::new("promtool");
    promtool.args(what).stdin(Stdio::piped());
    promtool.stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut promtool) = promtool.spawn() else {
        return skip("promtool (package prometheus)");
    };
    promtool.stdin.take().unwrap().write_all(text).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && message.is_empty(), "{message}");
}

fn terminate(program: &Program) {
    let pid = program.child.id().to_string();
    let kill = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(kill.success());
}

/// A load balancer learns from `/healthz` of the end, while the server still serves.
#[test]
fn health_shows_draining_during_the_minimum_time() {
    let mut program = Program::with(&["--min-drain", "1"]);
    let mut client = Client::new(program.http);
    assert_eq!(client.get("/healthz").status, 200);
    terminate(&program);
    program.await_line("draining");
    let health = client.get("/healthz");
    assert_eq!((health.status, health.text()), (503, "draining\n"));
    assert_eq!(client.get("/autoexec.ipxe").status, 200);
    let tftp = Tftp::new(program.tftp);
    assert_eq!(tftp.finish(tftp.send(RRQ)), bytes_of_autoexec());
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[test]
fn health_shows_draining_during_a_transfer() {
    let mut program = Program::start();
    let tftp = Tftp::new(program.tftp);
    tftp.send(RRQ);
    let second = tftp.send(&[0, 4, 0, 1]);
    let mut client = Client::new(program.http);
    assert_eq!(client.get("/healthz").status, 200);

    terminate(&program);
    program.await_line("draining");
    let health = client.get("/healthz");
    assert_eq!((health.status, health.text()), (503, "draining\n"));
    assert_eq!(client.get("/autoexec.ipxe").status, 200);
    let metrics = client.get("/metrics");
    let samples = samples(metrics.text());
    assert_eq!(samples["bootstone_drivers"], 3.0);
    assert_eq!(
        samples["bootstone_transfers_in_progress{address=\"validated\"}"],
        1.0
    );

    tftp.finish(second);
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

/// The names of metrics in a text.
fn names_of_metrics(text: &str) -> impl Iterator<Item = &str> {
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(move |c| !is_of_names(c))
        .filter(|word| word.starts_with("bootstone_"))
}

#[test]
fn the_dashboard_uses_all_metrics_and_no_other() {
    let program = Program::start();
    let response = Client::new(program.http).get("/metrics");
    let samples = samples(response.text());
    let names: Vec<&str> = samples
        .keys()
        .map(|sample| sample.split('{').next().unwrap())
        .collect();
    let dashboard = include_str!("../../deploy/grafana/bootstone.json");
    let _: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    for name in names_of_metrics(dashboard) {
        assert!(names.contains(&name), "the dashboard uses {name}");
    }
    let alerts = include_str!("../../deploy/grafana/alerts.yaml");
    for name in names_of_metrics(alerts) {
        assert!(names.contains(&name), "the alert rules use {name}");
    }
    check_with_promtool(&["check", "rules", "/dev/stdin"], alerts.as_bytes());
    let tests = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/grafana/alerts.test.yaml"
    );
    check_with_promtool(&["test", "rules", tests], b"");
    // And each family is in the dashboard.
    for family in names {
        let family = family.trim_end_matches("_sum").trim_end_matches("_count");
        assert!(
            dashboard.contains(family),
            "{family} is not on the dashboard"
        );
    }
}

#[test]
fn an_address_that_cannot_be_bound_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (http, message) in [
        (taken.as_str(), "another server uses it"),
        ("nonsense", "nonsense: the port is missing"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_bootstone"))
            .args(["--listen", "127.0.0.1:0", "--http", http])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains("--http") && stderr.contains(message),
            "{stderr}"
        );
    }
}
