//! Reads the routes of this machine and the MTUs of its interfaces. To be called before the sandbox
//! is entered, which allows no file to be opened.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::proto::routes::{Network, Route, Routes};

/// The main routing table. With `/proc/self`, because systemd's `ProcSubset=pid` hides `/proc/net`.
const ROUTES_V4: &str = "/proc/self/net/route";
const ROUTES_V6: &str = "/proc/self/net/ipv6_route";

/// Flags of a route: it is up, it has a router, packets are refused.
const RTF_UP: u32 = 0x1;
const RTF_GATEWAY: u32 = 0x2;
const RTF_REJECT: u32 = 0x200;

/// The routes as they are now. Best effort: what cannot be read is left out, and the server then
/// learns MTUs from its errors. Interfaces and routes that come later are learned the same way.
pub(crate) fn routes() -> Routes {
    let mut mtus = Mtus::default();
    let mut routes = Vec::new();
    for (file, parse) in [
        (ROUTES_V4, parse_v4 as fn(&str) -> Option<FoundRoute<'_>>),
        (ROUTES_V6, parse_v6),
    ] {
        let table = read(file).unwrap_or_default();
        for found in table.lines().filter_map(parse) {
            let mtu = mtus.of(found.interface, found.network.is_ipv6());
            routes.push(Route {
                network: found.network,
                is_direct: found.is_direct,
                // Without /sys it is not known, and the network is on our link all the same.
                mtu: mtu.unwrap_or(u16::MAX),
            });
        }
    }
    Routes::new(routes)
}

/// A line of a routing table.
#[derive(Debug, PartialEq, Eq)]
struct FoundRoute<'a> {
    network: Network,
    is_direct: bool,
    interface: &'a str,
}

/// A line of `/proc/net/route`: interface, destination, gateway, flags, three numbers, mask, and
/// more; addresses in the byte order of the machine.
fn parse_v4(line: &str) -> Option<FoundRoute<'_>> {
    let mut fields = line.split_ascii_whitespace();
    let mut next = || fields.next();
    let (interface, address, _gateway) = (next()?, hexadecimal(next()?)?, next()?);
    let flags = hexadecimal(next()?)?;
    let mask = hexadecimal(fields.nth(3)?)?;
    let address = Ipv4Addr::from(address.to_ne_bytes());
    found(interface, address.into(), mask.count_ones() as u8, flags)
}

/// A line of `/proc/net/ipv6_route`: destination and its length, source and its length, next hop,
/// three numbers, flags, interface.
fn parse_v6(line: &str) -> Option<FoundRoute<'_>> {
    let mut fields = line.split_ascii_whitespace();
    let address = u128::from_str_radix(fields.next()?, 16).ok()?;
    let length = u8::from_str_radix(fields.next()?, 16).ok()?;
    let flags = hexadecimal(fields.nth(6)?)?;
    let interface = fields.next()?;
    found(
        interface,
        Ipv6Addr::from_bits(address).into(),
        length,
        flags,
    )
}

fn found(interface: &str, address: IpAddr, length: u8, flags: u32) -> Option<FoundRoute<'_>> {
    let is_usable = flags & RTF_UP != 0 && flags & RTF_REJECT == 0;
    is_usable.then_some(())?;
    Some(FoundRoute {
        network: Network::new(address, length)?,
        is_direct: flags & RTF_GATEWAY == 0,
        interface,
    })
}

fn hexadecimal(field: &str) -> Option<u32> {
    u32::from_str_radix(field, 16).ok()
}

/// The MTUs of the interfaces, each read once.
#[derive(Default)]
struct Mtus(HashMap<(String, bool), Option<u16>>);

impl Mtus {
    fn of(&mut self, interface: &str, is_ipv6: bool) -> Option<u16> {
        let read = || read_mtu(interface, is_ipv6);
        *self
            .0
            .entry((interface.to_owned(), is_ipv6))
            .or_insert_with(read)
    }
}

/// IPv6 may have a smaller MTU than the interface, from a router advertisement.
fn read_mtu(interface: &str, is_ipv6: bool) -> Option<u16> {
    let of_file = |file: String| {
        let mtu: u32 = read(&file)?.trim().parse().ok()?;
        // That of the loopback interface is 65,536, more than a packet can have.
        Some(u16::try_from(mtu).unwrap_or(u16::MAX))
    };
    let of_link = of_file(format!("/sys/class/net/{interface}/mtu"));
    let of_ipv6 = match is_ipv6 {
        true => of_file(format!("/proc/sys/net/ipv6/conf/{interface}/mtu")),
        false => None,
    };
    of_link.into_iter().chain(of_ipv6).min()
}

#[expect(
    clippy::disallowed_methods,
    reason = "files of the kernel, before the sandbox is entered"
)]
fn read(file: &str) -> Option<String> {
    std::fs::read_to_string(file).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a kernel, of a little-endian machine.
    #[cfg(target_endian = "little")]
    #[test]
    fn routes_of_ipv4() {
        let table = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
*\t0064A8C0\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0
";
        let found: Vec<FoundRoute<'_>> = table.lines().filter_map(parse_v4).collect();
        let route = |text: &str, is_direct| FoundRoute {
            network: text.parse().unwrap(),
            is_direct,
            interface: "eth0",
        };
        let expected = [route("0.0.0.0/0", false), route("192.0.2.0/24", true)];
        assert_eq!(found, expected);
    }

    #[test]
    fn routes_of_ipv6() {
        let zero = "00000000000000000000000000000000";
        let table = format!(
            "fd000000000000000000000000000000 40 {zero} 00 {zero} 00000100 00000001 00000000 00000001     eth0\n\
             {zero} 00 {zero} 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth1\n\
             {zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n"
        );
        let found: Vec<FoundRoute<'_>> = table.lines().filter_map(parse_v6).collect();
        let route = |text: &str, is_direct, interface| FoundRoute {
            network: text.parse().unwrap(),
            is_direct,
            interface,
        };
        let expected = [
            route("fd00::/64", true, "eth0"),
            route("::/0", false, "eth1"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn rubbish_is_no_route() {
        for line in ["", "eth0", "eth0 x y z", "eth0 1 2 3 4 5 6"] {
            assert_eq!(parse_v4(line), None, "{line}");
            assert_eq!(parse_v6(line), None, "{line}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_loopback_interface_takes_the_largest_packets() {
        assert_eq!(read_mtu("lo", false), Some(u16::MAX));
        assert_eq!(read_mtu("no such interface", false), None);
    }
}
