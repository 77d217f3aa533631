//! `--from FILE.tar.gz --sha256 HASH`, as iPXE's releases are made.

use super::tar::Tar;
use super::tree::{Tree, files, sum};

/// A part of the layout of iPXE's `ipxeboot.tar.gz`.
fn release() -> Tar {
    Tar::new()
        .directory("ipxeboot/")
        .directory("ipxeboot/x86_64/")
        .file("ipxeboot/x86_64/ipxe.efi", "efi")
        .file("ipxeboot/x86_64/ipxe-legacy.efi", "legacy")
        .file("ipxeboot/x86_64/undionly.kpxe", "bios")
        .file("ipxeboot/arm64/ipxe.efi", "arm")
        .file("ipxeboot/x86_64-sb/ipxe.efi", "signed")
        .file("ipxeboot/x86_64-sb/shimx64.efi", "shim")
        .link("ipxeboot/x86_64-sb/ipxe-shim.efi", "shimx64.efi")
        .link("ipxeboot/ipxe.efi", "x86_64/ipxe.efi")
        .link("ipxeboot/undionly.kpxe", "x86_64/undionly.kpxe")
        .link("ipxeboot/sb", "x86_64-sb")
        .file("ipxeboot/ipxe.iso", "iso")
}

/// A tree with this archive, and its hash.
fn with(archive: Vec<u8>) -> (Tree, String) {
    let hash = sum(&archive);
    (Tree::new().file("ipxeboot.tar.gz", archive), hash)
}

const FROM: [&str; 3] = ["--from", "ipxeboot.tar.gz", "--sha256"];

#[test]
fn a_release_keeps_its_directories_and_links() {
    let (tree, hash) = with(release().finish());
    let said = tree.collect(&[&FROM[..], &[&hash.to_uppercase(), "--version", "2.0.0"]].concat());
    assert_eq!(
        said[0],
        "not taken: ipxe.iso: no pattern of ALLOW allows it"
    );
    let line = "x86_64/ipxe.efi: from ipxeboot/x86_64/ipxe.efi in ipxeboot.tar.gz, in the archive \
                with this hash";
    assert!(said.contains(&line.to_owned()), "{said:#?}");
    assert!(said.contains(&"sb: a link to x86_64-sb".to_owned()));
    let expected = [
        ("arm64/ipxe.efi", "arm"),
        ("ipxe.efi", "-> x86_64/ipxe.efi"),
        ("sb", "-> x86_64-sb"),
        ("undionly.kpxe", "-> x86_64/undionly.kpxe"),
        ("x86_64-sb/ipxe-shim.efi", "-> shimx64.efi"),
        ("x86_64-sb/ipxe.efi", "signed"),
        ("x86_64-sb/shimx64.efi", "shim"),
        ("x86_64/ipxe-legacy.efi", "legacy"),
        ("x86_64/ipxe.efi", "efi"),
        ("x86_64/undionly.kpxe", "bios"),
    ];
    assert_eq!(tree.boot_files(), files(&expected));
    let local = tree.read("assets/SHA256SUMS.local");
    let line = format!(
        "# version: 2.0.0 undionly.kpxe\n{}  undionly.kpxe\n",
        sum("bios")
    );
    assert!(local.contains(&line), "{local}");
    // Each file by its own name, and three again by way of `sb`.
    assert_eq!(tree.build().records().len(), 9 + 3);
}

#[test]
fn a_part_of_a_release_is_taken_by_globs() {
    let (tree, hash) = with(release().finish());
    let globs = ["--only", "x86_64-sb/*", "ipxe.efi", "sb"];
    let said = tree.collect(&[&FROM[..], &[&hash], &globs].concat());
    assert!(
        said.contains(&"not asked for: 6 files".to_owned()),
        "{said:#?}"
    );
    let expected = [
        ("ipxe.efi", "efi"),
        ("sb", "-> x86_64-sb"),
        ("x86_64-sb/ipxe-shim.efi", "-> shimx64.efi"),
        ("x86_64-sb/ipxe.efi", "signed"),
        ("x86_64-sb/shimx64.efi", "shim"),
    ];
    assert_eq!(tree.boot_files(), files(&expected));
}

#[test]
fn only_a_directory_around_everything_is_left_out() {
    let names = |tar: Tar| {
        let (tree, hash) = with(tar.finish());
        tree.collect(&[&FROM[..], &[&hash]].concat());
        let names: Vec<String> = tree
            .boot_files()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        names.join(" ")
    };
    let tar = Tar::new()
        .directory("./")
        .file("./v2/x86_64//./ipxe.efi", "");
    assert_eq!(names(tar), "x86_64/ipxe.efi");
    assert_eq!(
        names(Tar::new().file("x86_64-sb/ipxe.efi", "")),
        "x86_64-sb/ipxe.efi"
    );
    assert_eq!(names(Tar::new().file("ipxe.efi", "")), "ipxe.efi");
    let tar = Tar::new()
        .file("2.0.0/ipxe.efi", "")
        .file("1.0/ipxe.efi", "");
    assert_eq!(names(tar), "1.0/ipxe.efi 2.0.0/ipxe.efi");
}

#[test]
fn long_names_and_hard_links_are_read() {
    let long = format!("{}/ipxe.efi", "d".repeat(120));
    let tar = Tar::new()
        .extended(b'g', "comment", "from git archive")
        .extended(b'x', "path", &long)
        .file("short", "posix")
        .member(b'L', "././@LongLink", "", b"e/ipxe.efi\0")
        .file("short", "gnu")
        .extended(b'x', "mtime", "1.5")
        .file("ipxe.efi", "ä".repeat(600))
        .hard_link("snponly.efi", "e/ipxe.efi")
        .member(b'K', "././@LongLink", "", format!("{long}\0").as_bytes())
        .link("undionly.kpxe", "short");
    let (tree, hash) = with(tar.finish());
    tree.collect(&[&FROM[..], &[&hash]].concat());
    let expected = [
        (long.as_str(), "posix"),
        ("e/ipxe.efi", "gnu"),
        ("ipxe.efi", &"ä".repeat(600)),
        ("snponly.efi", "-> e/ipxe.efi"),
        ("undionly.kpxe", &format!("-> {long}")),
    ];
    assert_eq!(tree.boot_files(), files(&expected));
}

/// What the tar of this machine writes is read, in each of its formats.
#[test]
fn archives_of_a_tar_program_are_read() {
    for format in ["v7", "oldgnu", "gnu", "ustar", "pax"] {
        let tree = Tree::new()
            .file("ipxeboot/x86_64/ipxe.efi", "x".repeat(5000))
            .link("ipxeboot/ipxe.efi", "x86_64/ipxe.efi");
        std::fs::hard_link(
            tree.path("ipxeboot/x86_64/ipxe.efi"),
            tree.path("ipxeboot/x86_64/snponly.efi"),
        )
        .unwrap();
        let status = std::process::Command::new("tar")
            .args(["-czf", "ipxeboot.tar.gz", "--format", format, "ipxeboot"])
            .current_dir(tree.root())
            .status();
        assert!(status.unwrap().success());
        let hash = sum(std::fs::read(tree.path("ipxeboot.tar.gz")).unwrap());
        tree.collect(&[&FROM[..], &[&hash]].concat());
        let manifest = tree.build();
        assert_eq!(manifest.records().len(), 3, "{format}");
        assert!(manifest.records().iter().all(|record| record.size == 5000));
    }
}
