//! `bootstone health`: asks a server on this machine for a sign of life.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use argh::FromArgs;

use super::console::{could_not, print};
use super::host::Host;
use super::value::{Ranged, option_or_variable};
use crate::net::health;

/// The addresses that the server listens on.
const LISTEN_VARIABLE: &str = "BOOTSTONE_LISTEN";

/// Ask the server on this machine whether it answers, for the health check of a container. The
/// server logs nothing about it. Exit status: 0 if it answers, else 2.
#[derive(FromArgs, Debug)]
#[cfg_attr(test, derive(argh::ArgsInfo))]
#[argh(subcommand, name = "health")]
pub(crate) struct Health {
    /// the server, as HOST or HOST:PORT (default: the first address of BOOTSTONE_LISTEN, else port
    /// 69 of this machine)
    #[argh(positional, arg_name = "HOST")]
    host: Option<Host>,

    /// seconds to wait for an answer, 1 to 3600 (default: 3)
    #[argh(option, arg_name = "SECONDS", default = "Ranged::new(3)")]
    timeout: Ranged<1, 3600>,
}

impl Health {
    /// Asks each address until one answers; fails with a message.
    pub(crate) fn run(self) -> ExitCode {
        match self.ask() {
            Ok(server) => print(&format!("{server} answers\n")),
            Err(message) => could_not(message),
        }
    }

    fn ask(&self) -> Result<SocketAddr, String> {
        let host = match &self.host {
            Some(host) => host.clone(),
            None => listening_host()?,
        };
        let addresses = host.resolve();
        let addresses = addresses.map_err(|error| format!("{host} has no address: {error}"))?;
        let mut problem = format!("{host} has no address");
        for server in addresses.into_iter().flat_map(on_this_machine) {
            match health::ask(server, self.timeout.get()) {
                Ok(()) => return Ok(server),
                Err(error) => {
                    problem = format!(
                        "{server}: {error}. If the server listens elsewhere, name its address, or \
                         set {LISTEN_VARIABLE}"
                    );
                }
            }
        }
        Err(problem)
    }
}

/// The first address of [`LISTEN_VARIABLE`], else all addresses, port 69.
fn listening_host() -> Result<Host, String> {
    let listen = option_or_variable::<String>(None, LISTEN_VARIABLE)?;
    let listen = listen.as_deref().unwrap_or("::");
    let first = listen.split(',').next().unwrap_or_default().trim();
    first
        .parse()
        .map_err(|error| format!("{LISTEN_VARIABLE}: {error}"))
}

/// The addresses of this machine at which a server for `address` answers. A machine without IPv6
/// has no `::1`.
fn on_this_machine(address: SocketAddr) -> Vec<SocketAddr> {
    let (v4, v6) = (
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    );
    let ips = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![v4],
        IpAddr::V6(ip) if ip.is_unspecified() => vec![v4, v6],
        _ => return vec![address],
    };
    ips.into_iter()
        .map(|ip| (ip, address.port()).into())
        .collect()
}
