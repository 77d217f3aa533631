//! `get`, `verify` and `list`, the program itself, against servers that behave and servers that do not.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; this one starts programs and reads files"
)]

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bootstone::catalog::{Catalog, Entry};
use bootstone::manifest::Digest;
use bootstone::net::Clock;
use bootstone::net::driver::{Busy, Driver};
use bootstone::net::socket::{Bound, Socket};
use bootstone::net::status::Pulse;
use bootstone::proto::server::Server;
use bootstone::wire::{Options, Packet, Request};
use tempfile::TempDir;

/// How a server behaves; where not said otherwise, as it should.
#[derive(Clone, Default)]
struct Manner {
    files: Vec<(&'static str, Vec<u8>)>,
    /// Answers no request whose name contains this.
    silent: Option<&'static str>,
    /// Knows no options.
    plain: bool,
    /// Announces this size.
    tsize: Option<u64>,
    /// Says nothing more after so many blocks.
    stalls_after: Option<usize>,
    /// Sends an ERROR after so many blocks.
    fails_after: Option<usize>,
    /// Begins anew when it is at the end.
    endless: bool,
    /// Grants twice the block size that was asked for.
    generous: bool,
    /// Answers from this address.
    answers_from: Option<&'static str>,
    /// Knows no file before so many requests have been made.
    late: Option<Arc<AtomicUsize>>,
    /// Is told of each datagram that a transfer receives.
    told: Option<Sender<Vec<u8>>>,
}

/// Nothing in these tests takes that long. It bounds the life of a thread, not of a test.
const LONG: Duration = Duration::from_secs(60);

impl Manner {
    fn with(files: &[(&'static str, &[u8])]) -> Manner {
        let files = files.iter().map(|(name, bytes)| (*name, bytes.to_vec()));
        Manner {
            files: files.collect(),
            ..Manner::default()
        }
    }

    /// A server in the manner of RFC 1350, with a new port for each transfer.
    fn start(self) -> SocketAddr {
        let socket = socket_on("127.0.0.1");
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((len, peer)) = socket.recv_from(&mut buffer) {
                let (manner, request) = (self.clone(), buffer[..len].to_vec());
                std::thread::spawn(move || manner.answer(peer, &request));
            }
        });
        address
    }

    fn answer(&self, peer: SocketAddr, datagram: &[u8]) {
        let Ok(Packet::Rrq(request)) = Packet::decode(datagram) else {
            return;
        };
        let name = std::str::from_utf8(request.filename).unwrap();
        if self.silent.is_some_and(|part| name.contains(part)) {
            return;
        }
        let transfer = Transfer {
            manner: self,
            socket: socket_on(self.answers_from.unwrap_or("127.0.0.1")),
            peer,
        };
        let found = self.files.iter().find(|(served, _)| *served == name);
        match found.filter(|_| !self.is_early()) {
            Some((_, bytes)) => transfer.send_file(bytes, request),
            None => transfer.error(1, b"no such file \x1b[2J"),
        }
    }
}

impl Manner {
    /// Counts a request that comes too early.
    fn is_early(&self) -> bool {
        let fewer = |left: usize| left.checked_sub(1);
        let late = self.late.as_ref();
        late.is_some_and(|late| late.fetch_update(Relaxed, Relaxed, fewer).is_ok())
    }
}

fn socket_on(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

struct Transfer<'a> {
    manner: &'a Manner,
    socket: UdpSocket,
    peer: SocketAddr,
}

impl Transfer<'_> {
    /// Block by block, each time waiting for the ACK.
    fn send_file(&self, bytes: &[u8], request: Request<'_>) {
        let mut blksize = 512;
        if !self.manner.plain {
            let asked = request.options.iter().find(|(name, _)| *name == b"blksize");
            let (_, value) = asked.unwrap();
            blksize = std::str::from_utf8(value).unwrap().parse().unwrap();
            blksize *= if self.manner.generous { 2 } else { 1 };
            let tsize = self.manner.tsize.unwrap_or(bytes.len() as u64);
            let mut options = format!("blksize\0{blksize}\0");
            if !self.manner.endless {
                options += &format!("tsize\0{tsize}\0");
            }
            if !self.say(Packet::Oack(Options::new(options.as_bytes())), 0) {
                return;
            }
        }
        let mut blocks: Vec<&[u8]> = bytes.chunks(blksize).collect();
        if bytes.len().is_multiple_of(blksize) {
            blocks.push(&[]);
        }
        if self.manner.endless {
            blocks.retain(|block| block.len() == blksize);
        }
        let mut sent = 0;
        loop {
            for payload in &blocks {
                if self.manner.fails_after == Some(sent) {
                    return self.error(0, b"disk on fire");
                }
                if self.manner.stalls_after == Some(sent) {
                    return self.listen();
                }
                sent += 1;
                let block = sent as u16;
                if !self.say(Packet::Data { block, payload }, block) {
                    return;
                }
            }
            if !self.manner.endless {
                return;
            }
        }
    }

