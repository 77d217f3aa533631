//! `verify` against servers that are correct, or not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bootstone::manifest::Digest;
use bootstone::wire::Packet;

use crate::run::{Run, bootstone, content};
use crate::server::{Behaviour, bootstone_serving, socket_on};

/// Runs `verify` with the published hashes of `a` and `b`.
fn verify(servers: &[SocketAddr], more: &[&str]) -> Run {
    let directory = tempfile::tempdir().unwrap();
    let sum = |name| format!("{}  {name}\n", Digest::of(&published(name)));
    let sums = directory.path().join("sums");
    std::fs::write(&sums, sum("a") + &sum("b")).unwrap();
    let servers: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
    let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
    let arguments = [&["verify", "--sums", "sums"], &servers[..], more].concat();
    let output = bootstone(directory.path(), &arguments).output().unwrap();
    Run::after(directory, output)
}

fn published(name: &str) -> Vec<u8> {
    content(30_000 + usize::from(name.as_bytes()[0]))
}

fn correct() -> Behaviour {
    Behaviour::with(&[("a", &published("a")), ("b", &published("b"))])
}

#[test]
fn all_files_as_published() {
    let (a, b) = (published("a"), published("b"));
    let servers = [
        correct().start(),
        bootstone_serving(&[("a", &a), ("b", &b)]),
    ];
    let run = verify(&servers, &[]);
    let [one, two] = servers;
    let expected =
        format!("  1  {one}\n  2  {two}\n\n    1   2\na   ✓   ✓\nb   ✓   ✓\n\n4 of 4 ok\n");
    assert_eq!((run.code, run.out), (0, expected));
}

#[test]
fn the_whole_check_is_limited_in_time() {
    let endless = Behaviour {
        endless: true,
        ..correct()
    };
    let run = verify(&[endless.start()], &["--max-time", "1", "--jobs", "1"]);
    assert_eq!(run.code, 2, "{}", run.out);
    assert!(run.out.contains("a: timed-out: "), "{}", run.out);
    assert!(run.out.contains("b: timed-out: "), "{}", run.out);
    assert!(run.out.contains("0 of 2 ok, 2 timed-out"), "{}", run.out);
    assert!(run.out.contains("--max-time"), "{}", run.out);
}

#[test]
fn a_wrong_byte_and_a_missing_file() {
    let mut wrong = published("a");
    wrong[20_000] ^= 1;
    let server = Behaviour::with(&[("a", &wrong)]).start();
    let run = verify(&[correct().start(), server], &[]);
    assert_eq!(run.code, 1);
    assert!(
        run.out.contains("\n    1   2\na   ✓   ✗\nb   ✓   ✗\n\n"),
        "{}",
        run.out
    );
    let (expected, actual) = (Digest::of(&published("a")), Digest::of(&wrong));
    let line = format!("✗ 2: a: differs: expected {expected}, got {actual} (30097 bytes)\n");
    assert!(run.out.contains(&line), "{}", run.out);
    assert!(run.out.contains("✗ 2: b: missing: "), "{}", run.out);
    assert!(
        run.out.ends_with("2 of 4 ok, 1 differs, 1 missing\n"),
        "{}",
        run.out
    );
}

#[test]
fn missing_files_are_ignored_if_another_was_verified() {
    let a_only = Behaviour::with(&[("a", &published("a"))]).start();
    let run = verify(&[correct().start(), a_only], &["--ignore-missing"]);
    let expected = "\n    1   2\na   ✓   ✓\nb   ✓   -\n\n3 of 4 ok, 1 ignored\n";
    assert!(run.out.ends_with(expected), "{}", run.out);
    assert_eq!(run.code, 0);
    let empty = Behaviour::with(&[]).start();
    let run = verify(&[empty], &["--ignore-missing"]);
    assert!(run.out.ends_with("0 of 2 ok, 2 missing\n"), "{}", run.out);
    assert_eq!(run.code, 1);
}

/// The verdicts on `a` and `b`, from JSON.
fn verdicts(run: &Run) -> Vec<String> {
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
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
        (correct(), 0, ["ok", "ok"]),
        (
            Behaviour {
                tsize: Some(50_000),
                ..correct()
            },
            1,
            ["truncated", "truncated"],
        ),
        (
            Behaviour {
                stalls_after: Some(3),
                ..correct()
            },
            1,
            ["truncated", "truncated"],
        ),
        (
            Behaviour {
                fails_after: Some(3),
                ..correct()
            },
            2,
            ["refused", "refused"],
        ),
        (
            Behaviour {
                raises_blksize: true,
                ..correct()
            },
            2,
            ["refused", "refused"],
        ),
        (
            Behaviour {
                endless: true,
                ..correct()
            },
            1,
            ["differs", "differs"],
        ),
        (
            Behaviour {
                silent: Some("b"),
                ..correct()
            },
            2,
            ["ok", "silent"],
        ),
    ] {
        let run = verify(&[behaviour.start()], json);
        assert_eq!(verdicts(&run), expected, "{}", run.out);
        assert_eq!(run.code, code, "{}", run.out);
    }
}

#[test]
fn json_has_all_fields() {
    let server = correct().start();
    let run = verify(&[server], &["--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["summary"], "2 of 2 ok");
    let mut check = report["checks"][1].clone();
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
}

/// The second file is not requested. The mismatch of the other server decides the exit code.
#[test]
fn a_host_that_does_not_answer_is_asked_once() {
    let silent = socket_on("127.0.0.1");
    let wrong = Behaviour::with(&[("a", b"wrong"), ("b", b"wrong")]).start();
    let address = silent.local_addr().unwrap();
    let more = ["--format", "json", "--timeout", "1", "--jobs", "1"];
    let run = verify(&[address, wrong], &more);
    assert_eq!(verdicts(&run), ["silent", "silent", "differs", "differs"]);
    assert_eq!(run.code, 1);
    silent.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2048];
    let mut asked = 0;
    while let Ok((len, _)) = silent.recv_from(&mut buffer) {
        let Ok(Packet::Rrq(request)) = Packet::decode(&buffer[..len]) else {
            panic!("not a request");
        };
        assert_eq!(request.filename, b"a");
        asked += 1;
    }
    assert!(asked > 0);
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
    assert!(run.out.ends_with("4 of 4 ok\n"), "{}", run.out);
    assert_eq!(left.load(Relaxed), 0);
}

#[test]
fn wait_ends() {
    let (server, left) = missing_at_first(&correct(), usize::MAX);
    let run = verify(&[server], &["--wait", "1"]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert!(run.out.ends_with("0 of 2 ok, 2 missing\n"), "{}", run.out);
    assert!(usize::MAX - left.load(Relaxed) >= 4, "asked only once");
}

#[test]
fn the_machine_of_a_fly_check() {
    let directory = tempfile::tempdir().unwrap();
    let sums = format!("{}  f\n", Digest::of(b"x"));
    std::fs::write(directory.path().join("sums"), sums).unwrap();
    let code = |server: SocketAddr, more: &[&str]| {
        let mut command = bootstone(directory.path(), &["verify", "--sums", "sums"]);
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
    let invalid = verify(&[], &["h.invalid", "--format", "json"]);
    assert_eq!(
        (invalid.code, verdicts(&invalid)),
        (2, vec!["silent".into(), "silent".into()])
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
}
