//! Status of the workers: the HTTP listener sends a request, and every driver replies with its
//! counters between two datagrams.
//!
//! Nothing is shared while there is no request. A reply proves that its driver's loop is running.
//! The last request is the shutdown request, sent when the program is about to end.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::Clock;
use crate::proto::Instant;
use crate::proto::server::Server;
use crate::proto::stats::Stats;

/// How long a driver may take to reply. Its loop takes microseconds per turn, and milliseconds
/// under any load. A health check waits for the replies, and has to be answered within a second.
const REPLY_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a snapshot is reused. So a client that polls the HTTP listener in a loop costs each
/// worker one copy of its counters per second.
const SNAPSHOT_LIFETIME: Duration = Duration::from_secs(1);

/// A status request, as all drivers see it.
#[derive(Clone, Copy, Debug, Default)]
struct StatusRequest {
    /// Number of the request; 0 stands for none.
    number: u64,
    /// Every driver has to finish its transfers before it replies.
    is_shutdown: bool,
}

/// A driver's reply.
#[derive(Clone, Debug)]
struct StatusReply {
    /// Number of the request that this replies to; 0 stands for none.
    request: u64,
    /// The counters; `None` before the first reply.
    stats: Option<Stats>,
    validated: usize,
    unvalidated: usize,
    sessions: usize,
    max_sessions: usize,
}

/// The driver's end: receives status requests and sends replies.
#[derive(Debug)]
pub struct StatusResponder {
    request: watch::Receiver<StatusRequest>,
    reply: watch::Sender<StatusReply>,
}

impl StatusResponder {
    /// Waits for the next request.
    pub(super) async fn next_request(&mut self) {
        if self.request.changed().await.is_err() {
            // Every requester has been dropped: there will be no request.
            std::future::pending().await
        }
    }

    /// True if all transfers have to be finished before the reply.
    pub(super) fn is_shutdown(&self) -> bool {
        self.request.borrow().is_shutdown
    }

    /// Replies with the counters of `server`.
    pub(super) fn reply(&self, server: &Server) {
        self.reply.send_replace(StatusReply {
            request: self.request.borrow().number,
            stats: Some(server.stats().clone()),
            validated: server.validated(),
            unvalidated: server.unvalidated(),
            sessions: server.sessions(),
            max_sessions: server.max_sessions(),
        });
    }
}

/// The sum of all drivers' replies.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatusSnapshot {
    /// Number of drivers.
    pub drivers: usize,
    /// Number of drivers that replied in time.
    pub replied: usize,
    /// The counters of all drivers, as of their last replies; `None` if there was no reply yet.
    pub stats: Option<Stats>,
    /// Transfers in progress to validated addresses.
    pub validated: usize,
    /// Transfers in progress to unvalidated addresses.
    pub unvalidated: usize,
    /// Sessions in the tables, finished ones included.
    pub sessions: usize,
    /// Most sessions that the tables hold.
    pub max_sessions: usize,
}

/// The requesting end: sends status requests to all drivers and sums up their replies.
#[derive(Debug)]
pub struct StatusRequester {
    clock: Clock,
    request: watch::Sender<StatusRequest>,
    replies: Vec<watch::Receiver<StatusReply>>,
    last: Option<(Instant, StatusSnapshot)>,
}

impl StatusRequester {
    /// A requester without drivers.
    pub fn new(clock: Clock) -> StatusRequester {
        StatusRequester {
            clock,
            request: watch::Sender::default(),
            replies: Vec::new(),
            last: None,
        }
    }

    /// Adds a driver and returns its end.
    pub fn add_driver(&mut self) -> StatusResponder {
        let none = StatusReply {
            request: 0,
            stats: None,
            validated: 0,
            unvalidated: 0,
            sessions: 0,
            max_sessions: 0,
        };
        let (reply, replies) = watch::channel(none);
        self.replies.push(replies);
        StatusResponder {
            request: self.request.subscribe(),
            reply,
        }
    }

    /// The shutdown request, to be sent at any later time.
    pub(crate) fn shutdown_request(&self) -> ShutdownRequest {
        ShutdownRequest {
            request: self.request.clone(),
            replies: self.replies.clone(),
        }
    }

    /// The clock that dates the snapshots.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// A snapshot that is less than a second old. Takes up to [`REPLY_TIMEOUT`].
    pub(crate) async fn snapshot(&mut self) -> &StatusSnapshot {
        let now = self.clock.now();
        let last = self.last.take();
        let snapshot = match last.filter(|(at, _)| now < *at + SNAPSHOT_LIFETIME) {
            Some(recent) => recent,
            None => {
                let snapshot = self.request().await;
                (self.clock.now(), snapshot)
            }
        };
        &self.last.insert(snapshot).1
    }

    async fn request(&mut self) -> StatusSnapshot {
        let number = send(&self.request, &mut self.replies, false).await;
        let mut snapshot = StatusSnapshot {
            drivers: self.replies.len(),
            ..StatusSnapshot::default()
        };
        for reply in &self.replies {
            snapshot.add(&reply.borrow(), number);
        }
        snapshot
    }
}

/// The last status request: every driver finishes its transfers before it replies.
#[derive(Debug)]
pub(crate) struct ShutdownRequest {
    request: watch::Sender<StatusRequest>,
    replies: Vec<watch::Receiver<StatusReply>>,
}

impl ShutdownRequest {
    /// Sends the request and waits for the replies, for up to [`REPLY_TIMEOUT`].
    pub(crate) async fn send(mut self) {
        send(&self.request, &mut self.replies, true).await;
    }
}

/// Sends a request to all drivers and waits for their replies, for up to [`REPLY_TIMEOUT`].
/// Returns the number of the request.
async fn send(
    request: &watch::Sender<StatusRequest>,
    replies: &mut [watch::Receiver<StatusReply>],
    is_shutdown: bool,
) -> u64 {
    request.send_modify(|request| {
        request.number += 1;
        request.is_shutdown |= is_shutdown;
    });
    let number = request.borrow().number;
    let all = async {
        for reply in replies {
            let _ = reply.wait_for(|reply| reply.request >= number).await;
        }
    };
    let _ = timeout(REPLY_TIMEOUT, all).await;
    number
}

impl StatusSnapshot {
    fn add(&mut self, reply: &StatusReply, request: u64) {
        self.replied += usize::from(reply.request >= request);
        self.validated += reply.validated;
        self.unvalidated += reply.unvalidated;
        self.sessions += reply.sessions;
        self.max_sessions += reply.max_sessions;
        match (&mut self.stats, &reply.stats) {
            (Some(stats), Some(more)) => stats.absorb(more),
            (stats @ None, Some(first)) => *stats = Some(first.clone()),
            (_, None) => {}
        }
    }
}
