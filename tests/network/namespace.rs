//! The network of one test: an interface without addresses, at one end of a cable.

use std::process::{Command, Stdio};

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
        // Addresses are to be usable at once.
        let setting = format!("/proc/sys/net/ipv6/conf/{side}/accept_dad");
        std::fs::write(setting, "0").unwrap();
        ip(&format!("link set {side} up"));
    }
    let hosts = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&hosts, format!("127.0.0.1 {BOTH}\n::1 {BOTH}\n")).unwrap();
    rustix::mount::mount_bind(hosts.path(), "/etc/hosts").unwrap();
}

/// Gives the interface an address.
pub fn add_address(address: &str) {
    ip(&format!("address add {address} dev {INTERFACE}"));
}

/// Runs `ip`.
pub fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status().unwrap();
    assert!(status.success(), "ip {words}: {status}");
}
