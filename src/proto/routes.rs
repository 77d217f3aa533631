//! The routes of this machine, as a value: which networks are on its own links, and how large a
//! packet the interface towards a client takes.

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IP network: an address and the number of leading bits that its hosts share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

/// A route to a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The destinations.
    pub network: Network,
    /// There is no router in between.
    pub is_direct: bool,
    /// MTU of the interface in bytes.
    pub mtu: u16,
}

/// All routes. Without any, nothing is known of any destination.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// The most specific network first.
    routes: Vec<Route>,
}

/// Direct routes to larger networks than these are those of tunnels to the Internet, not links.
const LEAST_LINK_V4: u8 = 8;
const LEAST_LINK_V6: u8 = 32;

impl Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// `192.0.2.0/24`, `2001:db8::/32`, or an address, which is a network of one.
impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, length.parse().ok()),
            None if text.contains(':') => (text, Some(128)),
            None => (text, Some(32)),
        };
        let address = address.parse::<IpAddr>().ok();
        let network = address.zip(length);
        let network = network.and_then(|(address, length)| Network::new(address, length));
        match network {
            Some(network) if Some(network.address) == address => Ok(network),
            Some(network) => Err(format!("the network is {network}: give it like that")),
            None => Err("it takes a network such as 192.0.2.0/24 or 2001:db8::/32".to_owned()),
        }
    }
}

impl Network {
    /// The network of `address` with `length` leading bits; the other bits are cleared. `None` if
    /// the address has fewer bits.
    pub fn new(address: IpAddr, length: u8) -> Option<Network> {
        let address = match address.to_canonical() {
            IpAddr::V4(v4) if length <= 32 => IpAddr::V4(Ipv4Addr::from_bits(
                v4.to_bits() & u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0),
            )),
            IpAddr::V6(v6) if length <= 128 => IpAddr::V6(Ipv6Addr::from_bits(
                v6.to_bits() & u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0),
            )),
            _ => return None,
        };
        Some(Network { address, length })
    }

    /// The number of leading bits that its hosts share.
    pub(crate) fn length(&self) -> u8 {
        self.length
    }

    /// Its first address.
    pub(crate) fn first(&self) -> IpAddr {
        self.address
    }

    /// Its last address.
    pub(crate) fn last(&self) -> IpAddr {
        let length = u32::from(self.length);
        match self.address {
            IpAddr::V4(v4) => {
                let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
                Ipv4Addr::from_bits(v4.to_bits() | hosts).into()
            }
            IpAddr::V6(v6) => {
                let hosts = u128::MAX.checked_shr(length).unwrap_or(0);
                Ipv6Addr::from_bits(v6.to_bits() | hosts).into()
            }
        }
    }

    /// True for a network of IPv6 addresses.
    pub fn is_ipv6(&self) -> bool {
        self.address.is_ipv6()
    }

    /// True if the address is one of this network. An IPv4 address in IPv6 form is IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        Network::new(address, self.length) == Some(*self)
    }

    /// True if the address is that of all hosts of this network (RFC 919). Networks of one or two
    /// addresses have none (RFC 3021), and IPv6 has none at all.
    pub fn has_broadcast(&self, address: IpAddr) -> bool {
        !self.is_ipv6() && self.length < 31 && address.to_canonical() == self.last()
    }
}

impl Routes {
    /// Takes the routes in any order.
    pub fn new(mut routes: Vec<Route>) -> Routes {
        // Of several routes to one network, the kernel may take any: the smallest MTU suits all.
        routes.sort_by_key(|route| (u8::MAX - route.network.length, route.mtu));
        Routes { routes }
    }

    /// MTU of the interface that leads to `address`, in bytes, if a route is known. None is known to
    /// a loopback address: its route is in another table of the kernel, and the default route does
    /// not apply.
    pub fn mtu_to(&self, address: IpAddr) -> Option<u16> {
        if address.to_canonical().is_loopback() {
            return None;
        }
        let mut routes = self.routes.iter();
        let route = routes.find(|route| route.network.contains(address));
        route.map(|route| route.mtu)
    }

