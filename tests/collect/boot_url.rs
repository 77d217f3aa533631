//! `--boot-url`: a script of one line.

use super::tree::{Tree, files, sum};

#[test]
fn a_script_chains_to_the_url() {
    for url in [
        "http://boot.example.com/menu.ipxe",
        "https://[2001:db8::1]:8443/a%20b?mac=1&x=$y#z",
        "tftp://192.0.2.1/~user/(a)'b'*;,+=@!.ipxe",
    ] {
        let tree = Tree::new();
        let said = tree.collect(&["--boot-url", url]);
        assert_eq!(said, [format!("boot.ipxe: chains to {url}")]);
        let script = format!("#!ipxe\nchain {url}\n");
        assert_eq!(tree.boot_files(), files(&[("boot.ipxe", &script)]));
        let line = format!("{}  boot.ipxe\n", sum(&script));
        assert_eq!(tree.read("assets/SHA256SUMS.local"), line);
        tree.build();
    }
}

#[test]
fn what_ipxe_would_read_otherwise_is_refused() {
    for (url, why) in [
        ("http://h/a b", "ends at a space"),
        ("http://h/a\tb", "control character"),
        ("http://h/\nshell", "control character"),
        ("http://h/\u{e4}", "beyond ASCII"),
        ("http://h/${mac}", "${ in it"),
        ("http://h/${", "${ in it"),
        ("http://h/{x}", "{} in it"),
        ("http://h/a\\b", "\\ in it"),
        ("http://h/\"a\"", "\"\" in it"),
        ("ftp://h/x", "has to be http://, https:// or tftp://"),
        ("file:/x", "most builds of iPXE"),
        ("http:///x", "then a host"),
        ("http://", "then a host"),
        ("HTTP://h/", "http://"),
        ("--pin", "has to be http://"),
    ] {
        Tree::new().refuses(2, &["--boot-url", url], &["--boot-url", why]);
    }
}

#[test]
fn a_script_of_ones_own_stays_where_that_is_asked_for() {
    let tree = Tree::new().file("assets/boot.ipxe", "#!ipxe\nshell\n");
    let url = ["--boot-url", "http://h/", "--no-replace"];
    tree.refuses(
        1,
        &url,
        &["assets/boot.ipxe is there already, and is not the one from http://h/"],
    );
}
