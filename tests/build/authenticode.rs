//! The Authenticode hash of EFI programs, and whether they are signed.

use std::ops::Range;
use std::path::Path;
use std::process::Command;

use bootstone::manifest::{Authenticode, Digest, Kind};

use crate::kinds::EFI_APPLICATION;
use crate::tree::{Tree, record};

const HEADERS: usize = 0x200;
const SIGNATURE: &[u8] = b"a table of signatures in here...";

/// An image of 64 bits: its headers, so many data directories, and sections in the order of the
/// table, each with its offset and content.
fn image(directories: u32, sections: &[(usize, &[u8])]) -> Vec<u8> {
    let mut image = vec![0; HEADERS];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(60, &64_u32.to_le_bytes());
    put(64, b"PE\0\0");
    put(68, &0x8664_u16.to_le_bytes());
    put(70, &u16::try_from(sections.len()).unwrap().to_le_bytes());
    let optional_len = 112 + 8 * u16::try_from(directories).unwrap();
    put(84, &optional_len.to_le_bytes());
    put(88, &0x20b_u16.to_le_bytes());
    put(148, &u32::try_from(HEADERS).unwrap().to_le_bytes());
    put(152, b"SUM!");
    put(156, &EFI_APPLICATION.to_le_bytes());
    put(196, &directories.to_le_bytes());
    for (index, (offset, content)) in sections.iter().enumerate() {
        let header = 88 + usize::from(optional_len) + 40 * index;
        let [offset, len] = [*offset, content.len()].map(|it| u32::try_from(it).unwrap());
        // In memory a section is shorter or longer than in the file: the file counts.
        let in_memory = 0x10_u32;
        for (at, word) in [(8, in_memory), (12, 0x1000), (16, len), (20, offset)] {
            put(header + at, &word.to_le_bytes());
        }
    }
    for (offset, content) in sections {
        image.resize(image.len().max(offset + content.len()), 0);
        image[*offset..offset + content.len()].copy_from_slice(content);
    }
    image
}

/// Attaches a signature, as signing tools do.
fn sign(mut image: Vec<u8>) -> Vec<u8> {
    let [offset, len] = [image.len(), SIGNATURE.len()].map(|it| u32::try_from(it).unwrap());
    image[232..236].copy_from_slice(&offset.to_le_bytes());
    image[236..240].copy_from_slice(&len.to_le_bytes());
    image.extend(SIGNATURE);
    image
}

#[track_caller]
fn built(image: impl AsRef<[u8]>) -> Option<Authenticode> {
    let manifest = Tree::new().file("a.efi", image).build();
    let record = record(&manifest, "a.efi");
    assert!(matches!(record.kind, Kind::Efi(_)));
    record.authenticode
}

fn hash_of(image: &[u8], ranges: &[Range<usize>]) -> Digest {
    let ranges = ranges.iter().map(|range| &image[range.clone()]);
    Digest::of(&ranges.collect::<Vec<_>>().concat())
}

#[test]
fn checksum_and_signature_are_left_out() {
    let unsigned = image(16, &[(0x200, &[1; 64]), (0x240, &[2; 32])]);
    let expected = hash_of(&unsigned, &[0..152, 156..232, 240..0x260]);
    let signed = |signed| {
        Some(Authenticode {
            sha256: expected,
            signed,
        })
    };
    assert_eq!(built(&unsigned), signed(false));
    assert_eq!(built(sign(unsigned.clone())), signed(true));
    let mut other_checksum = unsigned;
    other_checksum[152..156].copy_from_slice(b"sum?");
    assert_eq!(built(&other_checksum), signed(false));
}

#[test]
fn sections_count_in_the_order_of_the_file_and_what_is_behind_them_too() {
    let sections: &[(usize, &[u8])] = &[(0x300, &[3; 8]), (0x200, &[2; 0x100]), (0, &[])];
    let mut image = image(16, sections);
    image.extend(b"behind");
    let expected = hash_of(&image, &[0..152, 156..232, 240..0x30e]);
    assert_eq!(built(&image).unwrap().sha256, expected);
    assert_eq!(built(sign(image)).unwrap().sha256, expected);
}

#[test]
fn an_image_without_an_entry_for_signatures() {
    let image = image(4, &[(0x200, &[1; 64])]);
    let expected = Authenticode {
        sha256: hash_of(&image, &[0..152, 156..0x240]),
        signed: false,
    };
    assert_eq!(built(&image), Some(expected));
}

#[test]
fn headers_that_name_missing_bytes_give_no_hash() {
    let whole = sign(image(16, &[(0x200, &[1; 64])]));
    let with = |at: usize, word: u32| {
        let mut image = whole.clone();
        image[at..at + 4].copy_from_slice(&word.to_le_bytes());
        built(image)
    };
    let section_header = 88 + 112 + 16 * 8;
    assert!(with(section_header + 16, 64).is_some());
    for (at, word) in [
        (148, 0),
        (148, 200),
        (148, u32::MAX),
        (236, 1000),
        (236, u32::MAX),
        (section_header + 16, u32::MAX),
        (section_header + 16, 1000),
        (section_header + 20, 1000),
        (section_header + 20, u32::MAX),
    ] {
        assert_eq!(with(at, word), None, "{word} at {at}");
    }
}

/// Signed and unsigned, by several linkers.
const PROGRAMS: [&str; 5] = [
    "/usr/lib/shim/shimx64.efi.signed",
    "/usr/lib/shim/mmx64.efi",
    "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed",
    "/usr/lib/ipxe/ipxe.efi",
    "/usr/lib/ipxe/snponly.efi",
];

#[test]
fn pesign_computes_the_same_hash() {
    let is_required = std::env::var("BOOTSTONE_REQUIRE_CLIENTS").is_ok_and(|it| it == "1");
    for program in PROGRAMS {
        let mut pesign = Command::new("pesign");
        let output = pesign.args(["--hash", "--in", program]).output().ok();
        let output = output.filter(|output| output.status.success());
        let (Some(output), true) = (output, Path::new(program).exists()) else {
            assert!(!is_required, "needs pesign and {program}");
            eprintln!("skipped: needs pesign and {program}");
            continue;
        };
        let said = String::from_utf8(output.stdout).unwrap();
        let ours = built(std::fs::read(program).unwrap()).unwrap();
        assert!(said.contains(&ours.sha256.to_string()), "{program}: {said}");
        assert_eq!(ours.signed, program.ends_with(".signed"), "{program}");
    }
}
