//! What scripts depend on is recorded in `interface.txt`: commands, options, exit codes, log fields,
//! metrics and the keys of JSON output. The test asks the program for each of them and compares.
//!
//! A difference is a change for users. `BLESS=1 cargo test --test compatibility` records it, if the
//! section `Unreleased` of CHANGELOG.md has changed as well and names each entry that is gone. A
//! seal keeps the record from being edited by hand. docs/compatibility.md has the policy.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: it stops where it is surprised, and it reads files and starts programs"
)]

mod program;
mod record;
#[allow(dead_code, unreachable_pub, reason = "shared by several test targets")]
#[path = "../support/program.rs"]
mod served;

use std::fs;
use std::path::PathBuf;

use bootstone::manifest::Digest;
use record::Record;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn recorded_at() -> PathBuf {
    root().join("tests/compatibility/interface.txt")
}

fn unreleased() -> String {
    record::unreleased(&fs::read_to_string(root().join("CHANGELOG.md")).unwrap())
}

#[test]
fn what_scripts_depend_on_changes_only_together_with_the_changelog() {
    let now = program::interface();
    let kept = fs::read_to_string(recorded_at()).unwrap_or_default();
    if std::env::var_os("BLESS").is_some() {
        let changelog = unreleased();
        let then = record::changelog_of(&kept);
        let refusal = Record::of(&kept).refusal(&now, then, &changelog);
        assert_eq!(refusal, None, "describe the change in CHANGELOG.md first");
        let text = now.sealed(Digest::of(changelog.as_bytes()));
        fs::write(recorded_at(), text).unwrap();
        return;
    }
    assert!(
        Record::is_intact(&kept),
        "the seal of tests/compatibility/interface.txt is broken: write the file with {HOW}"
    );
    let kept = Record::of(&kept);
    let (added, removed) = (kept.lacks(&now), now.lacks(&kept));
    assert!(
        added.is_empty() && removed.is_empty(),
        "what scripts depend on has changed.\nnew: {added:#?}\ngone: {removed:#?}\n\
         Describe it in CHANGELOG.md, then record it with {HOW}"
    );
}

const HOW: &str = "BLESS=1 cargo test --test compatibility";

/// The policy names every section of the record.
#[test]
fn the_document_names_every_section() {
    let document = fs::read_to_string(root().join("docs/compatibility.md")).unwrap();
    for section in program::interface().sections() {
        let row = format!("| `{section}` |");
        assert!(
            document.contains(&row),
            "docs/compatibility.md has no {row}"
        );
    }
}
