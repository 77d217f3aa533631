//! Limits of the process: open files, and threads.

use std::io;

use crate::http::ConnectionLimits;
use crate::net::socket::BoundSocket;

/// What to do about a limit that is too low.
pub(super) const RAISE_LIMIT: &str = "Raise the limit on open files: ulimit -n 1024, LimitNOFILE= \
    in a systemd unit, or docker run --ulimit nofile=1024";

/// Standard input, output and error, the memory of the process, the service manager, and the
/// signals.
const PROGRAM: usize = 7;
/// A runtime: its epoll, twice, its eventfd and its end of the signals.
const RUNTIME: usize = 4;
/// A socket of TFTP is opened twice, for receiving and sending.
const SOCKET: usize = 2;

/// Raises the limit on open files, within what the system allows, to what the server needs.
///
/// # Errors
/// The system does not allow that many.
pub(super) fn reserve(sockets: &[Vec<BoundSocket>], has_http: bool) -> Result<(), String> {
    let (workers, count) = (sockets.len(), sockets.iter().map(Vec::len).sum::<usize>());
    let connections = if has_http {
        ConnectionLimits::default().connections
    } else {
        0
    };
    let http = if has_http {
        RUNTIME + 1 + connections
    } else {
        0
    };
    let needed = PROGRAM + RUNTIME * (1 + workers) + SOCKET * count + http;
    let limit = raise_limit(needed as u64);
    if limit < needed as u64 {
        return Err(format!(
            "the limit on open files is {limit}, and {needed} are needed: {workers} workers, \
             {count} sockets and {connections} HTTP connections. {RAISE_LIMIT}"
        ));
    }
    Ok(())
}

/// Raises the limit, if it is below `needed`, and returns it.
#[cfg(target_os = "linux")]
fn raise_limit(needed: u64) -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= needed {
        return current;
    }
    limit.current = Some(limit.maximum.unwrap_or(u64::MAX).min(needed));
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.current.unwrap_or(current),
        Err(_) => current,
    }
}

/// The limits of other systems are not known here.
#[cfg(not(target_os = "linux"))]
fn raise_limit(_needed: u64) -> u64 {
    u64::MAX
}

/// True if the process, or the whole system, may not open more files.
pub(super) fn is_out_of_descriptors(error: &io::Error) -> bool {
    #[cfg(target_os = "linux")]
    if let Some(number) = error.raw_os_error() {
        return [libc::EMFILE, libc::ENFILE].contains(&number);
    }
    let _ = error;
    false
}

/// What to do about a thread that has failed.
pub(super) fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if is_out_of_descriptors(error) => RAISE_LIMIT,
        io::ErrorKind::WouldBlock => {
            "The limit on threads is too low: raise it (ulimit -u, TasksMax= in a systemd unit, \
             docker run --pids-limit), or start fewer threads (--workers 1)"
        }
        _ => "Please report it",
    }
}
