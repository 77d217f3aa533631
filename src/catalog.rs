//! The one place that maps a requested name to bytes.
//!
//! There is no path here, only a table: a name that leads nowhere is a name that is not in it.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::manifest::netascii_size;

/// One file to serve.
#[derive(Clone, Debug)]
pub struct Entry {
    /// With `/` between its parts, without one in front: `2.0.0/ipxe.efi`.
    pub name: String,
    /// The content: borrowed from the binary, or a text made at the start.
    pub bytes: Cow<'static, [u8]>,
    /// Length in netascii; known beforehand, so that answering `tsize` reads no content.
    pub netascii_size: u64,
}

impl Entry {
    /// An entry whose netascii length is counted here and now.
    pub fn new(name: impl Into<String>, bytes: impl Into<Cow<'static, [u8]>>) -> Entry {
        let bytes = bytes.into();
        Entry {
            name: name.into(),
            netascii_size: netascii_size(&bytes),
            bytes,
        }
    }
}

/// All that is served, fixed at the start.
#[derive(Debug, Default)]
pub struct Catalog {
    /// In the order of their names.
    entries: Vec<Entry>,
    /// Indices of `entries` in the order of their lower-case basenames.
    by_basename: Vec<u16>,
    /// Every directory that an entry is in, at any depth: sorted, in lower case.
    directories: Vec<Vec<u8>>,
}

/// A file of one [`Catalog`]; of no use to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(u16);

impl FileId {
    /// Its place among all files in the order of their names, from 0.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Catalog {
    /// Takes the files. Of two with the same name the later one is kept.
    ///
    /// # Panics
    /// With more than 65,535 files.
    pub fn new(mut entries: Vec<Entry>) -> Catalog {
        entries.reverse();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries.dedup_by(|later, first| later.name == first.name);
        let count = u16::try_from(entries.len()).ok();
        #[expect(
            clippy::expect_used,
            reason = "documented: an image holds a handful of files"
        )]
        let count = count.expect("a catalog holds at most 65,535 files");
        let mut by_basename: Vec<u16> = (0..count).collect();
        by_basename.sort_by(|&a, &b| {
            let [a, b] = [a, b].map(|i| basename(entries[usize::from(i)].name.as_bytes()));
            caseless(a, b)
        });
        let mut directories: Vec<Vec<u8>> = Vec::new();
        for directory in entries.iter().flat_map(directories_of) {
            // Nearly in order already: most are put at the end.
            if let Err(place) = directories.binary_search(&directory) {
                directories.insert(place, directory);
            }
        }
        Catalog {
            entries,
            by_basename,
            directories,
        }
    }

    /// Finds what a peer asked for.
    ///
    /// A name ends at the first byte that no embedded name has. If that byte is a control
    /// character, the name is also tried without its last byte: some firmware hands over the DHCP
    /// option behind the boot file's name, and an option's code stands before its length.
    pub fn find(&self, requested: &[u8]) -> Option<FileId> {
        let end = requested.iter().position(|byte| !is_name_byte(*byte));
        let (name, rest) = requested.split_at(end.unwrap_or(requested.len()));
        let found = self.find_name(&normalise(name));
        match (name, rest) {
            ([shorter @ .., _], [next, ..]) if next.is_ascii_control() => {
                found.or_else(|| self.find_name(&normalise(shorter)))
            }
            _ => found,
        }
    }

    /// Finds a normalised name: exactly, then without regard to ASCII case, then by its basename.
    /// A basename is looked for at the top first, and then in all directories if only one file has
    /// it; but not for a name in a directory that exists.
    fn find_name(&self, name: &[u8]) -> Option<FileId> {
        let found = self.find_whole(name);
        if found.is_some() || directory(name).is_some_and(|it| self.has_directory(it)) {
            return found;
        }
        let wanted = basename(name);
        self.find_whole(wanted)
            .or_else(|| self.find_one(wanted, |entry| basename(entry.name.as_bytes())))
    }

    fn find_whole(&self, name: &[u8]) -> Option<FileId> {
        self.find_exactly(name)
            .or_else(|| self.find_one(name, |entry| entry.name.as_bytes()))
    }

    fn has_directory(&self, name: &[u8]) -> bool {
        self.directories
            .binary_search(&name.to_ascii_lowercase())
            .is_ok()
    }

    /// Its content.
    pub fn bytes(&self, file: FileId) -> &[u8] {
        &self.entry(file).bytes
    }

    /// Its name, length in netascii, and content.
    pub fn entry(&self, file: FileId) -> &Entry {
        &self.entries[file.index()]
    }

    /// All files in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Entry)> {
        (0..).map(FileId).zip(&self.entries)
    }

    /// Finds the file that has exactly this name.
    pub fn find_exactly(&self, name: &[u8]) -> Option<FileId> {
        let found = self
            .entries
            .binary_search_by(|entry| entry.name.as_bytes().cmp(name));
        // Below 65,536 by the promise of `new`.
        found.ok().map(|index| FileId(index as u16))
    }

    /// The only file for which `part` is `wanted` without regard to case; none if there are two
    /// that differ. Files with the same whole name in lower case have the same basename too, so
    /// both searches look at one run of `by_basename`.
    fn find_one(&self, wanted: &[u8], part: fn(&Entry) -> &[u8]) -> Option<FileId> {
        let entry = |&index: &u16| self.entry(FileId(index));
        let name = |index: &u16| basename(entry(index).name.as_bytes());
        let start = self
            .by_basename
            .partition_point(|i| caseless(name(i), basename(wanted)).is_lt());
        let mut hits = self.by_basename[start..]
            .iter()
            .take_while(|&i| name(i).eq_ignore_ascii_case(basename(wanted)))
            .filter(|&i| part(entry(i)).eq_ignore_ascii_case(wanted));
        let first = hits.next()?;
        let bytes = |index| self.bytes(FileId(index)).as_ptr_range();
        // Two names of one content (an alias) mean the same bytes.
        hits.all(|other| bytes(*other) == bytes(*first))
            .then_some(FileId(*first))
    }
}

