//! The log: one line at the start, one per finished transfer or download, one at the end.
//!
//! Text from peers is escaped in every line.

mod format;
mod queue;
mod subscriber;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

pub(crate) use self::format::{LineStyle, LogFormat};
use self::queue::LineQueue;
pub(crate) use self::queue::LogWriter;
use self::subscriber::LineSubscriber;
use crate::catalog::Catalog;
use crate::http::Download;
use crate::proto::observer::Boot;
use crate::proto::report::{Report, ReportedMode, Requested};
use crate::proto::stats::{Figures, Limit};
use crate::wire::netascii;

/// The word for the mode of a translated file.
const NETASCII: &str = "netascii";

/// Writes all log lines to standard output, until the returned value is closed.
///
/// # Errors
/// The system cannot start a thread, or the log was started before.
pub(crate) fn start(style: LineStyle) -> io::Result<LogWriter> {
    let queue = Arc::new(LineQueue::new(style));
    let writer = LogWriter::start(Arc::clone(&queue))?;
    tracing::subscriber::set_global_default(LineSubscriber(queue)).map_err(io::Error::other)?;
    Ok(writer)
}

/// Logs a transfer, or a request without a transfer.
pub(crate) fn transfer(catalog: &Catalog, report: &Report) {
    let peer = canonical(report.peer.address);
    let outcome = report.outcome.as_str();
    let file = file_name(catalog, &report.file);
    warn_of_dropped_lines(report.left_out);
    match (&report.transfer, report.file.file()) {
        (Some(figures), Some(id)) => {
            let is_netascii = report.mode == ReportedMode::Netascii;
            let content = is_netascii.then(|| catalog.bytes(id));
            let limited = report.limited.map(Limit::as_str);
            transfer_with_figures(peer, &file, (outcome, limited), figures, content);
        }
        _ => {
            let (mode, reason) = (mode(&report.mode), report.reason);
            info!(%peer, file, mode, outcome, reason, "request");
        }
    }
}

/// The mode, escaped, if it is not octet.
fn mode(mode: &ReportedMode) -> Option<String> {
    match mode {
        ReportedMode::Octet => None,
        ReportedMode::Netascii => Some(NETASCII.to_owned()),
        ReportedMode::Other(mode) => Some(mode.escape_ascii().to_string()),
    }
}

/// Logs an HTTP request for a file.
pub(crate) fn download(catalog: &Catalog, download: &Download) {
    warn_of_dropped_lines(download.left_out);
    info!(
        peer = %download.peer,
        file = file_name(catalog, &download.file),
        outcome = download.outcome.as_str(),
        status = download.status,
        bytes = download.bytes,
        ms = millis(download.duration),
        kb_per_s = kilobytes_per_second(download.bytes, download.duration),
        "download"
    );
}

/// Logs a boot.
pub(crate) fn boot(boot: &Boot, left_out: u32) {
    warn_of_dropped_lines(left_out);
    info!(
        peer = %boot.address,
        files = boot.files,
        bytes = boot.bytes,
        seconds = millis(boot.duration) / 1000.0,
        result = boot.result.as_str(),
        "boot"
    );
}

/// The name of a file, or the name that a peer has requested, escaped.
fn file_name(catalog: &Catalog, file: &Requested) -> String {
    match file {
        Requested::File(file) => catalog.entry(*file).name.clone(),
        Requested::Name(name) => name.escape_ascii().to_string(),
    }
}

fn warn_of_dropped_lines(lines: u32) {
    if lines > 0 {
        warn!(lines, "log lines dropped: too many at once");
    }
}

fn kilobytes_per_second(bytes: u64, time: Duration) -> f64 {
    (bytes as f64 / 1000.0 / time.as_secs_f64().max(1e-6)).round()
}

/// `translated` is the file of a transfer in netascii: its `bytes` are fewer than those on the wire.
fn transfer_with_figures(
    peer: std::net::SocketAddr,
    file: &str,
    (outcome, limited): (&str, Option<&str>),
    figures: &Figures,
    translated: Option<&[u8]>,
) {
    let bytes = translated.map(|file| netascii::source_len(file, figures.bytes));
    info!(
        %peer,
        file,
        mode = bytes.map(|_| NETASCII),
        outcome,
        limited,
        bytes = bytes.unwrap_or(figures.bytes),
        wire_bytes = bytes.map(|_| figures.bytes),
        blksize = figures.blksize,
        windowsize = figures.windowsize,
        ms = millis(figures.duration),
        kb_per_s = kilobytes_per_second(figures.bytes, figures.duration),
        resent = figures.resent,
        in_flight = figures.in_flight,
        recoveries = figures.recoveries,
        rtt_ms = figures.rtt.map(millis),
        "transfer"
    );
}

/// Milliseconds with three decimals.
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

/// Converts an IPv4-mapped address of an IPv6 socket to IPv4. The zone of a link-local one stays.
pub(crate) fn canonical(address: std::net::SocketAddr) -> std::net::SocketAddr {
    match address.ip().to_canonical() {
        v4 @ std::net::IpAddr::V4(_) => (v4, address.port()).into(),
        std::net::IpAddr::V6(_) => address,
    }
}
