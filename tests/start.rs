//! From the start of the process to its first answer, with the sandbox on and the embedded files
//! hashed: under 10 ms, in the median of 50 starts.
//! `cargo test --release --test start -- --nocapture` prints the figures. (A debug build, which is
//! not what is shipped, may take longer.)

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: it stops where it is surprised, and takes the time itself"
)]

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const STARTS: usize = 50;
const BETWEEN_REQUESTS: Duration = Duration::from_micros(100);
const GOAL: Duration = Duration::from_millis(if cfg!(debug_assertions) { 50 } else { 10 });

#[test]
fn the_first_request_is_answered_within_10_ms_of_the_start() {
    let mut times: Vec<Duration> = (0..STARTS).map(|_| start()).collect();
    times.sort_unstable();
    let median = times[STARTS / 2];
    let manifest = bootstone::embedded::manifest();
    let bytes: u64 = manifest.records().iter().map(|record| record.size).sum();
    println!(
        "first answer after {median:?} (median of {STARTS}; {:?} to {:?}), with {bytes} bytes \
         embedded and hashed",
        times[0],
        times[STARTS - 1]
    );
    assert!(median < GOAL, "{times:?}");
}

/// One start, on a port that was free a moment ago.
fn start() -> Duration {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let free = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    client.connect(free).unwrap();
    let begin = Instant::now();
    let mut server = spawn(free);
    let answered = wait_for_an_answer(&client, begin);
    server.kill().unwrap();
    server.wait().unwrap();
    answered
}

fn spawn(address: SocketAddr) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstone"));
    command
        .args(["--listen", &address.to_string()])
        .stdin(Stdio::null());
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// Repeats the request ten times per millisecond. The kernel says that a port is closed only at a limited rate
/// (net.ipv4.icmp_msgs_per_sec), so the client does not wait for that.
fn wait_for_an_answer(client: &UdpSocket, begin: Instant) -> Duration {
    client.set_nonblocking(true).unwrap();
    let mut next = Duration::ZERO;
    while begin.elapsed() < 1000 * GOAL {
        if begin.elapsed() >= next {
            // An error is the closed port of an earlier request.
            let _ = client.send(b"\0\x01SHA256SUMS\0octet\0");
            next = begin.elapsed() + BETWEEN_REQUESTS;
        }
        match client.recv(&mut [0; 600]) {
            Ok(_) => return begin.elapsed(),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("no answer");
}
