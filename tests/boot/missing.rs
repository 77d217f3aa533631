//! What must be here before a machine can boot, by name.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{dhcp, qemu};

/// Programs, with the Debian package of each.
const PROGRAMS: [(&str, &str); 6] = [
    (qemu::PROGRAM, "qemu-system-x86"),
    (dhcp::PROGRAM, "dnsmasq-base"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
    ("cargo", "cargo"),
];

/// Files, likewise.
const FILES: [(&str, &str); 6] = [
    (qemu::OVMF, "ovmf"),
    (qemu::PXE_ROM, "ipxe-qemu"),
    ("/usr/lib/ipxe/undionly.kpxe", "ipxe"),
    ("/usr/lib/ipxe/snponly.efi", "ipxe"),
    ("/boot/ipxe.efi", "ipxe"),
    ("/dev/net/tun", "the kernel, with CONFIG_TUN"),
];

/// True when nothing is missing. If something is, says so, or fails where all must be there.
pub(crate) fn is_all_here() -> bool {
    let missing = missing();
    if missing.is_empty() {
        return true;
    }
    let text = format!("skipped: {} is not here", missing.join(", "));
    let is_required = std::env::var("BOOTSTONE_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
    assert!(!is_required, "{text}");
    eprintln!("{text}");
    false
}

fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("root (namespaces, taps, port 69)".to_owned());
    }
    let named = |(name, package): &(&str, &str)| format!("{name} ({package})");
    missing.extend(PROGRAMS.iter().filter(|(name, _)| !starts(name)).map(named));
    let is_file = |name: &str| Path::new(name).exists();
    missing.extend(FILES.iter().filter(|(name, _)| !is_file(name)).map(named));
    missing
}

fn starts(program: &str) -> bool {
    let mut command = Command::new(program);
    // `ip` has no such option, and ends all the same.
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok()
}
