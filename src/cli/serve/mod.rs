//! `bootstone serve`: parse, bind, enter the sandbox, serve, drain.

mod addresses;
mod check;
mod effective;
mod form;
mod limits;
mod listen;
mod opened;
mod settings;
mod table;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use self::check::{Fatal, check};
use self::opened::{Opened, open};
use self::settings::Settings;
pub(crate) use self::table::Serve;
use super::console::{COULD_NOT, DONE, MISMATCH, NO_BOOT_PROGRAM, print, say, say_last};
use super::host::TFTP_PORT;
use super::signals::Signals;
use super::{panics, runtime};
use crate::embedded;
use crate::http::{self, ConnectionLimits, HttpConfig, Site};
use crate::log::{self, LineStyle};
use crate::manifest::Manifest;
use crate::net::Clock;
use crate::net::driver::ActiveDrivers;
use crate::net::observer::{BootReport, SharedObserver};
use crate::net::socket::BoundSocket;
use crate::net::status::StatusRequester;
use crate::net::systemd::ServiceManager;
use crate::net::worker::{self, Assignment, WorkerConfig};
use crate::proto::config::ServerConfig;
use crate::sandbox::{self, SandboxState};

impl Serve {
    /// Serves until a signal arrives; fails with a message.
    pub(crate) fn run(self) -> ExitCode {
        let served = match Settings::new(self) {
            Ok(settings) if settings.print_config => return print_config(&settings),
            Ok(settings) => serve(settings),
            Err(message) => Err(message.into()),
        };
        let (code, message) = match served {
            Ok(()) => return ExitCode::from(DONE),
            Err(Fatal::Damaged(damage)) => (MISMATCH, damage.to_string()),
            Err(Fatal::CouldNot(message)) => (COULD_NOT, message),
        };
        say_last(format_args!("bootstone: {message}"));
        ExitCode::from(code)
    }
}

fn print_config(settings: &Settings) -> ExitCode {
    for warning in effective::unknown_variables() {
        say(format_args!("bootstone: warning: {warning}"));
    }
    print(&effective::table(&settings.given))
}

fn serve(settings: Settings) -> Result<(), Fatal> {
    embedded::check_manifest().map_err(Fatal::Damaged)?;
    let manifest = embedded::manifest();
    let opened = open(&settings)?;
    let style = LineStyle::of_standard_output(settings.log_format);
    // After this nothing can be opened. Threads start later, because each inherits the sandbox.
    let sandbox = sandbox::enter(&settings.sandbox)?;
    panics::abort_on_panic();
    let log = log::start(style).map_err(|error| {
        format!(
            "the log does not start: {error}. {}",
            limits::advice(&error)
        )
    })?;
    let runtime = runtime::start()?;
    let served = runtime.block_on(async {
        // Before the first line of the log: a reader of that line may send a signal at once.
        let mut signals = Signals::of_the_server()?;
        let served = match check(&manifest, &mut signals).await? {
            true => run(&manifest, &settings, opened, &sandbox, &mut signals).await,
            false => Ok(()),
        };
        tokio::select! {
            () = log.close() => {}
            _ = signals.next() => {}
        }
        served.map_err(Fatal::from)
    });
    // The runtime is not waited for: nothing in it is left to finish.
    runtime.shutdown_background();
    served
}

fn log_start(manifest: &Manifest, settings: &Settings, opened: &Opened, sandbox: &SandboxState) {
    let all = opened.sockets.iter().flatten();
    let from_systemd = all.clone().filter(|socket| socket.is_inherited()).count();
    let mut listen: Vec<String> = Vec::new();
    for address in all.map(|socket| log::canonical(socket.address()).to_string()) {
        if !listen.contains(&address) {
            listen.push(address);
        }
    }
    let names = manifest.records().iter().map(|record| record.name.as_str());
    let http = opened.http.as_ref().map(|(_, address)| *address);
    info!(
        version = env!("CARGO_PKG_VERSION"),
        content = %manifest.content_id(),
        files = names.collect::<Vec<_>>().join(","),
        listen = listen.join(","),
        http = http.map(tracing::field::display),
        from_systemd = (from_systemd > 0).then_some(from_systemd),
        workers = opened.sockets.len(),
        region = settings.location.region.as_deref().map(tracing::field::display),
        machine = settings.location.machine.as_deref().map(tracing::field::display),
        user = sandbox.user.map(tracing::field::display),
        landlock = %sandbox.landlock,
        seccomp = %sandbox.seccomp,
        settings = effective::summary(&settings.given),
        "serving"
    );
    let mut sockets = opened.sockets.iter().flatten();
    if let Some(bytes) = sockets.find_map(BoundSocket::short_receive_buffer) {
        warn!(
            bytes,
            "the receive buffer is small and will overflow in a storm of requests; raise \
             net.core.rmem_max"
        );
    }
    if !manifest.has_boot_program() {
        warn!("{NO_BOOT_PROGRAM}");
    }
    for warning in &opened.warnings {
        warn!("{warning}");
    }
    for warning in sandbox.warnings() {
        warn!("{warning}");
    }
    for warning in effective::unknown_variables() {
        warn!("{warning}");
    }
}

