//! What systemd hands over, and what it is told. Without systemd, or elsewhere than on Linux: nothing.

use std::io;

#[cfg(target_os = "linux")]
use std::os::{
    linux::net::SocketAddrExt,
    unix::{
        ffi::OsStrExt,
        net::{SocketAddr, UnixDatagram},
    },
};

use super::socket::Bound;

/// The sockets that systemd bound for us (`LISTEN_FDS`). The first call takes them all.
///
/// # Errors
/// One of them is no UDP socket.
#[cfg(target_os = "linux")]
pub fn sockets() -> io::Result<Vec<Bound>> {
    let mut handed = listenfd::ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..handed.len() {
        if let Some(socket) = handed.take_udp_socket(index)? {
            sockets.push(Bound::adopt(socket)?);
        }
    }
    Ok(sockets)
}

/// There are none here.
#[cfg(not(target_os = "linux"))]
pub fn sockets() -> io::Result<Vec<Bound>> {
    Ok(Vec::new())
}

/// Whoever watches over the service (`NOTIFY_SOCKET`), if anybody does.
///
/// The socket is connected early and kept: inside the sandbox there is no other.
#[derive(Debug)]
pub struct Supervisor {
    #[cfg(target_os = "linux")]
    socket: Option<UnixDatagram>,
}

#[cfg(target_os = "linux")]
impl Supervisor {
    /// Connects to the address in the environment: a path, or `@` and an abstract name.
    ///
    /// # Errors
    /// There is an address, and nobody there.
    pub fn connect() -> io::Result<Supervisor> {
        let Some(address) = std::env::var_os("NOTIFY_SOCKET") else {
            return Ok(Supervisor { socket: None });
        };
        let address = match address.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(&address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        Ok(Supervisor {
            socket: Some(socket),
        })
    }

    /// Sends a state in the words of `sd_notify(3)`, as in `READY=1`. If nobody listens any more, nothing is lost.
    pub fn tell(&self, state: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(state.as_bytes());
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Supervisor {
    /// There is none here.
    pub fn connect() -> io::Result<Supervisor> {
        Ok(Supervisor {})
    }

    /// Tells nobody.
    pub fn tell(&self, _state: &str) {}
}
