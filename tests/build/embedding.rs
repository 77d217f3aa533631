//! What is embedded, and under which names.

use std::fs;
use std::path::Path;
use std::process::Command;

use bootstone::manifest::{Digest, netascii_size, parse_sums};

use crate::kinds::BIOS_CODE;
use crate::tree::{Tree, assert_says, names, record, sum};

#[test]
fn files_keep_their_names_and_control_files_stay_out() {
    let tree = Tree::new()
        .file("ipxe.efi", "efi")
        .file("2.0.0/ipxe.efi", "newer")
        .file("2.0.0/ALLOW", "a name like any other down here")
        .file("SHA256SUMS", "")
        .file("SHA256SUMS.local", "")
        .file("README.md", "")
        .file("collect", "")
        .file("collect.d/tar.awk", "")
        .file(".gitignore", "");
    assert_eq!(
        names(&tree.build()),
        ["2.0.0/ALLOW", "2.0.0/ipxe.efi", "ipxe.efi"]
    );
}

#[test]
fn the_sums_are_those_of_sha256sum() {
    let tree = Tree::new()
        .file("b.efi", "b")
        .file("a b.efi", "")
        .file("B.d/c.efi", "c\n");
    let manifest = tree.build();
    let output = Command::new("sha256sum")
        .args(["B.d/c.efi", "a b.efi", "b.efi"])
        .current_dir(tree.assets())
        .output()
        .unwrap();
    assert_eq!(manifest.sums(), String::from_utf8(output.stdout).unwrap());
    let read = parse_sums(&manifest.sums()).unwrap();
    let expected = manifest.records().iter();
    let expected = expected.map(|record| (record.name.clone(), record.sha256));
    assert_eq!(read, expected.collect::<Vec<_>>());
}

#[test]
fn a_record_has_both_lengths() {
    let content = "#!ipxe\nshell\r\nexit\r";
    let manifest = Tree::new().file("a.ipxe", content).build();
    let record = record(&manifest, "a.ipxe");
    assert_eq!(record.size, 19);
    assert_eq!(record.netascii_size, netascii_size(content.as_bytes()));
    assert_eq!(record.netascii_size, 23);
}

#[test]
fn equal_files_are_staged_once() {
    let tree = Tree::new()
        .file("a", "same")
        .file("d/b", "same")
        .file("c", "other");
    let manifest = tree.build();
    let mut expected = [sum("same"), sum("other")];
    expected.sort();
    assert_eq!(tree.staged(), expected);
    assert_eq!(
        record(&manifest, "a").sha256,
        record(&manifest, "d/b").sha256
    );
    assert_eq!(record(&manifest, "d/b").alias_of, None);
    let staged = fs::read_to_string(tree.stage().join("content").join(sum("same")));
    assert_eq!(staged.unwrap(), "same");
}

#[test]
fn a_removed_file_is_gone() {
    let tree = Tree::new().file("a", "a").file("b", "b");
    tree.build();
    fs::remove_file(tree.path("a")).unwrap();
    assert_eq!(names(&tree.build()), ["b"]);
    assert_eq!(tree.staged(), [sum("b")]);
}

#[test]
fn the_stage_is_emptied_first() {
    let tree = Tree::new().file("a", "a");
    fs::create_dir_all(tree.stage().join("content/old")).unwrap();
    fs::write(tree.stage().join("content/old/file"), "").unwrap();
    fs::write(tree.stage().join("manifest"), "rubbish").unwrap();
    tree.build();
    assert_eq!(tree.staged(), [sum("a")]);
}

#[test]
fn without_a_boot_file_there_is_a_warning() {
    let script = Tree::new().file("autoexec.ipxe", "#!ipxe\n");
    for tree in [Tree::new(), script] {
        let warning = tree.try_build(None).unwrap().unwrap();
        let assets = tree.assets().display().to_string();
        assert_says(&warning, &[&assets, "boot-assets/collect", "ipxe.efi"]);
    }
    let tree = Tree::new();
    fs::remove_file(tree.path("ALLOW")).unwrap();
    assert!(
        tree.try_build(None).unwrap().is_some(),
        "an empty directory builds"
    );
    let tree = Tree::new().file("undionly.kpxe", BIOS_CODE);
    assert_eq!(tree.try_build(None), Ok(None));
}

#[test]
fn the_shipped_script_is_the_listed_one() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("boot-assets");
    let script = fs::read(shipped.join("autoexec.ipxe")).unwrap();
    assert!(script.starts_with(b"#!ipxe\n"));
    let sums = fs::read_to_string(shipped.join("SHA256SUMS")).unwrap();
    let line = ("autoexec.ipxe".to_owned(), Digest::of(&script));
    assert!(parse_sums(&sums).unwrap().contains(&line));
}
