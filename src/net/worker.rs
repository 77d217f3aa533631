//! Worker threads. Each has its own runtime, sockets, session tables and timers; workers share
//! only the files.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};

use super::Clock;
use super::driver::{ActiveDrivers, Driver};
use super::observer::SharedObserver;
use super::socket::{BoundSocket, Socket};
use super::status::StatusResponder;
use crate::catalog::Catalog;
use crate::proto::config::ServerConfig;
use crate::proto::local::LocalNetworks;
use crate::proto::report::Report;
use crate::proto::routes::Routes;
use crate::proto::server::Server;

/// What all workers have in common.
#[derive(Clone)]
pub struct WorkerConfig {
    /// The files to serve.
    pub catalog: Arc<Catalog>,
    /// The routes of this machine.
    pub routes: Arc<Routes>,
    /// The networks of this site.
    pub local: Arc<LocalNetworks>,
    /// The clock.
    pub clock: Clock,
    /// Called for every transfer that has ended.
    pub report: fn(&Catalog, &Report),
    /// Told of every transfer that starts or ends.
    pub observer: Arc<SharedObserver>,
    /// The number of drivers that have a transfer in progress.
    pub active: ActiveDrivers,
    /// Receives the reason when a worker fails. A worker ends for no other reason.
    pub failures: mpsc::UnboundedSender<io::Error>,
}

/// A socket assigned to a worker, with what its driver needs.
pub struct Assignment {
    /// The socket.
    pub socket: BoundSocket,
    /// Settings of the server on this socket.
    pub config: ServerConfig,
    /// Where the driver replies to status requests.
    pub status: StatusResponder,
}

/// Starts a worker on a new thread.
///
/// # Errors
/// The system cannot start a thread.
pub fn start(config: WorkerConfig, assignments: Vec<Assignment>) -> io::Result<()> {
    let run = move || {
        let failures = config.failures.clone();
        let Err(error) = run(config, assignments);
        // The receiver is gone only if the program is about to end.
        let _ = failures.send(error);
    };
    let thread = std::thread::Builder::new().name("worker".to_owned());
    thread.spawn(run).map(drop)
}

fn run(config: WorkerConfig, assignments: Vec<Assignment>) -> io::Result<Infallible> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    LocalSet::new().block_on(&runtime, run_drivers(config, assignments))
}

async fn run_drivers(worker: WorkerConfig, assignments: Vec<Assignment>) -> io::Result<Infallible> {
    let mut drivers = JoinSet::new();
    for Assignment {
        socket,
        config,
        status,
    } in assignments
    {
        let server = Server::new(Arc::clone(&worker.catalog), config)
            .with_routes(Arc::clone(&worker.routes))
            .with_local(Arc::clone(&worker.local));
        let driver = Driver::new(
            Socket::new(socket)?,
            server,
            worker.clock,
            worker.report,
            Arc::clone(&worker.observer),
        );
        drivers.spawn_local(driver.run(worker.active.clone(), status));
    }
    match drivers.join_next().await {
        Some(ended) => ended.map_err(io::Error::other)?,
        None => Err(io::Error::other("it has no socket")),
    }
}
