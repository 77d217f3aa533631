//! Configuration of the HTTP listener.

use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::downloads::Report;
use super::limits::ConnectionLimits;
use crate::net::observer::SharedObserver;

/// Configuration of the HTTP listener.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Limits of the connections.
    pub limits: ConnectionLimits,
    /// Called for every download that has ended.
    pub report: Report,
    /// Told of every download that starts or ends; the page and the metrics show what it has counted.
    pub observer: Arc<SharedObserver>,
    /// Receives the reason when the listener fails. It ends for no other reason.
    pub failures: mpsc::UnboundedSender<io::Error>,
}
