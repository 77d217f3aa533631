//! What must be here before a machine can boot, by name. Nothing is downloaded.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::machine::{Firmware, Image, Machine};
use crate::machines;
use crate::skip::skip;
use crate::{dhcp, qemu};

/// Debian's, which Microsoft has signed, and which checks what it loads.
pub(crate) const SHIM: &str = "/usr/lib/shim/shimx64.efi.signed";
/// Debian's, for a network.
pub(crate) const GRUB: &str = "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed";

/// PXELINUX, and the module that it loads first, with the Debian package of each.
pub(crate) const PXELINUX: [(&str, &str); 2] = [
    ("/usr/lib/PXELINUX/pxelinux.0", "pxelinux"),
    (
        "/usr/lib/syslinux/modules/bios/ldlinux.c32",
        "syslinux-common",
    ),
];

/// Programs that all machines need, with the Debian package of each.
const PROGRAMS: [(&str, &str); 5] = [
    (dhcp::PROGRAM, "dnsmasq-base"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
    ("cargo", "cargo"),
];
/// Where Debian's package `ipxe` puts its files.
const PACKAGE: &str = "/usr/lib/ipxe";

/// The directory of this image's iPXE: the one that the environment names, or the package's if it
/// is of that version. Only Debian 13's has a file for ARM.
pub(crate) fn ipxe(image: Image) -> PathBuf {
    let is_new = image == Image::Debian13;
    let named = std::env::var_os(variable(image)).filter(|value| !value.is_empty());
    let has_arm = Path::new(PACKAGE).join("ipxe-arm64.efi").exists();
    let package = || Path::new(if has_arm == is_new { PACKAGE } else { "" }).to_owned();
    named.map_or_else(package, PathBuf::from)
}

fn variable(image: Image) -> &'static str {
    match image {
        Image::Debian13 => "BOOTSTONE_IPXE13",
        Image::Debian12 | Image::Bare => "BOOTSTONE_IPXE12",
    }
}

/// The machines for which nothing is missing. Says which others are skipped, and why, or fails
/// where all must be there.
pub(crate) fn machines() -> Vec<&'static Machine> {
    let common = common();
    let mut here = Vec::new();
    let mut skipped = Vec::new();
    let part = std::env::var("BOOTSTONE_BOOT").unwrap_or_default();
    for machine in machines::all().filter(|machine| machine.name.contains(&part)) {
        let missing: Vec<String> = common.iter().cloned().chain(of(machine)).collect();
        if missing.is_empty() {
            here.push(machine);
        } else {
            let missing = missing.join(", ");
            skipped.push(format!("{}: {missing}", machine.name));
        }
    }
    if !skipped.is_empty() {
        skip(&skipped.join("\n  "));
    }
    here
}

/// What no machine can do without.
fn common() -> Vec<String> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("root (namespaces, taps, port 69)".to_owned());
    }
    missing.extend(
        PROGRAMS
            .iter()
            .filter_map(|(name, package)| program(name, package)),
    );
    missing.extend(file("/dev/net/tun", "the kernel, with CONFIG_TUN"));
    missing
}

/// What this machine needs, and is not here.
fn of(machine: &Machine) -> Vec<String> {
    let qemu = match machine.firmware {
        Firmware::Arm64 => program(qemu::ARM, "qemu-system-arm"),
        _ => program(qemu::PC, "qemu-system-x86"),
    };
    let firmware = qemu::files(machine).into_iter();
    let mut missing: Vec<_> = qemu.into_iter().collect();
    missing.extend(firmware.filter_map(|(name, package)| file(name, package)));
    missing.extend(program_of(machine));
    missing
}

/// The iPXE, or the shim, that the machine loads.
fn program_of(machine: &Machine) -> Vec<String> {
    if machine.program.starts_with("shim") {
        let files = [(SHIM, "shim-signed"), (GRUB, "grub-efi-amd64-signed")];
        return files
            .iter()
            .filter_map(|(name, package)| file(name, package))
            .collect();
    }
    if machine.program == "pxelinux.0" {
        return PXELINUX
            .iter()
            .filter_map(|(name, package)| file(name, package))
            .collect();
    }
    let image = if machine.image == Image::Bare {
        Image::Debian12
    } else {
        machine.image
    };
    let name = if machine.has_kernel() {
        qemu::KERNEL
    } else {
        machine.program
    };
    let path = ipxe(image).join(name);
    let package = format!(
        "package ipxe of {image:?}, or its directory in {}",
        variable(image)
    );
    file(path.to_str().unwrap(), &package).into_iter().collect()
}

fn file(name: &str, package: &str) -> Option<String> {
    (!Path::new(name).exists()).then(|| format!("{name} ({package})"))
}

fn program(name: &str, package: &str) -> Option<String> {
    let mut command = Command::new(name);
    // `ip` has no such option, and ends all the same.
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
        .status()
        .is_err()
        .then(|| format!("{name} ({package})"))
}
