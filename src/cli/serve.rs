//! `bootstone serve`: the story of the program. Parse, bind, give up all rights, serve, drain.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use argh::FromArgs;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use super::listen;
use super::settings::Settings;
use super::signals::Signals;
use super::{COULD_NOT, DONE, could_not, panics, say};
use crate::embedded;
use crate::http::{self, Limits, Site};
use crate::log;
use crate::manifest::Manifest;
use crate::net::Clock;
use crate::net::driver::Busy;
use crate::net::socket::Bound;
use crate::net::status::Pulse;
use crate::net::systemd::Supervisor;
use crate::net::worker::{self, Duty, Post};
use crate::proto::config::Config;
use crate::sandbox::{self, Confinement, User};

/// Serve the embedded boot files. Each flag has an environment variable, BOOTSTONE_ and its name in
/// capitals (BOOTSTONE_LISTEN takes several, separated by commas).
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "serve")]
pub struct Serve {
    /// address and port to answer on; repeatable, names allowed (default: `[::]:69`, IPv4 too)
    #[argh(option)]
    pub(super) listen: Vec<String>,

    /// largest IP packet that the path carries, 576 to 65535 bytes (default: 1500)
    #[argh(option)]
    pub(super) mtu: Option<u16>,

    /// most blocks per acknowledgement, 1 to 64 (default: 16)
    #[argh(option)]
    pub(super) max_windowsize: Option<u16>,

    /// most blocks in flight to a far client that asks for no window, 1 to 64; 1 is RFC 1350 to the
    /// letter (default: 16)
    #[argh(option)]
    pub(super) run_ahead: Option<u16>,

    /// most transfers at once on each listening address, 1 to 1000000 (default: 16384)
    #[argh(option)]
    pub(super) max_sessions: Option<usize>,

    /// threads, each with its share of the peers, 1 to 256 (default: one for each core)
    #[argh(option)]
    pub(super) workers: Option<usize>,

    /// address and port for HTTP: health, metrics, hashes, the boot files, a page (default: none)
    #[argh(option)]
    pub(super) http: Option<String>,

    /// text or json (default: text)
    #[argh(option)]
    pub(super) log_format: Option<log::Format>,

    /// seconds that transfers get to finish after SIGTERM (default: 30)
    #[argh(option)]
    pub(super) drain_timeout: Option<u64>,

    /// who to be once the sockets are bound, UID or UID:GID (default: 65532 if started as root)
    #[argh(option)]
    pub(super) user: Option<User>,

    /// leave out Landlock and seccomp, to debug; BOOTSTONE_NO_SANDBOX takes true or false
    #[argh(switch)]
    pub(super) no_sandbox: bool,
}

impl Serve {
    /// Serves until a signal, or says why not.
    pub fn run(self) -> ExitCode {
        match Settings::new(self).and_then(serve) {
            Ok(()) => ExitCode::from(DONE),
            Err(message) => could_not(message),
        }
    }
}

fn serve(settings: Settings) -> Result<(), String> {
    let manifest = embedded::manifest();
    let sockets = listen::open_all(&settings.listen, settings.workers)?;
    let http = settings
        .http
        .as_deref()
        .map(listen::open_http)
        .transpose()?;
    let supervisor = Supervisor::connect()
        .map_err(|error| format!("nobody takes notes at NOTIFY_SOCKET: {error}"))?;
    // Nothing can be opened from here on. Threads start after it: each inherits what it finds.
    let confinement = sandbox::enter(&settings.sandbox)?;
    panics::end_the_process();
    let log = log::start(settings.log_format).map_err(|error| format!("no log: {error}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime does not start: {error}"))?;
    let lived = runtime.block_on(live(
        &manifest,
        &settings,
        sockets,
        http,
        &confinement,
        &supervisor,
    ));
    // A last line is written, but nothing waits for the runtime: there is nothing left to finish.
    drop(log);
    runtime.shutdown_background();
    lived.map_err(|error| format!("a worker has failed: {error}"))
}

