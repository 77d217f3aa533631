//! A pair of interfaces: servers on one, machines on the other.

use std::process::{Command, Stdio};

/// Where the servers are.
pub(crate) const SERVER_SIDE: &str = "server0";
/// Where the machines are.
pub(crate) const CLIENT_SIDE: &str = "client0";
/// The address of the machine that asks port 4011 of a ProxyDHCP server.
pub(crate) const CLIENT: [u8; 4] = [192, 0, 2, 250];

/// Programs, with the Debian package of each.
const PROGRAMS: [(&str, &str); 7] = [
    ("dnsmasq", "dnsmasq-base"),
    ("kea-dhcp4", "kea-dhcp4-server"),
    ("kea-dhcp6", "kea-dhcp6-server"),
    ("dhcpd", "isc-dhcp-server"),
    ("ip", "iproute2"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
];

/// What the test needs and this host does not have.
pub(crate) fn missing() -> Vec<String> {
    let missing = PROGRAMS.iter().filter(|(name, _)| !is_installed(name));
    let mut missing: Vec<String> = missing
        .map(|(name, package)| format!("{name} ({package})"))
        .collect();
    if !rustix::process::geteuid().is_root() {
        missing.push("root (for network namespaces)".to_owned());
    }
    missing
}

/// A program with `/usr/sbin` in its search path.
pub(crate) fn program(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut command = Command::new(name);
    command.env("PATH", path);
    command
}

fn is_installed(name: &str) -> bool {
    let mut command = program(name);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok()
}

/// Makes the network of this process. It ends with the process.
pub(crate) fn build() {
    ip("link set lo up");
    ip(&format!(
        "link add {SERVER_SIDE} type veth peer name {CLIENT_SIDE}"
    ));
    for side in [SERVER_SIDE, CLIENT_SIDE] {
        // Both ends are this host's: an answer comes from an address of its own.
        for setting in [
            "ipv4/conf/SIDE/accept_local=1",
            "ipv4/conf/SIDE/rp_filter=0",
            "ipv6/conf/SIDE/accept_dad=0",
        ] {
            let (name, value) = setting.split_once('=').unwrap();
            std::fs::write(
                format!("/proc/sys/net/{}", name.replace("SIDE", side)),
                value,
            )
            .unwrap();
        }
    }
    std::fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "0").unwrap();
    let [a, b, c, d] = CLIENT;
    ip(&format!("address add {a}.{b}.{c}.{d}/32 dev {CLIENT_SIDE}"));
    ip(&format!("address add 192.0.2.1/24 dev {SERVER_SIDE}"));
    ip(&format!(
        "address add 2001:db8::1/64 dev {SERVER_SIDE} nodad"
    ));
    ip(&format!("link set {SERVER_SIDE} up"));
    ip(&format!("link set {CLIENT_SIDE} up"));
}

fn ip(words: &str) {
    let status = program("ip").args(words.split(' ')).status().unwrap();
    assert!(status.success(), "ip {words}: {status}");
}
