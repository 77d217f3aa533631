//! Replays the connections that the fuzzer keeps.

use std::path::Path;

use super::conversation;

#[test]
fn conversations() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/connection");
    let files = std::fs::read_dir(&corpus).expect("the corpus is in the repository");
    let mut played = 0;
    for file in files {
        let path = file.unwrap().path();
        // It is named first: if it fails, this is the last line.
        println!("{}", path.display());
        conversation::play(&std::fs::read(&path).unwrap());
        played += 1;
    }
    assert!(played >= 10);
}
