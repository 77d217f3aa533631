//! Files, names and directories that fail the build.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use crate::build_script;
use crate::tree::{Tree, assert_says, names, sum};

#[test]
fn a_file_that_no_pattern_matches_is_refused() {
    for (allow, name, line) in [
        ("# *\n\n ipxe.efi \n", "notes.txt", "`notes.txt`"),
        ("*.efi", "2.0.0/ipxe.efi", "`2.0.0/ipxe.efi`"),
        ("*.efi", ".hidden.efi", "`.hidden.efi`"),
        ("*.efi", "IPXE.EFI", "`IPXE.EFI`"),
        ("x", "a[1].efi", "`a[[]1[]].efi`"),
    ] {
        let tree = Tree::new().file("ALLOW", allow).file(name, "");
        let file = format!("ASSETS/{name}: matches no pattern in ASSETS/ALLOW");
        let advice = format!("Allow it by the line {line} there, or remove the file");
        tree.refused(&[&file, &advice]);
        // The advice works.
        tree.write("ALLOW", line.trim_matches('`'));
        assert_eq!(names(&tree.build()), [name]);
    }
}

#[test]
fn a_rule_that_cannot_be_read_is_refused() {
    let tree = Tree::new().file("ALLOW", "*\n[a\n");
    tree.refused(&[
        "ASSETS/ALLOW: line 2: `[a` is no pattern",
        "Correct",
        "remove",
    ]);
    let tree = Tree::new().file("SHA256SUMS", "\nabc  ipxe.efi\n");
    tree.refused(&[
        "ASSETS/SHA256SUMS: line 2: not as sha256sum prints it",
        "Correct",
        "remove",
    ]);
    let tree = Tree::new();
    fs::create_dir(tree.path("SHA256SUMS")).unwrap();
    tree.refused(&["ASSETS/SHA256SUMS: cannot be read: it is not a file"]);
    let tree = Tree::new().file("SHA256SUMS", b"\xff");
    tree.refused(&["ASSETS/SHA256SUMS: cannot be read: ", "UTF-8"]);
}

#[test]
fn what_is_no_file_is_refused() {
    let said = [
        "ASSETS/d/x:",
        "neither a file nor a directory",
        "Put a file",
        "remove it",
    ];
    let tree = Tree::new().file("d/a", "");
    let status = Command::new("mkfifo").arg(tree.path("d/x")).status();
    assert!(status.unwrap().success());
    tree.refused(&said);
    let tree = Tree::new().file("d/a", "");
    let _socket = UnixListener::bind(tree.path("d/x")).unwrap();
    tree.refused(&said);
}

#[test]
fn a_fifo_among_the_rules_is_refused_and_not_waited_for() {
    let tree = Tree::new();
    let status = Command::new("mkfifo").arg(tree.path("SHA256SUMS")).status();
    assert!(status.unwrap().success());
    tree.refused(&["ASSETS/SHA256SUMS: cannot be read: it is not a file"]);
}

#[test]
fn names_that_tftp_cannot_carry_are_refused() {
    for (name, shown, why) in [
        (&b"a\nb"[..], r"a\nb", "control character"),
        (b"a\x7f", r"a\x7f", "control character"),
        (b"d\t/a", r"d\t/a", "control character"),
        (b"a\xff", r"a\xff", "more than ASCII"),
        (b"caf\xc3\xa9", r"caf\xc3\xa9", "more than ASCII"),
        (b"a\\b", r"a\\b", "backslash"),
        (b"c:a", "c:a", "drive letter"),
        (b"Z:/a", "Z:/a", "drive letter"),
    ] {
        let tree = Tree::new();
        let path = Path::new(std::ffi::OsStr::from_bytes(name));
        let path = tree.assets().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        let file = format!("ASSETS/{shown}: TFTP cannot carry this name: ");
        tree.refused(&[&file, why, "Rename the file, or remove it"]);
    }
}

#[test]
fn a_name_must_fit_a_request_with_its_sum() {
    let name = |len: usize| format!("{}/{}", "d".repeat(250), "f".repeat(len - 251));
    let tree = Tree::new().file(&name(493), "");
    let manifest = tree.build();
    let sum_name = manifest.records()[0].sum_name();
    let request = format!("\0\x01{sum_name}\0netascii\0");
    assert_eq!(request.len(), 512);
    let tree = Tree::new().file(&name(494), "");
    tree.refused(&["longer than 493 bytes", "Rename the file, or remove it"]);
}

#[test]
fn names_that_collide_are_refused() {
    let tree = Tree::new()
        .file("ipxe.efi", "a")
        .file("d/x", "")
        .file("IPXE.efi", "b");
    tree.refused(&[
        "ASSETS/ipxe.efi: differs from `IPXE.efi` only in case",
        "Rename",
        "remove it",
    ]);
    let tree = Tree::new().file("sha256sums", "");
    tree.refused(&[
        "ASSETS/sha256sums: the server makes a list",
        "Rename",
        "remove it",
    ]);
    let tree = Tree::new().file("a.efi", "").file("a.EFI.sha256", "");
    tree.refused(&[
        "ASSETS/a.EFI.sha256: the server makes a list",
        "Rename",
        "remove it",
    ]);
    let tree = Tree::new()
        .file("d/SHA256SUMS", "")
        .file("alone.sha256", "");
    assert_eq!(
        tree.build().records().len(),
        2,
        "these collide with nothing"
    );
}

