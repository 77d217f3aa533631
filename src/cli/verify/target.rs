//! The servers to compare: as named on the command line, and by their addresses.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::cli::host::Host;
use crate::cli::verdict::Verdict;

/// How the files are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Tftp,
    Http,
}

impl Protocol {
    /// The word in reports, as in a URL.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Protocol::Tftp => "tftp",
            Protocol::Http => "http",
        }
    }
}

/// A server of the command line: `HOST[:PORT]`, `tftp://HOST[:PORT]` or `http://HOST[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedServer {
    pub(super) protocol: Protocol,
    host: Host,
}

/// One address of a server, or why it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) server: NamedServer,
    pub(super) address: Result<SocketAddr, String>,
}

/// HTTP's port (RFC 9110 §4.2.1).
const HTTP: u16 = 80;

impl NamedServer {
    /// The server as an HTTP client names it, in the field Host (RFC 9110 §7.2).
    pub(super) fn authority(&self) -> String {
        match self.protocol {
            Protocol::Tftp => self.host.to_string(),
            Protocol::Http => self.host.without_port(HTTP),
        }
    }

    /// Resolves the name. Returns its first address, or all of them, or the reason why it has none.
    pub(super) fn targets(&self, all_addresses: bool) -> Vec<Target> {
        let target = |address| Target {
            server: self.clone(),
            address,
        };
        match self.host.resolve() {
            Ok(addresses) if !addresses.is_empty() => {
                let count = if all_addresses { usize::MAX } else { 1 };
                let asked = addresses.into_iter().take(count);
                asked.map(|address| target(Ok(address))).collect()
            }
            Ok(_) => vec![target(Err("the name has no address".to_owned()))],
            Err(error) => vec![target(Err(format!("the name has no address: {error}")))],
        }
    }
}

impl Target {
    /// The address, or the verdict on a server without one.
    pub(super) fn address(&self) -> Result<SocketAddr, (Verdict, String)> {
        let address = self.address.as_ref();
        address
            .copied()
            .map_err(|why| (Verdict::NoSuchHost, why.clone()))
    }
}

impl FromStr for NamedServer {
    type Err = String;

    fn from_str(text: &str) -> Result<NamedServer, String> {
        let (protocol, rest) = match text.split_once("://") {
            None => (Protocol::Tftp, text),
            Some((scheme, rest)) => {
                let protocol = match scheme.to_ascii_lowercase().as_str() {
                    "tftp" => Protocol::Tftp,
                    "http" => Protocol::Http,
                    "https" => {
                        return Err(format!(
                            "{text:?}: https is not supported. Use http from inside your network"
                        ));
                    }
                    _ => return Err(format!("{text:?} is not tftp://HOST or http://HOST")),
                };
                (protocol, rest.strip_suffix('/').unwrap_or(rest))
            }
        };
        let host = match protocol {
            Protocol::Tftp => rest.parse(),
            Protocol::Http => Host::with_default_port(rest, HTTP),
        }?;
        Ok(NamedServer { protocol, host })
    }
}

impl fmt::Display for NamedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Tftp => self.host.fmt(f),
            Protocol::Http => write!(f, "http://{}", self.authority()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_server() {
        for (text, shown, authority) in [
            ("boot", "boot", "boot"),
            ("tftp://boot", "boot", "boot"),
            ("TFTP://boot:70/", "boot:70", "boot:70"),
            ("http://boot", "http://boot", "boot"),
            ("http://boot:80/", "http://boot", "boot"),
            ("http://boot:69", "http://boot:69", "boot:69"),
            (
                "HTTP://[2001:db8::1]:8080",
                "http://[2001:db8::1]:8080",
                "[2001:db8::1]:8080",
            ),
            ("http://[::1]", "http://[::1]", "[::1]"),
        ] {
            let server: NamedServer = text.parse().unwrap();
            assert_eq!(server.to_string(), shown);
            assert_eq!(server.authority(), authority);
        }
        let server: NamedServer = "http://[::1]".parse().unwrap();
        assert_eq!(
            server.targets(true)[0].address,
            Ok("[::1]:80".parse().unwrap())
        );
    }

    #[test]
    fn invalid_servers() {
        for (text, why) in [
            ("https://boot", "https is not supported"),
            ("ftp://boot", "is not tftp://HOST or http://HOST"),
            ("http://", "has no host"),
            ("http://boot/a", "has no host"),
            ("tftp://boot//", "has no host"),
            ("http://user@boot:x", "is not a port"),
        ] {
            let error = text.parse::<NamedServer>().unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
