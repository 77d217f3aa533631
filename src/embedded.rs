//! The embedded files, as `build.rs` has staged them.

use std::borrow::Cow;

use include_dir::{Dir, include_dir};

use crate::catalog::{Catalog, Entry};
use crate::manifest::{Digest, Manifest, Record, SUMS_NAME};

/// The contents, each once, named by its hash.
static CONTENT: Dir<'static> = include_dir!("$OUT_DIR/stage/content");

const MANIFEST: &str = include_str!(concat!(env!("OUT_DIR"), "/stage/manifest"));

/// The manifest of the embedded files. Does not read the contents.
#[expect(
    clippy::expect_used,
    reason = "the build wrote this text with `Manifest::to_text`"
)]
pub fn manifest() -> Manifest {
    Manifest::parse(MANIFEST).expect("the embedded manifest is well-formed")
}

/// All files to serve: the embedded files, borrowed from the binary, and the texts made from the
/// manifest: `SHA256SUMS`, and a `<name>.sha256` for each file.
///
/// # Panics
/// If `manifest` has a hash that [`manifest()`] does not.
pub fn catalog(manifest: &Manifest) -> Catalog {
    let files = manifest.records().iter().map(file);
    let sum = |record: &Record| Entry::new(record.sum_name(), record.sum().into_bytes());
    let sums = Entry::new(SUMS_NAME, manifest.sums().into_bytes());
    let texts = manifest.records().iter().map(sum).chain([sums]);
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
    fn files_and_their_sums_are_in_the_catalog() {
        let manifest = manifest();
        let catalog = catalog(&manifest);
        assert_eq!(catalog.iter().count(), 2 * manifest.records().len() + 1);
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
