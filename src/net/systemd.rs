//! systemd: socket activation and service notifications. Does nothing without systemd, or on
//! systems other than Linux.

use std::io;
use std::net::UdpSocket;

#[cfg(target_os = "linux")]
use std::os::{
    linux::net::SocketAddrExt,
    unix::{
        ffi::OsStrExt,
        net::{SocketAddr, UnixDatagram},
    },
};

/// The sockets that systemd has bound (`LISTEN_FDS`). The first call takes them all.
///
/// # Errors
/// One of them is not a UDP socket.
#[cfg(target_os = "linux")]
pub(crate) fn sockets() -> io::Result<Vec<UdpSocket>> {
    let mut inherited = listenfd::ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..inherited.len() {
        sockets.extend(inherited.take_udp_socket(index)?);
    }
    Ok(sockets)
}

/// Other systems have no systemd.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sockets() -> io::Result<Vec<UdpSocket>> {
    Ok(Vec::new())
}

/// How long a notification waits for a service manager that does not read.
#[cfg(target_os = "linux")]
const NOTIFY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1);

/// The service manager (`NOTIFY_SOCKET`), if there is one.
///
/// The socket is connected early and kept: the sandbox does not allow to open one later.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    #[cfg(target_os = "linux")]
    socket: Option<UnixDatagram>,
}

#[cfg(target_os = "linux")]
impl ServiceManager {
    /// Connects to the address in the environment: a path, or `@` and an abstract name.
    ///
    /// # Errors
    /// There is an address, and nothing receives there.
    pub(crate) fn connect() -> io::Result<ServiceManager> {
        let Some(address) = std::env::var_os("NOTIFY_SOCKET") else {
            return Ok(ServiceManager { socket: None });
        };
        let address = match address.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(&address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(NOTIFY_TIMEOUT))?;
        socket.connect_addr(&address)?;
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

#[cfg(not(target_os = "linux"))]
impl ServiceManager {
    /// Other systems have no systemd.
    pub fn connect() -> io::Result<ServiceManager> {
        Ok(ServiceManager {})
    }

    /// Does nothing.
    pub fn notify(&self, _state: &str) {}
}
