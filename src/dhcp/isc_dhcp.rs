//! For dhcpd.conf and dhcpd6.conf of ISC DHCP.

use std::fmt::Write as _;

use super::comment::comment;
use super::plan::{BootTarget, Plan};

const NEEDS: &str = "\
Boot lines for ISC DHCP: add them to dhcpd.conf, outside of any block. That file also needs a
subnet, with your own values:
  subnet 192.0.2.0 netmask 255.255.255.0 { range 192.0.2.100 192.0.2.200; }";

const NEEDS_6: &str = "\
Boot lines for ISC DHCP, over IPv6: add them to dhcpd6.conf, outside of any block. That file also
needs a subnet, with your own values:
  subnet6 2001:db8::/64 { range6 2001:db8::100 2001:db8::1ff; }";

/// The lines for dhcpd.conf, or for dhcpd6.conf if the server's address is IPv6.
pub fn isc_dhcp(plan: &Plan) -> String {
    let dialect = match plan.server.is_ipv6() {
        true => &OVER_IPV6,
        false => &OVER_IPV4,
    };
    let mut text = comment("#", dialect.needs, plan) + dialect.definition;
    if !plan.server.is_ipv6() {
        let _ = writeln!(text, "next-server {};", plan.server);
    }
    let _ = writeln!(text, "if {} {{", dialect.is_ipxe);
    if let Some(script) = &plan.script {
        let _ = writeln!(text, "  {} \"{script}\";", dialect.file);
    }
    for target in &plan.targets {
        let BootTarget { tag, file, .. } = target;
        let _ = writeln!(text, "}} elsif {} {{ # {tag}", dialect.condition(target));
        if target.is_http {
            let _ = writeln!(text, "  {};", dialect.http_client);
        }
        let _ = writeln!(text, "  {} \"{file}\";", dialect.file);
    }
    text + "}\n"
}

/// How the two protocols say the same.
struct Dialect {
    needs: &'static str,
    definition: &'static str,
    is_ipxe: &'static str,
    architecture: &'static str,
    file: &'static str,
    http_client: &'static str,
}

const OVER_IPV4: Dialect = Dialect {
    needs: NEEDS,
    definition: "option client-architecture code 93 = unsigned integer 16;\n",
    is_ipxe: "exists user-class and option user-class = \"iPXE\"",
    architecture: "option client-architecture",
    file: "filename",
    http_client: "option vendor-class-identifier \"HTTPClient\"",
};

const OVER_IPV6: Dialect = Dialect {
    needs: NEEDS_6,
    definition: "option dhcp6.user-class code 15 = string;\n\
                 option dhcp6.vendor-class code 16 = string;\n",
    // Each class of the option has its length before it.
    is_ipxe: "exists dhcp6.user-class and substring(option dhcp6.user-class, 2, 4) = \"iPXE\"",
    architecture: "option dhcp6.client-arch-type",
    file: "option dhcp6.bootfile-url",
    // Enterprise 343 (Intel) and `HTTPClient` (RFC 8415 §21.16).
    http_client: "option dhcp6.vendor-class 00:00:01:57:00:0a:48:54:54:50:43:6c:69:65:6e:74",
};

impl Dialect {
    fn condition(&self, target: &BootTarget) -> String {
        let codes = target.codes.iter().map(|code| code.to_be_bytes());
        let codes =
            codes.map(|[high, low]| format!("{} = {high:02x}:{low:02x}", self.architecture));
        codes.collect::<Vec<_>>().join(" or ")
    }
}
