//! `verify --key`, with signatures made by minisign 0.11.

use crate::run::Run;
use crate::server::Behaviour;
use crate::verify::{published, sums, verify_in};

const KEY: &str = concat!(
    "untrusted comment: minisign public key 42403F75DA6AB185\n",
    "RWSFsWradT9AQnsd6Jtscs0PwVd5MRFYRD/GzeDrNSXlTBf8U+wlFrnY\n",
);

/// Of the list of the release.
const SIGNATURE: &str = concat!(
    "untrusted comment: signature from minisign secret key\n",
    "RUSFsWradT9AQur3Vu6cNTal1/nLhZ1fZ3J4dM73h0ezIDidzqp96i9afSL1E2qjM4KsDaL35PrLriA5lz0XI4DU0hT09c6okww=\n",
    "trusted comment: test\n",
    "PHBKR2mTC1Xn56JlgemvfH8hLnrLwAbP1/ckhflaKWoZzXcxB+QXeqIIZ48RHQw8eb+EEyJpYufeSEyYo5x9Cg==\n",
);

/// Of the same list, of which not a hash but the text was signed.
const LEGACY_SIGNATURE: &str = concat!(
    "untrusted comment: signature from minisign secret key\n",
    "RWSFsWradT9AQiIQmeqSkmp+iSP1J7PrK49eoUjmNsPygu8stOhvFsl3Nd0y8CnmmQsvy4DWvCvp+IW+Mz2sG6F9x0mEGdElpQU=\n",
    "trusted comment: test\n",
    "OGDgY0p6tFxvbPJ4PO8JXarfPgFj+5abEc1pFo+OzM3Mkr2Y4DaJFQPkhAiz5F2YgVqtYRZv36EV+sLww4v4Cw==\n",
);

/// Of the same list, by another key.
const OTHER_SIGNATURE: &str = concat!(
    "untrusted comment: signature from minisign secret key\n",
    "RUSZq12i6r/wYM2If5eDOROgks8QgHnL0+ev/bDj5iMr3d1z1VeJPnRH9ivMStefWCcd0Dj6b+vTCbtIbKnu7EuFjOA5HdCJ/wM=\n",
    "trusted comment: test\n",
    "NsSs2bY7KuNFdBSJDOQPFxdp+HeAV/v+ZxCZg9pChYuVbdqEJeLoSSegM6w17wKP1s1BQrgFq5gtpd6iLNE1BQ==\n",
);

/// Runs `verify --key` against a server with this list and this signature.
fn verify_signed(list: &str, signature: Option<&str>, more: &[&str]) -> Run {
    let (a, b) = (published("a"), published("b"));
    let mut files: Vec<(&'static str, &[u8])> =
        vec![("a", &a), ("b", &b), ("SHA256SUMS", list.as_bytes())];
    files.extend(signature.map(|text| ("SHA256SUMS.minisig", text.as_bytes())));
    let server = Behaviour::with(&files).start().to_string();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("key.pub"), KEY).unwrap();
    verify_in(
        directory,
        &[&server],
        &[&["--key", "key.pub"], more].concat(),
    )
}

#[test]
fn a_right_signature_is_accepted() {
    for signature in [SIGNATURE, LEGACY_SIGNATURE] {
        let run = verify_signed(&sums(), Some(signature), &[]);
        assert_eq!(run.code, 0, "{}{}", run.out, run.err);
        assert!(run.out.ends_with("checks: 4 ok\n"), "{}", run.out);
    }
}

#[test]
fn a_wrong_or_missing_signature_is_found() {
    let changed = SIGNATURE.replace(": test", ": tesT");
    for (signature, finding) in [
        (
            Some(OTHER_SIGNATURE),
            "bad-signature: not a signature of the served list",
        ),
        (
            Some(changed.as_str()),
            "bad-signature: not a signature of the served list",
        ),
        (
            Some("rubbish"),
            "bad-signature: not a signature as minisign writes it",
        ),
        (None, "missing: "),
    ] {
        let run = verify_signed(&sums(), signature, &[]);
        assert_eq!(run.code, 1, "{}{}", run.out, run.err);
        let finding = format!(" SHA256SUMS.minisig: {finding}");
        assert!(run.out.contains(&finding), "{}", run.out);
    }
}

/// The signature is one of the list that the server serves, to the byte.
#[test]
fn the_served_list_is_what_was_signed() {
    let list = sums() + "# a comment\n";
    let run = verify_signed(&list, Some(SIGNATURE), &["--ignore-extra"]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert!(
        run.out
            .contains("checks: 2 ok, 1 bad-signature, 1 ignored\n"),
        "{}",
        run.out
    );
}

#[test]
fn a_key_that_is_none_is_refused() {
    Run::of(&["verify", "127.0.0.1", "--key", "nothing"]).failed(2, "cannot read the key nothing");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    Run::of(&["verify", "127.0.0.1", "--key", manifest]).failed(2, "is not a public key");
}
