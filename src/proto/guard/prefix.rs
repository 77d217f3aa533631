//! Whose addresses count as one source.

use std::net::IpAddr;

/// A neighbourhood that may be one customer, or one victim: /24 of IPv4, /56 of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Prefix {
    V4([u8; 3]),
    V6([u8; 7]),
    /// Everybody for whom there is no room in the table.
    Rest,
}

impl Prefix {
    pub(super) fn of(source: IpAddr) -> Prefix {
        match source.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Prefix::V4([a, b, c])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, ..] = ip.octets();
                Prefix::V6([a, b, c, d, e, f, g])
            }
        }
    }
}

/// A source of one's own network: private, link-local or loopback.
pub(super) fn is_near(source: IpAddr) -> bool {
    match source.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}
