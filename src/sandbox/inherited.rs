//! Descriptors that the program was started with: they would give access to whatever its parent had
//! open.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use rustix::process::{Resource, getrlimit};

/// Standard input, output and error are the descriptors below this one.
const FIRST_OTHER: RawFd = 3;

/// Closes all descriptors except standard output, standard error and `keep`. Standard input is at
/// its end from then on.
///
/// It has to run before the program opens anything. (`close_range` would need `unsafe`.)
///
/// # Errors
/// The system has no free descriptor.
pub fn close_inherited(keep: &[UdpSocket]) -> io::Result<()> {
    for number in open_descriptors() {
        if number >= FIRST_OTHER && keep.iter().all(|kept| kept.as_raw_fd() != number) {
            // It fails for the one that listed the others, which is closed already.
            let _ = nix::unistd::close(number);
        }
    }
    // Needs no /dev/null; and a pipe would need a call that the systemd unit does not allow.
    let (at_its_end, _) = UnixStream::pair()?;
    rustix::stdio::dup2_stdin(at_its_end)?;
    Ok(())
}

/// The open descriptors; without /proc all that there may be.
fn open_descriptors() -> Vec<RawFd> {
    match std::fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect(),
        Err(_) => (FIRST_OTHER..highest()).collect(),
    }
}

/// The limit on descriptors.
fn highest() -> RawFd {
    /// The kernel's own limit, unless the administrator has raised it (`fs.nr_open`).
    const MOST: RawFd = 1 << 20;
    let limit = getrlimit(Resource::Nofile).maximum;
    limit.map_or(MOST, |limit| limit.try_into().unwrap_or(MOST).min(MOST))
}
