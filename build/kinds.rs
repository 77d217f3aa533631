//! What a boot file is, and what it says of its version: by its content first, by its name where
//! content tells nothing.

use object::LittleEndian as LE;
use object::pe::{self, ImageNtHeaders32, ImageNtHeaders64};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile};
use object::{Object, ObjectSection};

use super::authenticode::authenticode;
use super::manifest::{Authenticode, Kind, Machine};

/// Network boot programs for a BIOS are raw machine code: only their names tell.
const BIOS_SUFFIXES: [&str; 5] = [".kpxe", ".kkpxe", ".kkkpxe", ".pxe", ".0"];

/// What the content of a file says of it.
pub(super) struct Facts {
    pub(super) kind: Kind,
    pub(super) version: Option<String>,
    pub(super) authenticode: Option<Authenticode>,
}

/// What `bytes` say of themselves, and `name` where they say nothing.
pub(super) fn facts(name: &str, bytes: &[u8]) -> Facts {
    let efi = efi::<ImageNtHeaders64>(bytes).or_else(|| efi::<ImageNtHeaders32>(bytes));
    efi.unwrap_or_else(|| Facts {
        kind: other(name, bytes),
        version: None,
        authenticode: None,
    })
}

fn other(name: &str, bytes: &[u8]) -> Kind {
    let name = name.to_ascii_lowercase();
    let has_bios_suffix = BIOS_SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
    if is_ipxe_script(bytes) {
        Kind::IpxeScript
    } else if bytes.get(0x202..0x206) == Some(b"HdrS") {
        // The magic of Linux's boot protocol, which ipxe.lkrn speaks.
        Kind::Kernel
    } else if has_bios_suffix && !is_text(bytes) {
        Kind::Bios
    } else {
        Kind::Other
    }
}

/// As iPXE itself looks at it.
fn is_ipxe_script(bytes: &[u8]) -> bool {
    let magic = [&b"#!ipxe"[..], b"#!gpxe"];
    let rest = magic.iter().find_map(|magic| bytes.strip_prefix(*magic));
    rest.and_then(<[u8]>::first)
        .is_some_and(u8::is_ascii_whitespace)
}

/// An error page that a download left under a program's name; or nothing at all.
fn is_text(bytes: &[u8]) -> bool {
    let mut start = bytes.iter().take(64);
    start.all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

fn efi<Headers: ImageNtHeaders>(bytes: &[u8]) -> Option<Facts> {
    let file = PeFile::<Headers>::parse(bytes).ok()?;
    let headers = file.nt_headers();
    match headers.optional_header().subsystem() {
        pe::IMAGE_SUBSYSTEM_EFI_APPLICATION
        | pe::IMAGE_SUBSYSTEM_EFI_BOOT_SERVICE_DRIVER
        | pe::IMAGE_SUBSYSTEM_EFI_RUNTIME_DRIVER => {}
        _ => return None,
    }
    let machine = machine(headers.file_header().machine.get(LE));
    let sbat = file.section_by_name_bytes(b".sbat");
    let sbat = sbat.and_then(|section| section.data().ok());
    Some(Facts {
        kind: Kind::Efi(machine),
        version: sbat.and_then(version),
        authenticode: authenticode(&file, bytes),
    })
}

fn machine(machine: pe::Machine) -> Machine {
    /// Not among the library's names.
    const LOONGARCH64: pe::Machine = pe::Machine(0x6264);
    match machine {
        pe::IMAGE_FILE_MACHINE_I386 => Machine::Ia32,
        pe::IMAGE_FILE_MACHINE_AMD64 => Machine::X86_64,
        pe::IMAGE_FILE_MACHINE_ARM
        | pe::IMAGE_FILE_MACHINE_THUMB
        | pe::IMAGE_FILE_MACHINE_ARMNT => Machine::Arm32,
        pe::IMAGE_FILE_MACHINE_ARM64 => Machine::Arm64,
        pe::IMAGE_FILE_MACHINE_RISCV32 => Machine::RiscV32,
        pe::IMAGE_FILE_MACHINE_RISCV64 => Machine::RiscV64,
        LOONGARCH64 => Machine::LoongArch64,
        _ => Machine::Other,
    }
}

/// The version in a `.sbat` section: lines of `component,generation,vendor,package,version,url`,
/// the first of which is about the format itself.
///
/// iPXE's own line comes first. Next comes the line of a distributor (`shim.debian`): shim's own
/// line always says version 1. Last comes any other line.
fn version(sbat: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(sbat).ok()?.trim_end_matches('\0');
    let lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let versions: Vec<(&str, &str)> = lines
        .filter_map(|fields| Some((*fields.first()?, *fields.get(4)?)))
        .filter(|(component, version)| *component != "sbat" && is_printable(version))
        .collect();
    let find = |is_it: fn(&str) -> bool| versions.iter().find(|(component, _)| is_it(component));
    find(|component| component == "ipxe")
        .or_else(|| find(|component| component.contains('.')))
        .or(versions.first())
        .map(|(_, version)| version.to_string())
}

fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
