//! Which kind of file a file is, and its version.

use bootstone::manifest::{Kind, Machine};

use crate::tree::{Tree, record};

pub(crate) const BIOS_CODE: &[u8] = b"\xea\x05\x00\xc0\x07";

/// A PE32+ or PE32 image with one section, as little of it as the format allows.
pub(crate) fn pe(
    magic: u16,
    machine: u16,
    subsystem: u16,
    section: &str,
    content: &[u8],
) -> Vec<u8> {
    let optional_size: u16 = if magic == 0x20b { 112 } else { 96 };
    let mut image = vec![0; 64];
    image[..2].copy_from_slice(b"MZ");
    image[60] = 64;
    image.extend(b"PE\0\0");
    for half in [machine, 1, 0, 0, 0, 0, 0, 0, optional_size, 0x22] {
        image.extend(half.to_le_bytes());
    }
    let start = image.len();
    image.resize(start + usize::from(optional_size), 0);
    image[start..start + 2].copy_from_slice(&magic.to_le_bytes());
    image[start + 68..start + 70].copy_from_slice(&subsystem.to_le_bytes());
    let mut header = [0; 40];
    header[..section.len()].copy_from_slice(section.as_bytes());
    let (size, offset) = (content.len() as u32, image.len() as u32 + 40);
    for (at, word) in [(8, size), (12, 0x1000), (16, size), (20, offset)] {
        header[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    image.extend(header);
    image.extend(content);
    image
}

pub(crate) const EFI_APPLICATION: u16 = 10;
pub(crate) const SBAT: &[u8] = b"sbat,1,SBAT Version,sbat,1,https://example.com\n\
    ipxe.vendor,1,Vendor,ipxe,9.9,https://example.com\n\
    ipxe,1,iPXE,ipxe.efi,2.0.0+ (g1a2b),https://example.com\n\0\0\0";

#[test]
fn kinds_are_told_by_content_first() {
    let mut kernel = vec![0; 0x210];
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    let windows = pe(0x20b, 0x8664, 3, ".text", b"");
    for (name, content, kind) in [
        ("undionly.kpxe", BIOS_CODE, Kind::Bios),
        ("undionly.KKPXE", BIOS_CODE, Kind::Bios),
        ("ipxe.pxe", BIOS_CODE, Kind::Bios),
        ("pxelinux.0", BIOS_CODE, Kind::Bios),
        ("ipxe.lkrn", &kernel, Kind::Kernel),
        ("ipxe.pxe", b"<html>Not found</html>", Kind::Other),
        ("undionly.kpxe", b"", Kind::Other),
        ("ipxe.efi", BIOS_CODE, Kind::Other),
        ("boot.exe", &windows, Kind::Other),
        ("menu", b"#!ipxe\nshell\n", Kind::IpxeScript),
        ("menu.0", b"#!gpxe\r\n", Kind::IpxeScript),
        ("menu.ipxe", b"#!ipxed\n", Kind::Other),
    ] {
        let manifest = Tree::new().file(name, content).build();
        assert_eq!(record(&manifest, name).kind, kind, "{name}");
        assert_eq!(record(&manifest, name).version, None, "{name}");
    }
}

#[test]
fn efi_programs_have_a_machine() {
    for (magic, code, machine) in [
        (0x20b, 0x8664, Machine::X86_64),
        (0x10b, 0x014c, Machine::Ia32),
        (0x20b, 0xaa64, Machine::Arm64),
        (0x10b, 0x01c2, Machine::Arm32),
        (0x10b, 0x5032, Machine::RiscV32),
        (0x20b, 0x5064, Machine::RiscV64),
        (0x20b, 0x6264, Machine::LoongArch64),
        (0x20b, 0x0ebc, Machine::Other),
    ] {
        let image = pe(magic, code, EFI_APPLICATION, ".text", b"");
        let manifest = Tree::new().file("a.pxe", image).build();
        assert_eq!(record(&manifest, "a.pxe").kind, Kind::Efi(machine));
    }
}

#[test]
fn the_version_comes_from_the_sbat_section() {
    let version = |section, content: &[u8]| {
        let image = pe(0x20b, 0x8664, EFI_APPLICATION, section, content);
        let manifest = Tree::new().file("a.efi", image).build();
        record(&manifest, "a.efi").version.clone()
    };
    assert_eq!(version(".sbat", SBAT).as_deref(), Some("2.0.0+ (g1a2b)"));
    let grub = b"sbat,1,SBAT Version,sbat,1,x\ngrub,3,FSF,grub,2.06,x\n";
    assert_eq!(version(".sbat", grub).as_deref(), Some("2.06"));
    let shim = b"sbat,1,SBAT Version,sbat,1,x\nshim,4,UEFI shim,shim,1,x\n\
        shim.debian,1,Debian,shim,15.8,x\n";
    assert_eq!(version(".sbat", shim).as_deref(), Some("15.8"));
    assert_eq!(version(".data", SBAT), None);
    assert_eq!(
        version(".sbat", b"sbat,1,SBAT Version,sbat,1,x\nipxe,1"),
        None
    );
    assert_eq!(version(".sbat", b"ipxe,1,iPXE,ipxe.efi,2\x1b[0m,x\n"), None);
    assert_eq!(version(".sbat", b"\xff\xfe"), None);
}
