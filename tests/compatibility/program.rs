//! Asks the program: its help, its exit codes, its log and metrics after a few requests, its JSON.

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::record::Record;
use crate::served::Program;

const TIMEOUT: Duration = Duration::from_secs(20);

/// All that the record holds.
pub(crate) fn interface() -> Record {
    let mut record = Record::default();
    commands(&mut record);
    exit_codes(&mut record);
    json(&mut record);
    running(&mut record);
    record
}

fn bootstone(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstone"));
    command.args(arguments).stdin(Stdio::null());
    // Variables of the environment would change what the program does.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BOOTSTONE_")) {
        command.env_remove(name);
    }
    command
}

fn output(arguments: &[&str]) -> Output {
    bootstone(arguments).output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    String::from_utf8(output(arguments).stdout).unwrap()
}

/// Commands and options, from the texts of `--help`.
fn commands(record: &mut Record) {
    let help = stdout(&["--help"]);
    record.add("option", options("", &help));
    let commands = section(&help, "Commands:");
    // The lines of a description are indented further.
    let commands = commands.filter(|line| !line.starts_with("   "));
    let commands = commands.filter_map(|line| line.split_whitespace().next());
    for command in commands.map(str::to_owned).collect::<Vec<_>>() {
        record.add("command", [command.clone()]);
        let help = stdout(&[&command, "--help"]);
        record.add("option", options(&command, &help));
        if command == "serve" {
            record.add(
                "variable",
                options("", &help).iter().filter_map(|it| variable(it)),
            );
        }
    }
}

/// The indented lines below a heading.
fn section<'a>(help: &'a str, heading: &str) -> impl Iterator<Item = &'a str> {
    let lines = help.lines().skip_while(move |line| *line != heading);
    lines.skip(1).take_while(|line| line.starts_with("  "))
}

/// The options of a command, each with the range or the values that its text states.
fn options(command: &str, help: &str) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for line in section(help, "Options:") {
        match texts.last_mut() {
            Some(text) if line.starts_with("   ") => text.push_str(line),
            _ => texts.push(line.to_owned()),
        }
    }
    let words = |text: &String| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let texts = texts.iter().map(|text| (words(text), text));
    texts
        .filter_map(|(words, text)| {
            let name = words.iter().find(|word| word.starts_with("--"))?;
            let name = name.trim_end_matches(',');
            Some(format!("{command} {name} {}", stated(text)))
        })
        .collect()
}

/// The range of a number, or the default, in parentheses.
fn stated(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let words: Vec<&str> = text.split([' ', ',', ';']).collect();
    let is_number = |word: &str| word.parse::<u64>().is_ok();
    let ranges = words
        .windows(3)
        .filter(|it| it[1] == "to" && is_number(it[0]) && is_number(it[2]));
    let mut stated: Vec<String> = ranges.map(|it| it.join(" ")).collect();
    if let Some((_, default)) = text.split_once("(default: ") {
        let default = default.split([')', ',']).next().unwrap_or_default();
        stated.push(format!("default {default}"));
    }
    match stated.is_empty() {
        true => String::new(),
        false => format!("({})", stated.join("; ")),
    }
}

/// `--max-sessions …` has `BOOTSTONE_MAX_SESSIONS`.
fn variable(option: &str) -> Option<String> {
    let name = option
        .split_whitespace()
        .find_map(|word| word.strip_prefix("--"))?;
    let name = name.replace('-', "_").to_ascii_uppercase();
    (name != "HELP").then(|| format!("BOOTSTONE_{name}"))
}

/// Each exit code by an example.
fn exit_codes(record: &mut Record) {
    let code = |arguments: &[&str]| output(arguments).status.code().unwrap();
    let server = without_files();
    record.add(
        "exit",
        [
            format!("done = {}", code(&["list"])),
            format!("mismatch = {}", code(&["verify", &server.to_string()])),
            format!("could-not = {}", code(&["list", "--no-such-option"])),
        ],
    );
}

/// The address of a server that has no file: it answers every request with ERROR 1.
fn without_files() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // The thread ends with the test's process.
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
            if buffer[..2] == [0, 1] {
                let _ = socket.send_to(b"\0\x05\0\x01no such file\0", peer);
            }
        }
    });
    address
}

