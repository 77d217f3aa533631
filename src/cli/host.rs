//! `HOST[:PORT]` on the command line.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// TFTP's port (RFC 1350 §4).
pub(super) const TFTP_PORT: u16 = 69;

/// A server's name or address, and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// A name or an address, without brackets.
    name: String,
    port: u16,
}

impl Host {
    /// Resolves the name. Returns each address once, in the order of the system's preference.
    ///
    /// # Errors
    /// The name has no address, or is a link-local address without a zone, which belongs to every
    /// interface.
    pub(super) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let address = self.name.parse::<Ipv6Addr>();
        if address.is_ok_and(|address| address.is_unicast_link_local()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "a link-local address needs the name of the interface, as in {}%eth0",
                    self.name
                ),
            ));
        }
        let mut addresses = Vec::new();
        for address in (self.name.as_str(), self.port).to_socket_addrs()? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }
}

impl FromStr for Host {
    type Err = String;

    /// `name`, `name:69`, `192.0.2.1:69`, `2001:db8::1`, `[2001:db8::1]:69`, `fe80::1%eth0`.
    fn from_str(text: &str) -> Result<Host, String> {
        Host::with_default_port(text, TFTP_PORT)
    }
}

impl Host {
    /// Parses a host whose port is `default` if `text` does not name one.
    ///
    /// # Errors
    /// `text` is not a host, with a message.
    pub(super) fn with_default_port(text: &str, default: u16) -> Result<Host, String> {
        let (name, port) = split_port(text).ok_or_else(|| {
            format!("{text:?} is not HOST or HOST:PORT. An IPv6 address with a port takes brackets: [2001:db8::1]:69")
        })?;
        if name.is_empty() || name.contains(['/', '[', ']']) {
            return Err(format!("{text:?} has no host"));
        }
        let port = match port {
            None => default,
            Some(port) => match port.parse() {
                Ok(port) if port > 0 => port,
                _ => return Err(format!("{port:?} is not a port: 1 to 65535")),
            },
        };
        let name = unescaped_zone(name).into_owned();
        Ok(Host { name, port })
    }
}

/// True for an IPv6 address without brackets, with a zone or without.
pub(super) fn is_ipv6(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (name, rest) = rest.split_once(']')?;
        return match rest {
            "" => Some((name, None)),
            _ => Some((name, Some(rest.strip_prefix(':')?))),
        };
    }
    if is_ipv6(text) {
        return Some((text, None));
    }
    match text.split_once(':') {
        None => Some((text, None)),
        Some((_, port)) if port.contains(':') => None,
        Some((name, port)) => Some((name, Some(port))),
    }
}

/// An IPv6 address with its zone as the system reads it: `fe80::1%eth0`. In a URL `%25` stands for
/// the percent sign (RFC 6874). A zone of digits is the number of an interface, and stays.
pub(super) fn unescaped_zone(address: &str) -> Cow<'_, str> {
    let escaped = address.split_once("%25");
    match escaped.filter(|(_, zone)| !zone.bytes().all(|b| b.is_ascii_digit())) {
        Some((address, zone)) => format!("{address}%{zone}").into(),
        None => address.into(),
    }
}

impl Host {
    /// The host, and its port unless that is `default`.
    pub(super) fn without_port(&self, default: u16) -> String {
        match (self.name.contains(':'), self.port == default) {
            (false, true) => self.name.clone(),
            (false, false) => format!("{}:{}", self.name, self.port),
            (true, true) => format!("[{}]", self.name),
            (true, false) => format!("[{}]:{}", self.name, self.port),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_port(TFTP_PORT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_host() {
        for (text, name, port) in [
            ("boot.example.net", "boot.example.net", 69),
            ("boot.example.net:6969", "boot.example.net", 6969),
            ("192.0.2.1", "192.0.2.1", 69),
            ("192.0.2.1:70", "192.0.2.1", 70),
            ("2001:db8::1", "2001:db8::1", 69),
            ("[2001:db8::1]", "2001:db8::1", 69),
            ("[2001:db8::1]:70", "2001:db8::1", 70),
            ("fe80::1%eth0", "fe80::1%eth0", 69),
            ("[fe80::1%eth0]", "fe80::1%eth0", 69),
            ("[fe80::1%eth0]:70", "fe80::1%eth0", 70),
            ("[fe80::1%25eth0]:70", "fe80::1%eth0", 70),
            ("[fe80::1%252]:70", "fe80::1%252", 70),
        ] {
            let name = name.to_owned();
            let host = Host { name, port };
            assert_eq!(text.parse(), Ok(host.clone()));
            assert_eq!(host.to_string().parse(), Ok(host), "{text}");
        }
    }

    #[test]
    fn invalid_hosts() {
        for text in [
            "", ":69", "a:", "a:b", "a:0", "a:65536", "a:b:c", "[::1", "[::1]69", "[]:69", "a/b",
        ] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_resolves_to_itself() {
        let host: Host = "[::1]:70".parse().unwrap();
        assert_eq!(host.resolve().unwrap(), ["[::1]:70".parse().unwrap()]);
    }

    #[test]
    fn a_link_local_address_without_a_zone_is_refused_with_advice() {
        let host: Host = "[fe80::1]:70".parse().unwrap();
        let why = host.resolve().unwrap_err().to_string();
        assert!(why.ends_with("as in fe80::1%eth0"), "{why}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_zone_is_the_name_or_the_number_of_an_interface() {
        let expected = "[fe80::1%1]:70".parse().unwrap();
        for text in ["[fe80::1%lo]:70", "[fe80::1%25lo]:70", "[fe80::1%1]:70"] {
            let host: Host = text.parse().unwrap();
            assert_eq!(host.resolve().unwrap(), [expected], "{text}");
        }
    }
}
