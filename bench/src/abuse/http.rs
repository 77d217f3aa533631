//! Attacks on the HTTP listener, and how long health checks take meanwhile. The health checks come
//! from the attacker's own prefix, which is the worst case.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Pause between two health checks.
const INTERVAL: Duration = Duration::from_millis(50);

/// Pause between two turns of the attacker.
const PAUSE: Duration = Duration::from_millis(20);

/// Time after which a health check has failed.
const DEADLINE: Duration = Duration::from_secs(5);

/// What the attacker does.
#[derive(Clone, Copy, Debug)]
pub enum HttpAttack {
    /// Nothing, for comparison.
    Nothing,
    /// Opens this many connections a second and sends nothing.
    Silent(u32),
    /// Keeps this many connections on which it pipelines requests for files and never reads.
    NeverReads(usize),
    /// Keeps this many connections on which it sends a byte of a header field in each turn.
    Slowloris(usize),
    /// Opens this many connections at once.
    AtOnce(usize),
}

impl HttpAttack {
    /// The attacks of the table.
    pub const ALL: [HttpAttack; 5] = [
        HttpAttack::Nothing,
        HttpAttack::Silent(200),
        HttpAttack::NeverReads(150),
        HttpAttack::Slowloris(1000),
        HttpAttack::AtOnce(10_000),
    ];

    /// The name in tables.
    pub fn name(self) -> String {
        match self {
            HttpAttack::Nothing => "no attack".to_owned(),
            HttpAttack::Silent(count) => format!("{count} silent connections a second"),
            HttpAttack::NeverReads(count) => format!("{count} that pipeline and never read"),
            HttpAttack::Slowloris(count) => format!("slowloris with {count} connections"),
            HttpAttack::AtOnce(count) => format!("{count} connections at once"),
        }
    }
}

/// How the health checks went.
#[derive(Clone, Debug)]
pub struct HealthChecks {
    /// How long each one took, in ascending order. One that failed took the whole deadline.
    pub times: Vec<Duration>,
    /// Connections that the attacker opened.
    pub opened: usize,
}

impl HealthChecks {
    /// Number of checks that took longer than a second, or failed.
    pub fn late(&self) -> usize {
        let is_late = |time: &&Duration| **time > Duration::from_secs(1);
        self.times.iter().filter(is_late).count()
    }
}

/// Attacks `server` for this time, and checks its health.
///
/// # Errors
/// The server does not answer before the attack.
pub fn http(server: SocketAddr, attack: HttpAttack, time: Duration) -> io::Result<HealthChecks> {
    let requests = requests(server)?;
    let (begun, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let attacker = scope.spawn(|| run(server, attack, &requests, &begun, &ended));
        while !begun.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        let mut times = Vec::new();
        let start = Instant::now();
        while start.elapsed() < time {
            let before = Instant::now();
            let check = check(server);
            times.push(match check {
                Ok(()) => before.elapsed(),
                Err(_) => DEADLINE,
            });
            thread::sleep(INTERVAL.saturating_sub(before.elapsed()));
        }
        ended.store(true, Ordering::Relaxed);
        times.sort();
        let opened = attacker.join().unwrap_or(0);
        Ok(HealthChecks { times, opened })
    })
}

/// One health check on a new connection.
fn check(server: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&server, DEADLINE)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    match line.starts_with("HTTP/1.1 200") {
        true => Ok(()),
        false => Err(ErrorKind::InvalidData.into()),
    }
}

/// Some hundred requests for all files.
fn requests(server: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(b"GET /SHA256SUMS HTTP/1.0\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let (_, sums) = response
        .split_once("\r\n\r\n")
        .ok_or(ErrorKind::InvalidData)?;
    let names = sums.lines().filter_map(|line| line.split_once("  "));
    let get = |(_, name): (&str, &str)| format!("GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n");
    let all: String = names.map(get).collect();
    Ok(all.repeat(20_000 / all.len().max(1) + 1))
}

/// Attacks until it is over. Returns how many connections were opened.
fn run(
    server: SocketAddr,
    attack: HttpAttack,
    requests: &str,
    begun: &AtomicBool,
    ended: &AtomicBool,
) -> usize {
    let mut held = Vec::new();
    let mut opened = 0;
    let (at_once, kept, text) = match attack {
        HttpAttack::Nothing => (0, 0, ""),
        HttpAttack::Silent(_) => (0, 0, ""),
        HttpAttack::NeverReads(count) => (count, count, requests),
        HttpAttack::Slowloris(count) => (count, count, "GET / HTTP/1.1\r\nHost: a\r\nX: "),
        HttpAttack::AtOnce(count) => {
            begun.store(true, Ordering::Relaxed);
            (count, 0, "")
        }
    };
    let mut open = |held: &mut Vec<TcpStream>| {
        if let Ok(stream) = TcpStream::connect_timeout(&server, DEADLINE) {
            opened += 1;
            let _ = stream.set_nonblocking(true);
            let _ = (&stream).write(text.as_bytes());
            held.push(stream);
        }
    };
    (0..at_once).for_each(|_| open(&mut held));
    begun.store(true, Ordering::Relaxed);
    let start = Instant::now();
    while !ended.load(Ordering::Relaxed) {
        if let HttpAttack::Silent(rate) = attack {
            let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as usize;
            (held.len()..due).for_each(|_| open(&mut held));
        }
        if kept > 0 {
            // The server closes some, and the attacker opens others.
            held.retain(is_open);
            (held.len()..kept).for_each(|_| open(&mut held));
        }
        thread::sleep(PAUSE);
    }
    opened
}

/// Sends a byte on a connection; false if the server has closed it.
fn is_open(stream: &TcpStream) -> bool {
    match (&mut &*stream).write_all(b"x") {
        Ok(()) => true,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}