/// The keys of JSON output, with the types of their values.
fn json(record: &mut Record) {
    for format in ["json", "cyclonedx"] {
        let text = stdout(&["list", "--format", format]);
        // Only some files have a version; the JSON format says null then.
        let keys = keys(&text, "components[].version");
        record.add(
            "json",
            keys.iter().map(|key| format!("list {format} {key}")),
        );
    }
}

/// The paths of all values of a JSON text, without `left_out`.
fn keys(text: &str, left_out: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(text).unwrap();
    let mut keys = Vec::new();
    walk(&value, String::new(), &mut keys);
    keys.retain(|key| key != left_out);
    keys
}

/// The keys of what a server says of its release, and of what `verify` says of that server.
fn release(record: &mut Record, server: &Program) {
    let response = server.get("/version");
    let (_, version) = response.split_once("\r\n\r\n").unwrap();
    let keys_of_version = keys(version, "");
    record.add(
        "json",
        keys_of_version.iter().map(|key| format!("/version {key}")),
    );
    let report = stdout(&["verify", "--format", "json", &server.tftp.to_string()]);
    let keys_of_report = keys(&report, "");
    record.add(
        "json",
        keys_of_report.iter().map(|key| format!("verify {key}")),
    );
}

/// Appends the path of each value: `files[].name`. What a file has or lacks is one path, without a
/// type, so that the record does not depend on the embedded files.
fn walk(value: &Value, path: String, keys: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| walk(value, format!("{path}.{key}"), keys)),
        Value::Array(values) => values
            .iter()
            .for_each(|value| walk(value, format!("{path}[]"), keys)),
        _ => keys.push(path.trim_start_matches('.').to_owned()),
    }
}

/// What the record asks a running program.
impl Program {
    /// The response to a GET, body included.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// Requests an embedded file, and one that does not exist.
    fn transfer(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(TIMEOUT)).unwrap();
        socket
            .send_to(b"\0\x01no-such-file\0octet\0", self.tftp)
            .unwrap();
        let mut buffer = [0; 2048];
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..4], [0, 5, 0, 1], "{:?}", &buffer[..length]);
        let url = format!("tftp://{}/SHA256SUMS", self.tftp);
        assert!(output(&["get", &url, "-o", "/dev/null"]).status.success());
    }

    /// Ends the server; returns its log lines.
    fn end(mut self) -> Vec<Value> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let rest: Vec<String> = self.log.by_ref().lines().map(Result::unwrap).collect();
        assert!(self.child.wait().unwrap().success());
        let lines = rest.iter().map(|line| serde_json::from_str(line).unwrap());
        [self.serving.clone()].into_iter().chain(lines).collect()
    }
}

/// Log fields and metrics of a server that has had a few requests.
fn running(record: &mut Record) {
    let server = Program::spawn(&mut bootstone(&[]));
    server.transfer();
    server.get("/SHA256SUMS");
    metrics(record, &server.get("/metrics"));
    for (path, name) in [
        ("/healthz", "healthz"),
        ("/", "page"),
        ("/SHA256SUMS", "hashes"),
        ("/metrics", "metrics"),
        ("/version", "version"),
    ] {
        let response = server.get(path);
        let status = response.split_whitespace().nth(1).unwrap_or_default();
        record.add("http", [format!("{path} = {status} ({name})")]);
    }
    release(record, &server);
    for line in server.end() {
        let message = line["message"].as_str().unwrap().to_owned();
        // Warnings depend on the machine and on the embedded files.
        if line["level"] != "WARN" {
            let fields = line.as_object().unwrap().keys();
            record.add("log", fields.map(|field| format!("{message} {field}")));
        }
    }
}

/// Names, types and labels.
fn metrics(record: &mut Record, text: &str) {
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            record.add("metric", [format!("{name} ({kind})")]);
        } else if let Some((name, rest)) = line.split_once('{')
            && let Some((labels, _)) = rest.rsplit_once('}')
        {
            for label in labels.split("\",") {
                let (label, value) = label.split_once("=\"").unwrap();
                record.add("label", [format!("{name} {label}")]);
                if ["outcome", "reason"].contains(&label) {
                    let value = value.trim_end_matches('"');
                    record.add(label, [value.to_owned()]);
                }
            }
        }
    }
}
