//! systemd: socket activation and service notifications. Does nothing without systemd, or on
//! systems other than Linux.

use std::io;
use std::net::UdpSocket;

#[cfg(target_os = "linux")]
use std::ffi::OsStr;
#[cfg(target_os = "linux")]
use std::os::{
    linux::net::SocketAddrExt,
    unix::{
        ffi::OsStrExt,
        net::{SocketAddr, UnixDatagram},
    },
};

/// The first descriptor that systemd passes (`SD_LISTEN_FDS_START`).
#[cfg(target_os = "linux")]
const FIRST_PASSED: i32 = 3;

/// More descriptors than any unit has. A larger number is a mistake.
#[cfg(target_os = "linux")]
const MOST_PASSED: usize = 1024;

/// The sockets that systemd has bound (`LISTEN_FDS`), and what is wrong with the variables. The
/// first call takes them all.
///
/// Variables that lead nowhere are not an error: container engines and wrappers leave them behind.
///
/// # Errors
/// One of them is a socket, and not a UDP socket.
#[cfg(target_os = "linux")]
pub(crate) fn sockets() -> io::Result<(Vec<UdpSocket>, Vec<String>)> {
    let (mut sockets, mut warnings) = (Vec::new(), Vec::new());
    let Some(count) = std::env::var_os("LISTEN_FDS").filter(|count| !count.is_empty()) else {
        return Ok((sockets, warnings));
    };
    let count = count.to_string_lossy();
    let pid = std::env::var_os("LISTEN_PID").unwrap_or_default();
    if pid.to_str() != Some(&std::process::id().to_string()) {
        warnings.push(format!(
            "LISTEN_FDS={count} is ignored: LISTEN_PID={} is not the number of this process",
            pid.display()
        ));
        return Ok((sockets, warnings));
    }
    if !count.parse().is_ok_and(|count: usize| count <= MOST_PASSED) {
        warnings.push(format!(
            "LISTEN_FDS={count} is ignored: it is not a number of sockets"
        ));
        return Ok((sockets, warnings));
    }
    let mut inherited = listenfd::ListenFd::from_env();
    for (index, number) in (0..inherited.len()).zip(FIRST_PASSED..) {
        match nix::sys::socket::getsockname::<nix::sys::socket::SockaddrStorage>(number) {
            Ok(_) => sockets.extend(inherited.take_udp_socket(index)?),
            Err(error) => warnings.push(format!(
                "LISTEN_FDS={count}: descriptor {number} is ignored: {}",
                error.desc()
            )),
        }
    }
    Ok((sockets, warnings))
}

/// Other systems have no systemd.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sockets() -> io::Result<(Vec<UdpSocket>, Vec<String>)> {
    Ok((Vec::new(), Vec::new()))
}

/// How long a notification waits for a service manager that does not read.
#[cfg(target_os = "linux")]
const NOTIFY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1);

/// The service manager (`NOTIFY_SOCKET`), if there is one.
///
/// The socket is connected early and kept: the sandbox does not allow to open one later.
#[derive(Debug, Default)]
pub(crate) struct ServiceManager {
    #[cfg(target_os = "linux")]
    socket: Option<UnixDatagram>,
}

#[cfg(target_os = "linux")]
impl ServiceManager {
    /// Connects to the address in the environment: a path, or `@` and an abstract name.
    ///
    /// # Errors
    /// There is an address, and nothing receives there; with a message. The server works without:
    /// callers of `sd_notify(3)` are to ignore it.
    pub(crate) fn connect() -> Result<ServiceManager, String> {
        let address = std::env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty());
        let Some(address) = address else {
            return Ok(ServiceManager::default());
        };
        let socket = connect(&address).map_err(|error| {
            format!(
                "cannot connect to NOTIFY_SOCKET={}: {error}. The service manager is not told when \
                 the server is ready",
                address.display()
            )
        })?;
        Ok(ServiceManager {
            socket: Some(socket),
        })
    }

    /// Sends a state as in `sd_notify(3)`: `READY=1`. A service manager that has gone away is not
    /// an error.
    pub(crate) fn notify(&self, state: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(state.as_bytes());
        }
    }
}

#[cfg(target_os = "linux")]
fn connect(address: &OsStr) -> io::Result<UnixDatagram> {
    let address = match address.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(NOTIFY_TIMEOUT))?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

#[cfg(not(target_os = "linux"))]
impl ServiceManager {
    /// Other systems have no systemd.
    pub fn connect() -> Result<ServiceManager, String> {
        Ok(ServiceManager {})
    }

    /// Does nothing.
    pub fn notify(&self, _state: &str) {}
}
