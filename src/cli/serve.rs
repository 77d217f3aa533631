//! `bootstone serve`: the story of the program. Parse, bind, announce, serve, drain.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use argh::FromArgs;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tracing::{info, warn};

use super::signals::Signals;
use super::{COULD_NOT, DONE, could_not, flag_or_variable};
use crate::catalog::Catalog;
use crate::log;
use crate::net::Clock;
use crate::net::driver::{Driver, Life};
use crate::net::socket::{Bound, Socket};
use crate::proto::config::Config;
use crate::proto::negotiate::Limits;
use crate::proto::server::Server;

/// Serve the embedded boot files. Each flag has an environment variable, BOOTSTONE_ and its name in
/// capitals (BOOTSTONE_LISTEN takes several, separated by commas).
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "serve")]
pub struct Serve {
    /// address and port to answer on; repeatable, names allowed (default: [::]:69, which is IPv4 as well)
    #[argh(option)]
    listen: Vec<String>,

    /// largest IP packet that the path carries, 576 to 65535 bytes (default: 1500)
    #[argh(option)]
    mtu: Option<u16>,

    /// most blocks per acknowledgement, 1 to 64 (default: 16)
    #[argh(option)]
    max_windowsize: Option<u16>,

    /// most blocks in flight to a far client that asks for no window, 1 to 64; 1 is RFC 1350 to the
    /// letter (default: 16)
    #[argh(option)]
    run_ahead: Option<u16>,

    /// most transfers at once on each listening address, 1 to 1000000 (default: 16384)
    #[argh(option)]
    max_sessions: Option<usize>,

    /// text or json (default: text)
    #[argh(option)]
    log_format: Option<log::Format>,

    /// seconds that transfers get to finish after SIGTERM (default: 30)
    #[argh(option)]
    drain_timeout: Option<u64>,
}

/// The flags, with variables and defaults filled in.
struct Settings {
    listen: Vec<String>,
    config: Config,
    log_format: log::Format,
    drain_timeout: Duration,
}

impl Serve {
    /// Serves until a signal, or says why not.
    pub fn run(self) -> ExitCode {
        match self.settings().and_then(serve) {
            Ok(()) => ExitCode::from(DONE),
            Err(message) => could_not(message),
        }
    }

    fn settings(self) -> Result<Settings, String> {
        let defaults = Config::default();
        let mtu = flag_or_variable(self.mtu, "BOOTSTONE_MTU")?;
        let windowsize = flag_or_variable(self.max_windowsize, "BOOTSTONE_MAX_WINDOWSIZE")?;
        let run_ahead = flag_or_variable(self.run_ahead, "BOOTSTONE_RUN_AHEAD")?;
        let sessions = flag_or_variable(self.max_sessions, "BOOTSTONE_MAX_SESSIONS")?;
        let drain = flag_or_variable(self.drain_timeout, "BOOTSTONE_DRAIN_TIMEOUT")?;
        let limits = Limits {
            mtu: within("--mtu", mtu, defaults.limits.mtu, 576, u16::MAX)?,
            max_windowsize: within(
                "--max-windowsize",
                windowsize,
                defaults.limits.max_windowsize,
                1,
                64,
            )?,
        };
        Ok(Settings {
            listen: listen_addresses(self.listen)?,
            config: Config {
                limits,
                run_ahead: within("--run-ahead", run_ahead, defaults.run_ahead, 1, 64)?,
                max_sessions: within(
                    "--max-sessions",
                    sessions,
                    defaults.max_sessions,
                    1,
                    1_000_000,
                )?,
            },
            log_format: flag_or_variable(self.log_format, "BOOTSTONE_LOG_FORMAT")?
                .unwrap_or_default(),
            drain_timeout: Duration::from_secs(drain.unwrap_or(30)),
        })
    }
}

