//! The lines that make a DHCP server point machines here, for dnsmasq.

use std::fmt::Write;
use std::net::{Ipv6Addr, SocketAddr};

use crate::dhcp::Plan;
use crate::manifest::{Kind, Manifest};

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
pub(super) fn lines(manifest: &Manifest, authority: &Authority) -> String {
    match Plan::new(manifest, authority.server.clone(), None) {
        Ok(plan) if authority.is_ipv6 => over_ipv6(&plan, authority),
        Ok(plan) => plan.dnsmasq() + &http_boot(&plan, authority),
        Err(_) => String::new(),
    }
}

/// UEFI HTTP Boot: codes of its own, a URL, and a server that calls itself one of its kind.
fn http_boot(plan: &Plan, authority: &Authority) -> String {
    let mut lines = String::new();
    for (kind, name) in &plan.files {
        for code in kind.http_architectures() {
            let whole = &authority.whole;
            let _ = writeln!(
                lines,
                "dhcp-match=set:{kind}-http,option:client-arch,{code}\n\
                 dhcp-option-force=tag:{kind}-http,60,HTTPClient\n\
                 dhcp-boot=tag:{kind}-http,tag:!ipxe,http://{whole}/{name}"
            );
        }
    }
    lines
}

/// DHCPv6 has one option for it, a URL (RFC 5970).
fn over_ipv6(plan: &Plan, authority: &Authority) -> String {
    let server = authority.bracketed();
    let line = |(kind, name): (&Kind, &String)| {
        let what = kind.description();
        format!("# {what}\n# dhcp-option=option6:bootfile-url,tftp://{server}/{name}\n")
    };
    plan.files.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Digest, Machine, Record};

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
        let script = record("autoexec.ipxe", Kind::IpxeScript);
        let bootable = Manifest::new(vec![
            script.clone(),
            record("ipxe.efi", efi),
            record("undionly.kpxe", Kind::Bios),
        ]);
        let expected = "\
dhcp-userclass=set:ipxe,iPXE
dhcp-match=set:efi-x86-64,option:client-arch,7
dhcp-match=set:efi-x86-64,option:client-arch,9
dhcp-match=set:bios,option:client-arch,0
dhcp-boot=tag:efi-x86-64,tag:!ipxe,ipxe.efi,,192.0.2.1
dhcp-boot=tag:bios,tag:!ipxe,undionly.kpxe,,192.0.2.1
dhcp-boot=tag:ipxe,tftp://192.0.2.1/autoexec.ipxe,,192.0.2.1
dhcp-match=set:efi-x86-64-http,option:client-arch,16
dhcp-option-force=tag:efi-x86-64-http,60,HTTPClient
dhcp-boot=tag:efi-x86-64-http,tag:!ipxe,http://192.0.2.1:8080/ipxe.efi
";
        assert_eq!(lines(&bootable, &authority("")), expected);
        let over_ipv6 = lines(&bootable, &authority("[2001:db8::1]:80"));
        assert!(over_ipv6.contains("bootfile-url,tftp://[2001:db8::1]/ipxe.efi\n"));
        assert_eq!(lines(&Manifest::new(vec![script]), &authority("")), "");
    }
}
