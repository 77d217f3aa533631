//! All machines. Those that take longest come first.

mod bios;
mod uefi;

use crate::machine::{Dhcp, Firmware, Image, Machine, Path};

/// The line with which `boot.ipxe` ends.
const PAYLOAD_IS_HERE: &str = "BOOTSTONE: the payload is here";
const AUTOEXEC: &str = "--script tftp://SERVER/autoexec.ipxe";
const URL: &str = "--script http://SERVER:8080/boot.ipxe";

/// A UEFI machine with Debian 13's `ipxe.efi`, which loads `autoexec.ipxe` by itself.
const UEFI: Machine = Machine {
    name: "",
    number: 0,
    firmware: Firmware::Uefi,
    image: Image::Debian13,
    program: "ipxe.efi",
    dhcp: Dhcp::Printed(AUTOEXEC),
    path: Path::Near,
    requests: &[
        ("autoexec.ipxe", "complete"),
        ("boot.ipxe", "complete"),
        ("ipxe.efi", "complete"),
        ("ipxe.efi", "probe"),
        ("payload.bin", "complete"),
    ],
    done: PAYLOAD_IS_HERE,
};

/// All of them. The first BIOS machine is early: it is the one during which a run is killed.
pub(crate) fn all() -> impl Iterator<Item = &'static Machine> {
    let (slowest, others) = uefi::MACHINES.split_at(1);
    let (first, bios) = bios::MACHINES.split_at(1);
    slowest.iter().chain(first).chain(others).chain(bios)
}
