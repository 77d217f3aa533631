//! Archives that are damaged, or made to do harm. Each is refused before anything is placed.

use std::fs;

use super::tar::{Tar, gzip};
use super::tree::{Tree, sum};

/// Takes the archive, which leads to a refusal that says all of this.
#[track_caller]
fn refused(archive: Vec<u8>, said: &[&str]) {
    let hash = sum(&archive);
    let tree = Tree::new()
        .file("release.tar.gz", archive)
        .file("assets/ipxe.efi", "of before")
        .file("secret.efi", "secret");
    let arguments = ["--from", "release.tar.gz", "--sha256", &hash];
    tree.refuses(1, &arguments, &[&["release.tar.gz"], said].concat());
    let mut names: Vec<_> = fs::read_dir(tree.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["assets", "from", "release.tar.gz", "secret.efi"]);
}

/// An archive with a good file before and behind the bad member.
fn around(bad: impl FnOnce(Tar) -> Tar) -> Vec<u8> {
    let before = Tar::new().file("r/ipxe.efi", "efi");
    bad(before).file("r/snponly.efi", "snp").finish()
}

#[test]
fn names_that_lead_out() {
    let absolute = around(|tar| tar.file("/etc/ipxe.efi", ""));
    refused(
        absolute,
        &["absolute name: /etc/ipxe.efi", "Nothing was unpacked"],
    );
    for name in [
        "../ipxe.efi",
        "r/../../ipxe.efi",
        "r/..",
        "..",
        "r/x/../ipxe.efi",
    ] {
        refused(around(|tar| tar.file(name, "")), &["leads out", name]);
    }
    let extended = around(|tar| tar.extended(b'x', "path", "../x").file("r/a.efi", ""));
    refused(extended, &["leads out: ../x"]);
    let long = around(|tar| tar.member(b'L', "", "", b"/x\0").file("r/a.efi", ""));
    refused(long, &["absolute name: /x"]);
}

#[test]
fn links_that_lead_out() {
    for target in [
        "/etc/passwd",
        "../../secret.efi",
        "x/../../../secret.efi",
        "../r/ipxe.efi",
    ] {
        let archive = around(|tar| tar.link("r/a.efi", target));
        refused(
            archive,
            &["a.efi is a link that leads out", "Nothing was taken"],
        );
    }
    for target in ["/etc/passwd", "../secret.efi", "r/../../secret.efi"] {
        refused(around(|tar| tar.hard_link("r/a.efi", target)), &[target]);
    }
    // Each link stays inside, and the second goes up from where the first leads.
    let steps = around(|tar| {
        tar.directory("r/d/d/d")
            .link("r/short", "d/d/d")
            .link("r/d/d/d/up", "../../..")
            .link("r/a.efi", "short/up/../secret.efi")
    });
    refused(steps, &["a.efi is a link that leads out"]);
    let round = around(|tar| tar.link("r/a.efi", "b.efi").link("r/b.efi", "a.efi"));
    refused(round, &["is a link that leads round in a circle"]);
    // 2^40 steps, if they were all made.
    let many = (0..40).fold(Tar::new().file("r/0", ""), |tar, number| {
        let text = format!("{number}/../{number}");
        tar.link(&format!("r/{}", number + 1), &text)
    });
    refused(many.link("r/a.efi", "40").finish(), &["round in a circle"]);
}

#[test]
fn members_below_a_link_or_a_file() {
    let through = around(|tar| tar.link("r/d", "/tmp").file("r/d/ipxe.efi", ""));
    refused(
        through,
        &["d/ipxe.efi is below d, which is not a directory"],
    );
    let inside = around(|tar| {
        tar.link("r/d", "e")
            .directory("r/e")
            .file("r/d/ipxe.efi", "")
    });
    refused(inside, &["d/ipxe.efi is below d"]);
    let before = around(|tar| tar.file("r/d/ipxe.efi", "").link("r/d", "/tmp"));
    refused(before, &["d/ipxe.efi is below d"]);
    let file = around(|tar| tar.file("r/ipxe.efi/x.efi", ""));
    refused(file, &["ipxe.efi/x.efi is below ipxe.efi"]);
}

#[test]
fn names_that_come_twice() {
    for bad in [
        |tar: Tar| tar.file("r/ipxe.efi", "other"),
        |tar: Tar| tar.file("r/./ipxe.efi", "other"),
        |tar: Tar| tar.link("r/ipxe.efi", "snponly.efi"),
        |tar: Tar| tar.hard_link("r/ipxe.efi", "r/snponly.efi"),
        |tar: Tar| tar.directory("r/ipxe.efi"),
    ] {
        refused(around(bad), &["r/ipxe.efi is in it twice"]);
    }
}

