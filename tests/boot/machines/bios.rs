//! Machines with a PC BIOS. Most have their iPXE already, which takes seconds, and are there for
//! every combination of how `autoexec.ipxe` is loaded and what DHCP names.

use super::{AUTOEXEC, UEFI, URL};
use crate::machine::{Dhcp, Firmware, Image, Machine, Path, Script};

/// A BIOS machine that has Debian 12's iPXE already.
const KERNEL: Machine = Machine {
    firmware: Firmware::Kernel,
    image: Image::Debian12,
    program: "undionly.kpxe",
    requests: &[
        ("autoexec.ipxe", "complete"),
        ("boot.ipxe", "complete"),
        ("payload.bin", "complete"),
    ],
    ..UEFI
};

/// The same, whose iPXE has an embedded script.
const EMBEDDED: Machine = Machine {
    firmware: Firmware::KernelWith(Script::Chain),
    ..KERNEL
};

pub(super) const MACHINES: [Machine; 18] = [
    Machine {
        name: "BIOS, undionly.kpxe",
        number: 1,
        firmware: Firmware::Bios,
        image: Image::Debian12,
        program: "undionly.kpxe",
        requests: &[
            ("autoexec.ipxe", "complete"),
            ("boot.ipxe", "complete"),
            ("payload.bin", "complete"),
            ("undionly.kpxe", "complete"),
        ],
        ..UEFI
    },
    Machine {
        name: "BIOS, ProxyDHCP, iPXE of 2019",
        number: 19,
        dhcp: Dhcp::Proxy(AUTOEXEC),
        ..KERNEL
    },
    Machine {
        name: "BIOS, ProxyDHCP, iPXE of 2025",
        number: 20,
        image: Image::Debian13,
        dhcp: Dhcp::Proxy(AUTOEXEC),
        ..KERNEL
    },
    Machine {
        name: "BIOS, embedded autoexec.ipxe, ProxyDHCP names boot.ipxe",
        number: 33,
        firmware: Firmware::KernelWith(Script::Autoexec),
        dhcp: Dhcp::Proxy("--script boot.ipxe"),
        requests: &[("boot.ipxe", "complete"), ("payload.bin", "complete")],
        ..KERNEL
    },
    Machine {
        name: "BIOS, undionly.kpxe of 2025",
        number: 21,
        firmware: Firmware::Bios,
        program: "undionly.kpxe",
        requests: &[
            ("autoexec.ipxe", "complete"),
            ("boot.ipxe", "complete"),
            ("payload.bin", "complete"),
            ("undionly.kpxe", "complete"),
        ],
        ..UEFI
    },
    Machine {
        name: "BIOS, PXELINUX",
        number: 35,
        firmware: Firmware::Bios,
        program: "pxelinux.0",
        dhcp: Dhcp::Lines("dhcp-boot=pxelinux.0,,SERVER\n"),
        requests: &[
            ("ldlinux.c32", "complete"),
            ("pxelinux.0", "complete"),
            ("pxelinux.cfg/01-52-54-00-00-00-23", "not-found"),
            ("pxelinux.cfg/C", "not-found"),
            ("pxelinux.cfg/C6", "not-found"),
            ("pxelinux.cfg/C61", "not-found"),
            ("pxelinux.cfg/C612", "not-found"),
            ("pxelinux.cfg/C6122", "not-found"),
            ("pxelinux.cfg/C61223", "not-found"),
            ("pxelinux.cfg/C612230", "not-found"),
            ("pxelinux.cfg/C612230A", "not-found"),
            ("pxelinux.cfg/default", "complete"),
        ],
        done: "BOOTSTONE: PXELINUX runs",
        ..KERNEL
    },
    Machine {
        name: "BIOS, PXELINUX, far, with pipelining",
        number: 39,
        firmware: Firmware::Bios,
        program: "pxelinux.0",
        dhcp: Dhcp::Lines("dhcp-boot=pxelinux.0,,SERVER\n"),
        path: Path::Far { pipeline: 32 },
        requests: &[
            ("ldlinux.c32", "complete"),
            ("pxelinux.0", "complete"),
            ("pxelinux.cfg/01-52-54-00-00-00-27", "not-found"),
            ("pxelinux.cfg/C", "not-found"),
            ("pxelinux.cfg/C6", "not-found"),
            ("pxelinux.cfg/C61", "not-found"),
            ("pxelinux.cfg/C612", "not-found"),
            ("pxelinux.cfg/C6122", "not-found"),
            ("pxelinux.cfg/C61227", "not-found"),
            ("pxelinux.cfg/C612270", "not-found"),
            ("pxelinux.cfg/C612270A", "not-found"),
            ("pxelinux.cfg/default", "complete"),
        ],
        done: "BOOTSTONE: PXELINUX runs",
        ..KERNEL
    },
    Machine {
        name: "BIOS, DHCP names autoexec.ipxe without a server",
        number: 22,
        dhcp: Dhcp::Printed("--script autoexec.ipxe"),
        ..KERNEL
    },
    Machine {
        name: "BIOS, DHCP names a URL",
        number: 23,
        dhcp: Dhcp::Printed(URL),
        requests: &[],
        ..KERNEL
    },
    Machine {
        name: "BIOS, embedded script, DHCP names autoexec.ipxe",
        number: 24,
        ..EMBEDDED
    },
    Machine {
        name: "BIOS, embedded script, DHCP names boot.ipxe",
        number: 25,
        dhcp: Dhcp::Printed("--script boot.ipxe"),
        ..EMBEDDED
    },
    Machine {
        name: "BIOS, embedded script, DHCP names the program",
        number: 26,
        dhcp: Dhcp::Lines("dhcp-boot=undionly.kpxe,,SERVER\n"),
        ..EMBEDDED
    },
    Machine {
        name: "BIOS, embedded script, DHCP names nothing",
        number: 27,
        dhcp: Dhcp::Lines("dhcp-boot=,,SERVER\n"),
        ..EMBEDDED
    },
    Machine {
        name: "BIOS, embedded autoexec.ipxe, DHCP names a URL",
        number: 28,
        firmware: Firmware::KernelWith(Script::Autoexec),
        dhcp: Dhcp::Printed(URL),
        requests: &[],
        ..KERNEL
    },
    Machine {
        name: "BIOS, embedded autoexec.ipxe, DHCP names autoexec.ipxe",
        number: 29,
        firmware: Firmware::KernelWith(Script::Autoexec),
        // It does not load itself again.
        requests: &[("boot.ipxe", "complete"), ("payload.bin", "complete")],
        ..KERNEL
    },
    Machine {
        name: "BIOS, nothing to boot",
        number: 30,
        image: Image::Bare,
        dhcp: Dhcp::Lines("dhcp-boot=autoexec.ipxe,,SERVER\n"),
        requests: &[("autoexec.ipxe", "complete"), ("boot.ipxe", "not-found")],
        done: "Nothing has booted",
        ..KERNEL
    },
    Machine {
        name: "BIOS, a script that leads back",
        number: 31,
        dhcp: Dhcp::Printed("--script tftp://SERVER/back.ipxe"),
        requests: &[
            ("autoexec.ipxe", "complete"),
            ("back.ipxe", "complete"),
            ("boot.ipxe", "complete"),
            ("payload.bin", "complete"),
        ],
        ..KERNEL
    },
    Machine {
        name: "BIOS, boot-url leads back",
        number: 32,
        dhcp: Dhcp::PrintedAnd(
            AUTOEXEC,
            "dhcp-option-force=224,\"tftp://SERVER/back.ipxe\"",
        ),
        requests: &[
            ("autoexec.ipxe", "complete"),
            ("autoexec.ipxe", "complete"),
            ("back.ipxe", "complete"),
            ("boot.ipxe", "complete"),
            ("payload.bin", "complete"),
        ],
        ..KERNEL
    },
];
