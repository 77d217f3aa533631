//! A long, lossy path: put it between a TFTP server and its clients.
//!
//! `relay --server 127.0.0.1:69 --listen 127.0.0.1:6900 --delay-ms 25 --loss 0.01` is 50 ms there
//! and back, with one datagram in a hundred lost each way.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use argh::FromArgs;

use bootstone_bench::relay::{Conditions, Path, Relay};

/// A long, lossy path between TFTP clients and a server. A value is for both directions, or two
/// with a comma between them: from clients, from the server.
#[derive(FromArgs)]
struct Arguments {
    /// where clients send their requests (default: 127.0.0.1:6900)
    #[argh(option, default = "SocketAddr::from(([127, 0, 0, 1], 6900))")]
    listen: SocketAddr,

    /// where the server is
    #[argh(option)]
    server: SocketAddr,

    /// one way, in milliseconds
    #[argh(option, default = "Both(0.0, 0.0)")]
    delay_ms: Both,

    /// up to so much more, in milliseconds
    #[argh(option, default = "Both(0.0, 0.0)")]
    jitter_ms: Both,

    /// share lost, 0 to 1
    #[argh(option, default = "Both(0.0, 0.0)")]
    loss: Both,

    /// share that falls behind, 0 to 1
    #[argh(option, default = "Both(0.0, 0.0)")]
    reorder: Both,

    /// share that comes twice, 0 to 1
    #[argh(option, default = "Both(0.0, 0.0)")]
    duplicate: Both,

    /// kilobits per second (default: no bound)
    #[argh(option, default = "Both(0.0, 0.0)")]
    kbit_per_s: Both,

    /// datagrams that may wait where there is a rate (default: 100)
    #[argh(option, default = "Both(100.0, 100.0)")]
    queue: Both,

    /// for what is left to chance (default: 1)
    #[argh(option, default = "1")]
    seed: u64,

    /// seconds until it ends (default: 600)
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
            _ => Err(format!("{text:?} is not a number that makes sense here")),
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
        }
    }
}

fn main() -> Result<()> {
    let arguments: Arguments = argh::from_env();
    for share in [arguments.loss, arguments.reorder, arguments.duplicate] {
        ensure!(share.0 <= 1.0 && share.1 <= 1.0, "a share is 0 to 1");
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
