//! The lines that make a DHCP server point machines here, for dnsmasq.

use std::fmt::Write;
use std::net::{Ipv6Addr, SocketAddr};

use crate::manifest::{Kind, Record};

/// How machines reach this server: as the client that asks has reached it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authority {
    /// For a URL: `192.0.2.1:8080`, `boot.example.com`, `[2001:db8::1]:8080`.
    pub(super) whole: String,
    /// Without port and brackets.
    pub(super) server: String,
    is_ipv6: bool,
}

impl Authority {
    /// What the client says, if it is an address or a name, else the address that it has reached.
    pub(super) fn new(host: &str, local: SocketAddr) -> Authority {
        Authority::parse(host).unwrap_or_else(|| Authority {
            whole: local.to_string(),
            server: local.ip().to_string(),
            is_ipv6: local.is_ipv6(),
        })
    }

    fn parse(host: &str) -> Option<Authority> {
        let (server, port, is_ipv6) = match host.strip_prefix('[') {
            Some(rest) => {
                let (server, port) = rest.split_once(']')?;
                server.parse::<Ipv6Addr>().ok()?;
                (server, port, true)
            }
            None => {
                let (server, port) = host.split_at(host.find(':').unwrap_or(host.len()));
                (is_name(server).then_some(server)?, port, false)
            }
        };
        if let Some(port) = port.strip_prefix(':') {
            port.parse::<u16>().ok()?;
        } else if !port.is_empty() {
            return None;
        }
        Some(Authority {
            whole: host.to_owned(),
            server: server.to_owned(),
            is_ipv6,
        })
    }

    /// The server alone, as URLs write it.
    pub(super) fn bracketed(&self) -> String {
        match self.is_ipv6 {
            true => format!("[{}]", self.server),
            false => self.server.clone(),
        }
    }
}

/// A host name or an IPv4 address.
fn is_name(text: &str) -> bool {
    let is_of_names = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (1..=253).contains(&text.len()) && text.bytes().all(is_of_names) && !text.starts_with('-')
}

/// Lines for every kind of machine that can boot something from here; nothing if there is none.
pub(super) fn lines(records: &[Record], authority: &Authority) -> String {
    let mut lines = String::new();
    for kind in Kind::all().filter(|kind| !kind.dhcp_architectures().is_empty()) {
        let of_this_kind = records.iter().filter(|record| record.kind == kind);
        // A file at the top before one of a certain version.
        let (top, below): (Vec<&Record>, Vec<&Record>) =
            of_this_kind.partition(|record| !record.name.contains('/'));
        let records = [top, below].concat();
        if records.is_empty() {
            continue;
        }
        let _ = writeln!(lines, "# {}", kind.description());
        match authority.is_ipv6 {
            true => dhcpv6(&mut lines, &records, authority),
            false => dhcpv4(&mut lines, kind, &records, authority),
        }
        lines.push('\n');
    }
    lines
}

fn dhcpv4(lines: &mut String, kind: Kind, records: &[&Record], authority: &Authority) {
    for code in kind.dhcp_architectures() {
        let _ = writeln!(lines, "dhcp-match=set:{kind},option:client-arch,{code}");
    }
    for (index, record) in records.iter().enumerate() {
        let or = if index == 0 { "" } else { "# or " };
        let (name, server) = (&record.name, &authority.server);
        let _ = writeln!(lines, "{or}dhcp-boot=tag:{kind},{name},,{server}");
    }
    for code in kind.http_architectures() {
        let (name, whole) = (&records[0].name, &authority.whole);
        let _ = writeln!(
            lines,
            "dhcp-match=set:{kind}-http,option:client-arch,{code}\n\
             dhcp-option-force=tag:{kind}-http,60,HTTPClient\n\
             dhcp-boot=tag:{kind}-http,http://{whole}/{name}"
        );
    }
}

/// DHCPv6 has one option for it, a URL (RFC 5970).
fn dhcpv6(lines: &mut String, records: &[&Record], authority: &Authority) {
    for record in records {
        let (name, server) = (&record.name, authority.bracketed());
        let _ = writeln!(
            lines,
            "# dhcp-option=option6:bootfile-url,tftp://{server}/{name}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Digest, Machine};

    fn authority(host: &str) -> Authority {
        Authority::new(host, ([192, 0, 2, 1], 8080).into())
    }

    #[test]
    fn the_host_as_the_client_says_it() {
        for (host, server, bracketed) in [
            ("192.0.2.7:80", "192.0.2.7", "192.0.2.7"),
            ("boot.example.com", "boot.example.com", "boot.example.com"),
            ("[2001:db8::1]:80", "2001:db8::1", "[2001:db8::1]"),
            ("[2001:db8::1]", "2001:db8::1", "[2001:db8::1]"),
        ] {
            let authority = authority(host);
            assert_eq!(authority.whole, host);
            assert_eq!(authority.server, server);
            assert_eq!(authority.bracketed(), bracketed);
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
            assert_eq!(authority(host).whole, "192.0.2.1:8080", "{host}");
            assert_eq!(authority(host).server, "192.0.2.1", "{host}");
        }
    }

    fn record(name: &str, kind: Kind) -> Record {
        Record {
            name: name.to_owned(),
            size: 0,
            netascii_size: 0,
            sha256: Digest([0; 32]),
            kind,
            version: None,
            published: false,
            alias_of: None,
        }
    }

    #[test]
    fn lines_for_dnsmasq() {
        let efi = Kind::Efi(Machine::X86_64);
        let records = [
            record("2.0.0/ipxe.efi", efi),
            record("autoexec.ipxe", Kind::IpxeScript),
            record("ipxe.efi", efi),
            record("undionly.kpxe", Kind::Bios),
        ];
        let expected = "\
# UEFI program, x86-64
dhcp-match=set:efi-x86-64,option:client-arch,7
dhcp-match=set:efi-x86-64,option:client-arch,9
dhcp-boot=tag:efi-x86-64,ipxe.efi,,192.0.2.1
# or dhcp-boot=tag:efi-x86-64,2.0.0/ipxe.efi,,192.0.2.1
dhcp-match=set:efi-x86-64-http,option:client-arch,16
dhcp-option-force=tag:efi-x86-64-http,60,HTTPClient
dhcp-boot=tag:efi-x86-64-http,http://192.0.2.1:8080/ipxe.efi

# BIOS boot program
dhcp-match=set:bios,option:client-arch,0
dhcp-boot=tag:bios,undionly.kpxe,,192.0.2.1

";
        assert_eq!(lines(&records, &authority("")), expected);
        assert_eq!(lines(&records[1..2], &authority("")), "");
        let over_ipv6 = lines(&records[2..3], &authority("[2001:db8::1]:80"));
        assert!(over_ipv6.contains("bootfile-url,tftp://[2001:db8::1]/ipxe.efi\n"));
    }
}
