//! Opens what is listened on: what systemd hands over, what `--listen` names, else TFTP's port. Or says why
//! that cannot be.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use super::settings::variable_of;
use crate::net::socket::Bound;
use crate::net::systemd;

/// Every IPv6 address, and every IPv4 address with it.
const EVERYWHERE: &str = "[::]:69";

/// The sockets of each worker: one for each address, and its share of systemd's. No more workers than have
/// one.
///
/// # Errors
/// Which address cannot be had, why, and what to do about it.
pub(super) fn open_all(listen: &[String], workers: usize) -> Result<Vec<Vec<Bound>>, String> {
    let mut sockets: Vec<Vec<Bound>> = (0..workers).map(|_| Vec::new()).collect();
    let handed_over = systemd::sockets().map_err(|error| {
        format!("systemd hands over what is no UDP socket: {error}. Its socket unit takes ListenDatagram=")
    })?;
    if handed_over.is_empty() && listen.is_empty() {
        bind_all(&[EVERYWHERE.to_owned()], &mut sockets)?;
    }
    for (index, bound) in handed_over.into_iter().enumerate() {
        sockets[index % workers].push(bound);
    }
    bind_all(listen, &mut sockets)?;
    sockets.retain(|of_a_worker| !of_a_worker.is_empty());
    Ok(sockets)
}

fn bind_all(listen: &[String], sockets: &mut [Vec<Bound>]) -> Result<(), String> {
    for name in listen {
        for address in resolve("--listen", name)? {
            let why_not = |error| why_not("--listen", address, &error);
            let first = Bound::bind(address).map_err(why_not)?;
            for others in &mut sockets[1..] {
                others.push(first.another().map_err(why_not)?);
            }
            sockets[0].push(first);
        }
    }
    Ok(())
}

/// What `--http` names, with the address that it has got.
///
/// # Errors
/// As [`open_all`].
pub(super) fn open_http(name: &str) -> Result<(TcpListener, SocketAddr), String> {
    let addresses: Vec<SocketAddr> = resolve("--http", name)?.collect();
    let bind = || {
        let listener = TcpListener::bind(&addresses[..])?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bind().map_err(|error: io::Error| match addresses.first() {
        Some(&address) => why_not("--http", address, &error),
        None => format!("--http {name}: no such address"),
    })
}

fn resolve(flag: &str, name: &str) -> Result<impl Iterator<Item = SocketAddr> + use<>, String> {
    name.to_socket_addrs().map_err(|error| {
        format!(
            "{flag} (or {}) {name}: no such address ({error}). \
             It takes the form 0.0.0.0:69, [::]:69 or name:69",
            variable_of(flag)
        )
    })
}

fn why_not(flag: &str, address: SocketAddr, error: &io::Error) -> String {
    let way_out = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE \
             (sudo setcap cap_net_bind_service=ep bootstone); or choose a higher one"
        }
        io::ErrorKind::AddrInUse => "another server has it: stop that one, or choose another port",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "choose another",
    };
    format!("{flag}: cannot listen on {address}: {error}. {way_out}")
}
