//! Lists of hashes: what `sha256sum --check` accepts is accepted, and nothing else.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use bootstone::manifest::{Digest, parse_sums};
use proptest::prelude::*;
use proptest::sample::select;

/// `sha256sum --check` on `list`, beside one file for each of `names`.
fn sha256sum(list: &str, names: &[String]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Two spellings of one file (`a` and `./a`) are the same name here.
        fs::write(path, CONTENT).unwrap();
    }
    let (path, list_file) = (dir.path().join("list of hashes"), "list of hashes");
    fs::write(path, list).unwrap();
    let mut command = Command::new("sha256sum");
    command.args(["--check", "--strict", "--warn", list_file]);
    let command = command.current_dir(dir.path()).env("LC_ALL", "C");
    command.output().unwrap()
}

const CONTENT: &str = "abc";

/// The two agree: on the names, as `sha256sum` finds each file; or on the first wrong line.
fn agree(list: &str) {
    match parse_sums(list) {
        Ok(sums) => {
            let names: Vec<String> = sums.into_iter().map(|(name, _)| name).collect();
            if names.iter().any(|name| name.len() > 255) {
                // No file has such a name.
                return;
            }
            let output = sha256sum(list, &names);
            // An empty list, and one of comments, is an error to sha256sum.
            assert_eq!(
                output.status.success(),
                !names.is_empty(),
                "{list:?}: {output:?}"
            );
        }
        Err(error) => {
            let output = sha256sum(list, &[]);
            let said = String::from_utf8_lossy(&output.stderr);
            let line = format!(": {}: improperly formatted SHA256", error.line);
            let first = said.lines().find(|line| line.contains(": improperly"));
            assert!(
                first.is_some_and(|it| it.contains(&line)),
                "{list:?}: {error}: {said}"
            );
        }
    }
}

/// The tools of busybox and of uutils have rules of their own.
fn is_gnu() -> bool {
    let version = Command::new("sha256sum").arg("--version").output();
    let is_gnu = version.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains("GNU"));
    let is_required = std::env::var("BOOTSTONE_REQUIRE_CLIENTS").is_ok_and(|it| it == "1");
    assert!(
        is_gnu || !is_required,
        "there is no sha256sum of GNU coreutils"
    );
    if !is_gnu {
        eprintln!("skipped: there is no sha256sum of GNU coreutils");
    }
    is_gnu
}

#[test]
fn sha256sum_accepts_and_refuses_the_same_lines() {
    if !is_gnu() {
        return;
    }
    let hash = Digest::of(CONTENT.as_bytes()).to_string();
    for pattern in [
        "H  a",
        "H *a",
        "H a",
        "H\ta",
        "H\t\ta",
        "H \ta",
        "H\t*a",
        "H\t a",
        "H   a",
        "H **a",
        "H  ",
        "H *",
        "H ",
        "H",
        "H  a ",
        "H  a\t",
        "H  a b",
        "h  a",
        "\\H  a",
        "\\H  a\\\\b",
        "\\H  a\\nb\\rc",
        "\\H  a\\tb",
        "\\H  a\\",
        "H  a\\\\b",
        "H  a\\",
        "\\\\H  a",
        " H  a",
        "\t H *a",
        " \\H  a\\nb",
        "\\ H  a",
        "# H  a",
        " # x",
        "#",
        "",
        " ",
        "\t",
        "x",
        "H  a\r",
        "H  a\r\r",
        "\r",
        "\r\r",
        "SHA256 (a) = H",
        "SHA256(a)= H",
        "SHA256(a)=H",
        "SHA256 (a)=H",
        "SHA256 (a) = h",
        "SHA256  (a) = H",
        "SHA256\t(a) = H",
        "SHA256 (a)\t=\tH",
        "SHA256 (a) H",
        "SHA256 (a) = H ",
        "SHA256 (a) = H\r",
        "SHA256 (a (1)) = H",
        "SHA256 (a) = H)",
        "SHA256 a) = H",
        "SHA256 (a = H",
        "SHA256 ( a ) = H",
        " SHA256 (a) = H",
        "\\SHA256 (a\\\\b) = H",
        "\\SHA256 (a\\b) = H",
        "sha256 (a) = H",
        "SHA2-256 (a) = H",
        "SHA256 H  a",
        "MD5 (a) = H",
        "H0  a",
        "0H  a",
        "\u{feff}H  a",
        "H  caf\u{e9}",
        "H  d/a",
        "H  ./a",
        "H a\nH b",
        "H a\nH  b",
        "H a\nH *b",
        "H  a\nH b",
        "H  a\nH *b",
        "H *a\nH\tb",
        "SHA256 (a) = H\nH b\nH c",
        "H  a\nSHA256 (b) = H\nH *c",
        "H  a\n\n\nbad\nH  b",
        "H a\nH\t b",
        "H a\n\\H b\\n",
        "H  a\n\nH  b\r\n\r\n# x\r\nH  c",
    ] {
        let list = pattern
            .replace('h', &hash.to_uppercase())
            .replace('H', &hash);
        // `SHA256` has an `H` of its own.
        let list = list.replace(&format!("S{hash}A"), "SHA");
        for end in ["", "\n", "\r\n"] {
            agree(&format!("{list}{end}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn sha256sum_agrees_on_any_list(parts in prop::collection::vec(select(PARTS), 0..30)) {
        if Path::new("/usr/bin/sha256sum").exists() && is_gnu() {
            let hash = Digest::of(CONTENT.as_bytes()).to_string();
            agree(&parts.concat().replace("HASH", &hash));
        }
    }
}

const PARTS: &[&str] = &[
    "HASH  a",
    "HASH *b",
    "HASH c",
    "\n",
    "\n",
    "\n",
    "HASH",
    " ",
    " ",
    "\t",
    "*",
    "a",
    "b",
    "\\",
    "\\",
    "n",
    "\r",
    "#",
    "SHA256",
    "SHA256 (",
    "(",
    ")",
    ") = ",
    "=",
    "\n\\HASH  ",
    "\nSHA256 (a) = HASH\n",
];
