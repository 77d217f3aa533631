//! The embedded files, as `build.rs` has staged them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use include_dir::{Dir, include_dir};

use crate::catalog::{Catalog, Entry};
use crate::manifest::{Digest, Manifest, Record, SIGNATURE_NAME, SUMS_NAME};

/// The contents, each once, named by its hash.
static CONTENT: Dir<'static> = include_dir!("$OUT_DIR/stage/content");

const MANIFEST: &str = include_str!(concat!(env!("OUT_DIR"), "/stage/manifest"));

/// The SHA-256 of [`MANIFEST`], in hexadecimal.
const MANIFEST_SHA256: &str = include_str!(concat!(env!("OUT_DIR"), "/stage/manifest.sha256"));

/// The signature of the list of all files, in minisign's format; empty if there is none.
const SIGNATURE: &str = include_str!(concat!(env!("OUT_DIR"), "/stage/minisig"));

/// Embedded bytes that are not those that the build embedded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is damaged: `the embedded file ipxe.efi`.
    pub what: String,
    /// The SHA-256 at the build.
    pub expected: String,
    /// The SHA-256 now.
    pub actual: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage {
            what,
            expected,
            actual,
        } = self;
        write!(
            f,
            "{what} is damaged: expected sha256 {expected}, actual {actual}. This program is not \
             the one that was built: install it again, and check the memory and the disk of this \
             machine"
        )
    }
}

impl std::error::Error for Damage {}

/// Hashes the manifest. Call it before [`manifest()`], which cannot read a damaged one.
///
/// # Errors
/// The manifest is damaged.
pub fn check_manifest() -> Result<(), Damage> {
    compare(
        "the embedded manifest",
        MANIFEST_SHA256,
        MANIFEST.as_bytes(),
    )
}

/// Hashes every content, also one with several names only once: the server waits for it at its start.
///
/// # Errors
/// The first file that is damaged.
pub fn check_contents(manifest: &Manifest) -> Result<(), Damage> {
    let mut checked = HashSet::new();
    let mut records = manifest.records().iter();
    records.try_for_each(|record| {
        if !checked.insert(record.sha256) {
            return Ok(());
        }
        let bytes = CONTENT.get_file(record.sha256.to_string());
        let bytes = bytes.map_or(&[][..], |file| file.contents());
        let what = format!("the embedded file {}", record.name);
        compare(&what, &record.sha256.to_string(), bytes)
    })
}

fn compare(what: &str, expected: &str, bytes: &[u8]) -> Result<(), Damage> {
    let actual = Digest::of(bytes).to_string();
    if actual == expected {
        return Ok(());
    }
    Err(Damage {
        what: what.to_owned(),
        expected: expected.to_owned(),
        actual,
    })
}

/// The signature of the list of all files (`SHA256SUMS`), in minisign's format, if there is one.
pub fn signature() -> Option<&'static str> {
    (!SIGNATURE.is_empty()).then_some(SIGNATURE)
}

/// The manifest of the embedded files. Does not read the contents.
#[expect(
    clippy::expect_used,
    reason = "the build wrote this text with `Manifest::to_text`"
)]
pub fn manifest() -> Manifest {
    Manifest::parse(MANIFEST).expect("the embedded manifest is well-formed")
}

/// All files to serve: the embedded files, borrowed from the binary, and the texts made from the
/// manifest: `SHA256SUMS`, and a `<name>.sha256` for each file. `SHA256SUMS.minisig` is there if the
/// build was given one.
///
/// # Panics
/// If `manifest` has a hash that [`manifest()`] does not.
pub fn catalog(manifest: &Manifest) -> Catalog {
    let files = manifest.records().iter().map(file);
    let sum = |record: &Record| Entry::new(record.sum_name(), record.sum().into_bytes());
    let sums = Entry::new(SUMS_NAME, manifest.sums().into_bytes());
    let signature = signature().map(|text| Entry::new(SIGNATURE_NAME, text.as_bytes()));
    let texts = manifest.records().iter().map(sum).chain([sums]);
    let texts = texts.chain(signature);
    Catalog::new(files.chain(texts).collect())
}

fn file(record: &Record) -> Entry {
    Entry {
        name: record.name.clone(),
        bytes: Cow::Borrowed(content(record.sha256)),
        netascii_size: record.netascii_size,
    }
}

#[expect(
    clippy::expect_used,
    reason = "documented: the build stages content and manifest together"
)]
fn content(sha256: Digest) -> &'static [u8] {
    let file = CONTENT.get_file(sha256.to_string());
    file.expect("each hash of the manifest has its content")
        .contents()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::netascii_size;

    #[test]
    fn the_manifest_describes_the_contents() {
        let manifest = manifest();
        for record in manifest.records() {
            let bytes = content(record.sha256);
            assert_eq!(Digest::of(bytes), record.sha256, "{}", record.name);
            assert_eq!(bytes.len() as u64, record.size, "{}", record.name);
            assert_eq!(
                netascii_size(bytes),
                record.netascii_size,
                "{}",
                record.name
            );
        }
    }

    #[test]
    fn what_was_embedded_is_not_damaged() {
        assert_eq!(check_manifest(), Ok(()));
        assert_eq!(check_contents(&manifest()), Ok(()));
    }

    #[test]
    fn a_content_with_another_hash_is_damaged() {
        let other = Digest::of(b"other");
        let record = crate::manifest::testing::record("a", crate::manifest::Kind::Other);
        let record = Record {
            sha256: other,
            ..record
        };
        let damage = check_contents(&Manifest::new(vec![record])).unwrap_err();
        assert_eq!(damage.what, "the embedded file a");
        assert_eq!(damage.expected, other.to_string());
        assert_eq!(damage.actual, Digest::of(b"").to_string());
    }

    #[test]
    fn files_and_their_sums_are_in_the_catalog() {
        let manifest = manifest();
        let catalog = catalog(&manifest);
        let texts = 1 + usize::from(signature().is_some());
        assert_eq!(catalog.iter().count(), 2 * manifest.records().len() + texts);
        let bytes = |name: &str| catalog.bytes(catalog.find(name.as_bytes()).unwrap());
        assert_eq!(bytes("SHA256SUMS"), manifest.sums().as_bytes());
        for record in manifest.records() {
            assert_eq!(Digest::of(bytes(&record.name)), record.sha256);
            assert_eq!(bytes(&record.sum_name()), record.sum().as_bytes());
        }
    }

    #[test]
    fn each_content_is_embedded_once_and_has_a_file() {
        let mut expected: Vec<String> = manifest()
            .records()
            .iter()
            .map(|record| record.sha256.to_string())
            .collect();
        expected.sort();
        expected.dedup();
        let paths = CONTENT.files().map(|file| file.path().to_str().unwrap());
        assert_eq!(paths.collect::<Vec<_>>(), expected);
    }
}