fn listen_addresses(flags: Vec<String>) -> Result<Vec<String>, String> {
    if !flags.is_empty() {
        return Ok(flags);
    }
    let variable = flag_or_variable::<String>(None, "BOOTSTONE_LISTEN")?;
    let text = variable.unwrap_or_else(|| "[::]:69".to_owned());
    Ok(text.split(',').map(|part| part.trim().to_owned()).collect())
}

fn within<T>(flag: &str, given: Option<T>, default: T, least: T, most: T) -> Result<T, String>
where
    T: PartialOrd + std::fmt::Display,
{
    match given.unwrap_or(default) {
        value if least <= value && value <= most => Ok(value),
        value => Err(format!("{flag} {value} is out of range: {least} to {most}")),
    }
}

fn serve(settings: Settings) -> Result<(), String> {
    let manifest = crate::embedded::manifest();
    let catalog = Arc::new(crate::embedded::catalog(&manifest));
    let sockets = bind_all(&settings.listen)?;
    log::start(settings.log_format);
    announce(&manifest, &sockets);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime does not start: {error}"))?;
    let served = LocalSet::new().block_on(&runtime, live(sockets, catalog, &settings));
    // Nothing waits for the runtime's end: there is nothing left to finish.
    runtime.shutdown_background();
    served.map_err(|error| format!("the network is gone: {error}"))
}

fn bind_all(listen: &[String]) -> Result<Vec<Bound>, String> {
    let mut sockets = Vec::new();
    for name in listen {
        let addresses = name.to_socket_addrs().map_err(|error| {
            format!("--listen {name}: no such address ({error}). It takes the form 0.0.0.0:69, [::]:69 or name:69")
        })?;
        for address in addresses {
            sockets.push(Bound::bind(address).map_err(|error| why_not_bound(address, &error))?);
        }
    }
    Ok(sockets)
}

fn why_not_bound(address: SocketAddr, error: &io::Error) -> String {
    let way_out = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE \
             (sudo setcap cap_net_bind_service=ep bootstone); or choose another: --listen '[::]:6969'"
        }
        io::ErrorKind::AddrInUse => "another server has it: stop that one, or choose another port",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "choose another with --listen",
    };
    format!("cannot listen on {address}: {error}. {way_out}")
}

fn announce(manifest: &crate::manifest::Manifest, sockets: &[Bound]) {
    let listen: Vec<String> = sockets
        .iter()
        .map(|s| log::canonical(s.address()).to_string())
        .collect();
    let files: Vec<&str> = manifest
        .records()
        .iter()
        .map(|record| record.name.as_str())
        .collect();
    info!(
        version = env!("CARGO_PKG_VERSION"),
        content = %manifest.content_id(),
        files = files.join(","),
        listen = listen.join(","),
        "serving"
    );
}

/// Runs a driver for each socket until a signal, and then until they are idle.
async fn live(sockets: Vec<Bound>, catalog: Arc<Catalog>, settings: &Settings) -> io::Result<()> {
    let mut signals = Signals::new()?;
    let (life, told) = watch::channel(Life::Serving);
    let clock = Clock::start();
    let mut drivers = JoinSet::new();
    for bound in sockets {
        let server = Server::new(Arc::clone(&catalog), settings.config);
        let driver = Driver::new(Socket::new(bound)?, server, clock, log::transfer);
        drivers.spawn_local(driver.run(told.clone()));
    }
    tokio::select! {
        name = signals.next() => info!(signal = name, "draining"),
        ended = all(&mut drivers) => return ended,
    }
    life.send_replace(Life::Draining);
    tokio::select! {
        ended = all(&mut drivers) => ended?,
        () = tokio::time::sleep(settings.drain_timeout) => warn!("drain timeout: transfers are cut off"),
        name = signals.next() => {
            warn!(signal = name, "second signal: transfers are cut off");
            std::process::exit(COULD_NOT.into());
        }
    }
    info!("stopped");
    Ok(())
}

/// Waits until every driver has ended; the first error ends the wait.
async fn all(drivers: &mut JoinSet<io::Result<()>>) -> io::Result<()> {
    while let Some(ended) = drivers.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}
