//! For dnsmasq.conf.

use std::fmt::Write as _;

use super::comment::comment;
use super::plan::{BootTarget, Plan};

/// The vendor class `HTTPClient` in option 16 (RFC 8415 §21.16): an enterprise number of 4 bytes,
/// a length of 2, the class. dnsmasq takes the option for a list of strings, and writes the length
/// of each before it. So the first string and its length stand for the enterprise number. EDK2
/// does not look at that number.
const HTTP_CLIENT_6: &str = "xx,HTTPClient";

const NEEDS: &str = "\
Boot lines for dnsmasq. Save them as /etc/dnsmasq.d/bootstone.conf, or add them to dnsmasq.conf.
If dnsmasq is not your DHCP server yet, it also needs, with your own values:
  interface=eth0
  dhcp-range=192.0.2.100,192.0.2.200,12h
  port=0   (if it is to be no DNS server)";

const NEEDS_6: &str = "\
Boot lines for dnsmasq, over IPv6. Save them as /etc/dnsmasq.d/bootstone6.conf, or add them to
dnsmasq.conf. If dnsmasq is not your DHCPv6 server yet, it also needs, with your own values:
  interface=eth0
  dhcp-range=2001:db8::100,2001:db8::1ff,64
  enable-ra   (if no router advertises that addresses come from DHCPv6)
  port=0   (if it is to be no DNS server)";

/// The lines for dnsmasq.conf.
pub fn dnsmasq(plan: &Plan) -> String {
    match plan.server.is_ipv6() {
        true => over_ipv6(plan),
        false => comment("#", NEEDS, plan) + &lines(plan),
    }
}

/// The lines alone, for IPv4.
fn lines(plan: &Plan) -> String {
    let mut text = matches(plan);
    for target in &plan.targets {
        let BootTarget { tag, file, .. } = target;
        if target.is_http {
            let _ = writeln!(text, "dhcp-option-force=tag:{tag},60,HTTPClient");
        }
        let server = match target.is_http {
            true => String::new(),
            false => format!(",,{}", plan.server),
        };
        let _ = writeln!(text, "dhcp-boot=tag:{tag},tag:!ipxe,{file}{server}");
    }
    text + &script(plan)
}

/// Sends iPXE to its script.
pub(super) fn script(plan: &Plan) -> String {
    let line = |url| format!("dhcp-boot=tag:ipxe,{url},,{}\n", plan.server);
    plan.script.as_ref().map_or(String::new(), line)
}

/// Tells the groups of machines apart.
pub(super) fn matches(plan: &Plan) -> String {
    let mut text = "dhcp-userclass=set:ipxe,iPXE\n".to_owned();
    for target in &plan.targets {
        for code in target.codes {
            let _ = writeln!(
                text,
                "dhcp-match=set:{},option:client-arch,{code}",
                target.tag
            );
        }
    }
    text
}

fn over_ipv6(plan: &Plan) -> String {
    let mut text = comment("#", NEEDS_6, plan) + "dhcp-userclass=set:ipxe,iPXE\n";
    for BootTarget { tag, codes, .. } in &plan.targets {
        for [high, low] in codes.iter().map(|code| code.to_be_bytes()) {
            let _ = writeln!(text, "dhcp-match=set:{tag},option6:61,{high:02x}:{low:02x}");
        }
    }
    for target in &plan.targets {
        let BootTarget { tag, file, .. } = target;
        if target.is_http {
            let _ = writeln!(
                text,
                "dhcp-option-force=tag:{tag},option6:16,{HTTP_CLIENT_6}"
            );
        }
        let _ = writeln!(
            text,
            "dhcp-option=tag:{tag},tag:!ipxe,option6:bootfile-url,{file}"
        );
    }
    if let Some(url) = &plan.script {
        let _ = writeln!(text, "dhcp-option=tag:ipxe,option6:bootfile-url,{url}");
    }
    text
}