    /// Sends and waits for this ACK; false if there is none.
    fn say(&self, packet: Packet<'_>, block: u16) -> bool {
        self.send(packet);
        self.hear()
            .is_some_and(|answer| Packet::decode(&answer) == Ok(Packet::Ack { block }))
    }

    fn error(&self, code: u16, message: &[u8]) {
        self.send(Packet::Error { code, message });
    }

    /// Only listens until nobody says anything.
    fn listen(&self) {
        while self.hear().is_some() {}
    }

    fn send(&self, packet: Packet<'_>) {
        let mut out = Vec::new();
        packet.encode(&mut out);
        self.socket.send_to(&out, self.peer).unwrap();
    }

    fn hear(&self) -> Option<Vec<u8>> {
        let mut buffer = [0; 2048];
        let (len, _) = self.socket.recv_from(&mut buffer).ok()?;
        if let Some(told) = &self.manner.told {
            let _ = told.send(buffer[..len].to_vec());
        }
        Some(buffer[..len].to_vec())
    }
}

/// Bootstone's own server, with files of ours.
fn bootstone_serving(files: &[(&str, &[u8])]) -> SocketAddr {
    let entry = |(name, bytes): &(&str, &[u8])| Entry::new(*name, bytes.to_vec());
    let catalog = Arc::new(Catalog::new(files.iter().map(entry).collect()));
    let bound = Bound::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = bound.address();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let server = Server::new(catalog, Default::default());
            let socket = Socket::new(bound).unwrap();
            let clock = Clock::start();
            let line = Pulse::new(clock).line();
            let driver = Driver::new(socket, server, clock, |_: &Catalog, _: &_| {});
            let Err(error) = driver.run(Busy::new(0), line).await;
            panic!("{error}");
        });
    });
    address
}

/// The program, in a directory of its own.
fn bootstone(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstone"));
    command.current_dir(directory).args(arguments);
    command.stdin(Stdio::null());
    command
}

/// What a run left: status, both outputs, the directory.
struct Run {
    code: i32,
    out: String,
    err: String,
    directory: TempDir,
}

impl Run {
    fn of(arguments: &[&str]) -> Run {
        let directory = tempfile::tempdir().unwrap();
        let output = bootstone(directory.path(), arguments).output().unwrap();
        Run::after(directory, output)
    }

    fn after(directory: TempDir, output: Output) -> Run {
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            directory,
        }
    }

    fn get(server: SocketAddr, name: &str, more: &[&str]) -> Run {
        let url = format!("tftp://{server}/{name}");
        Run::of(&[&["get", &url], more].concat())
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let names = entries.map(|entry| name(entry).into_string().unwrap());
        names.collect()
    }

    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.directory.path().join(name)).unwrap()
    }

    /// It could not be done, said why, and left nothing.
    #[track_caller]
    fn failed(&self, code: i32, word: &str) {
        assert_eq!(self.code, code, "{}", self.err);
        assert!(self.err.contains(word), "{:?} in {}", word, self.err);
        assert_eq!(self.out, "");
        assert!(self.names().is_empty(), "{:?}", self.names());
    }
}

/// Bytes that repeat nowhere near.
fn content(len: usize) -> Vec<u8> {
    let mut state = len as u64 | 1;
    let mut byte = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    (0..len).map(|_| byte()).collect()
}

