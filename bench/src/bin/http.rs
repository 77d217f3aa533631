//! Makes the table of HTTP attacks: how long health checks take meanwhile.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use argh::FromArgs;

use bootstone_bench::abuse::{HealthChecks, HttpAttack, http};
use bootstone_bench::document::{self, digits, table};
use bootstone_bench::measure::millis;
use bootstone_bench::process;

/// Attack the HTTP listener of a server on loopback.
#[derive(FromArgs)]
struct Arguments {
    /// the program to attack
    #[argh(option)]
    bootstone: PathBuf,

    /// seconds for each attack (default: 20)
    #[argh(option, default = "20")]
    seconds: u64,

    /// the document that gets the table, between its markers
    #[argh(option)]
    write: Option<PathBuf>,
}

/// A running server. Dropping it ends it.
struct Server {
    child: Child,
    http: SocketAddr,
}

impl Server {
    fn start(program: &PathBuf) -> Result<Server> {
        let mut child = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .args(["--workers", "1", "--log-format", "json"])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut log = BufReader::new(stdout);
        let mut line = String::new();
        log.read_line(&mut line)?;
        let address = line
            .split_once("\"http\":\"")
            .and_then(|(_, rest)| rest.split_once('"'));
        let (address, _) = address.context("the first line of the log has no address")?;
        let http = address.parse()?;
        // The log has to be read, so that the server does not lose lines.
        thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Server { child, http })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn main() -> Result<()> {
    let arguments: Arguments = argh::from_env();
    let time = Duration::from_secs(arguments.seconds);
    let mut rows = Vec::new();
    for attack in HttpAttack::ALL {
        eprintln!("{}", attack.name());
        let server = Server::start(&arguments.bootstone)?;
        rows.push(row(attack, &http(server.http, attack, time)?));
    }
    let head = [
        "attack",
        "connections opened",
        "health checks",
        "longer than 1 s",
        "median, ms",
        "longest, ms",
    ];
    let text = format!(
        "Measured on {}. A health check on a new connection every 50 ms for {} s, from the \
         attacker's own address; 5,000 ms is the limit.\n\n{}",
        process::machine(),
        arguments.seconds,
        table(&head.map(str::to_owned), &rows),
    );
    println!("{text}");
    match arguments.write {
        Some(path) => document::fill(&path, "http", &text),
        None => Ok(()),
    }
}

fn row(attack: HttpAttack, checks: &HealthChecks) -> Vec<String> {
    let times = &checks.times;
    let time = |index: usize| {
        times
            .get(index)
            .map_or("—".to_owned(), |it| digits(millis(*it)))
    };
    vec![
        attack.name(),
        checks.opened.to_string(),
        times.len().to_string(),
        checks.late().to_string(),
        time(times.len() / 2),
        time(times.len().saturating_sub(1)),
    ]
}
