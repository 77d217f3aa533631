//! Published hashes.

use crate::kinds::{EFI_APPLICATION, SBAT, pe};
use crate::tree::{Tree, assert_says, record, sum};

#[test]
fn a_listed_file_is_published() {
    let tree = Tree::new()
        .file("a", "a")
        .file("b", "b")
        .file("c", "c")
        .link("alias", "a")
        .file("SHA256SUMS", format!("{}  a\n", sum("a")))
        .file(
            "SHA256SUMS.local",
            format!("{} *./b\n{}  a\n", sum("b"), sum("a")),
        );
    let manifest = tree.build();
    let published = |name| record(&manifest, name).published;
    assert_eq!(
        ["a", "b", "c", "alias"].map(published),
        [true, true, false, true]
    );
}

#[test]
fn a_changed_byte_is_refused() {
    for list in ["SHA256SUMS", "SHA256SUMS.local"] {
        let tree = Tree::new().file(list, format!("{}  ipxe.efi\n", sum("right")));
        let tree = tree.file("ipxe.efi", "wrong");
        tree.refused(&[
            &format!("ASSETS/ipxe.efi: not the file that ASSETS/{list} lists"),
            &format!("expected sha256 {}", sum("right")),
            &format!("actual {}", sum("wrong")),
            "Bring in the listed file, or correct its line",
        ]);
    }
}

#[test]
fn a_listed_file_that_is_missing_is_refused() {
    let tree = Tree::new().file("SHA256SUMS", format!("{}  d/ipxe.efi\n", sum("efi")));
    tree.refused(&[
        "ASSETS/d/ipxe.efi: missing, and ASSETS/SHA256SUMS lists it",
        &format!("expected sha256 {}", sum("efi")),
        "Bring the file in, or remove its line",
    ]);
}

#[test]
fn a_listed_control_file_is_refused() {
    let tree = Tree::new().file("SHA256SUMS", format!("{}  ALLOW\n", sum("*\n")));
    tree.refused(&[
        "ASSETS/ALLOW: ASSETS/SHA256SUMS lists it",
        "never embedded",
        "Remove its line",
    ]);
}

#[test]
fn two_lists_that_contradict_each_other_are_refused() {
    let tree = Tree::new()
        .file("a", "a")
        .file("SHA256SUMS", format!("{}  a\n", sum("a")))
        .file("SHA256SUMS.local", format!("{}  a\n", sum("b")));
    tree.refused(&[
        "ASSETS/a: SHA256SUMS says",
        &sum("a"),
        &sum("b"),
        "Remove the wrong one",
    ]);
}

#[test]
fn unlisted_files_are_refused_where_published_ones_are_required() {
    let tree = Tree::new()
        .file("a", "a")
        .file("b", "b")
        .link("alias", "a")
        .file("SHA256SUMS", format!("{}  a\n", sum("a")));
    for off in [None, Some(""), Some("0")] {
        assert!(tree.try_build(off).is_ok());
    }
    let problems = tree.problems(Some("1"));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let line = format!("add the line `{}  b` to ASSETS/SHA256SUMS", sum("b"));
    let said = [
        "ASSETS/b: no published hash",
        "BOOTSTONE_REQUIRE_PUBLISHED",
        &line,
        "remove the file",
    ];
    assert_says(&problems[0], &said);
    tree.write("SHA256SUMS", format!("{}  a\n{}  b\n", sum("a"), sum("b")));
    assert!(tree.try_build(Some("1")).is_ok());
}

#[test]
fn a_switch_that_is_neither_on_nor_off_is_refused() {
    let problems = Tree::new().problems(Some("yes"));
    assert_eq!(problems.len(), 1);
    assert_says(
        &problems[0],
        &["BOOTSTONE_REQUIRE_PUBLISHED is `yes`", "to 1", "to 0"],
    );
}

#[test]
fn a_list_gives_the_versions_that_content_does_not_tell() {
    let sbat = pe(0x20b, 0x8664, EFI_APPLICATION, ".sbat", SBAT);
    let tree = Tree::new()
        .file("undionly.kpxe", "bios")
        .file("d/a b.lkrn", "kernel")
        .file("ipxe.efi", sbat)
        .file("none.pxe", "")
        .link("alias.kpxe", "undionly.kpxe")
        .file("SHA256SUMS", "# version: 1.21.1+git-1 undionly.kpxe\n")
        .file(
            "SHA256SUMS.local",
            "# version: 2.0.0 ./d/a b.lkrn\n# version: 1.21.1+git-1 undionly.kpxe\n\
             # version: 3 ipxe.efi\n",
        );
    let manifest = tree.build();
    let version = |name| record(&manifest, name).version.clone();
    assert_eq!(version("undionly.kpxe").as_deref(), Some("1.21.1+git-1"));
    assert_eq!(version("alias.kpxe").as_deref(), Some("1.21.1+git-1"));
    assert_eq!(version("d/a b.lkrn").as_deref(), Some("2.0.0"));
    assert_eq!(version("none.pxe"), None);
    let why = "a program's own word comes first";
    assert_eq!(
        version("ipxe.efi").as_deref(),
        Some("2.0.0+ (g1a2b)"),
        "{why}"
    );
}

#[test]
fn a_wrong_version_line_is_refused() {
    let tree = Tree::new().file("SHA256SUMS", "\n# version: 2.0.0\n");
    tree.refused(&[
        "ASSETS/SHA256SUMS: line 2: not `# version: VERSION NAME`",
        "Correct the line, or remove it",
    ]);
    let tree = Tree::new().file("SHA256SUMS.local", "# version: 2.0.0 ipxe.efi\n");
    tree.refused(&[
        "ASSETS/ipxe.efi: missing, and ASSETS/SHA256SUMS.local says that its version is 2.0.0",
        "Bring the file in, or remove that line",
    ]);
    let tree = Tree::new()
        .file("a", "")
        .file("SHA256SUMS", "# version: 1 a\n")
        .file("SHA256SUMS.local", "# version: 2 a\n");
    tree.refused(&[
        "ASSETS/a: SHA256SUMS says version 1, SHA256SUMS.local says 2",
        "Remove the wrong one",
    ]);
}
