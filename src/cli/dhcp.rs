//! `bootstone dhcp`: what a DHCP server has to be told, in the words of each.

use std::process::ExitCode;

use argh::{FromArgValue, FromArgs};

use super::console::{could_not, print, say};
use super::host::Host;
use crate::dhcp::{self, BootServer, Plan, PlanRequest};

/// Write the configuration of a DHCP server that sends each machine to its embedded boot file, and
/// iPXE to its script. It is for IPv6 if --server is an IPv6 address.
#[derive(FromArgs, Debug)]
#[cfg_attr(test, derive(argh::ArgsInfo))]
#[argh(subcommand, name = "dhcp")]
pub(crate) struct Dhcp {
    /// dnsmasq, dnsmasq-proxy (beside a DHCP server that cannot be changed), kea, isc-dhcp or
    /// openwrt (default: dnsmasq)
    #[argh(
        option,
        arg_name = "dnsmasq|dnsmasq-proxy|kea|isc-dhcp|openwrt",
        default = "DhcpFormat::Dnsmasq"
    )]
    format: DhcpFormat,

    /// the address or name, and the port if it is not 69, at which machines reach this server
    #[argh(option, arg_name = "HOST[:PORT]")]
    server: Host,

    /// URL of the script for iPXE (default: the embedded boot.ipxe, else autoexec.ipxe)
    #[argh(option, arg_name = "URL")]
    script: Option<String>,

    /// URL of this server's HTTP listener, such as http://192.0.2.1:8080: adds UEFI HTTP Boot
    #[argh(option, arg_name = "URL")]
    http: Option<String>,

    /// send UEFI machines to the signed files (x86_64-sb/shimx64.efi) and to no others
    #[argh(switch)]
    secure_boot: bool,
}

#[derive(FromArgValue, Clone, Copy, Debug)]
enum DhcpFormat {
    Dnsmasq,
    #[argh(name = "dnsmasq-proxy")]
    DnsmasqProxy,
    Kea,
    #[argh(name = "isc-dhcp")]
    IscDhcp,
    Openwrt,
}

impl Dhcp {
    /// Writes the configuration to standard output, and warnings to standard error.
    pub(crate) fn run(self) -> ExitCode {
        match self.configuration() {
            Ok(text) => print(&text),
            Err(message) => could_not(message),
        }
    }

    fn configuration(self) -> Result<String, String> {
        let request = PlanRequest {
            server: server(&self.server)?,
            script: self.script,
            http: self.http,
            secure_boot: self.secure_boot,
        };
        let plan = Plan::new(&crate::embedded::manifest(), request)?;
        for warning in &plan.warnings {
            say(format_args!("bootstone: warning: {warning}"));
        }
        match self.format {
            DhcpFormat::Dnsmasq => Ok(dhcp::dnsmasq(&plan)),
            DhcpFormat::DnsmasqProxy => dhcp::dnsmasq_proxy(&plan),
            DhcpFormat::Kea => Ok(dhcp::kea(&plan)),
            DhcpFormat::IscDhcp => Ok(dhcp::isc_dhcp(&plan)),
            DhcpFormat::Openwrt => dhcp::openwrt(&plan),
        }
    }
}

/// The server's address: the first IPv4 address of a name, else its first IPv6 address.
fn server(host: &Host) -> Result<BootServer, String> {
    let addresses = host.resolve();
    let addresses =
        addresses.map_err(|error| format!("cannot resolve {host}: {error}. Give an address"))?;
    let mut reachable = addresses
        .iter()
        .filter(|it| !it.ip().to_canonical().is_loopback());
    let first = reachable.clone().next();
    let address = reachable.find(|address| address.is_ipv4()).or(first);
    let address = address.ok_or_else(|| {
        format!(
            "{host} leads to a loopback address only, which no other machine can reach. Give the \
             address that machines can reach"
        )
    })?;
    Ok(BootServer::new(&address.ip().to_string(), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_address_is_refused() {
        for host in ["127.0.0.1", "::1", "localhost", "127.0.1.1"] {
            let message = server(&host.parse().unwrap()).unwrap_err();
            assert!(message.contains("loopback"), "{message}");
        }
    }

    #[test]
    fn the_port_is_kept() {
        let server = server(&"[2001:db8::1]:6969".parse().unwrap()).unwrap();
        assert_eq!(server.authority(), "[2001:db8::1]:6969");
        assert!(server.is_ipv6());
    }

    /// Other machines have other names for their interfaces.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_zone_is_not_for_other_machines() {
        for host in ["fe80::1%lo", "[fe80::1%25lo]", "[fe80::1%1]:69"] {
            let server = server(&host.parse().unwrap()).unwrap();
            assert_eq!(server.authority(), "[fe80::1]");
        }
    }

    #[test]
    fn every_format_has_its_name() {
        for name in ["dnsmasq", "dnsmasq-proxy", "kea", "isc-dhcp", "openwrt"] {
            assert!(DhcpFormat::from_arg_value(name).is_ok(), "{name}");
        }
        let message = DhcpFormat::from_arg_value("isc").unwrap_err();
        assert!(message.contains("\"isc-dhcp\""), "{message}");
    }
}
