//! A worker: a thread with a runtime, sockets, tables and timers of its own. Workers share nothing but the
//! files.

use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};

use super::Clock;
use super::driver::{Busy, Driver};
use super::socket::{Bound, Socket};
use super::status::Line;
use crate::catalog::Catalog;
use crate::proto::config::Config;
use crate::proto::report::Report;
use crate::proto::server::Server;

/// What a worker needs to know.
#[derive(Clone)]
pub struct Duty {
    /// The files to serve.
    pub catalog: Arc<Catalog>,
    /// The same for all.
    pub clock: Clock,
    /// Told of every transfer that has ended.
    pub report: fn(&Catalog, &Report),
    /// Counts the drivers of all workers that have a transfer under way.
    pub busy: Busy,
    /// Told why a worker has ended. None ends for any other reason than a failure.
    pub failed: mpsc::UnboundedSender<io::Error>,
}

/// What a driver of its own is for.
pub struct Post {
    /// The socket.
    pub bound: Bound,
    /// For the server behind it.
    pub config: Config,
    /// To whoever asks how it is.
    pub line: Line,
}

/// Starts a worker on a thread of its own.
///
/// # Errors
/// There is no such thread to be had.
pub fn start(duty: Duty, posts: Vec<Post>) -> io::Result<()> {
    let run = move || {
        let failed = duty.failed.clone();
        if let Err(error) = run(duty, posts) {
            // Nobody is left to be told when the program is about to end.
            let _ = failed.send(error);
        }
    };
    let thread = std::thread::Builder::new().name("worker".to_owned());
    thread.spawn(run).map(drop)
}

fn run(duty: Duty, posts: Vec<Post>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    LocalSet::new().block_on(&runtime, drive_all(duty, posts))
}

async fn drive_all(duty: Duty, posts: Vec<Post>) -> io::Result<()> {
    let mut drivers = JoinSet::new();
    for post in posts {
        let server = Server::new(Arc::clone(&duty.catalog), post.config);
        let driver = Driver::new(Socket::new(post.bound)?, server, duty.clock, duty.report);
        drivers.spawn_local(driver.run(duty.busy.clone(), post.line));
    }
    while let Some(ended) = drivers.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}
