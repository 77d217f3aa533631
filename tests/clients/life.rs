//! The program under adverse conditions: its log is not read, other signals arrive, the limits are
//! too low.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::binary::{Bootstone, command};
use crate::processes::{DEADLINE, Ended, Running, run};
use crate::raw_client::RawClient;

/// The program with a log, and errors, that are not read any more.
struct Stalled {
    running: Running,
    listen: SocketAddr,
    _unread: PipeReader,
}

impl Stalled {
    fn start(flags: &[&str]) -> Stalled {
        let (mut unread, writer) = pipe().unwrap();
        let flags = [&["--listen", "127.0.0.1:0"], flags].concat();
        let mut command = command(&flags, &[]);
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer.try_clone().unwrap());
        let running = Running::start(&mut command);
        let mut first = String::new();
        BufReader::new(&mut unread).read_line(&mut first).unwrap();
        fill(&writer);
        let (_, listen) = first.split_once("listen=\"").unwrap();
        let (listen, _) = listen.split_once('"').unwrap();
        Stalled {
            running,
            listen: listen.parse().unwrap(),
            _unread: unread,
        }
    }

    /// A transfer in progress.
    fn transfer(&self) -> RawClient {
        let client = RawClient::to(self.listen);
        client.send(RawClient::request("SHA256SUMS", &[("blksize", "8")]));
        client.receive();
        client.send(RawClient::ack(0));
        assert_eq!(client.data().0, 1);
        client
    }
}

/// Writes until the pipe takes no more. The pipe is opened again, because a flag of `writer` would
/// also be that of the program.
fn fill(writer: &PipeWriter) {
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(libc::O_NONBLOCK);
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let mut again = options.open(path).unwrap();
    for size in [4096, 1] {
        while again.write(&[b'x'; 4096][..size]).is_ok() {}
        let full = again.write(b"x").map_err(|error| error.kind());
        assert!(size > 1 || full == Err(ErrorKind::WouldBlock));
    }
}

#[test]
fn a_stalled_log_does_not_delay_the_end() {
    let mut bootstone = Stalled::start(&["--drain-timeout", "3600"]);
    bootstone.running.signal(Signal::TERM);
    assert_eq!(bootstone.running.wait().code(), Some(0));
}

#[test]
fn a_stalled_log_does_not_delay_the_drain_timeout() {
    let mut bootstone = Stalled::start(&["--drain-timeout", "1"]);
    let _client = bootstone.transfer();
    bootstone.running.signal(Signal::TERM);
    assert_eq!(bootstone.running.wait().code(), Some(0));
}

#[test]
fn a_stalled_log_does_not_delay_a_second_signal() {
    let mut bootstone = Stalled::start(&["--drain-timeout", "3600"]);
    let _client = bootstone.transfer();
    bootstone.running.signal(Signal::TERM);
    bootstone.running.signal(Signal::INT);
    assert_eq!(bootstone.running.wait().code(), Some(2));
}

#[test]
fn other_signals_have_no_effect() {
    let bootstone = Bootstone::serving(&[]);
    for signal in [Signal::HUP, Signal::USR1, Signal::USR2, Signal::QUIT] {
        bootstone.signal(signal);
        RawClient::to(bootstone.address()).fetch("SHA256SUMS");
        bootstone.line("transfer");
    }
    bootstone.signal(Signal::TERM);
    let (status, lines) = bootstone.last_lines();
    assert_eq!(status.code(), Some(0));
    let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
    assert_eq!(messages, ["draining", "boot", "stopped"]);
}

/// The program, started by a shell with this limit on open files.
fn with_open_files(limit: &str, flags: &[&str]) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
    command
        .args(["-c", &script, env!("CARGO_BIN_EXE_bootstone")])
        .args(["--listen", "127.0.0.1:0", "--workers", "1"])
        .args(flags);
    command
}

#[track_caller]
fn assert_refused(ended: &Ended, expected: &[&str]) {
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    for text in expected {
        assert!(ended.output.contains(text), "`{text}` is not in {ended:?}");
    }
}

#[test]
fn a_low_limit_on_open_files_is_an_error_with_advice() {
    let ended = run(&mut with_open_files("-n 4", &[]));
    assert_refused(&ended, &["Too many open files", "ulimit -n"]);
    let ended = run(&mut with_open_files("-n 16", &["--http", "127.0.0.1:0"]));
    assert_refused(
        &ended,
        &["open files is 16", "512 HTTP connections", "ulimit -n"],
    );
}

/// The soft limit is raised as far as needed, and what the error names suffices: all connections
/// can be open at once.
#[test]
fn the_limit_on_open_files_that_the_error_names_suffices() {
    let http = ["--http", "127.0.0.1:0"];
    let ended = run(&mut with_open_files("-n 16", &http));
    let (_, needed) = ended.output.split_once("16, and ").unwrap();
    let (needed, _) = needed.split_once(' ').unwrap();
    let limit = format!("-n {needed} && ulimit -S -n 16");
    let mut command = with_open_files(&limit, &http);
    let mut running = Running::start(command.stdout(Stdio::piped()));
    let mut lines = BufReader::new(running.child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let (_, address) = first.split_once("http=").unwrap();
    let (address, _) = address.split_once(' ').unwrap();
    let connect = || TcpStream::connect(address).unwrap();
    let _silent = [(); 63].map(|()| connect());
    let mut client = connect();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut status = [0; 15];
    client.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200 OK");
}

#[test]
fn a_thread_that_does_not_start_is_an_error_with_advice() {
    // The limit does not apply to root, which becomes a user that has no other threads.
    let mut command = Command::new("prlimit");
    command.args(["--nproc=2", env!("CARGO_BIN_EXE_bootstone")]);
    command.args(["--listen", "127.0.0.1:0"]);
    if rustix::process::geteuid().is_root() {
        command.args(["--user", "64999"]);
    }
    assert_refused(&run(&mut command), &["limit on threads", "ulimit -u"]);
}
