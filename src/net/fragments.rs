//! Lets single datagrams be fragmented. `quinn-udp` has set the don't-fragment bit for all.

use std::net::UdpSocket;

/// Lets what leaves from the socket to IPv4 or IPv6 peers be fragmented, or not. Best effort: a
/// datagram that cannot be sent is lost, and the protocol recovers.
#[cfg(target_os = "linux")]
pub(super) fn allow(socket: &UdpSocket, is_ipv6: bool, may_fragment: bool) {
    use rustix::net::sockopt::{
        Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
    };
    let _ = match (is_ipv6, may_fragment) {
        // Routers fragment what is too large for them; a forged report alone fragments nothing.
        (false, true) => set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::OMIT),
        (false, false) => set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::PROBE),
        // Routers do not: the kernel cuts to the size that it has learned.
        (true, true) => set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DONT),
        (true, false) => set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::PROBE),
    };
}

/// Turns off IPV6_DONTFRAG, which `quinn-udp` sets as well. `IPV6_PMTUDISC_PROBE` already forbids
/// fragments, and with it alone the kernel reports which size an interface takes.
#[cfg(target_os = "linux")]
pub(super) fn prepare(socket: &UdpSocket) {
    use nix::sys::socket::{setsockopt, sockopt::Ipv6DontFrag};
    // Best effort: it fails for IPv4.
    let _ = setsockopt(socket, Ipv6DontFrag, &false);
}

/// Other systems have no such report.
#[cfg(not(target_os = "linux"))]
pub(super) fn prepare(_socket: &UdpSocket) {}

/// Other systems do not report datagrams that are too large.
#[cfg(not(target_os = "linux"))]
pub(super) fn allow(_socket: &UdpSocket, _is_ipv6: bool, _may_fragment: bool) {}
