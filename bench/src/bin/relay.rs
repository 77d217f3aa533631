//! A relay that adds delay and loss to the path between TFTP clients and a server.
//!
//! `relay --server 127.0.0.1:69 --listen 127.0.0.1:6900 --delay-ms 25 --loss 0.01` adds an RTT of
//! 50 ms and 1 % loss in each direction.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use argh::FromArgs;

use bootstone_bench::relay::{Conditions, Path, Relay};

/// Add delay and loss to the path between TFTP clients and a server. One value applies to both
/// directions. Two values with a comma between them apply to datagrams from the clients, and to
/// datagrams from the server.
#[derive(FromArgs)]
struct Arguments {
    /// address for the clients' requests (default: 127.0.0.1:6900)
    #[argh(option, default = "SocketAddr::from(([127, 0, 0, 1], 6900))")]
    listen: SocketAddr,

    /// address of the server
    #[argh(option)]
    server: SocketAddr,

    /// one-way delay in milliseconds (default: 0)
    #[argh(option, default = "Both(0.0, 0.0)")]
    delay_ms: Both,

    /// maximum of the additional random delay in milliseconds (default: 0)
    #[argh(option, default = "Both(0.0, 0.0)")]
    jitter_ms: Both,

    /// loss rate, 0 to 1 (default: 0)
    #[argh(option, default = "Both(0.0, 0.0)")]
    loss: Both,

    /// share of reordered datagrams, 0 to 1 (default: 0)
    #[argh(option, default = "Both(0.0, 0.0)")]
    reorder: Both,

    /// share of duplicated datagrams, 0 to 1 (default: 0)
    #[argh(option, default = "Both(0.0, 0.0)")]
    duplicate: Both,

    /// rate in kilobits per second; 0 is unlimited (default: 0)
    #[argh(option, default = "Both(0.0, 0.0)")]
    kbit_per_s: Both,

    /// length of the queue in datagrams, if there is a rate (default: 100)
    #[argh(option, default = "Both(100.0, 100.0)")]
    queue: Both,

    /// longest packet in bytes, with IP and UDP headers; 0 is unlimited (default: 0)
    #[argh(option, default = "Both(0.0, 0.0)")]
    mtu: Both,

    /// seed of the random numbers (default: 1)
    #[argh(option, default = "1")]
    seed: u64,

    /// run for this many seconds (default: 600)
    #[argh(option, default = "600")]
    seconds: u64,
}

/// A value for each direction.
#[derive(Clone, Copy)]
struct Both(f64, f64);

impl FromStr for Both {
    type Err = String;

    fn from_str(text: &str) -> Result<Both, String> {
        let (up, down) = text.split_once(',').unwrap_or((text, text));
        let number = |text: &str| match text.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
            _ => Err(format!("{text:?} is not a number that is 0 or more")),
        };
        Ok(Both(number(up)?, number(down)?))
    }
}

impl Arguments {
    fn conditions(&self, pick: fn(Both) -> f64) -> Conditions {
        let millis = |value| Duration::from_secs_f64(pick(value) / 1000.0);
        Conditions {
            delay: millis(self.delay_ms),
            jitter: millis(self.jitter_ms),
            loss: pick(self.loss),
            reorder: pick(self.reorder),
            duplicate: pick(self.duplicate),
            rate: (pick(self.kbit_per_s) * 1000.0) as u64,
            queue: pick(self.queue) as usize,
            mtu: pick(self.mtu) as usize,
        }
    }
}

fn main() -> Result<()> {
    let arguments: Arguments = argh::from_env();
    for share in [arguments.loss, arguments.reorder, arguments.duplicate] {
        ensure!(
            share.0 <= 1.0 && share.1 <= 1.0,
            "--loss, --reorder and --duplicate take values from 0 to 1"
        );
    }
    let mut relay = Relay::new(Path {
        listen: arguments.listen,
        server: arguments.server,
        up: arguments.conditions(|both| both.0),
        down: arguments.conditions(|both| both.1),
        seed: arguments.seed,
    })?;
    eprintln!("relaying {} to {}", relay.address()?, arguments.server);
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    relay.run(&AtomicBool::new(false), Some(end))?;
    let [up, down] = relay.fates();
    eprintln!("from clients: {up:?}\nfrom the server: {down:?}");
    Ok(())
}