#[test]
fn get_takes_the_file_from_a_new_port() {
    let bytes = content(100_000);
    let server = Manner::with(&[("ipxe.efi", &bytes)]).start();
    let run = Run::get(server, "ipxe.efi", &[]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(run.file("ipxe.efi"), bytes);
    assert_eq!(run.names(), ["ipxe.efi"]);
    assert_eq!(run.out, format!("{}  ipxe.efi\n", Digest::of(&bytes)));
    assert!(
        run.err.starts_with("100000 bytes from 127.0.0.1:"),
        "{}",
        run.err
    );
    assert!(
        run.err.contains("blksize 1428, windowsize 1, 0 resends"),
        "{}",
        run.err
    );
}

#[test]
fn get_takes_the_file_from_bootstone_itself() {
    let bytes = content(3_000_000);
    let server = bootstone_serving(&[("2.0.0/ipxe.efi", &bytes)]);
    for more in [
        &[][..],
        &["--windowsize", "1"],
        &["--blksize", "8192"],
        &["--blksize", "512"],
    ] {
        let run = Run::get(server, "2.0.0/ipxe.efi", more);
        assert_eq!(run.code, 0, "{}", run.err);
        assert!(run.file("ipxe.efi") == bytes, "{}", run.err);
    }
}

#[test]
fn get_makes_do_without_options() {
    let bytes = content(512 * 5);
    let manner = Manner {
        plain: true,
        ..Manner::with(&[("a/b", &bytes)])
    };
    let run = Run::get(manner.start(), "a/b;mode=octet", &["-o", "c"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(run.file("c"), bytes);
    assert!(run.err.contains("blksize 512, windowsize 1"), "{}", run.err);
}

#[test]
fn get_writes_to_standard_output() {
    let server = Manner::with(&[("f", b"some text\n")]).start();
    let run = Run::get(server, "f", &["-o", "-"]);
    assert_eq!((run.code, run.out.as_str()), (0, "some text\n"));
    assert!(run.names().is_empty());
    let sha256 = Digest::of(b"some text\n");
    assert!(run.err.contains(&format!("{sha256}  -")), "{}", run.err);
}

#[test]
fn get_keeps_the_old_file_when_the_new_one_does_not_come() {
    let manner = Manner {
        fails_after: Some(2),
        ..Manner::with(&[("f", &content(10_000))])
    };
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("f"), "old").unwrap();
    let url = format!("tftp://{}/f", manner.start());
    let output = bootstone(directory.path(), &["get", &url])
        .output()
        .unwrap();
    let run = Run::after(directory, output);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("ERROR 0: disk on fire"), "{}", run.err);
    assert_eq!(run.names(), ["f"]);
    assert_eq!(run.file("f"), b"old");
}

#[test]
fn get_says_what_went_wrong() {
    let files = Manner::with(&[("f", &content(10_000))]);
    Run::get(files.clone().start(), "g", &[]).failed(2, r"no such file: no such file \x1b[2J");
    let short = Manner {
        tsize: Some(10_001),
        ..files.clone()
    };
    Run::get(short.start(), "f", &[]).failed(1, "10001 bytes announced, only received: 10000");
    let long = Manner {
        tsize: Some(9_999),
        ..files.clone()
    };
    Run::get(long.start(), "f", &[]).failed(1, "9999 bytes announced, more received: 10000");
    let generous = Manner {
        generous: true,
        ..files.clone()
    };
    Run::get(generous.start(), "f", &[]).failed(2, "other than asked for");
    let endless = Manner {
        endless: true,
        ..files.clone()
    };
    Run::get(endless.start(), "f", &["--max-size", "1000000"]).failed(2, "more than 1000000 bytes");
    let stalling = Manner {
        stalls_after: Some(3),
        ..files
    };
    let run = Run::get(stalling.start(), "f", &["--timeout", "1"]);
    run.failed(2, "nothing more came after 4284 of 10000 bytes");
}

#[test]
fn get_tells_silence_from_a_closed_port_from_a_wrong_address() {
    let silent = Manner {
        silent: Some(""),
        ..Manner::default()
    };
    Run::get(silent.start(), "f", &["--timeout", "1"]).failed(2, "nothing answered. Is a firewall");
    if cfg!(target_os = "linux") {
        let closed = socket_on("127.0.0.1").local_addr().unwrap();
        Run::get(closed, "f", &[]).failed(2, "nothing listens there");
        let elsewhere = Manner {
            answers_from: Some("127.0.0.2"),
            ..Manner::with(&[("f", b"x")])
        };
        let run = Run::get(elsewhere.start(), "f", &["--timeout", "1"]);
        run.failed(2, "something came from 127.0.0.2:");
    }
}

#[test]
fn get_refuses_what_makes_no_sense() {
    Run::of(&["get", "http://h/f"]).failed(2, "tftp://HOST[:PORT]/NAME");
    Run::of(&["get", "tftp://h.invalid/f"]).failed(2, "h.invalid has no address");
    Run::of(&["get", "tftp://127.0.0.1/f", "--blksize", "7"]).failed(2, "--blksize 7");
    Run::of(&["get", "tftp://127.0.0.1/f", "-o", "no/such/f"]).failed(2, "Choose another with -o");
    Run::of(&["get", "tftp://127.0.0.1/d/"]).failed(2, "choose one with -o");
}

/// Interrupted in the middle, it tells the server and leaves nothing.
#[cfg(unix)]
#[test]
fn get_cleans_up_after_sigint() {
    let (told, datagrams) = channel();
    let manner = Manner {
        stalls_after: Some(2),
        told: Some(told),
        ..Manner::with(&[("f", &content(10_000))])
    };
    let directory = tempfile::tempdir().unwrap();
    let url = format!("tftp://{}/f", manner.start());
    let mut command = bootstone(directory.path(), &["get", &url]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    hears(&datagrams, Packet::Ack { block: 2 });
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let (code, message) = (0, &b"aborted"[..]);
    hears(&datagrams, Packet::Error { code, message });
    Run::after(directory, child.wait_with_output().unwrap()).failed(2, "SIGINT: interrupted");
}

/// Waits until the server has received `packet`.
#[track_caller]
fn hears(datagrams: &Receiver<Vec<u8>>, packet: Packet<'_>) {
    while Packet::decode(&datagrams.recv_timeout(LONG).unwrap()) != Ok(packet) {}
}

/// Runs `verify` with the sums of `a` and `b` as they should be.
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

fn honest() -> Manner {
    Manner::with(&[("a", &published("a")), ("b", &published("b"))])
}

#[test]
fn verify_finds_everything_as_published() {
    let (a, b) = (published("a"), published("b"));
    let servers = [honest().start(), bootstone_serving(&[("a", &a), ("b", &b)])];
    let run = verify(&servers, &[]);
    let [one, two] = servers;
    let expected =
        format!("  1  {one}\n  2  {two}\n\n    1   2\na   ✓   ✓\nb   ✓   ✓\n\n4 of 4 ok\n");
    assert_eq!((run.code, run.out), (0, expected));
}

#[test]
fn verify_finds_a_wrong_byte_and_a_missing_file() {
    let mut wrong = published("a");
    wrong[20_000] ^= 1;
    let server = Manner::with(&[("a", &wrong)]).start();
    let run = verify(&[honest().start(), server], &[]);
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

/// The verdicts on `a` and `b`, from JSON.
fn verdicts(run: &Run) -> Vec<String> {
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let verdict = |check: &serde_json::Value| check["verdict"].as_str().unwrap().to_owned();
    checks.iter().map(verdict).collect()
}

#[test]
fn verify_has_a_word_for_each_failure() {
    let json = &[
        "--format",
        "json",
        "--timeout",
        "1",
        "--max-size",
        "1000000",
    ];
    for (manner, code, expected) in [
        (honest(), 0, ["ok", "ok"]),
        (
            Manner {
                tsize: Some(50_000),
                ..honest()
            },
            1,
            ["truncated", "truncated"],
        ),
        (
            Manner {
                stalls_after: Some(3),
                ..honest()
            },
            1,
            ["truncated", "truncated"],
        ),
        (
            Manner {
                fails_after: Some(3),
                ..honest()
            },
            2,
            ["refused", "refused"],
        ),
        (
            Manner {
                generous: true,
                ..honest()
            },
            2,
            ["refused", "refused"],
        ),
        (
            Manner {
                endless: true,
                ..honest()
            },
            1,
            ["differs", "differs"],
        ),
        (
            Manner {
                silent: Some("b"),
                ..honest()
            },
            2,
            ["ok", "silent"],
        ),
    ] {
        let run = verify(&[manner.start()], json);
        assert_eq!(verdicts(&run), expected, "{}", run.out);
        assert_eq!(run.code, code, "{}", run.out);
    }
}

#[test]
fn verify_tells_everything_in_json() {
    let server = honest().start();
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

/// One at a time: the second file is not even asked for. A mismatch elsewhere decides the status.
#[test]
fn verify_asks_a_silent_host_once() {
    let silent = socket_on("127.0.0.1");
    let wrong = Manner::with(&[("a", b"wrong"), ("b", b"wrong")]).start();
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

/// A server that has no file at the first few requests, and how many of those are left.
fn late(files: &Manner, requests: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let left = Arc::new(AtomicUsize::new(requests));
    let manner = Manner {
        late: Some(Arc::clone(&left)),
        ..files.clone()
    };
    (manner.start(), left)
}

#[test]
fn verify_waits_until_a_rollout_has_arrived() {
    let (server, _) = late(&honest(), 2);
    let run = verify(&[server], &[]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);

    let (server, left) = late(&honest(), 3);
    let run = verify(&[honest().start(), server], &["--wait", "60"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(run.out.ends_with("4 of 4 ok\n"), "{}", run.out);
    assert_eq!(left.load(Relaxed), 0);
}

#[test]
fn verify_does_not_wait_for_ever() {
    let (server, left) = late(&honest(), usize::MAX);
    let run = verify(&[server], &["--wait", "1"]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert!(run.out.ends_with("0 of 2 ok, 2 missing\n"), "{}", run.out);
    assert!(usize::MAX - left.load(Relaxed) >= 4, "asked only once");
}

#[test]
fn verify_takes_the_machine_that_a_check_names() {
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
    let good = Manner::with(&[("f", b"x")]).start();
    let bad = Manner::with(&[("f", b"y")]).start();
    assert_eq!(code(good, &[]), Some(0));
    assert_eq!(code(bad, &[]), Some(1));
    // One that is named goes before it.
    assert_eq!(code(bad, &[&good.to_string()]), Some(0));
}

#[test]
fn verify_refuses_what_makes_no_sense() {
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
    Run::of(&["verify"]).failed(2, "no server was named");
    Run::of(&["verify", "127.0.0.1", "--sums", "nothing"]).failed(2, "cannot read nothing");
    Run::of(&["verify", "127.0.0.1", "--sums", "-"]).failed(2, "lists no files");
    Run::of(&["verify", "127.0.0.1:port"]).failed(2, "is not a port");
}

#[test]
fn list_tells_the_same_in_every_format() {
    let sums = Run::of(&["list", "--format", "sha256sum"]).out;
    assert_eq!(sums, bootstone::embedded::manifest().sums());
    let table = Run::of(&["list"]).out;
    let listing = Run::of(&["list", "--format", "json"]).out;
    let listing: serde_json::Value = serde_json::from_str(&listing).unwrap();
    let files = listing["files"].as_array().unwrap();
    assert_eq!(files.len(), sums.lines().count());
    assert_eq!(table.lines().count(), 1 + files.len());
    for ((file, sum), row) in files.iter().zip(sums.lines()).zip(table.lines().skip(1)) {
        let text = |key: &str| file[key].as_str().unwrap();
        assert_eq!(sum, format!("{}  {}", text("sha256"), text("name")));
        assert!(row.starts_with(text("name")) && row.ends_with(text("sha256")));
    }
    Run::of(&["list", "--format", "xml"]).failed(2, "use table, json or sha256sum");
}
