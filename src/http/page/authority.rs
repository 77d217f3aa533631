//! How a client calls this server.

use std::net::{Ipv6Addr, SocketAddr};

use crate::dhcp::BootServer;

/// How the client that asks has reached this server, which machines can do too.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authority {
    /// The HTTP listener, for a URL: `192.0.2.1:8080`, `boot.example.com`, `[2001:db8::1]:8080`.
    pub(super) http: String,
    /// The TFTP server on the same host.
    pub(super) server: BootServer,
}

impl Authority {
    /// What the client says, if it is an address or a name, else the address that it has reached.
    pub(super) fn new(host: &str, local: SocketAddr, tftp_port: u16) -> Authority {
        let local = SocketAddr::new(local.ip().to_canonical(), local.port());
        let (http, server) = match without_port(host) {
            Some(server) => (host.to_owned(), server.to_owned()),
            None => (local.to_string(), local.ip().to_string()),
        };
        let server = BootServer::new(&server, tftp_port);
        Authority { http, server }
    }
}

/// The name or address in `host`, without port and brackets.
fn without_port(host: &str) -> Option<&str> {
    let (server, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (server, port) = rest.split_once(']')?;
            server.parse::<Ipv6Addr>().ok()?;
            (server, port)
        }
        None => {
            let (server, port) = host.split_at(host.find(':').unwrap_or(host.len()));
            (is_name(server).then_some(server)?, port)
        }
    };
    if let Some(port) = port.strip_prefix(':') {
        port.parse::<u16>().ok()?;
    } else if !port.is_empty() {
        return None;
    }
    Some(server)
}

/// A host name or an IPv4 address.
fn is_name(text: &str) -> bool {
    let is_of_names = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (1..=253).contains(&text.len()) && text.bytes().all(is_of_names) && !text.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(host: &str) -> Authority {
        Authority::new(host, ([192, 0, 2, 1], 8080).into(), 6969)
    }

    #[test]
    fn the_host_as_the_client_says_it() {
        for (host, tftp) in [
            ("192.0.2.7:80", "192.0.2.7:6969"),
            ("boot.example.com", "boot.example.com:6969"),
            ("[2001:db8::1]:80", "[2001:db8::1]:6969"),
            ("[2001:db8::1]", "[2001:db8::1]:6969"),
        ] {
            let authority = authority(host);
            assert_eq!(authority.http, host);
            assert_eq!(authority.server.authority(), tftp);
        }
    }

    #[test]
    fn what_is_no_host_is_not_repeated() {
        for host in [
            "",
            ":80",
            "a:b",
            "a:99999",
            "a b",
            "<b>",
            "a\nb",
            "-a",
            "a,b",
            "[::1",
            "[::1]x",
            "[a]",
            "2001:db8::1",
            &"a".repeat(254),
        ] {
            assert_eq!(authority(host).http, "192.0.2.1:8080", "{host}");
            assert_eq!(authority(host).server.to_string(), "192.0.2.1", "{host}");
        }
    }
}
