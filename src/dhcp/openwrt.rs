//! For /etc/config/dhcp of OpenWrt, from which its start script makes a dnsmasq.conf.

use std::fmt::Write as _;

use super::comment::comment;
use super::plan::{BootTarget, Plan};

const NEEDS: &str = "\
Boot sections for OpenWrt: add them to /etc/config/dhcp, which has the interface and the addresses
already, and run: service dnsmasq restart";

/// The sections for /etc/config/dhcp.
///
/// # Errors
/// OpenWrt's DHCPv6 server cannot send iPXE to another file than firmware.
pub fn openwrt(plan: &Plan) -> Result<String, String> {
    if plan.server.is_ipv6() {
        return Err(
            "OpenWrt's DHCPv6 server, odhcpd, cannot tell iPXE from firmware: give an IPv4 \
             address. If dnsmasq is the DHCPv6 server there, use --format dnsmasq"
                .to_owned(),
        );
    }
    let mut text = comment("#", NEEDS, plan)
        + "config userclass\n\toption networkid 'ipxe'\n\toption userclass 'iPXE'\n";
    for BootTarget { tag, codes, .. } in &plan.targets {
        for code in *codes {
            let _ = writeln!(
                text,
                "\nconfig match\n\toption networkid '{tag}'\n\t\
                 option match 'option:client-arch,{code}'"
            );
        }
    }
    for target in &plan.targets {
        text += &boot(&format!("{},tag:!ipxe", target.tag), &target.file, plan);
        if target.is_http {
            text += "\toption force '1'\n\tlist dhcp_option '60,HTTPClient'\n";
        }
    }
    let script = plan.script.iter().map(|script| boot("ipxe", script, plan));
    Ok(text + &script.collect::<String>())
}

fn boot(tags: &str, file: &str, plan: &Plan) -> String {
    format!(
        "\nconfig boot\n\toption networkid '{tags}'\n\toption filename '{file}'\n\t\
         option servername 'bootstone'\n\toption serveraddress '{}'\n",
        plan.server
    )
}
