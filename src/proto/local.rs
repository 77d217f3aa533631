//! Which sources count as local. An attacker gains nothing by reflecting traffic within one site, so
//! local sources have no rate limit and get no penalty.

use std::net::IpAddr;

use super::routes::{Network, Routes};

/// A network on our links counts as local if its length is at least this. An interface with a
/// shorter one has a wrong mask (such as that of a class A network), or the link of a provider with
/// thousands of customers; it would exempt a part of the Internet.
const LEAST_LOCAL_V4: u8 = 16;
const LEAST_LOCAL_V6: u8 = 48;

/// The networks of this site, beyond those that are private everywhere.
#[derive(Clone, Debug, Default)]
pub struct LocalNetworks {
    /// Public networks whose hosts are local.
    networks: Vec<Network>,
    /// IPv4 networks on our links, which have a broadcast address.
    links: Vec<Network>,
}

impl LocalNetworks {
    /// The networks on our links, and those that the operator trusts.
    pub fn new(routes: &Routes, trusted: &[Network]) -> LocalNetworks {
        let is_long_enough = |network: &Network| {
            let least = match network.is_ipv6() {
                true => LEAST_LOCAL_V6,
                false => LEAST_LOCAL_V4,
            };
            network.length() >= least
        };
        let mut networks: Vec<Network> = trusted.to_vec();
        networks.extend(routes.links().filter(is_long_enough));
        networks.retain(|network| !is_private_network(network));
        networks.sort_unstable();
        networks.dedup();
        LocalNetworks {
            networks,
            links: routes.links().filter(|link| !link.is_ipv6()).collect(),
        }
    }

    /// True for a source of this site.
    pub(crate) fn contains(&self, source: IpAddr) -> bool {
        let is_ours = |network: &Network| network.contains(source);
        is_private(source) || self.networks.iter().any(is_ours)
    }

    /// True for the broadcast address of a network on one of our links.
    pub(crate) fn has_broadcast(&self, address: IpAddr) -> bool {
        self.links.iter().any(|link| link.has_broadcast(address))
    }
}

/// A network whose first and last address are private is so as a whole.
fn is_private_network(network: &Network) -> bool {
    is_private(network.first()) && is_private(network.last())
}

/// Private, shared (RFC 6598), link-local or loopback.
fn is_private(source: IpAddr) -> bool {
    match source.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let is_shared = first == 100 && second & 0xc0 == 64;
            ip.is_private() || ip.is_link_local() || ip.is_loopback() || is_shared
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::routes::Route;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    fn route(text: &str, is_direct: bool) -> Route {
        Route {
            network: network(text),
            is_direct,
            mtu: 1500,
        }
    }

    fn local() -> LocalNetworks {
        let routes = Routes::new(vec![
            route("0.0.0.0/0", false),
            route("198.51.100.0/24", true),
            route("192.168.7.0/24", true),
            route("203.0.113.0/24", false),
            route("20.0.0.0/8", true),
            route("2001:db8:1::/64", true),
            route("2001:db9::/32", true),
        ]);
        LocalNetworks::new(
            &routes,
            &[network("130.60.0.0/16"), network("2001:dba::/32")],
        )
    }

    #[test]
    fn local_sources() {
        let local = local();
        for (source, is_local) in [
            ("10.1.2.3", true),
            ("172.31.0.1", true),
            ("192.168.200.1", true),
            ("169.254.1.1", true),
            ("127.0.0.1", true),
            ("100.64.0.1", true),
            ("100.127.255.254", true),
            ("::ffff:100.100.1.1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::1", true),
            // On a link, and trusted.
            ("198.51.100.7", true),
            ("::ffff:198.51.100.7", true),
            ("130.60.200.1", true),
            ("2001:db8:1::7", true),
            ("2001:dba:ffff::1", true),
            // Behind a router, on a link that is too large, and elsewhere.
            ("203.0.113.7", false),
            ("20.0.0.1", false),
            ("2001:db9::1", false),
            ("100.63.255.255", false),
            ("100.128.0.0", false),
            ("130.61.0.1", false),
            ("2001:db8:2::1", false),
            ("8.8.8.8", false),
        ] {
            assert_eq!(
                local.contains(source.parse().unwrap()),
                is_local,
                "{source}"
            );
        }
    }

    #[test]
    fn private_networks_are_not_kept() {
        assert_eq!(local().networks.len(), 4);
        let all = LocalNetworks::new(&Routes::default(), &[network("0.0.0.0/0")]);
        assert!(all.contains("8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn broadcast_addresses_of_our_links() {
        for (address, is_broadcast) in [
            ("198.51.100.255", true),
            ("::ffff:198.51.100.255", true),
            ("192.168.7.255", true),
            ("192.168.8.255", false),
            ("20.255.255.255", true),
            ("203.0.113.255", false),
            ("198.51.100.254", false),
        ] {
            let found = local().has_broadcast(address.parse().unwrap());
            assert_eq!(found, is_broadcast, "{address}");
        }
    }
}
