//! Binds what `--listen` names, or says why that cannot be.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::net::socket::Bound;

/// One socket for each worker and each address: the outer list is the workers'.
///
/// # Errors
/// Which address cannot be had, why, and what to do about it.
pub(super) fn bind_all(listen: &[String], workers: usize) -> Result<Vec<Vec<Bound>>, String> {
    let mut sockets: Vec<Vec<Bound>> = (0..workers).map(|_| Vec::new()).collect();
    for name in listen {
        for address in resolve(name)? {
            let first = Bound::bind(address).map_err(|error| why_not(address, &error))?;
            for others in &mut sockets[1..] {
                others.push(first.another().map_err(|error| why_not(address, &error))?);
            }
            sockets[0].push(first);
        }
    }
    Ok(sockets)
}

fn resolve(name: &str) -> Result<impl Iterator<Item = SocketAddr>, String> {
    name.to_socket_addrs().map_err(|error| {
        format!(
            "--listen (or BOOTSTONE_LISTEN) {name}: no such address ({error}). \
             It takes the form 0.0.0.0:69, [::]:69 or name:69"
        )
    })
}

fn why_not(address: SocketAddr, error: &io::Error) -> String {
    let way_out = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE \
             (sudo setcap cap_net_bind_service=ep bootstone); or choose another: --listen '[::]:6969'"
        }
        io::ErrorKind::AddrInUse => "another server has it: stop that one, or choose another port",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "choose another with --listen",
    };
    format!("cannot listen on {address}: {error}. {way_out}")
}
