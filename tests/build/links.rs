//! Symbolic links: aliases, and links that are refused.

use std::fs;
use std::os::unix::fs::symlink;

use bootstone::manifest::Digest;

use crate::tree::{Tree, assert_says, names, record, sum};

#[test]
fn a_link_is_an_alias() {
    let tree = Tree::new()
        .file("2.0.0/ipxe.efi", "efi")
        .link("ipxe.efi", "2.0.0/ipxe.efi")
        .link("2.0.0/up.efi", "../ipxe.efi")
        .link("self.efi", "./2.0.0/../2.0.0/ipxe.efi");
    let manifest = tree.build();
    for name in ["ipxe.efi", "2.0.0/up.efi", "self.efi"] {
        let alias = record(&manifest, name);
        assert_eq!(alias.alias_of.as_deref(), Some("2.0.0/ipxe.efi"));
        assert_eq!(alias.sha256, Digest::of(b"efi"));
    }
    assert_eq!(record(&manifest, "2.0.0/ipxe.efi").alias_of, None);
    assert_eq!(tree.staged(), [sum("efi")]);
}

#[test]
fn a_link_to_a_directory_makes_aliases_of_its_files() {
    let tree = Tree::new()
        .file("2.0.0/ipxe.efi", "efi")
        .link("latest", "2.0.0")
        .link("stable", "latest");
    let manifest = tree.build();
    assert_eq!(
        names(&manifest),
        ["2.0.0/ipxe.efi", "latest/ipxe.efi", "stable/ipxe.efi"]
    );
    let alias = record(&manifest, "stable/ipxe.efi");
    assert_eq!(alias.alias_of.as_deref(), Some("2.0.0/ipxe.efi"));
}

#[test]
fn an_alias_needs_to_be_allowed_too() {
    let tree = Tree::new()
        .file("ALLOW", "*.efi")
        .file("a.efi", "")
        .link("b", "a.efi");
    tree.refused(&["ASSETS/b:", "matches no pattern"]);
}

#[test]
fn a_link_that_leaves_the_directory_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "").unwrap();
    let absolute = outside.path().join("secret");
    let tree = || Tree::new().file("a", "a");
    let through_outside = tree().link("link", "../beside/assets/a");
    symlink(
        through_outside.dir.path(),
        through_outside.dir.path().join("beside"),
    )
    .unwrap();
    let absolute_inside = tree();
    let inside = absolute_inside.path("a");
    for tree in [
        tree().link("link", &absolute),
        tree().link("link", "/etc/passwd"),
        tree().link("link", ".."),
        tree().link("link", "../../../../../../../../etc/passwd"),
        tree().link("d/link", "../../assets/a"),
        absolute_inside.link("link", inside),
        through_outside,
    ] {
        tree.refused(&[
            "/link: a symbolic link to `",
            "leads out of",
            "Copy the file",
            "remove it",
        ]);
    }
    let chain = tree().link("link", "d/second").link("d/second", &absolute);
    let problems = chain.problems(None);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert_says(&problems[0], &["ASSETS/d/second:", "leads out of"]);
    assert_says(&problems[1], &["ASSETS/link:", "leads out of"]);
}

#[test]
fn a_link_that_leads_nowhere_is_refused() {
    for target in ["missing", "a/b", "d/../missing"] {
        let tree = Tree::new()
            .file("a", "")
            .file("d/x", "")
            .link("link", target);
        tree.refused(&[
            "ASSETS/link:",
            target,
            "does not exist",
            "Point it",
            "remove it",
        ]);
    }
    let tree = Tree::new().link("link", "link");
    tree.refused(&[
        "ASSETS/link:",
        "leads back to itself",
        "Point it",
        "remove it",
    ]);
}

#[test]
fn directories_in_a_circle_are_refused() {
    let tree = Tree::new().file("d/a", "").link("d/again", ".");
    tree.refused(&["ASSETS/d/again:", "no end", "Point it", "remove it"]);
    let tree = Tree::new().link("again", ".");
    tree.refused(&["ASSETS/again:", "no end"]);
    let tree = Tree::new()
        .file("ALLOW", "**")
        .link("x/to-y", "../y")
        .link("y/to-x", "../x");
    let problems = tree.problems(None);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert_says(&problems[0], &["ASSETS/x/to-y/to-x:", "no end"]);
}

#[test]
fn a_link_to_a_control_file_is_refused() {
    let tree = Tree::new().link("rules", "ALLOW");
    tree.refused(&["ASSETS/rules:", "never embedded", "Point it", "remove it"]);
}