/// Whether an embedded name can have this byte.
fn is_name_byte(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// The name without its other spellings: `\` is `/` (Windows, `\NWA_PXE\…`); no drive letter, no
/// leading or double `/`, no `.`; `..` leads one directory up, at the top to the top.
fn normalise(mut name: &[u8]) -> Vec<u8> {
    if let [letter, b':', rest @ ..] = name
        && letter.is_ascii_alphabetic()
    {
        name = rest;
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|&b| b == b'/' || b == b'\\') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// What stands before the last `/`, if there is one.
fn directory(name: &[u8]) -> Option<&[u8]> {
    let end = name.iter().rposition(|&b| b == b'/')?;
    Some(&name[..end])
}

/// The directories that an entry is in, innermost first, in lower case.
fn directories_of(entry: &Entry) -> impl Iterator<Item = Vec<u8>> {
    let innermost = directory(entry.name.as_bytes());
    let all = std::iter::successors(innermost, |name| directory(name));
    all.map(<[u8]>::to_ascii_lowercase)
}

/// What stands behind the last `/`.
fn basename(name: &[u8]) -> &[u8] {
    name.rsplit(|&b| b == b'/').next().unwrap_or(name)
}

/// The order of two names in lower-case ASCII.
fn caseless(a: &[u8], b: &[u8]) -> Ordering {
    let lower = |name: &'_ [u8]| name.to_ascii_lowercase();
    lower(a).cmp(&lower(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn catalog(names: &[&str]) -> Catalog {
        let entry = |name: &&str| Entry::new(*name, name.as_bytes().to_vec());
        Catalog::new(names.iter().map(entry).collect())
    }

    /// Asks for `requested` where `names` are served; the answer's name.
    #[track_caller]
    fn find(names: &[&str], requested: &[u8]) -> Option<String> {
        let catalog = catalog(names);
        let file = catalog.find(requested)?;
        assert_eq!(catalog.bytes(file), catalog.entry(file).name.as_bytes());
        Some(catalog.entry(file).name.clone())
    }

    const NAMES: &[&str] = &[
        "undionly.kpxe",
        "ipxe.efi",
        "2.0.0/snponly.efi",
        "1.21.1/Arm64.efi",
    ];

    #[test]
    fn every_spelling_of_a_name() {
        for requested in [
            &b"ipxe.efi"[..],
            b"/ipxe.efi",
            b"//ipxe.efi",
            b"./ipxe.efi",
            b"\\ipxe.efi",
            b"C:\\ipxe.efi",
            b"c:ipxe.efi",
            b"IPXE.EFI",
            b"ipxe.efi\xff",
            b"ipxe.efi\xff\xff\xff",
            b"ipxe.efi\r\njunk",
            b"ipxe.efi\x01\x02junk",
            b"ipxe.efi\xff\x03",
            b"ipxe.efi\x80",
            b"ipxe.efi\x7f",
            b"2.0.0/../ipxe.efi",
            b"..\\..\\ipxe.efi",
            b"\\NWA_PXE\\ipxe.efi",
            b"52-54-00-12-34-56/ipxe.efi",
            b"../ipxe.efi",
            b"../../../../etc/ipxe.efi",
        ] {
            assert_eq!(
                find(NAMES, requested).as_deref(),
                Some("ipxe.efi"),
                "{requested:?}"
            );
        }
    }

    /// What firmware hands over behind the name: 0xFF, or the next DHCP option.
    #[test]
    fn a_dhcp_option_behind_the_name() {
        let names = &["pxelinux.0", "pxelinux.bin", "biny"];
        for (requested, found) in [
            (&b"pxelinux.0\xff\xd1\x33\x2a\x47"[..], "pxelinux.0"),
            (b"pxelinux.bin\x79\x0a\x3b\x6f\x1e", "pxelinux.bin"),
            (b"pxelinux.bin\xd1\x0a", "pxelinux.bin"),
            (b"pxelinux.bin\x0a", "pxelinux.bin"),
            (b"biny\x0a", "biny"),
            (b"binyy\x0a", "biny"),
        ] {
            assert_eq!(
                find(names, requested).as_deref(),
                Some(found),
                "{requested:?}"
            );
        }
        for requested in [
            // One byte, and only before a control character.
            &b"pxelinux.binyy\x0a"[..],
            b"pxelinux.biny\xd1",
            b"pxelinux.biny",
            b"y\x0a",
            b"\x0a",
        ] {
            assert_eq!(find(names, requested), None, "{requested:?}");
        }
    }

    #[test]
    fn a_name_in_an_unknown_directory_is_looked_for_at_the_top_first() {
        let names = &[
            "ipxe.efi",
            "arm64/ipxe.efi",
            "x86_64/ipxe.efi",
            "x86_64/sub/a",
        ];
        for requested in [
            &b"52-54-00-12-34-56/ipxe.efi"[..],
            b"\\NWA_PXE\\ipxe.efi",
            b"../ipxe.efi",
            b"riscv64/IPXE.EFI",
            b"x86_64/other/ipxe.efi",
            b"arm64/../ipxe.efi",
        ] {
            assert_eq!(
                find(names, requested).as_deref(),
                Some("ipxe.efi"),
                "{requested:?}"
            );
        }
        assert_eq!(
            find(names, b"ARM64/ipxe.efi").as_deref(),
            Some("arm64/ipxe.efi")
        );
        let names = &["ipxe.efi", "IPXE.efi", "a/b"];
        assert_eq!(find(names, b"mac/ipxe.efi").as_deref(), Some("ipxe.efi"));
        assert_eq!(
            find(names, b"mac/Ipxe.efi"),
            None,
            "two differ only in case"
        );
    }

    #[test]
    fn a_name_in_a_directory_that_exists_is_served_from_there_only() {
        let names = &["undionly.kpxe", "arm64/ipxe.efi", "A/b/c"];
        for requested in [
            &b"arm64/undionly.kpxe"[..],
            b"Arm64\\undionly.kpxe",
            b"a/undionly.kpxe",
            b"A/B/undionly.kpxe",
            b"a/c",
        ] {
            assert_eq!(find(names, requested), None, "{requested:?}");
        }
        assert_eq!(
            find(names, b"arm/ipxe.efi").as_deref(),
            Some("arm64/ipxe.efi")
        );
        assert_eq!(find(names, b"ipxe.efi").as_deref(), Some("arm64/ipxe.efi"));
    }

    #[test]
    fn sub_directories() {
        assert_eq!(
            find(NAMES, b"2.0.0\\SNPONLY.efi").as_deref(),
            Some("2.0.0/snponly.efi")
        );
        assert_eq!(
            find(NAMES, b"snponly.efi").as_deref(),
            Some("2.0.0/snponly.efi")
        );
        assert_eq!(
            find(NAMES, b"1.21.1/./arm64.efi").as_deref(),
            Some("1.21.1/Arm64.efi")
        );
    }

    #[test]
    fn what_is_not_there() {
        for requested in [
            &b""[..],
            b"/",
            b"..",
            b"\xff",
            b"\x01ipxe.efi",
            b"etc/passwd",
            b"../../etc/passwd",
            b"2.0.0",
            b"ipxe.efi/",
            b"ipxe.ef",
            b"autoexec.ipxe",
        ] {
            let expected = (requested == b"ipxe.efi/".as_slice()).then_some("ipxe.efi");
            assert_eq!(find(NAMES, requested).as_deref(), expected, "{requested:?}");
        }
        assert_eq!(catalog(&[]).find(b"ipxe.efi"), None);
    }

    #[test]
    fn exact_comes_before_caseless_before_basename() {
        let names = &["a/x", "A/x", "x"];
        assert_eq!(find(names, b"a/x").as_deref(), Some("a/x"));
        assert_eq!(find(names, b"A/x").as_deref(), Some("A/x"));
        assert_eq!(find(names, b"X").as_deref(), Some("x"));
    }

    #[test]
    fn a_basename_that_two_files_have_finds_none() {
        assert_eq!(find(&["1/ipxe.efi", "2/ipxe.efi"], b"ipxe.efi"), None);
        assert_eq!(find(&["1/ipxe.efi", "2/IPXE.efi"], b"mac/ipxe.efi"), None);
        assert_eq!(
            find(&["1/ipxe.efi", "2/ipxe.efi"], b"2/IPXE.EFI").as_deref(),
            Some("2/ipxe.efi")
        );
    }

    #[test]
    fn two_names_of_one_content_are_not_ambiguous() {
        let bytes: &'static [u8] = b"content";
        let catalog = Catalog::new(vec![
            Entry::new("ipxe.efi", bytes),
            Entry::new("2.0.0/ipxe.efi", bytes),
        ]);
        let file = catalog.find(b"mac/ipxe.efi").unwrap();
        assert_eq!(catalog.bytes(file), bytes);
    }

    #[test]
    fn the_later_of_two_equal_names_is_kept() {
        let catalog = Catalog::new(vec![
            Entry::new("a", b"1".as_slice()),
            Entry::new("a", b"2".as_slice()),
        ]);
        let file = catalog.find(b"a").unwrap();
        assert_eq!(catalog.bytes(file), b"2");
        assert_eq!(catalog.iter().count(), 1);
    }

    proptest! {
        #[test]
        fn no_name_panics_and_every_hit_has_its_basename(
            name in proptest::collection::vec(any::<u8>(), 0..80)
        ) {
            let catalog = catalog(NAMES);
            if let Some(file) = catalog.find(&name) {
                let found = basename(catalog.entry(file).name.as_bytes());
                let mut asked = name.windows(found.len());
                prop_assert!(asked.any(|part| part.eq_ignore_ascii_case(found)));
            }
        }
    }
}
