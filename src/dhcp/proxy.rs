//! For a dnsmasq beside a DHCP server that cannot be changed (ProxyDHCP).

use std::fmt::Write as _;

use super::comment::comment;
use super::dnsmasq::{matches, script};
use super::plan::{BootTarget, Plan};

const NEEDS: &str = "\
A dnsmasq that only names boot files, beside the DHCP server that gives out addresses (ProxyDHCP).
Save this as its whole dnsmasq.conf. Write an address of the machines' network into dhcp-range if
Bootstone is not in that network. On a host with several networks add interface=eth0. Stop other
DHCP servers on the same host: dnsmasq needs UDP ports 67 and 4011. port=0 means no DNS server.";

/// The whole dnsmasq.conf. A machine gets its address elsewhere, and its file name from here.
///
/// Firmware asks port 4011 for its file, which is that of the only `pxe-service` that fits. iPXE
/// and HTTP Boot take the file from the first answer, where `dhcp-boot` puts it.
///
/// # Errors
/// There is no ProxyDHCP for IPv6.
pub fn dnsmasq_proxy(plan: &Plan) -> Result<String, String> {
    if plan.server.is_ipv6() {
        return Err(
            "ProxyDHCP exists for IPv4 only: give an IPv4 address, or use --format dnsmasq, \
             which can be a second DHCPv6 server"
                .to_owned(),
        );
    }
    let mut text = comment("#", NEEDS, plan);
    let _ = writeln!(text, "port=0\ndhcp-range={},proxy", plan.server);
    if plan.targets.iter().any(|target| target.is_http) {
        // Without it dnsmasq answers only the vendor class PXEClient.
        text += "dhcp-pxe-vendor=PXEClient,HTTPClient\n";
    }
    text += &matches(plan);
    for BootTarget {
        tag,
        codes,
        file,
        is_http,
    } in &plan.targets
    {
        if *is_http {
            let _ = writeln!(text, "dhcp-boot=tag:{tag},tag:!ipxe,{file}");
            continue;
        }
        for code in *codes {
            let _ = writeln!(
                text,
                "pxe-service=tag:!ipxe,{code},\"Bootstone\",{file},{}",
                plan.server
            );
        }
    }
    Ok(text + &script(plan))
}
