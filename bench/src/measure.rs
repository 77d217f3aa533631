//! Runs a load, and measures its cost on the server.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::load::{self, Load, LoadResult};
use crate::process::{self, Account, MemoryWatch};

/// The results of a load, for the clients and for the server.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The results of the clients.
    pub result: LoadResult,
    /// CPU time of the server.
    pub server_cpu: Duration,
    /// Peak of the server's resident memory in bytes, including its children.
    pub peak_memory: u64,
    /// Datagrams that the server's socket dropped.
    pub drops: u64,
    /// The server has ended.
    pub died: bool,
}

/// Runs `load` against the server of the account `server`.
pub fn measure(load: &Load, server: &Account) -> io::Result<Measured> {
    let drops_before = process::socket_drops(load.server.port());
    let cpu_before = server.cpu_time()?;
    let watch = MemoryWatch::start(server);
    let result = load::run(load)?;
    let died = !process::is_alive(server.pid());
    Ok(Measured {
        result,
        server_cpu: server
            .cpu_time()
            .unwrap_or(cpu_before)
            .saturating_sub(cpu_before),
        peak_memory: watch.stop(),
        drops: process::socket_drops(load.server.port()).saturating_sub(drops_before),
        died,
    })
}

impl Measured {
    /// Server CPU time in seconds per GB (10⁹ bytes) delivered.
    pub fn cpu_per_gb(&self) -> f64 {
        self.server_cpu.as_secs_f64() / (self.result.bytes as f64 / 1e9).max(1e-9)
    }

    /// Server CPU time per completed transfer.
    pub fn cpu_per_transfer(&self) -> Duration {
        self.server_cpu / u32::try_from(self.result.times.len().max(1)).unwrap_or(u32::MAX)
    }

    /// All results as text.
    pub fn describe(&self) -> String {
        let result = &self.result;
        let (blksize, windowsize) = result.terms;
        let [p50, p90, p99, max] =
            [0.5, 0.9, 0.99, 1.0].map(|share| millis(result.percentile(share)));
        let failures: Vec<String> = result
            .failures
            .iter()
            .map(|(why, count)| format!("{count} {why:?}"))
            .collect();
        let failures = match failures.is_empty() {
            true => "none".to_owned(),
            false => failures.join(", "),
        };
        format!(
            "transfers       {} in {:.2} s: {:.0} per s, {:.1} MB/s \
             (granted: blksize {blksize}, windowsize {windowsize})\n\
             failures        {failures}\n\
             ms              p50 {p50:.2}, p90 {p90:.2}, p99 {p99:.2}, max {max:.2}\n\
             repeated        {} RRQs, {} ACKs\n\
             server          {:.2} s CPU: {:.3} s per GB, {:.1} µs per transfer; \
             peak {:.1} MiB; {} datagrams dropped at its socket{}\n\
             load generator  {:.2} s CPU, {:.0} % of its core\n",
            result.times.len(),
            result.wall.as_secs_f64(),
            result.rate(),
            result.throughput() / 1e6,
            result.repeated_requests,
            result.repeated_acks,
            self.server_cpu.as_secs_f64(),
            self.cpu_per_gb(),
            self.cpu_per_transfer().as_secs_f64() * 1e6,
            mebibytes(self.peak_memory),
            self.drops,
            if self.died {
                "; the server has ended"
            } else {
                ""
            },
            result.own_cpu.as_secs_f64(),
            result.own_share() * 100.0,
        )
    }
}

/// A time in milliseconds.
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Bytes in MiB.
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Loads with the bench's files.
pub mod scenarios {
    use super::{Duration, Load, SocketAddr};
    use crate::client::Download;
    use crate::content::File;

    /// Longest run.
    const LIMIT: Duration = Duration::from_secs(120);

    /// A load of `counts.0` transfers of a file, `counts.1` at the same time. A single client polls
    /// without sleeping.
    pub fn load(
        server: SocketAddr,
        file: File,
        (blksize, windowsize): (u16, u16),
        counts: (usize, usize),
    ) -> Load {
        let download = Download {
            name: file.name().to_owned(),
            blksize,
            windowsize,
            content: file.content(),
        };
        Load {
            server,
            download,
            count: counts.0,
            at_once: counts.1,
            one_address: false,
            gro: false,
            spin: counts.1 == 1,
            limit: LIMIT,
        }
    }
}
