//! What collect finds in the assets directory, and does not follow or replace.

use std::fs;

use super::tree::{Tree, files};

const FROM: [&str; 2] = ["--from", "from"];

fn source() -> Tree {
    Tree::new()
        .file("from/ipxe.efi", "efi")
        .file("from/x86_64/ipxe.efi", "64")
        .link("from/sb", "x86_64")
}

#[test]
fn a_link_in_place_of_a_list_is_not_written_through() {
    for list in ["SHA256SUMS", "SHA256SUMS.local"] {
        let tree = source()
            .file("victim", "precious\n")
            .link(&format!("assets/{list}"), "../victim");
        let said = [
            &format!("assets/{list} is a symbolic link"),
            "remove the link",
        ];
        tree.refuses(1, &FROM, &said);
        assert_eq!(tree.read("victim"), "precious\n");

        let tree = source().link(&format!("assets/{list}"), "../new");
        tree.refuses(1, &FROM, &["is a symbolic link"]);
        assert!(!tree.path("new").exists());

        let tree = source().file(&format!("assets/{list}/x.efi"), "");
        tree.refuses(1, &FROM, &[&format!("assets/{list} is not a file")]);
    }
}

#[test]
fn a_link_in_place_of_a_file_is_replaced_not_followed() {
    let tree = source()
        .file("victim", "precious")
        .file("victims/ipxe.efi", "precious")
        .link("assets/ipxe.efi", "../victim")
        .link("assets/sb", "../victims");
    tree.collect(&FROM);
    assert_eq!(tree.read("victim"), "precious");
    assert_eq!(tree.read("victims/ipxe.efi"), "precious");
    let expected = [
        ("ipxe.efi", "efi"),
        ("sb", "-> x86_64"),
        ("x86_64/ipxe.efi", "64"),
    ];
    assert_eq!(tree.boot_files(), files(&expected));
    assert!(!tree.path("assets/ipxe.efi").is_symlink());
}

#[test]
fn a_link_in_place_of_a_directory_is_refused() {
    let tree = source().link("assets/x86_64", "../victims");
    fs::create_dir(tree.path("victims")).unwrap();
    let said = ["assets/x86_64 has to be a directory for x86_64/ipxe.efi"];
    tree.refuses(1, &FROM, &said);
    assert_eq!(fs::read_dir(tree.path("victims")).unwrap().count(), 0);
    let tree = source().file("assets/x86_64", "a file");
    tree.refuses(1, &FROM, &said);
    let tree = source().file("assets/ipxe.efi/x", "");
    tree.refuses(1, &FROM, &["assets/ipxe.efi is a directory"]);
}

#[test]
fn files_of_ones_own_stay_where_that_is_asked_for() {
    let keep = ["--from", "from", "--no-replace"];
    let said = ["is there already", "is not the one from from", "Remove it"];
    for (name, content) in [
        ("ipxe.efi", "mine"),
        ("x86_64/ipxe.efi", "mine"),
        ("sb", "mine"),
    ] {
        let tree = source().file(&format!("assets/{name}"), content);
        tree.refuses(
            1,
            &keep,
            &[&[&format!("assets/{name}")[..]], &said[..]].concat(),
        );
        tree.collect(&FROM);
        tree.collect(&keep);
    }
    for (name, target) in [("ipxe.efi", "gone"), ("sb", "gone")] {
        let tree = source().link(&format!("assets/{name}"), target);
        tree.refuses(1, &keep, &said);
    }
    let tree = source().file("assets/ipxe.efi", "efi");
    tree.collect(&keep);
}

#[test]
fn a_newer_source_replaces_files_by_links_and_back() {
    let tree = source();
    tree.collect(&FROM);
    fs::rename(tree.path("from/ipxe.efi"), tree.path("from/ipxe-amd64.efi")).unwrap();
    let tree = tree.link("from/ipxe.efi", "ipxe-amd64.efi");
    tree.collect(&FROM);
    assert!(tree.path("assets/ipxe.efi").is_symlink());
    tree.build();
    fs::remove_file(tree.path("from/ipxe.efi")).unwrap();
    tree.write("from/ipxe.efi", "new");
    tree.collect(&FROM);
    assert!(!tree.path("assets/ipxe.efi").is_symlink());
    assert_eq!(tree.read("assets/ipxe-amd64.efi"), "efi");
    tree.build();
}
