//! Where machines reach this server.

use std::fmt;
use std::net::IpAddr;

/// TFTP's port (RFC 1350 §4). Firmware asks no other.
const TFTP: u16 = 69;

/// The host and the TFTP port at which machines reach this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootServer {
    host: AddressOrName,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum AddressOrName {
    Address(IpAddr),
    Name(String),
}

impl BootServer {
    /// A server at `host`, which is an IP address without brackets, or else a name.
    pub fn new(host: &str, port: u16) -> BootServer {
        let host = match host.parse::<IpAddr>() {
            Ok(address) => AddressOrName::Address(address.to_canonical()),
            Err(_) => AddressOrName::Name(host.to_owned()),
        };
        BootServer { host, port }
    }

    /// Refuses addresses that no machine can send a request to.
    ///
    /// # Errors
    /// The unspecified address, multicast and broadcast.
    pub(super) fn check(&self) -> Result<(), String> {
        let what = match self.host {
            AddressOrName::Address(address) if address.is_unspecified() => {
                "stands for every address"
            }
            AddressOrName::Address(address) if address.is_multicast() => "is a multicast address",
            AddressOrName::Address(IpAddr::V4(address)) if address.is_broadcast() => {
                "is the broadcast address"
            }
            _ => return Ok(()),
        };
        Err(format!(
            "{self} {what}, not the address of one server: machines cannot load a file from it. \
             Give the address of this server that they can reach"
        ))
    }

    /// The TFTP port, if it is not the one that firmware asks.
    pub fn odd_port(&self) -> Option<u16> {
        (self.port != TFTP).then_some(self.port)
    }

    /// The name, if the server is not given by an address.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.host {
            AddressOrName::Name(name) => Some(name),
            AddressOrName::Address(_) => None,
        }
    }

    /// Whether machines reach it over IPv6.
    pub fn is_ipv6(&self) -> bool {
        matches!(self.host, AddressOrName::Address(IpAddr::V6(_)))
    }

    /// The host as URLs write it, without a port.
    pub fn in_url(&self) -> String {
        match self.host {
            AddressOrName::Address(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.to_string(),
        }
    }

    /// The host as URLs and command lines write it, with the port if that is not 69.
    pub fn authority(&self) -> String {
        match self.odd_port() {
            None => self.in_url(),
            Some(port) => format!("{}:{port}", self.in_url()),
        }
    }
}

/// The host alone, without brackets.
impl fmt::Display for BootServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            AddressOrName::Address(address) => address.fmt(f),
            AddressOrName::Name(name) => f.write_str(name),
        }
    }
}
