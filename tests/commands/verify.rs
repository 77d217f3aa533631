//! `verify` against servers that are correct, or not.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;

use bootstone::manifest::Digest;
use bootstone::wire::Packet;
use tempfile::TempDir;

use crate::run::{Run, bootstone, content};
use crate::server::{Behaviour, bootstone_serving, socket_on};

/// The list of the published files `a` and `b`, as it is served.
pub(crate) fn sums() -> String {
    let sum = |name| format!("{}  {name}\n", Digest::of(&published(name)));
    sum("a") + &sum("b")
}

/// Runs `verify` with the published hashes of `a` and `b`.
fn verify(servers: &[SocketAddr], more: &[&str]) -> Run {
    let servers: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
    let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
    verify_named(&servers, more)
}

pub(crate) fn verify_named(servers: &[&str], more: &[&str]) -> Run {
    verify_in(tempfile::tempdir().unwrap(), servers, more)
}

/// As [`verify_named`], in a directory with more files.
pub(crate) fn verify_in(directory: TempDir, servers: &[&str], more: &[&str]) -> Run {
    std::fs::write(directory.path().join("sums"), sums()).unwrap();
    let arguments = [&["verify", "--sums", "sums"], servers, more].concat();
    let output = bootstone(directory.path(), &arguments).output().unwrap();
    Run::after(directory, output)
}

pub(crate) fn published(name: &str) -> Vec<u8> {
    content(30_000 + usize::from(name.as_bytes()[0]))
}

fn correct() -> Behaviour {
    with_list(&[("a", &published("a")), ("b", &published("b"))])
}

