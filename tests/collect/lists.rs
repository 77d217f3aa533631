//! `--sums`, `--pin`, and the forms that lists of hashes may have.

use std::process::Command;

use super::tar::Tar;
use super::tree::{Tree, sum};

const FROM: [&str; 4] = ["--from", "from", "--sums", "list"];

fn source() -> Tree {
    Tree::new()
        .file("from/ipxe.efi", "efi")
        .file("from/undionly.kpxe", "bios")
        .file("from/notes.txt", "")
}

fn listed(lines: &str) -> Tree {
    let lines = lines
        .replace("EFI", &sum("efi"))
        .replace("BIOS", &sum("bios"));
    source().file("list", lines.replace("OTHER", &sum("other")))
}

#[test]
fn a_published_list_vouches_for_the_files() {
    let lines = "EFI *ipxe.efi\r\nOTHER *netboot.xyz.iso\r\nBIOS *undionly.kpxe\r\n";
    let tree = listed(lines);
    let said = tree.collect(&[&FROM[..], &["--pin"]].concat());
    assert!(said[1].ends_with("from/ipxe.efi, as in list"), "{said:#?}");
    let pinned = format!("{}  ipxe.efi\n{}  undionly.kpxe\n", sum("efi"), sum("bios"));
    assert_eq!(tree.read("assets/SHA256SUMS"), pinned);
    assert!(!tree.path("assets/SHA256SUMS.local").exists());
}

#[test]
fn a_file_that_the_list_does_not_have_is_refused() {
    let tree = listed("EFI  ipxe.efi\nBIOS  other/undionly.kpxe\n");
    let said = ["undionly.kpxe is not in list", "--only"];
    tree.refuses(1, &FROM, &said);
    tree.collect(&[&FROM[..], &["ipxe.efi"]].concat());

    let tree = listed("EFI  ipxe.efi\nOTHER  undionly.kpxe\n");
    let both = format!("expected sha256 {}, actual {}", sum("other"), sum("bios"));
    tree.refuses(
        1,
        &FROM,
        &["undionly.kpxe is not the file that list lists", &both],
    );

    let tree = listed("EFI  ipxe.efi\nBIOS  undionly.kpxe\nOTHER *undionly.kpxe\n");
    tree.refuses(1, &FROM, &["two different hashes of undionly.kpxe"]);
    let tree = listed("no hash at all\n");
    tree.refuses(1, &FROM, &["list has no line with a SHA-256"]);
    tree.refuses(
        1,
        &["--from", "from", "--sums", "gone"],
        &["gone is not a file"],
    );
    tree.refuses(
        1,
        &["--from", "from", "--sums", "/dev/zero"],
        &["/dev/zero is not a file"],
    );
}

#[test]
fn a_list_of_a_release_has_its_top_directory_or_not() {
    let archive = Tar::new()
        .file("ipxeboot/arm64/ipxe.efi", "efi")
        .link("ipxeboot/ipxe.efi", "arm64/ipxe.efi");
    let archive = archive.finish();
    let hash = sum(&archive);
    for name in [
        "ipxeboot/arm64/ipxe.efi",
        "arm64/ipxe.efi",
        ".//arm64/ipxe.efi",
    ] {
        let tree = listed(&format!("EFI  {name}\n")).file("a.tgz", &archive);
        let from = ["--from", "a.tgz", "--sha256", &hash, "--sums", "list"];
        assert_eq!(tree.collect(&from).len(), 2);
    }
    let tree = listed("EFI  ipxe.efi\n").file("a.tgz", &archive);
    let from = ["--from", "a.tgz", "--sha256", &hash, "--sums", "list"];
    tree.refuses(1, &from, &["ipxeboot/arm64/ipxe.efi is not in list"]);
}

/// The lines of one list each, with `HASH` for the right hash of `ipxe.efi`; `\` and what follows
/// stands for the byte that it does in Rust.
const LISTS: [&str; 38] = [
    "HASH  ipxe.efi\n",
    "HASH *ipxe.efi\n",
    "HASH ipxe.efi\n",
    "HASH\tipxe.efi\n",
    "HASH\t ipxe.efi\n",
    "HASH \tipxe.efi\n",
    "HASH   ipxe.efi\n",
    "HASH  ipxe.efi",
    "HASH  ipxe.efi\r\n",
    "HASH  ipxe.efi \n",
    "HASH  ./ipxe.efi\n",
    "HASH  *ipxe.efi\n",
    "HASH **ipxe.efi\n",
    " HASH  ipxe.efi\n",
    "\tHASH  ipxe.efi\n",
    "\\HASH  ipxe.efi\n",
    "\\HASH  ipxe\\\\.efi\n",
    "\\HASH  ipxe\\.efi\n",
    "\\HASH  ipxe\\n.efi\n",
    "UPPER  ipxe.efi\n",
    "SHA256 (ipxe.efi) = HASH\n",
    "SHA256(ipxe.efi)= HASH\n",
    "SHA256 (ipxe.efi)=HASH\n",
    "SHA256 (ipxe.efi) =\tHASH\n",
    "SHA256  (ipxe.efi) = HASH\n",
    "SHA256 (ipxe.efi) = HASH\r\n",
    "SHA256 (ipxe.efi) = HASH \n",
    "\\SHA256 (ipxe.efi) = HASH\n",
    " SHA256 (ipxe.efi) = HASH\n",
    "SHA256 (ipxe.efi) HASH\n",
    "SHA512 (ipxe.efi) = HASH\n",
    "# a comment\n\n\r\nHASH  ipxe.efi\n",
    "# version: 2.0.0 ipxe.efi\nHASH  ipxe.efi\n",
    " # HASH  ipxe.efi\n",
    "HASH0  ipxe.efi\n",
    "HASHipxe.efi\n",
    "OTHER other\nHASH ipxe.efi\n",
    "OTHER  other\nHASH ipxe.efi\n",
];

