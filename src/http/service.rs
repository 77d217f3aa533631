//! What all connections share: the site, the table of connections, and the counters.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::config::HttpConfig;
use super::downloads::{Download, Downloads};
use super::limits::ConnectionLimits;
use super::site::Site;
use super::table::{Activity, Table};
use crate::net::observer::SharedObserver;
use crate::proto::Instant;
use crate::proto::observer::{FileProtocol, RequestEnd, RequestEvent, RequestStep};
use crate::proto::report::Requested;
use crate::proto::stats::Outcome;

/// Interval at which a waiting request looks for a download that has begun to stall.
const STALL_CHECK: Duration = Duration::from_secs(1);

/// The state of the HTTP listener.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) site: Site,
    pub(super) limits: ConnectionLimits,
    pub(super) downloads: Downloads,
    pub(super) observer: Arc<SharedObserver>,
    table: RefCell<Table<AbortHandle>>,
    download_ended: Notify,
}

/// The place of a connection in the table. Dropping it frees the place.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) service: Rc<Service>,
    pub(super) activity: Rc<Activity>,
    id: u64,
}

/// A connection's right to send a file. Dropping it frees it for others.
#[derive(Debug)]
pub(super) struct DownloadSlot {
    service: Rc<Service>,
    activity: Rc<Activity>,
}

/// A request for a file in progress. Dropping it counts and logs it.
#[derive(Debug)]
pub(super) struct PendingDownload {
    service: Rc<Service>,
    started: Instant,
    /// Sends a file, and no mere answer.
    is_transfer: bool,
    download: Download,
}

impl Service {
    pub(super) fn new(site: Site, config: &HttpConfig) -> Rc<Service> {
        Rc::new(Service {
            downloads: Downloads::new(site.catalog.iter().count(), config.report),
            observer: Arc::clone(&config.observer),
            table: RefCell::new(Table::new(config.limits)),
            download_ended: Notify::new(),
            site,
            limits: config.limits,
        })
    }

    pub(super) fn now(&self) -> Instant {
        self.site.clock.now()
    }

    /// Number of open connections.
    pub(super) fn connections(&self) -> usize {
        self.table.borrow().len()
    }

    /// Gives a new connection of `peer`, whose task `spawn` starts, a place in the table. Evicts
    /// another one if there is none.
    pub(super) fn add(
        self: &Rc<Service>,
        peer: IpAddr,
        spawn: impl FnOnce(Registration) -> AbortHandle,
    ) {
        let mut table = self.table.borrow_mut();
        let evicted = table.evict_if_full(self.now());
        self.end(evicted);
        table.add(self.now(), peer, |id, activity| {
            let service = Rc::clone(self);
            spawn(Registration {
                service,
                activity,
                id,
            })
        });
    }

    /// Evicts a connection; false if there is none that can be spared.
    pub(super) fn evict(&self) -> bool {
        let evicted = self.table.borrow_mut().evict(self.now());
        self.end(evicted)
    }

    fn end(&self, evicted: Option<AbortHandle>) -> bool {
        if let Some(task) = &evicted {
            task.abort();
            self.downloads.count_eviction();
        }
        evicted.is_some()
    }
}

impl Registration {
    /// Waits until the connection may send a file; `None` if there are too many downloads for too
    /// long.
    pub(super) async fn download_slot(&self) -> Option<DownloadSlot> {
        let service = &self.service;
        let admitted = async {
            while !self.try_download() {
                let _ = timeout(STALL_CHECK, service.download_ended.notified()).await;
            }
        };
        let admitted = timeout(service.limits.queue_timeout, admitted).await;
        admitted.ok().map(|()| DownloadSlot {
            service: Rc::clone(service),
            activity: Rc::clone(&self.activity),
        })
    }

    fn try_download(&self) -> bool {
        let service = &self.service;
        let admitted = service.table.borrow_mut().admit(service.now(), self.id);
        match admitted {
            Ok(evicted) => {
                service.end(evicted);
                true
            }
            Err(()) => false,
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.service.table.borrow_mut().remove(self.id);
    }
}

impl Drop for DownloadSlot {
    fn drop(&mut self) {
        self.activity.end_download();
        self.service.download_ended.notify_one();
    }
}

impl PendingDownload {
    /// A response with this status to a request for `file`. If it is evicted, it is dropped.
    /// `is_transfer` says that the response has a file.
    pub(super) fn new(
        service: &Rc<Service>,
        started: Instant,
        peer: SocketAddr,
        file: Requested,
        status: u16,
        is_transfer: bool,
    ) -> PendingDownload {
        let pending = PendingDownload {
            service: Rc::clone(service),
            started,
            is_transfer,
            download: Download {
                peer,
                file,
                outcome: Outcome::Dropped,
                status,
                bytes: 0,
                duration: Duration::ZERO,
                left_out: 0,
            },
        };
        if is_transfer {
            pending.observe(RequestStep::Started);
        }
        pending
    }

    fn observe(&self, step: RequestStep) {
        let event = RequestEvent {
            source: self.download.peer.ip(),
            protocol: FileProtocol::Http,
            asked: self.started,
            step,
        };
        self.service.observer.record(&mut std::iter::once(event));
    }

    /// The kernel has taken this many bytes of the file.
    pub(super) fn add_bytes(&mut self, bytes: usize) {
        self.download.bytes += bytes as u64;
    }

    /// Ends it with this outcome.
    pub(super) fn finish(mut self, outcome: Outcome) {
        self.download.outcome = outcome;
    }
}

impl Drop for PendingDownload {
    fn drop(&mut self) {
        let (service, now) = (&self.service, self.service.now());
        let mut download = self.download.clone();
        download.duration = now - self.started;
        self.observe(RequestStep::Ended(RequestEnd {
            outcome: download.outcome,
            bytes: download.bytes,
            was_started: self.is_transfer,
            heard: now,
        }));
        service
            .downloads
            .finish(now, &service.site.catalog, download);
    }
}
