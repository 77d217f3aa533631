//! Machines with UEFI.

use super::{AUTOEXEC, UEFI, URL};
use crate::machine::{Dhcp, Firmware, Image, Machine, Path};

const HTTP: &str = "--script tftp://SERVER/autoexec.ipxe --http http://SERVER:8080";
/// The program by HTTP for firmware, and by TFTP for everything else, iPXE included.
const PROGRAM_BY_BOTH: &str = "\
dhcp-match=set:http,option:client-arch,16
dhcp-option-force=tag:http,60,HTTPClient
dhcp-boot=tag:http,http://SERVER:8080/ipxe.efi
dhcp-boot=tag:!http,ipxe.efi,,SERVER
";

/// OVMF loads `snponly.efi`, with which iPXE uses the firmware's driver.
const SNPONLY: Machine = Machine {
    name: "UEFI, snponly.efi of 2019",
    number: 3,
    image: Image::Debian12,
    program: "snponly.efi",
    dhcp: Dhcp::PrintedAnd(
        AUTOEXEC,
        "dhcp-boot=tag:efi-x86-64,tag:!ipxe,snponly.efi,,SERVER",
    ),
    requests: &[
        ("autoexec.ipxe", "complete"),
        ("boot.ipxe", "complete"),
        ("payload.bin", "complete"),
        ("snponly.efi", "complete"),
        ("snponly.efi", "probe"),
    ],
    ..UEFI
};

/// OVMF loads shim, shim loads GRUB, and GRUB loads a file of 600 kB.
const SHIM_AND_GRUB: Machine = Machine {
    name: "Secure Boot, shim and GRUB",
    number: 8,
    firmware: Firmware::SecureBoot,
    image: Image::Debian12,
    program: "shimx64.efi",
    dhcp: Dhcp::Printed("--secure-boot"),
    requests: &[
        ("grub/grub.cfg", "complete"),
        ("grub/large.cfg", "complete"),
        ("grub/x86_64-efi/command.lst", "not-found"),
        ("grub/x86_64-efi/crypto.lst", "not-found"),
        ("grub/x86_64-efi/fs.lst", "not-found"),
        ("grub/x86_64-efi/terminal.lst", "not-found"),
        ("grubx64.efi", "complete"),
        ("shimx64.efi", "complete"),
        ("shimx64.efi", "probe"),
    ],
    done: "BOOTSTONE: GRUB runs, shim_lock=y",
    ..UEFI
};

pub(super) const MACHINES: [Machine; 21] = [
    Machine {
        name: "UEFI, far, in lock-step",
        number: 5,
        image: Image::Debian12,
        path: Path::Far { pipeline: 1 },
        ..UEFI
    },
    Machine {
        name: "UEFI, far, with pipelining",
        number: 4,
        image: Image::Debian12,
        path: Path::Far { pipeline: 32 },
        ..UEFI
    },
    Machine {
        name: "UEFI, snponly.efi, far, in lock-step",
        number: 37,
        path: Path::Far { pipeline: 1 },
        ..SNPONLY
    },
    Machine {
        name: "UEFI, snponly.efi, far, with pipelining",
        number: 36,
        path: Path::Far { pipeline: 32 },
        ..SNPONLY
    },
    Machine {
        name: "Secure Boot, shim and GRUB, far, with pipelining",
        number: 38,
        path: Path::Far { pipeline: 32 },
        ..SHIM_AND_GRUB
    },
    Machine {
        name: "ARM, 64 bits",
        number: 7,
        firmware: Firmware::Arm64,
        program: "ipxe-arm64.efi",
        requests: &[
            ("autoexec.ipxe", "complete"),
            ("boot.ipxe", "complete"),
            ("ipxe-arm64.efi", "complete"),
            ("ipxe-arm64.efi", "probe"),
            ("payload.bin", "complete"),
        ],
        ..UEFI
    },
    Machine {
        name: "UEFI, ipxe.efi of 2019",
        number: 2,
        image: Image::Debian12,
        ..UEFI
    },
    Machine {
        name: "UEFI over IPv6, ipxe.efi of 2019",
        number: 6,
        firmware: Firmware::UefiOverIpv6,
        image: Image::Debian12,
        ..UEFI
    },
    SNPONLY,
    SHIM_AND_GRUB,
    Machine {
        name: "Secure Boot, an unsigned program",
        number: 9,
        firmware: Firmware::SecureBoot,
        image: Image::Debian12,
        requests: &[("ipxe.efi", "complete"), ("ipxe.efi", "probe")],
        done: "Access Denied",
        ..UEFI
    },
    Machine {
        name: "UEFI, ipxe.efi",
        number: 10,
        ..UEFI
    },
    Machine {
        name: "UEFI, DHCP names boot.ipxe",
        number: 11,
        dhcp: Dhcp::Printed("--script boot.ipxe"),
        ..UEFI
    },
    Machine {
        name: "UEFI, DHCP names a URL",
        number: 12,
        dhcp: Dhcp::Printed(URL),
        requests: &[
            ("autoexec.ipxe", "complete"),
            ("ipxe.efi", "complete"),
            ("ipxe.efi", "probe"),
        ],
        ..UEFI
    },
    Machine {
        name: "UEFI, DHCP names nothing for iPXE",
        number: 13,
        dhcp: Dhcp::WithoutScript,
        ..UEFI
    },
    Machine {
        name: "UEFI, DHCP names the program for iPXE too",
        number: 14,
        dhcp: Dhcp::Lines("dhcp-boot=ipxe.efi,,SERVER\n"),
        ..UEFI
    },
    Machine {
        name: "UEFI, snponly.efi",
        number: 15,
        program: "snponly.efi",
        dhcp: Dhcp::PrintedAnd(
            AUTOEXEC,
            "dhcp-boot=tag:efi-x86-64,tag:!ipxe,snponly.efi,,SERVER",
        ),
        requests: &[
            ("autoexec.ipxe", "complete"),
            ("boot.ipxe", "complete"),
            ("payload.bin", "complete"),
            ("snponly.efi", "complete"),
            ("snponly.efi", "probe"),
        ],
        ..UEFI
    },
    Machine {
        name: "UEFI over IPv6, ipxe.efi",
        number: 16,
        firmware: Firmware::UefiOverIpv6,
        ..UEFI
    },
    Machine {
        name: "UEFI HTTP Boot",
        number: 17,
        firmware: Firmware::UefiHttp,
        dhcp: Dhcp::Printed(HTTP),
        requests: &[],
        ..UEFI
    },
    Machine {
        name: "UEFI HTTP Boot, DHCP names the program for iPXE too",
        number: 34,
        firmware: Firmware::UefiHttp,
        dhcp: Dhcp::Lines(PROGRAM_BY_BOTH),
        requests: &[],
        ..UEFI
    },
    Machine {
        name: "UEFI, ProxyDHCP",
        number: 18,
        dhcp: Dhcp::Proxy(AUTOEXEC),
        ..UEFI
    },
];
