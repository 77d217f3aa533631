//! Opens the listening sockets: those of systemd, and those of `--listen`; by default port 69.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};

use super::limits::{RAISE_LIMIT, is_out_of_descriptors};
use super::table::names_of;
use crate::http;
use crate::net::socket::BoundSocket;

/// All IPv6 and IPv4 addresses.
const DEFAULT_LISTEN: &str = "[::]:69";

/// Opens the sockets of each worker: one for each address, and its share of those that systemd has
/// bound. There are no more workers than have a socket.
///
/// # Errors
/// An address cannot be bound; the message says why, and what to do.
pub(super) fn open_all(
    listen: &[String],
    inherited: Vec<UdpSocket>,
    workers: usize,
) -> Result<Vec<Vec<BoundSocket>>, String> {
    let mut sockets: Vec<Vec<BoundSocket>> = (0..workers).map(|_| Vec::new()).collect();
    if inherited.is_empty() && listen.is_empty() {
        bind_all(&[DEFAULT_LISTEN.to_owned()], &mut sockets)?;
    }
    for (index, socket) in inherited.into_iter().enumerate() {
        let socket = BoundSocket::inherit(socket)
            .map_err(|error| format!("a socket of systemd cannot be used: {error}"))?;
        sockets[index % workers].push(socket);
    }
    bind_all(listen, &mut sockets)?;
    sockets.retain(|of_a_worker| !of_a_worker.is_empty());
    Ok(sockets)
}

fn bind_all(listen: &[String], sockets: &mut [Vec<BoundSocket>]) -> Result<(), String> {
    for name in listen {
        for address in resolve("listen", name)? {
            let explain = |error| explain("--listen", address, &error);
            let first = BoundSocket::bind(address).map_err(explain)?;
            for others in &mut sockets[1..] {
                others.push(first.bind_again().map_err(explain)?);
            }
            sockets[0].push(first);
        }
    }
    Ok(())
}

/// Opens the HTTP listener, and returns its address, with the port that the kernel chose for port
/// 0.
///
/// # Errors
/// As [`open_all`].
pub(super) fn open_http(name: &str) -> Result<(TcpListener, SocketAddr), String> {
    let addresses: Vec<SocketAddr> = resolve("http", name)?.collect();
    let bind = || {
        let listener = TcpListener::bind(&addresses[..])?;
        http::prepare(&listener)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bind().map_err(|error: io::Error| match addresses.first() {
        Some(&address) => explain("--http", address, &error),
        None => format!("--http {name}: no such address"),
    })
}

fn resolve(field: &str, name: &str) -> Result<impl Iterator<Item = SocketAddr> + use<>, String> {
    name.to_socket_addrs().map_err(|error| {
        format!(
            "{} {name}: no such address ({error}). \
             It takes the form 0.0.0.0:69, [::]:69 or name:69",
            names_of(field)
        )
    })
}

fn explain(option: &str, address: SocketAddr, error: &io::Error) -> String {
    let advice = match error.kind() {
        _ if is_out_of_descriptors(error) => RAISE_LIMIT,
        io::ErrorKind::PermissionDenied => {
            "a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE \
             (sudo setcap cap_net_bind_service=ep bootstone); or choose a higher one"
        }
        io::ErrorKind::AddrInUse => "another server uses it: stop that one, or choose another port",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "choose another address",
    };
    format!("{option}: cannot listen on {address}: {error}. {advice}")
}
