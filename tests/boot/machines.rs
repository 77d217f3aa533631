//! All machines. Those that take longest come first.

use crate::machine::{Dhcp, Firmware, Image, Machine, Path, Script};

/// The line with which `boot.ipxe` ends.
const PAYLOAD_IS_HERE: &str = "BOOTSTONE: the payload is here";
const AUTOEXEC: &str = "--script tftp://SERVER/autoexec.ipxe";
const HTTP: &str = "--script tftp://SERVER/autoexec.ipxe --http http://SERVER:8080";
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

pub(crate) const MACHINES: [Machine; 33] = [
    Machine {
        name: "UEFI, far, in lock-step",
        number: 5,
        image: Image::Debian12,
        path: Path::Far { run_ahead: 1 },
        ..UEFI
    },
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
        name: "UEFI, far, with pipelining",
        number: 4,
        image: Image::Debian12,
        path: Path::Far { run_ahead: 16 },
        ..UEFI
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
    Machine {
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
    },
    Machine {
        name: "Secure Boot, shim and GRUB",
        number: 8,
        firmware: Firmware::SecureBoot,
        image: Image::Debian12,
        program: "shimx64.efi",
        dhcp: Dhcp::Printed("--secure-boot"),
        requests: &[
            ("grub/grub.cfg", "complete"),
            ("grub/x86_64-efi/command.lst", "not-found"),
            ("grub/x86_64-efi/crypto.lst", "not-found"),
            ("grub/x86_64-efi/fs.lst", "not-found"),
            ("grub/x86_64-efi/terminal.lst", "not-found"),
            ("grubx64.efi", "complete"),
            ("revocations.efi", "not-found"),
            ("shimx64.efi", "complete"),
            ("shimx64.efi", "probe"),
        ],
        done: "BOOTSTONE: GRUB runs, shim_lock=y",
        ..UEFI
    },
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
        name: "UEFI, ProxyDHCP",
        number: 18,
        dhcp: Dhcp::Proxy(AUTOEXEC),
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
        name: "BIOS, embedded autoexec.ipxe, and a script that leads back",
        number: 32,
        firmware: Firmware::KernelWith(Script::Autoexec),
        dhcp: Dhcp::Printed("--script tftp://SERVER/back.ipxe"),
        requests: &[
            ("autoexec.ipxe", "complete"),
            ("back.ipxe", "complete"),
            ("boot.ipxe", "complete"),
            ("payload.bin", "complete"),
        ],
        ..KERNEL
    },
];
