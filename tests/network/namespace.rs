//! The network of one test: an interface without addresses, at one end of a cable.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::processes::DEADLINE;
use crate::skip::skip;

/// The word that starts a test inside its network.
pub const INSIDE: &str = "inside";

/// The interface that tests give addresses to.
pub const INTERFACE: &str = "net0";

/// A name with an address of each family.
pub const BOTH: &str = "both.test";

/// The other end of its cable.
pub const PEER: &str = "net1";

/// Runs a test in a network of its own. True if it passes, or is skipped.
pub fn run(test: &str) -> bool {
    let missing = missing();
    if !missing.is_empty() {
        skip(&format!("{}, for {test}", missing.join(", ")));
        return true;
    }
    let mut inside = Command::new("unshare");
    inside
        .args(["--net", "--mount"])
        .arg(std::env::current_exe().unwrap());
    inside.args([INSIDE, test]).status().unwrap().success()
}

fn missing() -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("root (for network namespaces)");
    }
    for (name, package) in [("unshare", "unshare (util-linux)"), ("ip", "ip (iproute2)")] {
        let mut command = Command::new(name);
        command
            .arg("-V")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if command.status().is_err() {
            missing.push(package);
        }
    }
    missing
}

/// Makes the network of this process.
pub fn build() {
    ip("link set lo up");
    ip(&format!("link add {INTERFACE} type veth peer name {PEER}"));
    for side in [INTERFACE, PEER] {
        ip(&format!("link set {side} up"));
    }
    let hosts = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&hosts, format!("127.0.0.1 {BOTH}\n::1 {BOTH}\n")).unwrap();
    rustix::mount::mount_bind(hosts.path(), "/etc/hosts").unwrap();
}

/// Gives the interface an address. Returns once it is usable.
///
/// The kernel adds the local route of an IPv6 address in a work queue, a moment after `ip` has
/// returned. Until then a client on this machine sends its request out of the interface, where
/// nothing answers. Duplicate address detection (RFC 4862 §5.4) would take a second besides.
pub fn add_address(address: &str) {
    let (host, _) = address.split_once('/').unwrap();
    let detection = if host.contains(':') { " nodad" } else { "" };
    ip(&format!("address add {address} dev {INTERFACE}{detection}"));
    let deadline = Instant::now() + DEADLINE;
    while !is_local(host) {
        assert!(Instant::now() < deadline, "{address} has no local route");
        std::thread::yield_now();
    }
}

/// Whether the kernel routes this address to itself.
fn is_local(address: &str) -> bool {
    let words = ["route", "show", "table", "local", "type", "local", address];
    let shown = Command::new("ip")
        .arg(if address.contains(':') { "-6" } else { "-4" })
        .args(words)
        .output()
        .unwrap();
    assert!(shown.status.success(), "{shown:?}");
    !shown.stdout.is_empty()
}

/// Runs `ip`.
pub fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status().unwrap();
    assert!(status.success(), "ip {words}: {status}");
}
