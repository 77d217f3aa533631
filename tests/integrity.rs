//! A copy of the program in which one embedded byte was flipped: it finds that and ends with 1.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; this one writes and starts programs"
)]

use std::fs;
use std::io::Read;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use bootstone::embedded;
use bootstone::manifest::{Digest, Record};
use tempfile::TempDir;

/// Longer than any start.
const LONG: Duration = Duration::from_secs(60);

/// A copy of the program. `change` gets each place where `embedded` is in it.
fn changed(embedded: &[u8], change: impl Fn(&mut [u8])) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bootstone");
    let mut program = fs::read(env!("CARGO_BIN_EXE_bootstone")).unwrap();
    let windows = program.windows(embedded.len()).enumerate();
    let places = windows.filter(|(_, window)| *window == embedded);
    let places: Vec<usize> = places.map(|(place, _)| place).collect();
    assert!(!places.is_empty());
    for place in places {
        change(&mut program[place..][..embedded.len()]);
    }
    fs::write(&path, program).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (directory, path)
}

/// The first embedded file, and its bytes.
fn file() -> (Record, Vec<u8>) {
    let manifest = embedded::manifest();
    let record = manifest.records()[0].clone();
    let catalog = embedded::catalog(&manifest);
    let found = catalog.find(record.name.as_bytes()).unwrap();
    (record, catalog.bytes(found).to_vec())
}

/// A process that ends with the test, if not by itself.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &Path, arguments: &[&str]) -> Output {
    let output = Stdio::piped;
    let mut command = Command::new(program);
    command.args(arguments).stdout(output()).stderr(output());
    let mut child = Running(command.spawn().unwrap());
    let begin = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.0.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < LONG, "it goes on serving");
        std::thread::yield_now();
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (mut out, mut err) = (
        child.0.stdout.take().unwrap(),
        child.0.stderr.take().unwrap(),
    );
    out.read_to_end(&mut stdout).unwrap();
    err.read_to_end(&mut stderr).unwrap();
    Output {
        status,
        stdout,
        stderr,
    }
}

/// The program has ended with 1, has said this, and nothing on standard output.
#[track_caller]
fn assert_damaged(output: &Output, said: &str) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.starts_with(&format!("bootstone: {said}")), "{err}");
    assert!(err.contains("install it again"), "{err}");
}

#[test]
fn a_flipped_byte_of_a_file() {
    let (record, bytes) = file();
    let (_directory, program) = changed(&bytes, |bytes| bytes[bytes.len() / 2] ^= 1);
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    let said = format!(
        "the embedded file {} is damaged: expected sha256 {}, actual {}.",
        record.name,
        record.sha256,
        Digest::of(&damaged)
    );
    let listed = run(&program, &["list", "--check"]);
    assert_damaged(&listed, &said);
    assert!(listed.stdout.is_empty());
    // Without the option nothing is hashed.
    assert_eq!(run(&program, &["list"]).status.code(), Some(0));
    let served = run(
        &program,
        &["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"],
    );
    assert_damaged(&served, &said);
}

#[test]
fn a_flipped_byte_of_the_manifest() {
    let text = embedded::manifest().to_text();
    // A digit of the hash, which would otherwise name a content that is not there.
    let (_directory, program) = changed(text.as_bytes(), |bytes| bytes[3] ^= 1);
    let said = "the embedded manifest is damaged: expected sha256 ";
    assert_damaged(&run(&program, &["list", "--check"]), said);
    assert_damaged(&run(&program, &["--listen", "127.0.0.1:0"]), said);
}

#[test]
fn no_request_is_answered_with_damaged_bytes() {
    let (record, bytes) = file();
    let (_directory, program) = changed(&bytes, |bytes| bytes[0] ^= 1);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_nonblocking(true).unwrap();
    let server = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let notify = tempfile::tempdir().unwrap();
    let notified = std::os::unix::net::UnixDatagram::bind(notify.path().join("socket")).unwrap();
    notified.set_nonblocking(true).unwrap();
    let mut command = Command::new(&program);
    command.args(["--listen", &server.to_string()]);
    command.env("NOTIFY_SOCKET", notify.path().join("socket"));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Running(command.spawn().unwrap());
    let request = [b"\0\x01", record.name.as_bytes(), b"\0octet\0"].concat();
    let begin = std::time::Instant::now();
    let mut answers = 0;
    let status = loop {
        // The kernel reports that the port is closed, before and after.
        let _ = client.send_to(&request, server);
        answers += usize::from(client.recv_from(&mut [0; 1024]).is_ok());
        if let Some(status) = child.0.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < LONG, "it goes on serving");
        std::thread::yield_now();
    };
    assert_eq!((status.code(), answers), (Some(1), 0));
    let mut said = String::new();
    let mut err = child.0.stderr.take().unwrap();
    err.read_to_string(&mut said).unwrap();
    assert!(said.contains(&record.name), "{said}");
    let ready = notified.recv(&mut [0; 64]);
    assert!(ready.is_err(), "READY was sent");
}

#[test]
fn the_program_as_built_is_not_damaged() {
    let program = Path::new(env!("CARGO_BIN_EXE_bootstone"));
    let plain = run(program, &["list"]);
    let checked = run(program, &["list", "--check"]);
    assert_eq!(checked.status.code(), Some(0));
    assert_eq!(checked.stdout, plain.stdout);
}