    /// The networks on our own links.
    pub fn links(&self) -> impl Iterator<Item = Network> {
        let is_link = |route: &&Route| {
            let least = match route.network.address {
                IpAddr::V4(_) => LEAST_LINK_V4,
                IpAddr::V6(_) => LEAST_LINK_V6,
            };
            route.is_direct && route.network.length >= least
        };
        self.routes
            .iter()
            .filter(is_link)
            .map(|route| route.network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    fn route(text: &str, is_direct: bool, mtu: u16) -> Route {
        Route {
            network: network(text),
            is_direct,
            mtu,
        }
    }

    #[test]
    fn the_default_route_does_not_lead_to_a_loopback_address() {
        let routes = Routes::new(vec![
            route("0.0.0.0/0", false, 1400),
            route("::/0", false, 1400),
        ]);
        for address in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(routes.mtu_to(ip(address)), None, "{address}");
        }
        assert_eq!(routes.mtu_to(ip("192.0.2.1")), Some(1400));
    }

    #[test]
    fn a_network_contains_its_hosts() {
        for (of, host, contains) in [
            ("10.1.2.0/24", "10.1.2.3", true),
            ("10.1.2.0/24", "::ffff:10.1.2.3", true),
            ("10.1.2.0/24", "10.1.3.3", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "::ffff:10.1.2.3", false),
            ("192.0.2.7/32", "192.0.2.7", true),
            ("192.0.2.7/32", "192.0.2.6", false),
            ("2001:db8:0:1::/64", "2001:db8:0:1::9", true),
            ("2001:db8:0:1::/64", "2001:db8:0:2::9", false),
        ] {
            assert_eq!(network(of).contains(ip(host)), contains, "{of} {host}");
        }
        assert_eq!(
            Network::new(ip("10.1.2.3"), 24),
            Some(network("10.1.2.0/24"))
        );
        assert_eq!(Network::new(ip("10.0.0.0"), 33), None);
        assert_eq!(Network::new(ip("::"), 129), None);
    }

    #[test]
    fn a_network_as_text() {
        for (text, first, last) in [
            ("10.1.2.0/24", "10.1.2.0", "10.1.2.255"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
            (
                "2001:db8::/32",
                "2001:db8::",
                "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            ),
            ("2001:db8::7", "2001:db8::7", "2001:db8::7"),
            ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            let network: Network = text.parse().unwrap();
            assert_eq!((network.first(), network.last()), (ip(first), ip(last)));
        }
        let error = "10.1.2.3/24".parse::<Network>().unwrap_err();
        assert!(error.contains("10.1.2.0/24"), "{error}");
        for text in [
            "",
            "/24",
            "10.1.2.0/",
            "10.1.2.0/33",
            "::/129",
            "a/8",
            "10.1.2.0/-1",
        ] {
            let error = text.parse::<Network>().unwrap_err();
            assert!(error.contains("192.0.2.0/24"), "{text}: {error}");
        }
    }

    #[test]
    fn the_address_of_all_hosts() {
        for (of, host, is_broadcast) in [
            ("10.1.2.0/24", "10.1.2.255", true),
            ("10.1.2.0/24", "10.1.2.254", false),
            ("10.1.0.0/16", "10.1.2.255", false),
            ("10.1.0.0/16", "::ffff:10.1.255.255", true),
            ("10.1.2.0/30", "10.1.2.3", true),
            ("10.1.2.0/31", "10.1.2.1", false),
            ("10.1.2.1/32", "10.1.2.1", false),
            ("10.1.2.0/24", "10.1.3.255", false),
            ("fd00::/120", "fd00::ff", false),
        ] {
            let found = network(of).has_broadcast(ip(host));
            assert_eq!(found, is_broadcast, "{of} {host}");
        }
    }

    #[test]
    fn the_most_specific_route_has_the_mtu() {
        let routes = Routes::new(vec![
            route("0.0.0.0/0", false, 1500),
            route("10.0.0.0/8", false, 9000),
            route("10.8.0.0/24", true, 1420),
            route("::/0", false, 1480),
            route("fe80::/64", true, 1500),
            route("fe80::/64", true, 1280),
        ]);
        assert_eq!(routes.mtu_to(ip("192.0.2.1")), Some(1500));
        assert_eq!(routes.mtu_to(ip("10.9.0.1")), Some(9000));
        assert_eq!(routes.mtu_to(ip("::ffff:10.8.0.1")), Some(1420));
        assert_eq!(routes.mtu_to(ip("2001:db8::1")), Some(1480));
        assert_eq!(routes.mtu_to(ip("fe80::1")), Some(1280));
        assert_eq!(Routes::default().mtu_to(ip("192.0.2.1")), None);
    }

    /// A tunnel that takes all traffic is no link, although no router is named.
    #[test]
    fn links_are_direct_and_not_the_internet() {
        let routes = Routes::new(vec![
            route("0.0.0.0/0", true, 1420),
            route("128.0.0.0/1", true, 1420),
            route("::/0", true, 1420),
            route("10.1.0.0/16", true, 1500),
            route("198.51.100.0/24", false, 1500),
            route("2001:db8::/64", true, 1500),
        ]);
        let links: Vec<Network> = routes.links().collect();
        assert_eq!(links, [network("2001:db8::/64"), network("10.1.0.0/16")]);
    }
}
