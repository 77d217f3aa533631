//! The Authenticode hash of an EFI program.
//!
//! Computed as UEFI firmware does when it measures a program into a TPM or looks it up in Secure
//! Boot's lists (TCG PC Client Platform Firmware Profile; EDK2 `MeasurePeImageAndExtend`): the
//! whole file without the checksum, the entry that points to the signatures, and the signatures.

use object::LittleEndian as LE;
use object::pe::{IMAGE_DIRECTORY_ENTRY_SECURITY, ImageDataDirectory, ImageSectionHeader};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile};
use sha2::{Digest as _, Sha256};

use super::manifest::{Authenticode, Digest};

/// Length of the signature and of the file header, which stand before the optional header.
const OPTIONAL_HEADER: usize = 4 + 20;
/// Where the checksum stands in an optional header, of 32 and of 64 bits.
const CHECKSUM: usize = 64;
const CHECKSUM_LEN: usize = 4;

/// The hash and the signature of `file`, which `bytes` were parsed into. `None` if its headers name
/// bytes that are not there.
pub(super) fn authenticode<Headers: ImageNtHeaders>(
    file: &PeFile<'_, Headers>,
    bytes: &[u8],
) -> Option<Authenticode> {
    let optional = OPTIONAL_HEADER + usize::try_from(file.dos_header().nt_headers_offset()).ok()?;
    let checksum = optional + CHECKSUM;
    let headers = size(file.nt_headers().optional_header().size_of_headers())?;
    let directory = file
        .data_directories()
        .iter()
        .nth(IMAGE_DIRECTORY_ENTRY_SECURITY);
    let signatures = size(directory.map_or(0, |entry| entry.size.get(LE)))?;

    let mut hash = Sha256::new();
    hash.update(bytes.get(..checksum)?);
    let after_checksum = checksum + CHECKSUM_LEN;
    if directory.is_some() {
        let entry = optional
            + size_of::<Headers::ImageOptionalHeader>()
            + IMAGE_DIRECTORY_ENTRY_SECURITY * size_of::<ImageDataDirectory>();
        hash.update(bytes.get(after_checksum..entry)?);
        hash.update(bytes.get(entry + size_of::<ImageDataDirectory>()..headers)?);
    } else {
        hash.update(bytes.get(after_checksum..headers)?);
    }
    let hashed = headers + hash_sections(&mut hash, file, bytes)?;
    // What stands behind the sections. Firmware counts the bytes, not where the last section ends.
    hash.update(bytes.get(hashed..bytes.len().checked_sub(signatures)?)?);
    Some(Authenticode {
        sha256: Digest(hash.finalize().into()),
        signed: signatures > 0,
    })
}

/// Hashes the sections in the order in which they stand in the file. Returns their length.
fn hash_sections<Headers: ImageNtHeaders>(
    hash: &mut Sha256,
    file: &PeFile<'_, Headers>,
    bytes: &[u8],
) -> Option<usize> {
    let sections = file.section_table();
    let range = |section: &ImageSectionHeader| {
        let start = section.pointer_to_raw_data.get(LE);
        (start, section.size_of_raw_data.get(LE))
    };
    let mut sections: Vec<(u32, u32)> = sections.iter().map(range).collect();
    sections.retain(|(_, len)| *len > 0);
    sections.sort_by_key(|(start, _)| *start);
    let mut hashed = 0;
    for (start, len) in sections {
        let (start, len) = (size(start)?, size(len)?);
        hash.update(bytes.get(start..start + len)?);
        hashed += len;
    }
    Some(hashed)
}

fn size(value: u32) -> Option<usize> {
    usize::try_from(value).ok()
}