/// Root can read every file, so root runs this test again as the user nobody.
#[test]
fn a_file_that_cannot_be_read_is_refused() {
    let tree = Tree::new().file("a", "").file("d/b", "");
    for name in ["a", "d"] {
        fs::set_permissions(tree.path(name), fs::Permissions::from_mode(0o000)).unwrap();
    }
    if fs::read(tree.path("a")).is_ok() {
        return again_without_root("refused::a_file_that_cannot_be_read_is_refused");
    }
    let problems = tree.problems(None);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    let said = [
        "cannot be read: Permission denied",
        "Make it readable, or remove it",
    ];
    assert_says(&problems[0], &[&["ASSETS/d:"], &said[..]].concat());
    assert_says(&problems[1], &[&["ASSETS/a:"], &said[..]].concat());
    fs::set_permissions(tree.path("d"), fs::Permissions::from_mode(0o700)).unwrap();
}

fn again_without_root(test: &str) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let program = dir.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args([program.as_os_str(), "--exact".as_ref(), test.as_ref()])
        .env("TMPDIR", dir.path())
        .current_dir(dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[test]
fn a_missing_directory_is_refused() {
    let tree = Tree::new().file("a", "");
    let said = ["make the directory", "BOOTSTONE_ASSETS", "package's root"];
    for (path, why) in [
        ("missing", "cannot be opened"),
        ("assets/a", "not a directory"),
    ] {
        let path = tree.dir.path().join(path);
        let problems = build_script::build(&path, None, &tree.stage()).unwrap_err();
        assert_eq!(problems.len(), 1);
        let file = format!("{}: {why}", path.display());
        assert_says(&problems[0], &[&[file.as_str()], &said[..]].concat());
    }
}

#[test]
fn all_problems_are_reported_together_and_nothing_is_staged() {
    let tree = Tree::new().file("good", "");
    tree.build();
    let tree = tree
        .file("ALLOW", "good\n")
        .file("SHA256SUMS", format!("{}  gone\n", sum("")))
        .file("bad\tname", "")
        .file("unmatched", "")
        .link("out", "/");
    let problems = tree.problems(None).join("\n");
    for name in [r"bad\tname", "unmatched", "gone", "out"] {
        assert!(problems.contains(&format!("ASSETS/{name}: ")), "{problems}");
    }
    assert_eq!(problems.lines().count(), 4, "{problems}");
    assert_eq!(tree.staged(), [sum("")], "the stage of before is untouched");
}

/// Each directory leads to the next by two links: 2^40 names in all.
#[test]
fn a_tree_of_links_without_bound_is_refused() {
    let mut tree = Tree::new().file("39/file", "");
    for level in 0..39 {
        let next = format!("../{}", level + 1);
        tree = tree.link(&format!("{level}/a"), &next);
        tree = tree.link(&format!("{level}/b"), &next);
    }
    tree.refused(&[
        "there are more than 32767 names",
        "Remove files, or links to directories",
    ]);
    let mut tree = Tree::new();
    for level in 0..9 {
        let long = format!("{level}/{}", "d".repeat(200));
        tree = tree.link(&long, format!("../{}", level + 1));
    }
    fs::create_dir(tree.path("9")).unwrap();
    let problems = tree.problems(None);
    for problem in &problems {
        assert_says(problem, &["a path of more than 493 bytes", "shorter path"]);
    }
    assert_eq!(problems.len(), 7, "{problems:#?}");
}

#[test]
fn gigabytes_are_refused_before_they_are_read() {
    let sparse = |tree: &Tree, name: &str, size| {
        fs::File::create(tree.path(name))
            .unwrap()
            .set_len(size)
            .unwrap();
    };
    let tree = Tree::new().link("again", "large");
    sparse(&tree, "large", 3 << 30);
    sparse(&tree, "small", 1);
    tree.refused(&[
        "ASSETS/large: 3221225472 bytes, and all files together have 3221225473",
        "At most 1073741824 bytes can be embedded",
        "Remove large files",
    ]);
}

#[test]
fn a_list_without_bound_is_refused() {
    for name in ["ALLOW", "SHA256SUMS", "SHA256SUMS.local"] {
        let tree = Tree::new();
        let list = fs::File::create(tree.path(name)).unwrap();
        list.set_len(3 << 30).unwrap();
        let list = format!("ASSETS/{name}: cannot be read: it is longer than 16 MiB");
        tree.refused(&[&list, "Make it a readable text, or remove it"]);
    }
}

#[test]
fn names_that_the_server_answers_itself_are_refused() {
    for name in ["healthz", "METRICS", "version", "sha256sums.minisig"] {
        Tree::new().file(name, "").refused(&[
            &format!("ASSETS/{name}: the server answers under this name itself"),
            "Rename the file, move it into a directory, or remove it",
        ]);
        let below = format!("d/{name}");
        assert_eq!(names(&Tree::new().file(&below, "").build()), [below]);
    }
}