#[test]
fn devices_and_other_kinds() {
    for (kind, said) in [
        (b'3', "a device: r/x.efi"),
        (b'4', "a device: r/x.efi"),
        (b'6', "a FIFO: r/x.efi"),
        (b'S', "not known here (83): r/x.efi"),
        (b'M', "not known here (77): r/x.efi"),
        (0x1b, "not known here (27): r/x.efi"),
    ] {
        refused(around(|tar| tar.member(kind, "r/x.efi", "", b"")), &[said]);
    }
    let sparse = around(|tar| {
        tar.extended(b'x', "GNU.sparse.major", "1")
            .file("r/a.efi", "")
    });
    refused(sparse, &["a sparse file"]);
    let global = around(|tar| tar.extended(b'g', "path", "r/b.efi").file("r/a.efi", ""));
    refused(global, &["one name or size to all members"]);
    let link = around(|tar| tar.member(b'2', "r/a.efi", "ipxe.efi", b"content"));
    refused(link, &["a link or a directory with content: r/a.efi"]);
}

#[test]
fn control_characters() {
    for name in ["r/a\n.efi", "r/a\t.efi", "r/\x1b[2J.efi", "r/\x7f.efi"] {
        refused(around(|tar| tar.file(name, "")), &["a control character"]);
        refused(
            around(|tar| tar.link("r/a.efi", name)),
            &["a control character"],
        );
        let extended = around(|tar| tar.extended(b'x', "path", name).file("r/a.efi", ""));
        refused(extended, &["a control character"]);
    }
}

#[test]
fn damaged_archives() {
    refused(
        b"not compressed".to_vec(),
        &["not a whole file as gzip makes it"],
    );
    refused(
        gzip(&[b'x'; 2048]),
        &["a header is damaged, or it is no tar archive"],
    );
    refused(gzip(b""), &["it is truncated"]);
    let whole = around(|tar| tar);
    refused(
        whole[..whole.len() - 9].to_vec(),
        &["not a whole file as gzip makes it"],
    );
    let tar = Tar::new().file("r/ipxe.efi", "efi");
    refused(tar.truncated(), &["it is truncated"]);
    let other = around(|tar| tar.file("r/a.efi", "").altered(b"r/a.efi", b"r/b.efi"));
    refused(other, &["a header is damaged, or it is no tar archive"]);
    for (size, said) in [
        (&b"77777777777"[..], "a size in it is wrong"),
        (
            b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
            "larger than 8 GB",
        ),
        (b"000000000x1", "a header is damaged"),
    ] {
        refused(around(|tar| tar.header(b'0', "r/a.efi", "", size)), &[said]);
    }
    for size in ["9999999999999", "-1", "1e3", ""] {
        let archive = around(|tar| tar.extended(b'x', "size", size).file("r/a.efi", ""));
        refused(archive, &["an extended header is damaged"]);
    }
    for record in [
        "9 path=ab\n",
        "99 path=a\n",
        "path=a\n",
        "x",
        "0 path=a\n",
        "10 path=ab",
    ] {
        let archive = around(|tar| tar.member(b'x', "", "", record.as_bytes()));
        refused(archive, &["an extended header is damaged"]);
    }
}

#[test]
fn more_than_a_release_has() {
    let many = (0..1100).fold(Tar::new(), |tar, number| {
        tar.file(&format!("r/{number}.efi"), "")
    });
    refused(many.finish(), &["more than 1024 members"]);
    let long = around(|tar| {
        tar.member(b'L', "", "", &[b'a'; 70_000])
            .file("r/a.efi", "")
    });
    refused(long, &["an extended header is too long"]);

    // A bomb, of which no more is decompressed than the limit.
    let archive = Tar::new().file("r/ipxe.efi", "").finish();
    let hash = sum(&archive);
    let tree = Tree::new()
        .file("release.tar.gz", archive)
        .program("gzip", "head -c 300000000 /dev/zero && touch finished\n");
    let said = ["more than 268435456 bytes when decompressed", "--from DIR"];
    tree.refuses(1, &["--from", "release.tar.gz", "--sha256", &hash], &said);
    assert!(!tree.path("finished").exists());
}

#[test]
fn the_hash_comes_first() {
    let archive = around(|tar| tar.file("/etc/ipxe.efi", ""));
    let tree = Tree::new()
        .file("release.tar.gz", &archive)
        // What would unpack it ends the test.
        .program("gzip", "touch unpacked\nexit 1\n");
    let other = "0".repeat(64);
    let expected = format!("expected sha256 {other}, actual {}", sum(&archive));
    tree.refuses(
        1,
        &["--from", "release.tar.gz", "--sha256", &other],
        &["was not unpacked", &expected, "Download it again"],
    );
    assert!(!tree.path("unpacked").exists());
    let right = sum(&archive);
    let said = ["not a whole file as gzip makes it"];
    tree.refuses(1, &["--from", "release.tar.gz", "--sha256", &right], &said);
    assert!(tree.path("unpacked").exists());
}
