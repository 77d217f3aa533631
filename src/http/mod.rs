//! The side door: health, metrics, hashes, the boot files for UEFI HTTP Boot, and a page for people.
//!
//! A worker of its own, with a thread and a runtime, so that TFTP never waits for it. It reads GET and
//! HEAD requests without a body and writes from memory; that is little enough for a loop around
//! `httparse`, the parser that hyper uses too. hyper itself would cost 150 kB more, picoserve 25 kB
//! (and advises against facing the Internet), edge-http 36 kB (and loses pipelined requests).
//!
//! The number of connections is bounded, and so is the time that each may take. When all are taken, the
//! one that has been waited for longest makes room: whoever opens connections and sends nothing (slowloris)
//! keeps none of them from a client that does.

mod answer;
mod connection;
mod metrics;
mod page;
pub mod preconditions;
pub mod request;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::{AbortHandle, JoinSet, LocalSet};
use tokio::time::{sleep, timeout};

use crate::catalog::{Catalog, FileId};
use crate::manifest::{Digest, Manifest, Record};
use crate::net::Clock;
use crate::net::status::Pulse;
use crate::proto::Instant;

/// What the side door serves.
#[derive(Debug)]
pub struct Site {
    catalog: Arc<Catalog>,
    manifest: Manifest,
    /// The hash of each file of the catalog.
    hashes: Vec<Digest>,
    /// Where this server stands, if its surroundings say so.
    region: Option<String>,
    /// The UDP port on which the same files are served over TFTP.
    tftp_port: u16,
    pulse: Mutex<Pulse>,
    draining: watch::Receiver<bool>,
    clock: Clock,
}

impl Site {
    /// The files of `catalog`, as `manifest` describes them, the port of TFTP, what `pulse` tells of the workers, and
    /// whether the program is about to end.
    pub fn new(
        catalog: Arc<Catalog>,
        manifest: Manifest,
        region: Option<String>,
        tftp_port: u16,
        pulse: Pulse,
        draining: watch::Receiver<bool>,
    ) -> Site {
        let mut site = Site {
            clock: pulse.clock(),
            catalog,
            manifest,
            hashes: Vec::new(),
            region,
            tftp_port,
            pulse: Mutex::new(pulse),
            draining,
        };
        let files = site.catalog.iter();
        // The boot files are not read for it: their pages stay where they are.
        let hash = |(file, entry): (FileId, &crate::catalog::Entry)| match site.record(file) {
            Some(record) => record.sha256,
            None => Digest::of(&entry.bytes),
        };
        site.hashes = files.map(hash).collect();
        site
    }

    fn hash(&self, file: FileId) -> Digest {
        self.hashes[file.index()]
    }

    /// What the manifest knows of a boot file; nothing for the texts made from it.
    fn record(&self, file: FileId) -> Option<&Record> {
        let name = &self.catalog.entry(file).name;
        let records = self.manifest.records();
        let found = records.binary_search_by(|record| record.name.cmp(name));
        found.ok().map(|index| &records[index])
    }
}

/// What strangers may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once. A boot takes one; monitoring takes two or three.
    pub connections: usize,
    /// A request has to be complete so long after the connection or the answer before. Firmware
    /// sends it in one segment; lost twice, that takes 3 s.
    pub request_time: Duration,
    /// A connection may be waited for so long, even when others have no room: a round trip around the world,
    /// and a lost segment.
    pub crowded_time: Duration,
    /// So long may a piece of an answer, 64 KiB, take to leave: 1 kB/s, slower than any path that boots a
    /// machine.
    pub piece_time: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 64,
            request_time: Duration::from_secs(10),
            crowded_time: Duration::from_secs(2),
            piece_time: Duration::from_secs(60),
        }
    }
}

/// How long to wait after a failure to accept: most likely there are no file descriptors left.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Serves on a thread of its own, until the program ends. `listener` must not block.
///
/// # Errors
/// There is no such thread to be had.
pub fn start(listener: std::net::TcpListener, site: Site, limits: Limits) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("http".to_owned());
    thread.spawn(move || run(listener, site, limits)).map(drop)
}

fn run(listener: std::net::TcpListener, site: Site, limits: Limits) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::from_std(listener)?;
        let mut guests = Guests::new(site, limits);
        loop {
            guests.make_room().await;
            match listener.accept().await {
                Ok((stream, _)) => guests.admit(stream),
                Err(_) => sleep(ACCEPT_AGAIN_AFTER).await,
            }
        }
    })
}

/// The connections.
struct Guests {
    site: Rc<Site>,
    limits: Limits,
    tasks: JoinSet<()>,
    table: Vec<Guest>,
}

struct Guest {
    task: AbortHandle,
    awaited: Awaited,
}

/// Since when a connection's next request is waited for; none while one is being answered.
type Awaited = Rc<Cell<Option<Instant>>>;

impl Guests {
    fn new(site: Site, limits: Limits) -> Guests {
        Guests {
            site: Rc::new(site),
            limits,
            tasks: JoinSet::new(),
            table: Vec::new(),
        }
    }

    fn admit(&mut self, stream: TcpStream) {
        let awaited = Rc::new(Cell::new(Some(self.site.clock.now())));
        let (site, limits) = (Rc::clone(&self.site), self.limits);
        let talk = connection::talk(stream, site, limits, Rc::clone(&awaited));
        let task = self.tasks.spawn_local(talk);
        self.table.push(Guest { task, awaited });
    }

    /// Returns when there is room for one more.
    async fn make_room(&mut self) {
        loop {
            while self.tasks.try_join_next().is_some() {}
            self.table.retain(|guest| !guest.task.is_finished());
            if self.table.len() < self.limits.connections || self.push_out() {
                return;
            }
            let wait = self.limits.crowded_time;
            let _ = timeout(wait, self.tasks.join_next()).await;
        }
    }

    /// Closes the connection that has been waited for longest, if that is long enough.
    fn push_out(&mut self) -> bool {
        let now = self.site.clock.now();
        let awaited = self.table.iter().enumerate();
        let awaited = awaited.filter_map(|(index, guest)| Some((guest.awaited.get()?, index)));
        match awaited.min() {
            Some((since, index)) if now - since >= self.limits.crowded_time => {
                self.table.swap_remove(index).task.abort();
                true
            }
            _ => false,
        }
    }
}