/// What `sha256sum --check` takes for a line about `ipxe.efi`, collect takes, and nothing else.
#[test]
fn lists_are_read_as_sha256sum_reads_them() {
    for lines in LISTS {
        let lines = lines
            .replace("HASH", &sum("efi"))
            .replace("UPPER", &sum("efi").to_uppercase())
            .replace("OTHER", &sum("other"));
        let tree = Tree::new()
            .file("from/ipxe.efi", "efi")
            .file("list", &lines);
        let output = Command::new("sha256sum")
            .args(["--check", "--ignore-missing", "../list"])
            .current_dir(tree.path("from"))
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        let checked = String::from_utf8_lossy(&output.stdout).ends_with("ipxe.efi: OK\n");
        let collected = tree.run(&FROM).status.success();
        assert_eq!(collected, checked, "{lines:?}: {output:?}");

        // The same list as that of the assets directory pins the file, or does not.
        let tree = Tree::new().file("from/ipxe.efi", "changed");
        tree.write("assets/SHA256SUMS", &lines);
        let pinned = !tree.run(&["--from", "from"]).status.success();
        assert_eq!(pinned, checked, "{lines:?} as SHA256SUMS");
    }
}

#[test]
fn own_lines_are_replaced_and_others_stay() {
    let tree = source();
    let old = sum("old");
    let others = format!(
        "# mine\n{old} *own.efi\n# version: 1 own.efi\nSHA256 (undionly.kpxe) = {old}\n\
         # version: 0 ipxe.efi\n\n{old}  b c\n"
    );
    tree.write("assets/SHA256SUMS.local", &others);
    tree.write("assets/undionly.kpxe", "old");
    tree.collect(&["--from", "from", "--version", "2"]);
    let (bios, efi) = (sum("bios"), sum("efi"));
    let expected = format!(
        "# mine\n{old} *own.efi\n# version: 1 own.efi\n# version: 2 undionly.kpxe\n\
         {bios}  undionly.kpxe\n\n{old}  b c\n# version: 2 ipxe.efi\n{efi}  ipxe.efi\n"
    );
    assert_eq!(tree.read("assets/SHA256SUMS.local"), expected);
    assert_eq!(tree.read("assets/undionly.kpxe"), "bios");
}

/// `sha256sum --check` does not take both forms in one list.
#[test]
fn a_list_with_one_space_stays_one() {
    let tree = source();
    let old = sum("old");
    tree.write("assets/own.efi", "old");
    tree.write("assets/SHA256SUMS.local", format!("{old} own.efi\n"));
    tree.collect(&["--from", "from"]);
    let output = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS.local"])
        .current_dir(tree.path("assets"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_pin_holds_until_it_is_set_anew() {
    let tree = source();
    let pinned = sum("pinned");
    tree.write("assets/SHA256SUMS", format!("{pinned} *undionly.kpxe\n"));
    let both = format!("expected sha256 {pinned}, actual {}", sum("bios"));
    let said = [
        "undionly.kpxe is not the one that assets/SHA256SUMS lists",
        &both,
        "Bring in the listed version",
        "--pin",
    ];
    tree.refuses(1, &["--from", "from"], &said);
    tree.collect(&["--from", "from", "ipxe.efi"]);
    tree.collect(&["--from", "from", "--pin"]);
    let pinned = format!("{}  undionly.kpxe\n{}  ipxe.efi\n", sum("bios"), sum("efi"));
    assert_eq!(tree.read("assets/SHA256SUMS"), pinned);
    let local = tree.read("assets/SHA256SUMS.local");
    assert_eq!(local, "", "a line is in one list");
    assert_eq!(tree.build().records().len(), 2);
}

#[test]
fn the_build_reads_the_versions_that_collect_writes() {
    let tree = source().link("from/ipxe-b.efi", "ipxe.efi");
    let by_hand = "# version:\t1  ./undionly.kpxe\r\n# version: 1 ipxe.efi\n";
    tree.write("assets/SHA256SUMS.local", by_hand);
    for (version, more) in [("2.0.0", "--no-replace"), ("2.0.1+git-1", "--pin")] {
        tree.collect(&["--from", "from", "--version", version, more]);
        let manifest = tree.build();
        assert_eq!(manifest.records().len(), 3);
        for record in manifest.records() {
            assert_eq!(record.version.as_deref(), Some(version), "{}", record.name);
        }
    }
}

/// The content id before the build is the one that the binary gives.
#[test]
fn the_content_id_is_the_binarys() {
    let tree = source()
        .file("from/x86_64/ipxe.efi", "efi")
        .file("from/snponly-b.efi", "b")
        .link("from/snponly.efi", "ipxe.efi")
        .link("from/i386", "x86_64")
        .file("assets/README.md", "never embedded")
        .file("assets/collect.d/tar.awk", "never embedded")
        .file("assets/.gitignore", "*");
    tree.collect(&["--from", "from"]);
    let id = tree.collect(&["--content-id"]);
    assert_eq!(tree.build().records().len(), 6);
    assert_eq!(id, [tree.build().content_id().to_string()]);
}