/// Starts the workers and the HTTP listener, and waits until the drain after a signal is over.
async fn run(
    manifest: &Manifest,
    settings: &Settings,
    opened: Opened,
    sandbox: &SandboxState,
    signals: &mut Signals,
) -> io::Result<()> {
    log_start(manifest, settings, &opened, sandbox);
    let clock = Clock::start();
    let mut status = StatusRequester::new(clock);
    let (draining, is_draining) = watch::channel(false);
    let active = ActiveDrivers::new(0);
    let idle = active.subscribe();
    let (failures, failed) = mpsc::unbounded_channel();
    let tftp_port = tftp_port(&opened.sockets);
    let (observer, boot_report) = start_observer(settings, clock);
    let config = WorkerConfig {
        catalog: Arc::new(embedded::catalog(manifest)),
        routes: opened.routes,
        local: opened.local,
        clock,
        report: log::transfer,
        observer: Arc::clone(&observer),
        active,
        failures: failures.clone(),
    };
    for assignments in assign(settings.server, opened.sockets, &mut status) {
        worker::start(config.clone(), assignments)?;
    }
    let shutdown = status.shutdown_request();
    if let Some((listener, _)) = opened.http {
        let site = Site::new(
            config.catalog,
            manifest.clone(),
            settings.location.clone(),
            tftp_port,
            status,
            is_draining,
        );
        start_http(listener, site, Arc::clone(&observer), failures)?;
    }
    let running = Running {
        service_manager: &opened.service_manager,
        draining,
        active: idle,
        failed,
    };
    running.until_drained(settings, signals).await?;
    shutdown.send().await;
    observer.end_all(boot_report);
    info!("stopped");
    Ok(())
}

/// What tells of the end of a server that has started.
struct Running<'a> {
    service_manager: &'a ServiceManager,
    /// Set when a drain begins.
    draining: watch::Sender<bool>,
    /// The number of drivers with transfers in progress.
    active: watch::Receiver<usize>,
    /// Receives the error of a thread that has ended.
    failed: mpsc::UnboundedReceiver<io::Error>,
}

impl Running<'_> {
    /// Waits for a signal, then for the end of the drain. A second signal ends the process.
    async fn until_drained(mut self, settings: &Settings, signals: &mut Signals) -> io::Result<()> {
        self.service_manager.notify("READY=1");
        tokio::select! {
            name = signals.next() => {
                self.draining.send_replace(true);
                info!(signal = name, "draining");
            }
            Some(error) = self.failed.recv() => return Err(error),
        }
        self.service_manager.notify("STOPPING=1");
        tokio::select! {
            is_idle = drain(settings, &mut self.active) => if !is_idle {
                warn!("drain timeout: aborting transfers");
            },
            Some(error) = self.failed.recv() => return Err(error),
            name = signals.next() => exit_at_once(name),
        }
        Ok(())
    }
}

/// Serves for the minimum time of a drain, because a load balancer sends new clients here until it
/// knows of the end; then until no transfer is in progress. False if the drain timeout ends it.
async fn drain(settings: &Settings, active: &mut watch::Receiver<usize>) -> bool {
    let idle = async {
        sleep(settings.min_drain).await;
        active.wait_for(|active| *active == 0).await.is_ok()
    };
    timeout(settings.drain_timeout, idle).await.is_ok()
}

/// Starts the observer, which ends boots at their time. Returns what writes the log line of a boot.
fn start_observer(settings: &Settings, clock: Clock) -> (Arc<SharedObserver>, BootReport) {
    let report: BootReport = match settings.boot_log {
        true => log::boot,
        false => |_, _| {},
    };
    let observer = SharedObserver::new(clock);
    let running = Arc::clone(&observer);
    tokio::spawn(async move { running.run(report).await });
    (observer, report)
}

/// The TFTP port that clients use: 69 if the server listens there, else that of the first socket.
fn tftp_port(sockets: &[Vec<BoundSocket>]) -> u16 {
    let sockets = sockets.iter().flatten();
    let mut ports = sockets.map(|socket| socket.address().port());
    let first = ports.clone().next().unwrap_or(TFTP_PORT);
    ports.find(|port| *port == TFTP_PORT).unwrap_or(first)
}

fn start_http(
    listener: TcpListener,
    site: Site,
    observer: Arc<SharedObserver>,
    failures: mpsc::UnboundedSender<io::Error>,
) -> io::Result<()> {
    let config = HttpConfig {
        limits: ConnectionLimits::default(),
        report: log::download,
        observer,
        failures,
    };
    http::start(listener, site, config)
}

/// Ends the process without waiting for anything, the log included.
fn exit_at_once(signal: &str) -> ! {
    say_last(format_args!(
        "bootstone: second {signal}: aborting transfers"
    ));
    std::process::exit(COULD_NOT.into());
}

/// Assigns the sockets to their workers. The sockets of an address share its sessions.
fn assign(
    config: ServerConfig,
    sockets: Vec<Vec<BoundSocket>>,
    status: &mut StatusRequester,
) -> Vec<Vec<Assignment>> {
    let all = sockets.iter().flatten().map(BoundSocket::address);
    let all: Vec<SocketAddr> = all.collect();
    let mut assign = |socket: BoundSocket| {
        let sharing = all.iter().filter(|other| **other == socket.address());
        let config = ServerConfig {
            max_sessions: config.max_sessions.div_ceil(sharing.count()),
            ..config
        };
        Assignment {
            socket,
            config,
            status: status.add_driver(),
        }
    };
    let of_worker = |sockets: Vec<BoundSocket>| sockets.into_iter().map(&mut assign).collect();
    sockets.into_iter().map(of_worker).collect()
}
