//! Opens the listening sockets: those of systemd, and those of `--listen`; by default port 69.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use super::addresses::{covers, resolve, without_covered};
use super::limits::{RAISE_LIMIT, is_out_of_descriptors};
use crate::http;
use crate::net::binding::{self, Presence};
use crate::net::socket::BoundSocket;

/// All IPv6 and IPv4 addresses.
const DEFAULT_LISTEN: &str = "[::]:69";

/// Finds addresses for the sockets, and collects what the operator has to be told of them.
pub(super) struct Listening<'a> {
    /// The kernel has no IPv6.
    lacks_ipv6: bool,
    /// True for the broadcast address of a network on one of our links.
    is_broadcast: &'a dyn Fn(IpAddr) -> bool,
    warnings: Vec<String>,
}

impl<'a> Listening<'a> {
    pub(super) fn new(is_broadcast: &'a dyn Fn(IpAddr) -> bool) -> Listening<'a> {
        Listening {
            lacks_ipv6: binding::lacks_ipv6(),
            is_broadcast,
            warnings: Vec::new(),
        }
    }

    /// What the operator has to be told, for the log.
    pub(super) fn warnings(self) -> Vec<String> {
        self.warnings
    }

    /// Opens the sockets of each worker: one for each address, and its share of those that systemd
    /// has bound. There are no more workers than have a socket.
    ///
    /// # Errors
    /// An address cannot be bound; the message says why, and what to do.
    pub(super) fn open_all(
        &mut self,
        listen: &[String],
        inherited: Vec<UdpSocket>,
        workers: usize,
    ) -> Result<Vec<Vec<BoundSocket>>, String> {
        let default = [DEFAULT_LISTEN.to_owned()];
        let names = match inherited.is_empty() && listen.is_empty() {
            true => &default,
            false => listen,
        };
        let inherited = inherited.into_iter().map(BoundSocket::inherit);
        let inherited: Vec<BoundSocket> = inherited
            .collect::<io::Result<_>>()
            .map_err(|error| format!("a socket of systemd cannot be used: {error}"))?;
        let addresses = self.addresses(names, &inherited)?;
        let taken: Vec<SocketAddr> = inherited.iter().map(BoundSocket::address).collect();
        let mut sockets: Vec<Vec<BoundSocket>> = (0..workers).map(|_| Vec::new()).collect();
        for (index, socket) in inherited.into_iter().enumerate() {
            sockets[index % workers].push(socket);
        }
        for address in addresses {
            self.bind(address, &mut sockets)
                .map_err(|error| explain("--listen", address, &error, &taken))?;
        }
        sockets.retain(|of_a_worker| !of_a_worker.is_empty());
        Ok(sockets)
    }

    /// The addresses to bind: those of all names, without the ones that are bound already.
    fn addresses(
        &mut self,
        names: &[String],
        inherited: &[BoundSocket],
    ) -> Result<Vec<SocketAddr>, String> {
        let mut addresses = Vec::new();
        for name in names {
            addresses.extend(self.usable("listen", name)?);
        }
        let is_bound = |address: &SocketAddr| {
            let covers = |socket: &BoundSocket| {
                let is_of_its_family = address.is_ipv6() || !socket.is_only_v6();
                is_of_its_family && covers(socket.address(), *address)
            };
            inherited.iter().any(covers)
        };
        addresses.retain(|address| !is_bound(address));
        Ok(without_covered(addresses))
    }

    /// The addresses of a name that this kernel can bind. Without IPv6, `[::]` stands for IPv4
    /// alone, and a name for its IPv4 addresses if it has any.
    fn usable(&mut self, field: &str, name: &str) -> Result<Vec<SocketAddr>, String> {
        let mut addresses = resolve(field, name, self.is_broadcast)?;
        if !self.lacks_ipv6 {
            return Ok(addresses);
        }
        for address in &mut addresses {
            if address.ip() == Ipv6Addr::UNSPECIFIED {
                let port = address.port();
                *address = (Ipv4Addr::UNSPECIFIED, port).into();
                let text =
                    format!("the kernel has no IPv6: listening on {address}, not [::]:{port}");
                self.warnings.push(text);
            }
        }
        if addresses.iter().any(SocketAddr::is_ipv4) {
            let (v4, v6) = addresses.into_iter().partition(SocketAddr::is_ipv4);
            addresses = v4;
            let left_out = |address| format!("the kernel has no IPv6: not listening on {address}");
            self.warnings
                .extend(Vec::into_iter(v6).map(|address: SocketAddr| left_out(address)));
        }
        Ok(addresses)
    }

    fn bind(&mut self, address: SocketAddr, sockets: &mut [Vec<BoundSocket>]) -> io::Result<()> {
        let first = BoundSocket::bind(address)?;
        self.note(address, first.presence());
        for others in &mut sockets[1..] {
            others.push(first.bind_again()?);
        }
        sockets[0].push(first);
        Ok(())
    }

    fn note(&mut self, address: SocketAddr, presence: Presence) {
        if presence == Presence::Absent {
            self.warnings.push(format!(
                "this machine does not have the address {address} yet: the server answers there \
                 once it has"
            ));
        }
    }

    /// Opens the HTTP listener, and returns its address, with the port that the kernel chose for
    /// port 0. Of several addresses, the first one that can be bound is used.
    ///
    /// # Errors
    /// As [`open_all`](Self::open_all).
    pub(super) fn open_http(&mut self, name: &str) -> Result<(TcpListener, SocketAddr), String> {
        let mut failure = None;
        for address in self.usable("http", name)? {
            match self.listen_tcp(address) {
                Ok(opened) => return Ok(opened),
                Err(error) => {
                    failure.get_or_insert(explain("--http", address, &error, &[]));
                }
            }
        }
        Err(failure.unwrap_or_else(|| format!("--http {name}: no such address")))
    }

    fn listen_tcp(&mut self, address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
        let (listener, presence) = binding::bind_tcp(address)?;
        http::prepare(&listener)?;
        let address = listener.local_addr()?;
        self.note(address, presence);
        Ok((listener, address))
    }
}

/// `taken` are the addresses of the sockets that systemd has bound.
fn explain(option: &str, address: SocketAddr, error: &io::Error, taken: &[SocketAddr]) -> String {
    let is_ours = taken.iter().any(|taken| taken.port() == address.port());
    let advice = match error.kind() {
        _ if is_out_of_descriptors(error) => RAISE_LIMIT,
        io::ErrorKind::PermissionDenied => {
            "a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE \
             (sudo setcap cap_net_bind_service=ep bootstone); or choose a higher one"
        }
        io::ErrorKind::AddrInUse if is_ours => {
            "a socket that systemd has passed uses this port: remove the ListenDatagram= line, or \
             this address"
        }
        io::ErrorKind::AddrInUse => "another server uses it: stop that one, or choose another port",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ if address.is_ipv6() && binding::lacks_ipv6() => {
            "the kernel has no IPv6: give an IPv4 address"
        }
        io::ErrorKind::InvalidInput if lacks_zone(address) => {
            "a link-local address takes the name of its interface, as in [fe80::1%eth0]:69"
        }
        _ => "choose another address",
    };
    format!("{option}: cannot listen on {address}: {error}. {advice}")
}

/// A link-local address without an interface.
fn lacks_zone(address: SocketAddr) -> bool {
    match address {
        SocketAddr::V4(_) => false,
        SocketAddr::V6(v6) => v6.ip().is_unicast_link_local() && v6.scope_id() == 0,
    }
}
