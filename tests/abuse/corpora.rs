//! What the fuzzer has kept of its runs, again.

use std::path::Path;

use crate::{formats, hostile_server, script};

/// Plays every file of a corpus.
fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let files = std::fs::read_dir(&corpus).expect("the corpus is in the repository");
    let mut played = 0;
    for file in files {
        let path = file.expect("a file").path();
        // Named before it is played: if it fails, this is the last line.
        println!("{}", path.display());
        check(&std::fs::read(&path).expect("a readable file"));
        played += 1;
    }
    assert!(played >= 10, "{target} has a corpus");
}

#[test]
fn packets() {
    replay("packet", formats::packet);
}

#[test]
fn options() {
    replay("options", formats::options);
}

#[test]
fn names() {
    replay("name", formats::name);
}

#[test]
fn manifests() {
    replay("manifest", formats::manifest);
}

#[test]
fn http_requests() {
    replay("http", formats::http);
}

#[test]
fn sequences() {
    replay("server", script::play);
}

#[test]
fn fetching() {
    replay("fetch", hostile_server::play);
}
