//! Replays the connections that the fuzzer keeps.

use std::path::Path;

use proptest::prelude::*;

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

/// Parts of requests, valid or not.
const PARTS: &[&str] = &[
    "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD //./a HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /nothing HTTP/1.1\r\nHost: a\r\nRange: bytes=3-5\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\nRange: bytes=3-5\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "HEAD /a HTTP/1.1\r\n\r\n",
    "HEAD /a HTTP/3.0\r\n\r\n",
    "GET /a HTTP/1.1\r\n",
    "\r\n",
    "\0",
];

proptest! {
    #[test]
    fn requests_in_any_order(
        segment: u8,
        indexes in proptest::collection::vec(0..PARTS.len(), 0..8),
    ) {
        let parts = indexes.iter().map(|index| PARTS[*index].as_bytes());
        let input = [&[segment], &parts.collect::<Vec<_>>().concat()[..]].concat();
        conversation::play(&input);
    }
}
