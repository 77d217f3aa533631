//! The HTTP listener: health, metrics, hashes, the boot files for UEFI HTTP Boot, and an HTML page.
//!
//! It has its own thread and runtime, so that TFTP never waits for it. It reads GET and HEAD
//! requests without a body and writes from memory, in a loop around `httparse`, the parser that
//! hyper uses too. The alternatives: hyper costs 150 kB more; picoserve 25 kB, and advises against
//! facing the Internet; edge-http 36 kB, and loses pipelined requests.
//!
//! The number of connections is limited, and so is the time that a client may take. When all
//! connections are in use, the one whose request has been awaited longest is evicted. So a client
//! that opens connections and sends nothing (slowloris) does not lock out others.

mod connection;
mod limits;
mod metrics;
mod page;
pub mod preconditions;
pub mod request;
mod response;
mod site;

use std::io;
use std::rc::Rc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet, LocalSet};
use tokio::time::{Duration, sleep, timeout};

use self::connection::AwaitedSince;
pub use self::limits::ConnectionLimits;
pub use self::site::Site;

/// Pause after a failed `accept`: most likely there are no file descriptors left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Serves on a new thread until the program ends. `listener` must be non-blocking.
///
/// # Errors
/// The system cannot start a thread.
pub fn start(
    listener: std::net::TcpListener,
    site: Site,
    limits: ConnectionLimits,
) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("http".to_owned());
    thread.spawn(move || run(listener, site, limits)).map(drop)
}

fn run(listener: std::net::TcpListener, site: Site, limits: ConnectionLimits) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::from_std(listener)?;
        let mut connections = Connections::new(site, limits);
        loop {
            connections.wait_for_capacity().await;
            match listener.accept().await {
                Ok((stream, _)) => connections.add(stream),
                Err(_) => sleep(ACCEPT_RETRY_DELAY).await,
            }
        }
    })
}

/// The table of open connections.
struct Connections {
    site: Rc<Site>,
    limits: ConnectionLimits,
    tasks: JoinSet<()>,
    table: Vec<TrackedConnection>,
}

/// An open connection.
struct TrackedConnection {
    task: AbortHandle,
    awaited_since: AwaitedSince,
}

impl Connections {
    fn new(site: Site, limits: ConnectionLimits) -> Connections {
        Connections {
            site: Rc::new(site),
            limits,
            tasks: JoinSet::new(),
            table: Vec::new(),
        }
    }

    fn add(&mut self, stream: TcpStream) {
        let awaited_since = AwaitedSince::default();
        awaited_since.set(Some(self.site.clock.now()));
        let (site, limits) = (Rc::clone(&self.site), self.limits);
        let serve = connection::serve(stream, site, limits, Rc::clone(&awaited_since));
        let task = self.tasks.spawn_local(serve);
        self.table.push(TrackedConnection {
            task,
            awaited_since,
        });
    }

    /// Waits until another connection can be accepted.
    async fn wait_for_capacity(&mut self) {
        loop {
            while self.tasks.try_join_next().is_some() {}
            self.table.retain(|entry| !entry.task.is_finished());
            if self.table.len() < self.limits.connections || self.evict() {
                return;
            }
            let wait = self.limits.eviction_age;
            let _ = timeout(wait, self.tasks.join_next()).await;
        }
    }

    /// Closes the connection whose request has been awaited longest, if that is long enough.
    fn evict(&mut self) -> bool {
        let now = self.site.clock.now();
        let awaited = self.table.iter().enumerate();
        let awaited =
            awaited.filter_map(|(index, entry)| Some((entry.awaited_since.get()?, index)));
        match awaited.min() {
            Some((since, index)) if now - since >= self.limits.eviction_age => {
                self.table.swap_remove(index).task.abort();
                true
            }
            _ => false,
        }
    }
}
