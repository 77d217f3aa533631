//! `boot-assets/collect`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use crate::tree::{Tree, assert_says, names, sum};

/// Runs `collect` from `from` to `assets`, with the programs in `bin` before all others.
fn collect(tree: &Tree, arguments: &[&str]) -> Output {
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", tree.dir.path().join("bin").display());
    Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/boot-assets/collect"))
        .args(["--from", "from", "--to", "assets"])
        .args(arguments)
        .current_dir(tree.dir.path())
        .env("PATH", path)
        .output()
        .unwrap()
}

#[track_caller]
fn collected(tree: &Tree, arguments: &[&str]) -> String {
    let output = collect(tree, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn not_collected(tree: &Tree, arguments: &[&str], status: i32, said: &[&str]) {
    let output = collect(tree, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).replace('\n', " ");
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    assert_says(&stderr, said);
}

/// `from` holds two boot programs, and a file that is none.
fn source() -> Tree {
    let tree = Tree::new();
    let from = tree.dir.path().join("from");
    fs::create_dir(&from).unwrap();
    fs::write(from.join("undionly.kpxe"), "bios").unwrap();
    fs::write(from.join("ipxe-x86_64.efi"), "efi").unwrap();
    fs::write(from.join("notes.txt"), "").unwrap();
    tree
}

fn read(tree: &Tree, name: &str) -> String {
    fs::read_to_string(tree.path(name)).unwrap()
}

#[test]
fn collect_brings_files_in_with_their_hashes() {
    let tree = source();
    let said = collected(&tree, &[]);
    let lines = [
        "ipxe.efi: from from/ipxe-x86_64.efi, not checked: no package has a checksum of it",
        "undionly.kpxe: from from/undionly.kpxe, not checked: no package has a checksum of it",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), lines);
    let local = format!("{}  ipxe.efi\n{}  undionly.kpxe\n", sum("efi"), sum("bios"));
    assert_eq!(read(&tree, "SHA256SUMS.local"), local);
    assert_eq!(read(&tree, "ipxe.efi"), "efi");
    assert!(tree.try_build(Some("1")).is_ok(), "all of it is published");
    assert_eq!(names(&tree.build()), ["ipxe.efi", "undionly.kpxe"]);
    assert!(!tree.path("SHA256SUMS").exists());
}

#[test]
fn collect_again_changes_nothing() {
    let tree = source();
    collected(&tree, &[]);
    let times = || {
        let names = ["ipxe.efi", "SHA256SUMS.local", "."];
        names.map(|name| fs::metadata(tree.path(name)).unwrap().modified().unwrap())
    };
    let before = times();
    collected(&tree, &[]);
    assert_eq!(times(), before);
}

#[test]
fn collect_takes_what_is_named() {
    let tree = source();
    collected(&tree, &["undionly.kpxe"]);
    assert!(!tree.path("ipxe.efi").exists());
    assert_eq!(read(&tree, "undionly.kpxe"), "bios");
    not_collected(
        &tree,
        &["ipxe.lkrn"],
        1,
        &["found no ipxe.lkrn in from", "Install it", "--from"],
    );
    not_collected(
        &tree,
        &["notes.txt"],
        2,
        &["notes.txt is not a name", "--help"],
    );
}

#[test]
fn collect_updates_its_lines_and_keeps_the_others() {
    let tree = source();
    let others = format!(
        "# mine\n{0}  own.efi\n{0}  undionly.kpxe\n{0}  b c\n",
        sum("old")
    );
    tree.write("SHA256SUMS.local", &others);
    tree.write("undionly.kpxe", "old");
    collected(&tree, &[]);
    let old = sum("old");
    let (bios, efi) = (sum("bios"), sum("efi"));
    let expected =
        format!("# mine\n{old}  own.efi\n{bios}  undionly.kpxe\n{old}  b c\n{efi}  ipxe.efi\n");
    assert_eq!(read(&tree, "SHA256SUMS.local"), expected);
    assert_eq!(read(&tree, "undionly.kpxe"), "bios");
}

/// A `dpkg-query` that knows `from/undionly.kpxe` as part of a package, with this checksum.
fn install_dpkg(tree: &Tree, md5: &str) {
    let bin = tree.dir.path().join("bin");
    let file = tree
        .dir
        .path()
        .canonicalize()
        .unwrap()
        .join("from/undionly.kpxe");
    let file = file.to_str().unwrap();
    let script = format!(
        "#!/bin/sh\n\
         case \"$*\" in\n\
         '--search {file}') echo 'ipxe: {file}' ;;\n\
         '--control-show ipxe md5sums')\n\
             echo '{other}  {file}.old'; echo '{md5}  {relative}' ;;\n\
         '--show --showformat ${{Package}} ${{Version}} ipxe') printf 'ipxe 1.21' ;;\n\
         *) exit 1 ;;\n\
         esac\n",
        other = "0".repeat(32),
        relative = &file[1..],
    );
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("dpkg-query"), script).unwrap();
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(bin.join("dpkg-query"), executable).unwrap();
}

