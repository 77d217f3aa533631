//! The HTTP listener: health, metrics, hashes, the boot files for UEFI HTTP Boot, and an HTML page.
//!
//! It has its own thread and runtime, so that TFTP never waits for it. It reads GET and HEAD
//! requests without a body and writes from memory, in a loop around `httparse`, the parser that
//! hyper uses too. The alternatives: hyper costs 140 kB more; picoserve 25 kB, and advises against
//! facing the Internet; edge-http 36 kB, and loses pipelined requests.
//!
//! The number of connections is limited, and so is the time that a client may take. A new
//! connection never waits for a place: when all are in use, another one is evicted at once. Part of
//! the places cannot be used by downloads, so health checks always find one. There is no separate
//! address for health checks: it would need the same protection.

pub(crate) mod client;
mod config;
mod connection;
mod downloads;
mod limits;
mod metrics;
mod page;
pub mod preconditions;
pub mod request;
mod response;
mod service;
mod site;
mod table;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, LocalSet, spawn_local, yield_now};
use tokio::time::sleep;

pub use self::config::HttpConfig;
use self::connection::Stream;
pub use self::downloads::{Download, Report};
pub use self::limits::ConnectionLimits;
use self::service::Service;
pub use self::site::{Location, Site};

/// Connections that the kernel completes before the server accepts them. If they are too many, the
/// kernel drops a SYN, and the client repeats it after a second. The default is 128.
const BACKLOG: i32 = 4096;

/// Bytes that the kernel takes of a response beyond those that it has sent. Its default is its send
/// buffer, up to 4 MiB for each client that does not read.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 << 10;

/// Time after which the kernel discards what a client does not acknowledge or does not read of a
/// connection that the server has closed.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// Connections accepted in one turn of the loop. In each turn the tasks of the connections run, and
/// read their requests: fewer than the connections that can be evicted.
const ACCEPTED_PER_TURN: u64 = 16;

/// Pause after a failed `accept`, if no connection can be evicted: most likely there are no file
/// descriptors left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Failures of `accept` in a row after which the listener fails, if no connection is open: the rest
/// of the program has all file descriptors.
const MAX_ACCEPT_FAILURES: u32 = 10;

/// EMFILE: this process has no file descriptor left.
const NO_DESCRIPTOR: i32 = 24;

/// Sets the options of a listening socket. Its connections inherit them.
///
/// # Errors
/// The system refuses.
pub fn prepare(listener: &StdListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let socket = socket2::SockRef::from(listener);
    // A second call changes the backlog only.
    socket.listen(BACKLOG)?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_notsent_lowat(UNSENT)?;
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    }
    Ok(())
}

/// Serves on a new thread until the program ends. `listener` has to be [prepared](prepare).
///
/// # Errors
/// The system cannot start a thread.
pub fn start(listener: StdListener, site: Site, config: HttpConfig) -> io::Result<()> {
    let run = move || {
        let failures = config.failures.clone();
        if let Err(error) = run(listener, site, &config) {
            let error = io::Error::new(error.kind(), format!("HTTP listener: {error}"));
            // The receiver is gone only if the program is about to end.
            let _ = failures.send(error);
        }
    };
    let thread = std::thread::Builder::new().name("http".to_owned());
    thread.spawn(run).map(drop)
}

fn run(listener: StdListener, site: Site, config: &HttpConfig) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let service = Service::new(site, config);
        accept_all(&TcpListener::from_std(listener)?, &service).await
    })
}

/// Accepts connections.
///
/// # Errors
/// The socket does not listen any more, or there is no file descriptor for a connection.
async fn accept_all(listener: &TcpListener, service: &Rc<Service>) -> io::Result<()> {
    let mut failures = 0;
    for turn in 1.. {
        match listener.accept().await {
            Ok((stream, peer)) => {
                failures = 0;
                add(service, stream, peer);
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                failures += 1;
                make_descriptor_free(service, failures, error).await?;
            }
        }
        if turn % ACCEPTED_PER_TURN == 0 {
            yield_now().await;
        }
    }
    Ok(())
}

/// After `accept` has failed, evicts a connection or waits. The kernel reports that there is no
/// descriptor also if no connection is waiting: so the only connection gets the time of a pause.
///
/// # Errors
/// There is no connection to evict, and the failure has been repeated.
async fn make_descriptor_free(
    service: &Service,
    failures: u32,
    error: io::Error,
) -> io::Result<()> {
    if (failures > 1 || service.connections() > 1) && service.evict() {
        // The descriptor is closed in the next turn.
        yield_now().await;
        return Ok(());
    }
    let has_none = error.raw_os_error() == Some(NO_DESCRIPTOR) && service.connections() == 0;
    if has_none && failures >= MAX_ACCEPT_FAILURES {
        return Err(error);
    }
    sleep(ACCEPT_RETRY_DELAY).await;
    Ok(())
}

/// Starts the task of a connection. Returns it, if the connection is still open.
fn add(
    service: &Rc<Service>,
    stream: impl Stream + 'static,
    peer: SocketAddr,
) -> Option<JoinHandle<()>> {
    let local = stream.local_address()?;
    let mut task = None;
    service.add(peer.ip(), |registration| {
        let serve = connection::serve(stream, local, peer, registration);
        task.insert(spawn_local(serve)).abort_handle()
    });
    task
}

/// Answers the requests on a stream in memory, for tests. It has to be called in a [`LocalSet`].
pub async fn serve_in_memory(site: Site, config: &HttpConfig, stream: DuplexStream) {
    let service = Service::new(site, config);
    let peer = (Ipv4Addr::LOCALHOST, 1024).into();
    if let Some(task) = add(&service, stream, peer) {
        // A panic of the task is that of the test.
        if let Err(error) = task.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}
