//! What an operator reads: one line at the start, one for each transfer at its end, one at the end.
//!
//! Whatever a peer wrote is escaped before it gets here into a line.

mod lines;
mod queue;

use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use self::lines::Lines;
pub use self::queue::Log;
use self::queue::Queue;
use crate::catalog::Catalog;
use crate::proto::report::{Figures, Report, Requested};

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people: a time, a word, `name=value` pairs.
    #[default]
    Text,
    /// For machines: an object on each line.
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        match text {
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            _ => Err(format!("there is no log format {text:?}: use text or json")),
        }
    }
}

/// Sends all lines to standard output from here on, until what it returns is dropped.
///
/// # Errors
/// There is no thread for it, or a log already.
pub fn start(format: Format) -> io::Result<Log> {
    let queue = Arc::new(Queue::new(format));
    let log = Log::start(Arc::clone(&queue))?;
    tracing::subscriber::set_global_default(Lines(queue)).map_err(io::Error::other)?;
    Ok(log)
}

/// The line of a transfer, or of a request that did not come to one.
pub fn transfer(catalog: &Catalog, report: &Report) {
    let peer = canonical(report.peer);
    let outcome = report.outcome.as_str();
    let file = match &report.file {
        Requested::File(file) => catalog.entry(*file).name.clone(),
        Requested::Name(name) => name.escape_ascii().to_string(),
    };
    if report.left_out > 0 {
        warn!(lines = report.left_out, "left out: too many at once");
    }
    match &report.transfer {
        Some(figures) => transfer_with_figures(peer, &file, outcome, figures),
        None => info!(%peer, file, outcome, "request"),
    }
}

fn transfer_with_figures(peer: std::net::SocketAddr, file: &str, outcome: &str, figures: &Figures) {
    let seconds = figures.duration.as_secs_f64();
    info!(
        %peer,
        file,
        outcome,
        bytes = figures.bytes,
        blksize = figures.blksize,
        windowsize = figures.windowsize,
        ms = millis(figures.duration),
        kb_per_s = (figures.bytes as f64 / 1000.0 / seconds.max(1e-6)).round(),
        resent = figures.resent,
        run_ahead = figures.run_ahead,
        fallbacks = figures.fallbacks,
        rtt_ms = figures.rtt.map(millis),
        "transfer"
    );
}

/// Milliseconds with three digits behind the point.
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

/// IPv4 as IPv4, also where it came through an IPv6 socket.
pub fn canonical(address: std::net::SocketAddr) -> std::net::SocketAddr {
    (address.ip().to_canonical(), address.port()).into()
}