fn announce(
    manifest: &Manifest,
    sockets: &[Vec<Bound>],
    http: Option<SocketAddr>,
    confinement: &Confinement,
) {
    let all = sockets.iter().flatten();
    let from_systemd = all.clone().filter(|bound| bound.is_adopted()).count();
    let mut listen: Vec<String> = Vec::new();
    for address in all.map(|bound| log::canonical(bound.address()).to_string()) {
        if !listen.contains(&address) {
            listen.push(address);
        }
    }
    let names = manifest.records().iter().map(|record| record.name.as_str());
    info!(
        version = env!("CARGO_PKG_VERSION"),
        content = %manifest.content_id(),
        files = names.collect::<Vec<_>>().join(","),
        listen = listen.join(","),
        http = http.map(tracing::field::display),
        from_systemd = (from_systemd > 0).then_some(from_systemd),
        workers = sockets.len(),
        user = confinement.user.map(tracing::field::display),
        landlock = %confinement.landlock,
        seccomp = %confinement.seccomp,
        "serving"
    );
    if let Some(bytes) = sockets.iter().flatten().find_map(Bound::short_buffer) {
        warn!(
            bytes,
            "the receive buffer is small: a storm of requests will overflow it; raise net.core.rmem_max"
        );
    }
    for warning in confinement.warnings() {
        warn!("{warning}");
    }
}

/// Starts the workers, waits for a signal, and then until no transfer is under way.
async fn live(
    manifest: &Manifest,
    settings: &Settings,
    sockets: Vec<Vec<Bound>>,
    http: Option<(TcpListener, SocketAddr)>,
    confinement: &Confinement,
    supervisor: &Supervisor,
) -> io::Result<()> {
    let mut signals = Signals::new()?;
    // Whoever has read this may send the first signal.
    let http_address = http.as_ref().map(|(_, address)| *address);
    announce(manifest, &sockets, http_address, confinement);
    let clock = Clock::start();
    let mut pulse = Pulse::new(clock);
    let (draining, told) = watch::channel(false);
    let busy = Busy::new(0);
    let mut idle = busy.subscribe();
    let (failed, mut failures) = mpsc::unbounded_channel();
    let tftp_port = tftp_port(&sockets);
    let duty = Duty {
        catalog: Arc::new(embedded::catalog(manifest)),
        clock,
        report: log::transfer,
        busy,
        failed,
    };
    for posts in posts(settings.config, sockets, &mut pulse) {
        worker::start(duty.clone(), posts)?;
    }
    let last_word = pulse.last_word();
    if let Some((listener, _)) = http {
        let region = settings.region.clone();
        let site = Site::new(
            duty.catalog,
            manifest.clone(),
            region,
            tftp_port,
            pulse,
            told,
        );
        http::start(listener, site, Limits::default())?;
    }
    supervisor.tell("READY=1");
    tokio::select! {
        name = signals.next() => {
            draining.send_replace(true);
            info!(signal = name, "draining");
        }
        Some(error) = failures.recv() => return Err(error),
    }
    supervisor.tell("STOPPING=1");
    tokio::select! {
        _ = idle.wait_for(|busy| *busy == 0) => {}
        Some(error) = failures.recv() => return Err(error),
        () = tokio::time::sleep(settings.drain_timeout) => {
            warn!("drain timeout: transfers are cut off");
        }
        name = signals.next() => {
            say(format_args!("bootstone: {name} once more: transfers are cut off"));
            std::process::exit(COULD_NOT.into());
        }
    }
    last_word.say().await;
    info!("stopped");
    Ok(())
}

/// The port for clients: 69, if the server listens there, else the first one.
fn tftp_port(sockets: &[Vec<Bound>]) -> u16 {
    let mut ports = sockets.iter().flatten().map(|it| it.address().port());
    let first = ports.clone().next().unwrap_or(69);
    ports.find(|port| *port == 69).unwrap_or(first)
}

/// Shares out the sessions of each address among the sockets that it has.
fn posts(config: Config, sockets: Vec<Vec<Bound>>, pulse: &mut Pulse) -> Vec<Vec<Post>> {
    let all = sockets.iter().flatten().map(Bound::address);
    let all: Vec<SocketAddr> = all.collect();
    let mut post = |bound: Bound| {
        let sharing = all.iter().filter(|other| **other == bound.address());
        let config = Config {
            max_sessions: config.max_sessions.div_ceil(sharing.count()),
            ..config
        };
        let line = pulse.line();
        Post {
            bound,
            config,
            line,
        }
    };
    let of_worker = |bounds: Vec<Bound>| bounds.into_iter().map(&mut post).collect();
    sockets.into_iter().map(of_worker).collect()
}
