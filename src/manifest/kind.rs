//! What a boot file is, and which firmware can boot it.

use std::fmt;
use std::str::FromStr;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A program for UEFI firmware of this machine.
    Efi(Machine),
    /// A network boot program for a PC BIOS.
    Bios,
    /// An image in the format of a Linux kernel: for a boot loader, not for firmware.
    Kernel,
    /// A script for iPXE.
    IpxeScript,
    /// Anything else.
    Other,
}

/// What processor an EFI program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Machine {
    /// 32-bit x86.
    Ia32,
    /// 64-bit x86.
    X86_64,
    /// 32-bit ARM.
    Arm32,
    /// 64-bit ARM.
    Arm64,
    /// 32-bit RISC-V.
    RiscV32,
    /// 64-bit RISC-V.
    RiscV64,
    /// 64-bit LoongArch.
    LoongArch64,
    /// One that no DHCP code is known for.
    Other,
}

/// A kind, the name by which it is written and read, its description, and the DHCP option 93
/// codes of the clients that can boot it: over TFTP, over HTTP. The codes are IANA's "Processor
/// Architecture Types".
type Row = (
    Kind,
    &'static str,
    &'static str,
    &'static [u16],
    &'static [u16],
);

#[rustfmt::skip]
const KINDS: [Row; 12] = [
    (Kind::Efi(Machine::Ia32), "efi-i386", "UEFI program, 32-bit x86", &[6], &[15]),
    // RFC 4578 says 9 and firmware says 7: both ask for the same file.
    (Kind::Efi(Machine::X86_64), "efi-x86-64", "UEFI program, x86-64", &[7, 9], &[16]),
    (Kind::Efi(Machine::Arm32), "efi-arm32", "UEFI program, 32-bit ARM", &[10], &[18]),
    (Kind::Efi(Machine::Arm64), "efi-arm64", "UEFI program, 64-bit ARM", &[11], &[19]),
    (Kind::Efi(Machine::RiscV32), "efi-riscv32", "UEFI program, 32-bit RISC-V", &[25], &[26]),
    (Kind::Efi(Machine::RiscV64), "efi-riscv64", "UEFI program, 64-bit RISC-V", &[27], &[28]),
    (Kind::Efi(Machine::LoongArch64), "efi-loong64", "UEFI program, 64-bit LoongArch",
        &[39], &[40]),
    (Kind::Efi(Machine::Other), "efi-other", "UEFI program, another machine", &[], &[]),
    (Kind::Bios, "bios", "BIOS boot program", &[0], &[]),
    (Kind::Kernel, "kernel", "image in Linux kernel format", &[], &[]),
    (Kind::IpxeScript, "ipxe-script", "iPXE script", &[], &[]),
    (Kind::Other, "other", "data", &[], &[]),
];

impl Kind {
    /// Every kind there is.
    pub fn all() -> impl Iterator<Item = Kind> {
        KINDS.iter().map(|row| row.0)
    }

    /// A few words for people.
    pub fn description(self) -> &'static str {
        self.row().2
    }

    /// The name of the processor that an EFI program is for: `x86-64`, `arm64`.
    pub fn machine(self) -> Option<&'static str> {
        self.row().1.strip_prefix("efi-")
    }

    /// The DHCP option 93 codes of the PXE clients that can boot it from here; empty if firmware
    /// cannot boot it at all.
    pub fn dhcp_architectures(self) -> &'static [u16] {
        self.row().3
    }

    /// The same for UEFI HTTP Boot.
    pub fn http_architectures(self) -> &'static [u16] {
        self.row().4
    }

    fn row(self) -> &'static Row {
        // The last row stands in for a kind without one; a test holds that there is none.
        let row = KINDS.iter().find(|row| row.0 == self);
        row.unwrap_or(&KINDS[KINDS.len() - 1])
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.row().1)
    }
}

impl FromStr for Kind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Kind, NotAKind> {
        let row = KINDS.iter().find(|row| row.1 == text);
        row.map(|row| row.0).ok_or(NotAKind)
    }
}

/// Not the name of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAKind;

impl fmt::Display for NotAKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a kind of boot file")
    }
}

impl std::error::Error for NotAKind {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_it_is_written() {
        for kind in Kind::all() {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert_eq!("pe".parse::<Kind>(), Err(NotAKind));
        assert_eq!(NotAKind.to_string(), "not a kind of boot file");
    }

    #[test]
    fn every_kind_has_its_own_row() {
        // Without a wildcard: a new kind does not compile before it is thought of here.
        let expected = |kind| match kind {
            Kind::Efi(Machine::Ia32) => "efi-i386",
            Kind::Efi(Machine::X86_64) => "efi-x86-64",
            Kind::Efi(Machine::Arm32) => "efi-arm32",
            Kind::Efi(Machine::Arm64) => "efi-arm64",
            Kind::Efi(Machine::RiscV32) => "efi-riscv32",
            Kind::Efi(Machine::RiscV64) => "efi-riscv64",
            Kind::Efi(Machine::LoongArch64) => "efi-loong64",
            Kind::Efi(Machine::Other) => "efi-other",
            Kind::Bios => "bios",
            Kind::Kernel => "kernel",
            Kind::IpxeScript => "ipxe-script",
            Kind::Other => "other",
        };
        assert_eq!(Kind::all().count(), 12);
        for kind in Kind::all() {
            assert_eq!(kind.to_string(), expected(kind));
        }
        assert_eq!(Kind::Efi(Machine::RiscV32).machine(), Some("riscv32"));
        assert_eq!(Kind::Bios.machine(), None);
    }

    /// IANA's "Processor Architecture Types" (RFC 5970).
    #[test]
    fn the_dhcp_codes_of_a_kind_are_those_of_its_clients() {
        for (kind, tftp, http) in [
            (Kind::Bios, &[0][..], &[][..]),
            (Kind::Efi(Machine::X86_64), &[7, 9], &[16]),
            (Kind::Efi(Machine::Arm64), &[11], &[19]),
            (Kind::IpxeScript, &[], &[]),
        ] {
            assert_eq!(kind.dhcp_architectures(), tftp, "{kind}");
            assert_eq!(kind.http_architectures(), http, "{kind}");
        }
    }

    #[test]
    fn a_kind_is_described_for_people() {
        assert_eq!(Kind::Bios.description(), "BIOS boot program");
        assert_eq!(Kind::Other.description(), "data");
    }

    #[test]
    fn no_client_is_claimed_by_two_kinds() {
        let codes = |kind: Kind| [kind.dhcp_architectures(), kind.http_architectures()].concat();
        let mut all: Vec<u16> = Kind::all().flat_map(codes).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