/// A server of these files and the list of the release.
fn with_list(files: &[(&'static str, &[u8])]) -> Behaviour {
    let sums = sums();
    Behaviour::with(&[files, &[("SHA256SUMS", sums.as_bytes())]].concat())
}

/// The cells of a host's row in the table, by the heads of their columns.
#[track_caller]
fn row(run: &Run, server: SocketAddr) -> HashMap<String, String> {
    let mut lines = run.out.lines().skip(2);
    let heads = lines.next().unwrap().split_whitespace();
    let server = format!(" {server} ");
    let row = lines.find(|line| line.contains(&server)).unwrap();
    // The only cells with a blank in them.
    let row = row.replace(" ms", "ms").replace(" s", "s");
    let cells: Vec<&str> = row.split_whitespace().collect();
    let heads: Vec<&str> = heads.collect();
    assert_eq!(heads.len(), cells.len(), "{}", run.out);
    let pair = |(head, cell): (&&str, &&str)| ((*head).to_owned(), (*cell).to_owned());
    heads.iter().zip(&cells).map(pair).collect()
}

#[test]
fn all_as_published() {
    let (a, b) = (published("a"), published("b"));
    let list = sums();
    let files: [(&str, &[u8]); 3] = [("a", &a), ("b", &b), ("SHA256SUMS", list.as_bytes())];
    let servers = [correct().start(), bootstone_serving(&files)];
    let run = verify(&servers, &[]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let id = Digest::of(list.as_bytes()).to_string();
    let head = format!("Compared with the list sums: 2 files, content {id}\n\nRESULT  HOST ");
    assert!(run.out.starts_with(&head), "{}", run.out);
    for server in servers {
        let row = row(&run, server);
        let mut heads: Vec<&str> = row.keys().map(String::as_str).collect();
        heads.sort_unstable();
        let expected = ["ADDRESS", "CONTENT", "HOST", "OK", "RESULT", "RTT", "TIME"];
        assert_eq!(heads, expected);
        let values = [&row["RESULT"], &row["OK"], &row["CONTENT"], &row["ADDRESS"]];
        assert_eq!(values, ["ok", "3", &id[..12], &server.to_string()]);
        assert!(row["RTT"].ends_with("ms"), "{}", run.out);
    }
    let end = "\n\n2 of 2 hosts as published; checks: 6 ok\n";
    assert!(run.out.ends_with(end), "{}", run.out);
    assert_eq!(run.err, "");
}

#[test]
fn a_server_of_too_many_files_is_found() {
    let (a, b, c) = (published("a"), published("b"), published("c"));
    let more = format!("{}{}  c\u{1b}\n", sums(), Digest::of(&c));
    let files: [(&str, &[u8]); 3] = [("a", &a), ("b", &b), ("SHA256SUMS", more.as_bytes())];
    let server = Behaviour::with(&files).start();
    let run = verify(&[server], &[]);
    assert_eq!(run.code, 1, "{}", run.out);
    let row = row(&run, server);
    let values = [&row["RESULT"], &row["OK"], &row["DIFFERS"], &row["EXTRA"]];
    assert_eq!(values, ["differs", "2", "1", "1"]);
    let (expected, actual) = (Digest::of(sums().as_bytes()), Digest::of(more.as_bytes()));
    let list = format!(
        "✗ {server}: SHA256SUMS: differs: files in it: 1 not published, expected {expected}, \
         actual {actual}\n"
    );
    assert!(run.out.contains(&list), "{}", run.out);
    let extra = format!(
        "✗ {server}: c\\u{{1b}}: extra: not published, and listed in the server's SHA256SUMS, \
         actual {}\n",
        Digest::of(&c)
    );
    assert!(run.out.contains(&extra), "{}", run.out);
    // The list is not read.
    let run = verify(&[server], &["--ignore-extra"]);
    assert_eq!(run.code, 0, "{}", run.out);
    let end = "\n1 of 1 hosts as published; checks: 2 ok\n";
    assert!(run.out.ends_with(end), "{}", run.out);
}

/// A server whose files are right, and whose list is not.
#[test]
fn the_content_id_is_compared() {
    let (a, b) = (published("a"), published("b"));
    let other = sums()
        .lines()
        .rev()
        .map(|line| format!("{line}\n"))
        .collect::<String>();
    for (list, code, word) in [
        (Some(other.as_str()), 1, "in another form"),
        (Some("\u{1b}[2J"), 1, "not a list of hashes: line 1"),
        (None, 1, "SHA256SUMS: missing: "),
    ] {
        let mut files: Vec<(&'static str, &[u8])> = vec![("a", &a), ("b", &b)];
        files.extend(list.map(|list| ("SHA256SUMS", list.as_bytes())));
        let server = Behaviour::with(&files).start();
        let run = verify(&[server], &[]);
        assert_eq!(run.code, code, "{}", run.out);
        assert!(run.out.contains(word), "{}", run.out);
        assert!(run.out.contains(" 2 ok, 1 "), "{}", run.out);
        assert_eq!(verify(&[server], &["--ignore-extra"]).code, 0);
    }
}

#[test]
fn the_whole_check_is_limited_in_time() {
    let endless = Behaviour {
        endless: true,
        ..correct()
    };
    let run = verify(&[endless.start()], &["--max-time", "1", "--jobs", "1"]);
    assert_eq!(run.code, 2, "{}", run.out);
    for file in ["a", "b"] {
        let finding = format!(" {file}: timed-out: ");
        assert!(run.out.contains(&finding), "{}", run.out);
    }
    assert!(
        run.out
            .contains("0 of 1 hosts as published; checks: 1 ok, 2 timed-out"),
        "{}",
        run.out
    );
    assert!(run.out.contains("--max-time"), "{}", run.out);
}

#[test]
fn a_wrong_byte_and_a_missing_file() {
    let mut wrong = published("a");
    wrong[20_000] ^= 1;
    let server = with_list(&[("a", &wrong)]).start();
    let run = verify(&[correct().start(), server], &[]);
    assert_eq!(run.code, 1);
    let row = row(&run, server);
    let values = [&row["RESULT"], &row["OK"], &row["DIFFERS"], &row["MISSING"]];
    assert_eq!(values, ["differs", "1", "1", "1"]);
    let (expected, actual) = (Digest::of(&published("a")), Digest::of(&wrong));
    let line = format!("✗ {server}: a: differs: expected {expected}, actual {actual}\n");
    assert!(run.out.contains(&line), "{}", run.out);
    let line = format!("✗ {server}: b: missing: the server has no such file: ");
    assert!(run.out.contains(&line), "{}", run.out);
    let end = "\n1 of 2 hosts as published; checks: 4 ok, 1 differs, 1 missing\n";
    assert!(run.out.ends_with(end), "{}", run.out);
}

#[test]
fn missing_files_are_ignored_if_another_was_compared() {
    let a = published("a");
    let list = sums().lines().next().unwrap().to_owned() + "\n";
    let files: [(&str, &[u8]); 2] = [("a", &a), ("SHA256SUMS", list.as_bytes())];
    let a_only = Behaviour::with(&files).start();
    let run = verify(&[correct().start(), a_only], &["--ignore-missing"]);
    let end = "\n2 of 2 hosts as published; checks: 4 ok, 2 ignored\n";
    assert!(run.out.ends_with(end), "{}", run.out);
    assert_eq!(run.code, 0);
    let empty = Behaviour::with(&[]).start();
    let run = verify(&[empty], &["--ignore-missing"]);
    assert!(run.out.ends_with("checks: 3 missing\n"), "{}", run.out);
    assert_eq!(run.code, 1);
}

#[track_caller]
pub(crate) fn report(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.out).unwrap()
}

/// The verdicts on the list, on `a` and on `b`, from JSON.
fn verdicts(run: &Run) -> Vec<String> {
    let report = report(run);
    let checks = report["checks"].as_array().unwrap();
    let verdict = |check: &serde_json::Value| check["verdict"].as_str().unwrap().to_owned();
    checks.iter().map(verdict).collect()
}

#[test]
fn each_failure_has_its_verdict() {
    let json = &[
        "--format",
        "json",
        "--timeout",
        "1",
        "--max-size",
        "1000000",
    ];
    for (behaviour, code, expected) in [
        (correct(), 0, ["ok", "ok", "ok"]),
        (
            Behaviour {
                tsize: Some(50_000),
                ..correct()
            },
            1,
            ["truncated", "truncated", "truncated"],
        ),
        (
            Behaviour {
                stalls_after: Some(3),
                ..correct()
            },
            1,
            ["ok", "truncated", "truncated"],
        ),
        (
            Behaviour {
                fails_after: Some(3),
                ..correct()
            },
            2,
            ["ok", "error", "error"],
        ),
        (
            Behaviour {
                raises_blksize: true,
                ..correct()
            },
            2,
            ["error", "error", "error"],
        ),
        (
            Behaviour {
                endless: true,
                ..correct()
            },
            1,
            ["ok", "differs", "differs"],
        ),
        (
            Behaviour {
                silent: Some("b"),
                ..correct()
            },
            2,
            ["ok", "ok", "silent"],
        ),
    ] {
        let run = verify(&[behaviour.start()], json);
        assert_eq!(verdicts(&run), expected, "{}", run.out);
        assert_eq!(run.code, code, "{}", run.out);
    }
}

#[test]
fn json_has_all_fields() {
    let (server, empty) = (correct().start(), Behaviour::with(&[]).start());
    let run = verify(&[server, empty], &["--format", "json"]);
    let report = report(&run);
    assert_eq!(report["ok"], false);
    assert_eq!(report["exit_code"], run.code);
    assert_eq!(
        report["summary"],
        "1 of 2 hosts as published; checks: 3 ok, 3 missing"
    );
    let id = Digest::of(sums().as_bytes()).to_string();
    let compared = serde_json::json!({"source": "the list sums", "files": 2, "content_id": id});
    assert_eq!(report["compared_with"], compared);
    let counts = serde_json::json!({
        "hosts": 2, "hosts_ok": 1, "checks": 6, "ok": 3, "differs": 0, "missing": 3, "extra": 0,
        "bad-signature": 0, "truncated": 0, "silent": 0, "refused": 0, "unreachable": 0,
        "no-such-host": 0, "error": 0, "timed-out": 0, "ignored": 0,
    });
    assert_eq!(report["counts"], counts);
    let mut host = report["hosts"][0].clone();
    assert!(host["rtt_us"].take().as_u64().unwrap() > 0);
    assert!(host["ms"].take().is_u64());
    let expected = serde_json::json!({
        "host": server.to_string(), "address": server.to_string(), "protocol": "tftp",
        "ok": true, "verdict": "ok", "content_id": id, "version": null, "region": null,
        "machine": null, "rtt_us": null, "ms": null, "arrived_ms": null,
    });
    assert_eq!(host, expected);
    let mut check = report["checks"][2].clone();
    assert!(check["ms"].take().is_u64());
    let expected = serde_json::json!({
        "host": server.to_string(),
        "address": server.to_string(),
        "file": "b",
        "expected": Digest::of(&published("b")).to_string(),
        "actual": Digest::of(&published("b")).to_string(),
        "bytes": 30_098,
        "ms": null,
        "verdict": "ok",
        "detail": null,
    });
    assert_eq!(check, expected);
    let right = verify(&[server], &["--format", "json"]);
    assert_eq!(self::report(&right)["ok"], true);
}

/// Only the list is requested. The mismatch of the other server decides the exit code.
#[test]
fn a_host_that_does_not_answer_is_asked_once() {
    let silent = socket_on("127.0.0.1");
    let wrong = with_list(&[("a", b"wrong"), ("b", b"wrong")]).start();
    let address = silent.local_addr().unwrap();
    let more = ["--format", "json", "--timeout", "1", "--jobs", "1"];
    let run = verify(&[address, wrong], &more);
    let expected = ["silent", "silent", "silent", "ok", "differs", "differs"];
    assert_eq!(verdicts(&run), expected);
    assert_eq!(run.code, 1);
    silent.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2048];
    let mut asked = 0;
    while let Ok((len, _)) = silent.recv_from(&mut buffer) {
        let Ok(Packet::Rrq(request)) = Packet::decode(&buffer[..len]) else {
            panic!("not a request");
        };
        assert_eq!(request.filename, b"SHA256SUMS");
        asked += 1;
    }
    assert!(asked > 0);
}

/// ICMP, silence, and a name without an address are told apart.
#[test]
fn why_a_host_does_not_answer() {
    let silent = socket_on("127.0.0.1");
    let closed = socket_on("127.0.0.1").local_addr().unwrap();
    let named = [
        "h.invalid",
        &format!("tftp://{closed}/"),
        &silent.local_addr().unwrap().to_string(),
    ];
    let run = verify_named(&named, &["--timeout", "1"]);
    assert_eq!(run.code, 2, "{}", run.out);
    for (server, why) in [
        ("h.invalid", "no-such-host: the name has no address: "),
        (
            &closed.to_string(),
            "refused: no server listens on this port (ICMP port unreachable)\n",
        ),
        (named[2], "silent: nothing answered\n"),
    ] {
        let line = format!("✗ {server}: {why}");
        assert!(run.out.contains(&line), "{line}: {}", run.out);
    }
    // One line for each host.
    assert_eq!(run.out.matches('✗').count(), 3, "{}", run.out);
}

/// A server whose files are missing at the first requests, and the number of those left.
fn missing_at_first(files: &Behaviour, requests: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let left = Arc::new(AtomicUsize::new(requests));
    let behaviour = Behaviour {
        missing_at_first: Some(Arc::clone(&left)),
        ..files.clone()
    };
    (behaviour.start(), left)
}

#[test]
fn wait_repeats_the_check_until_all_is_as_published() {
    let (server, _) = missing_at_first(&correct(), 2);
    let run = verify(&[server], &[]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);

    let (server, left) = missing_at_first(&correct(), 3);
    let run = verify(&[correct().start(), server], &["--wait", "60"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(
        run.out
            .ends_with("2 of 2 hosts as published; checks: 6 ok\n"),
        "{}",
        run.out
    );
    assert_eq!(left.load(Relaxed), 0);
    assert!(run.out.contains("ARRIVED"), "{}", run.out);
}

/// One host is right at once, and another one after a while: the first is not asked again, and of
/// the second only what was not right.
#[test]
fn wait_asks_only_for_what_was_not_right_and_says_what_it_waits_for() {
    let asked = |behaviour: Behaviour| {
        let (sender, requests) = mpsc::channel();
        let requested = Some(sender);
        let server = Behaviour {
            requested,
            ..behaviour
        }
        .start();
        (server, requests)
    };
    let (right, right_asked) = asked(correct());
    let (late, late_asked) = asked(Behaviour {
        silent: Some("b"),
        ..correct()
    });
    let run = verify(
        &[right, late],
        &["--wait", "4", "--timeout", "1", "--jobs", "1"],
    );
    assert_eq!(run.code, 2, "{}{}", run.out, run.err);
    let names = |requests: mpsc::Receiver<String>| requests.try_iter().collect::<Vec<_>>();
    assert_eq!(names(right_asked), ["SHA256SUMS", "a", "b"]);
    let mut names = names(late_asked);
    assert_eq!(names.iter().filter(|name| *name == "a").count(), 1);
    assert!(names.iter().filter(|name| *name == "SHA256SUMS").count() >= 2);
    names.retain(|name| name == "b");
    assert!(names.len() >= 2);
    let arrived = run.err.lines().next().unwrap();
    assert!(
        arrived.starts_with(&format!("{right}: as published after ")),
        "{}",
        run.err
    );
    let waiting =
        format!("\nwaiting for {late}: b silent\n1 of 2 hosts as published; looking again");
    assert!(run.err.contains(&waiting), "{}", run.err);
    // Nothing has changed, so nothing more is said.
    assert_eq!(run.err.lines().count(), 3, "{}", run.err);
    assert_ne!(row(&run, right)["ARRIVED"], "-");
    assert_eq!(row(&run, late)["ARRIVED"], "-");
}

#[test]
fn wait_ends() {
    let (server, left) = missing_at_first(&correct(), usize::MAX);
    let run = verify(&[server], &["--wait", "1"]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert!(run.out.ends_with("checks: 3 missing\n"), "{}", run.out);
    assert!(usize::MAX - left.load(Relaxed) >= 6, "asked only once");
}

#[test]
fn the_machine_of_a_fly_check() {
    let directory = tempfile::tempdir().unwrap();
    let sums = format!("{}  f\n", Digest::of(b"x"));
    std::fs::write(directory.path().join("sums"), sums).unwrap();
    let code = |server: SocketAddr, more: &[&str]| {
        let arguments = ["verify", "--sums", "sums", "--ignore-extra"];
        let mut command = bootstone(directory.path(), &arguments);
        command
            .args(more)
            .env("FLY_TEST_MACHINE_IP", server.to_string());
        command.output().unwrap().status.code()
    };
    let good = Behaviour::with(&[("f", b"x")]).start();
    let bad = Behaviour::with(&[("f", b"y")]).start();
    assert_eq!(code(good, &[]), Some(0));
    assert_eq!(code(bad, &[]), Some(1));
    // A server on the command line takes precedence.
    assert_eq!(code(bad, &[&good.to_string()]), Some(0));
}

#[test]
fn invalid_arguments_are_refused() {
    let invalid = verify_named(&["h.invalid"], &["--format", "json"]);
    assert_eq!(
        (invalid.code, verdicts(&invalid)),
        (2, vec!["no-such-host".to_owned(); 3])
    );
    assert!(
        invalid.out.contains("the name has no address"),
        "{}",
        invalid.out
    );
    Run::of(&["verify"]).failed(2, "no server was given");
    Run::of(&["verify", "127.0.0.1", "--sums", "nothing"]).failed(2, "cannot read nothing");
    Run::of(&["verify", "127.0.0.1", "--sums", "-"]).failed(2, "lists no files");
    Run::of(&["verify", "127.0.0.1:port"]).failed(2, "is not a port");
    Run::of(&["verify", "https://h"]).failed(2, "https is not supported");
}