#[test]
fn collect_holds_a_file_against_its_package() {
    let tree = source();
    install_dpkg(&tree, "3eb6ef1d45e6b17ce8c3ba1cbbd0f99f");
    tree.write("undionly.kpxe", "of before");
    not_collected(
        &tree,
        &["undionly.kpxe"],
        1,
        &[
            "from/undionly.kpxe is not what package ipxe 1.21 installed",
            "expected 3eb6ef1d45e6b17ce8c3ba1cbbd0f99f",
            "actual 88264747405203a0502c8d242fdad7df",
            "Install the package again",
        ],
    );
    assert_eq!(read(&tree, "undionly.kpxe"), "of before");
    assert!(!tree.path("SHA256SUMS.local").exists());

    let tree = source();
    install_dpkg(&tree, "88264747405203a0502c8d242fdad7df");
    let said = collected(&tree, &["undionly.kpxe"]);
    assert_eq!(
        said,
        "undionly.kpxe: from from/undionly.kpxe, as in package ipxe 1.21\n"
    );
}

#[test]
fn collect_respects_a_pin_until_told_to_set_it() {
    let tree = source();
    tree.write("SHA256SUMS", format!("{}  undionly.kpxe\n", sum("pinned")));
    not_collected(
        &tree,
        &[],
        1,
        &[
            "undionly.kpxe is not the one that assets/SHA256SUMS lists",
            &format!("expected sha256 {}", sum("pinned")),
            &format!("actual {}", sum("bios")),
            "Bring in the listed version",
            "--pin",
        ],
    );
    assert!(
        !tree.path("ipxe.efi").exists(),
        "nothing is put in place by halves"
    );
    collected(&tree, &["ipxe.efi"]);
    collected(&tree, &["--pin"]);
    let pinned = format!("{}  undionly.kpxe\n{}  ipxe.efi\n", sum("bios"), sum("efi"));
    assert_eq!(read(&tree, "SHA256SUMS"), pinned);
    assert_eq!(read(&tree, "SHA256SUMS.local"), "", "a line is in one list");
    assert_eq!(tree.build().records().len(), 2);
}

#[test]
fn collect_says_what_it_cannot_do() {
    let tree = source();
    not_collected(
        &tree,
        &["--from", "missing"],
        1,
        &["missing is not a directory", "Name the one"],
    );
    not_collected(
        &tree,
        &["--to", "missing"],
        1,
        &["missing is not a directory", "--to"],
    );
    not_collected(
        &tree,
        &["--from", "assets"],
        1,
        &["found no iPXE in assets", "Install it"],
    );
    not_collected(
        &tree,
        &["--sideways"],
        2,
        &["no option --sideways", "--help"],
    );
    not_collected(&tree, &["--from"], 2, &["--from needs a directory"]);
    let help = collected(&tree, &["--help"]);
    assert!(help.starts_with("Usage: collect "));
}
