//! Which of several embedded files a kind of machine is sent to.

use std::collections::BTreeMap;

use crate::manifest::{Kind, Manifest, Record};

/// The choice for all kinds of machines.
pub(super) struct Choice<'a> {
    /// The file for each kind that gets one.
    pub(super) files: BTreeMap<Kind, &'a Record>,
    /// A file for each kind that gets none because of Secure Boot, one way or the other.
    pub(super) left_out: BTreeMap<Kind, &'a Record>,
}

/// What the name of a file begins with, and how much the file is preferred: the least is the best.
/// The first that fits counts.
///
/// `ipxe` has drivers of its own, `snponly` and `undionly` use the firmware's. UEFI machines get
/// `ipxe.efi`, BIOS machines `undionly.kpxe`.
const PREFERENCES: [(&str, usize); 13] = [
    ("shim", 0),
    ("ipxe-shim", 1),
    ("ipxe-legacy", 3),
    ("ipxe-snp", 2),
    ("undionly", 0),
    ("ipxe", 1),
    ("snponly", 2),
    ("netboot.xyz-undionly", 4),
    ("netboot.xyz-snp", 6),
    ("netboot.xyz", 5),
    ("grub", 7),
    ("pxelinux", 7),
    ("lpxelinux", 7),
];
const UNKNOWN: usize = 8;

/// Chooses for every kind of firmware. With `secure_boot` a UEFI machine gets a signed file, a shim
/// if there is one. Without, it gets no shim and no file of a directory for Secure Boot: those
/// start nothing that is unsigned.
pub(super) fn choose(manifest: &Manifest, secure_boot: bool) -> Choice<'_> {
    let mut choice = Choice {
        files: BTreeMap::new(),
        left_out: BTreeMap::new(),
    };
    for record in manifest.records() {
        if record.kind.dhcp_architectures().is_empty() {
            continue;
        }
        let fits = match secure_boot {
            true => record.kind == Kind::Bios || is_signed(record),
            false => !is_for_secure_boot(&record.name),
        };
        let map = if fits {
            &mut choice.files
        } else {
            &mut choice.left_out
        };
        let best = map.entry(record.kind).or_insert(record);
        if rank(record) < rank(best) {
            *best = record;
        }
    }
    let Choice { files, left_out } = &mut choice;
    left_out.retain(|kind, _| !files.contains_key(kind));
    choice
}

/// The best is the least: a shim (there is one among the files only for Secure Boot), then the
/// usual name, then a file at the top before one in a directory, then a directory before a link to
/// it, then the shortest name.
fn rank(record: &Record) -> (bool, usize, usize, bool, usize, &str) {
    let name = record.name.as_str();
    let depth = name.matches('/').count();
    let is_below_link = depth > 0 && record.alias_of.is_some();
    (
        !is_shim(name),
        preference(basename(name)),
        depth,
        is_below_link,
        name.len(),
        name,
    )
}

fn preference(basename: &str) -> usize {
    let fits = |(start, _): &&(&str, usize)| basename.starts_with(start);
    let found = PREFERENCES.iter().find(fits);
    found.map_or(UNKNOWN, |(_, preference)| *preference)
}

/// Whether a signature is attached.
pub(super) fn is_signed(record: &Record) -> bool {
    record.authenticode.is_some_and(|it| it.signed)
}

/// A shim, or a file in `sb` or `x86_64-sb`.
fn is_for_secure_boot(name: &str) -> bool {
    let is_directory = |part: &str| part == "sb" || part.ends_with("-sb");
    is_shim(name) || name.split('/').rev().skip(1).any(is_directory)
}

/// `shimx64.efi`, `shimaa64.efi.signed`, `ipxe-shim.efi`.
pub(super) fn is_shim(name: &str) -> bool {
    let basename = basename(name);
    basename.starts_with("shim") || basename.contains("-shim.")
}

fn basename(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
