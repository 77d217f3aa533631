//! What may be embedded and what may not, on made-up directories.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed, and this one makes files"
)]

#[path = "../build.rs"]
#[allow(dead_code, reason = "its `main` is for cargo")]
mod build_script;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use bootstone::manifest::{Digest, Kind, Machine, Manifest, Record, netascii_size, parse_sums};
use tempfile::TempDir;

/// An assets directory and the stage beside it.
struct Tree {
    dir: TempDir,
}

impl Tree {
    /// One that allows everything, here and one directory down, and holds nothing.
    fn new() -> Tree {
        let tree = Tree {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(tree.assets()).unwrap();
        tree.file("ALLOW", "*\n*/*\n")
    }

    fn assets(&self) -> PathBuf {
        self.dir.path().join("assets")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.assets().join(name)
    }

    fn stage(&self) -> PathBuf {
        self.dir.path().join("stage")
    }

    fn file(self, name: &str, content: impl AsRef<[u8]>) -> Tree {
        self.write(name, content);
        self
    }

    fn link(self, name: &str, target: impl AsRef<Path>) -> Tree {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        symlink(target, self.path(name)).unwrap();
        self
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    fn try_build(&self, require_published: Option<&str>) -> Result<Option<String>, Vec<String>> {
        let require_published = require_published.map(Into::into);
        build_script::build(&self.assets(), require_published, &self.stage())
    }

    #[track_caller]
    fn build(&self) -> Manifest {
        self.try_build(None).unwrap();
        let text = fs::read_to_string(self.stage().join("manifest")).unwrap();
        Manifest::parse(&text).unwrap()
    }

    /// The problems, without the path in front that differs from run to run.
    #[track_caller]
    fn problems(&self, require_published: Option<&str>) -> Vec<String> {
        let problems = self.try_build(require_published).unwrap_err();
        let assets = self.assets().display().to_string();
        let problems = problems.iter().map(|line| line.replace(&assets, "ASSETS"));
        problems.collect()
    }

    /// The only problem must say all of this.
    #[track_caller]
    fn refused(&self, said: &[&str]) {
        let problems = self.problems(None);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert_says(&problems[0], said);
    }

    /// The names of the staged contents.
    fn staged(&self) -> Vec<String> {
        let entries = fs::read_dir(self.stage().join("content")).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[track_caller]
fn assert_says(text: &str, said: &[&str]) {
    for said in said {
        assert!(text.contains(said), "`{said}` is not in `{text}`");
    }
    assert!(!text.contains('\n'), "cargo takes one line: {text}");
}

fn names(manifest: &Manifest) -> Vec<&str> {
    let records = manifest.records().iter();
    records.map(|record| record.name.as_str()).collect()
}

#[track_caller]
fn record<'a>(manifest: &'a Manifest, name: &str) -> &'a Record {
    let mut records = manifest.records().iter();
    records.find(|record| record.name == name).unwrap()
}

fn sum(content: &str) -> String {
    Digest::of(content.as_bytes()).to_string()
}

// What is embedded.

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

// Links.

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

// What else may not be there.

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
        let way_out = format!("Allow it by the line {line} there, or remove the file");
        tree.refused(&[&file, &way_out]);
        // The way out is one.
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
    tree.refused(&["longer than the 493 bytes", "Rename the file, or remove it"]);
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

/// Root reads everything, so root runs this very test again as nobody.
#[test]
fn a_file_that_cannot_be_read_is_refused() {
    let tree = Tree::new().file("a", "").file("d/b", "");
    for name in ["a", "d"] {
        fs::set_permissions(tree.path(name), fs::Permissions::from_mode(0o000)).unwrap();
    }
    if fs::read(tree.path("a")).is_ok() {
        return again_as_nobody("a_file_that_cannot_be_read_is_refused");
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

fn again_as_nobody(test: &str) {
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

// Published hashes.

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

// Kinds.

const BIOS_CODE: &[u8] = b"\xea\x05\x00\xc0\x07";

/// A PE32+ or PE32 image with one section, as little of it as the format allows.
fn pe(magic: u16, machine: u16, subsystem: u16, section: &str, content: &[u8]) -> Vec<u8> {
    let optional_size: u16 = if magic == 0x20b { 112 } else { 96 };
    let mut image = vec![0; 64];
    image[..2].copy_from_slice(b"MZ");
    image[60] = 64;
    image.extend(b"PE\0\0");
    for half in [machine, 1, 0, 0, 0, 0, 0, 0, optional_size, 0x22] {
        image.extend(half.to_le_bytes());
    }
    let start = image.len();
    image.resize(start + usize::from(optional_size), 0);
    image[start..start + 2].copy_from_slice(&magic.to_le_bytes());
    image[start + 68..start + 70].copy_from_slice(&subsystem.to_le_bytes());
    let mut header = [0; 40];
    header[..section.len()].copy_from_slice(section.as_bytes());
    let (size, offset) = (content.len() as u32, image.len() as u32 + 40);
    for (at, word) in [(8, size), (12, 0x1000), (16, size), (20, offset)] {
        header[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    image.extend(header);
    image.extend(content);
    image
}

const EFI_APPLICATION: u16 = 10;
const SBAT: &[u8] = b"sbat,1,SBAT Version,sbat,1,https://example.com\n\
    ipxe.vendor,1,Vendor,ipxe,9.9,https://example.com\n\
    ipxe,1,iPXE,ipxe.efi,2.0.0+ (g1a2b),https://example.com\n\0\0\0";

#[test]
fn kinds_are_told_by_content_first() {
    let mut kernel = vec![0; 0x210];
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    let windows = pe(0x20b, 0x8664, 3, ".text", b"");
    for (name, content, kind) in [
        ("undionly.kpxe", BIOS_CODE, Kind::Bios),
        ("undionly.KKPXE", BIOS_CODE, Kind::Bios),
        ("ipxe.pxe", BIOS_CODE, Kind::Bios),
        ("pxelinux.0", BIOS_CODE, Kind::Bios),
        ("ipxe.lkrn", &kernel, Kind::Kernel),
        ("ipxe.pxe", b"<html>Not found</html>", Kind::Other),
        ("undionly.kpxe", b"", Kind::Other),
        ("ipxe.efi", BIOS_CODE, Kind::Other),
        ("boot.exe", &windows, Kind::Other),
        ("menu", b"#!ipxe\nshell\n", Kind::IpxeScript),
        ("menu.0", b"#!gpxe\r\n", Kind::IpxeScript),
        ("menu.ipxe", b"#!ipxed\n", Kind::Other),
    ] {
        let manifest = Tree::new().file(name, content).build();
        assert_eq!(record(&manifest, name).kind, kind, "{name}");
        assert_eq!(record(&manifest, name).version, None, "{name}");
    }
}

#[test]
fn efi_programs_have_a_machine() {
    for (magic, code, machine) in [
        (0x20b, 0x8664, Machine::X86_64),
        (0x10b, 0x014c, Machine::Ia32),
        (0x20b, 0xaa64, Machine::Arm64),
        (0x10b, 0x01c2, Machine::Arm32),
        (0x20b, 0x5064, Machine::RiscV64),
        (0x20b, 0x6264, Machine::LoongArch64),
        (0x20b, 0x0ebc, Machine::Other),
    ] {
        let image = pe(magic, code, EFI_APPLICATION, ".text", b"");
        let manifest = Tree::new().file("a.pxe", image).build();
        assert_eq!(record(&manifest, "a.pxe").kind, Kind::Efi(machine));
    }
}

#[test]
fn the_version_comes_from_the_sbat_section() {
    let version = |section, content: &[u8]| {
        let image = pe(0x20b, 0x8664, EFI_APPLICATION, section, content);
        let manifest = Tree::new().file("a.efi", image).build();
        record(&manifest, "a.efi").version.clone()
    };
    assert_eq!(version(".sbat", SBAT).as_deref(), Some("2.0.0+ (g1a2b)"));
    let grub = b"sbat,1,SBAT Version,sbat,1,x\ngrub,3,FSF,grub,2.06,x\n";
    assert_eq!(version(".sbat", grub).as_deref(), Some("2.06"));
    assert_eq!(version(".data", SBAT), None);
    assert_eq!(
        version(".sbat", b"sbat,1,SBAT Version,sbat,1,x\nipxe,1"),
        None
    );
    assert_eq!(version(".sbat", b"ipxe,1,iPXE,ipxe.efi,2\x1b[0m,x\n"), None);
    assert_eq!(version(".sbat", b"\xff\xfe"), None);
}

// What is shipped.

#[test]
fn the_shipped_script_is_the_listed_one() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("boot-assets");
    let script = fs::read(shipped.join("autoexec.ipxe")).unwrap();
    assert!(script.starts_with(b"#!ipxe\n"));
    let sums = fs::read_to_string(shipped.join("SHA256SUMS")).unwrap();
    let line = ("autoexec.ipxe".to_owned(), Digest::of(&script));
    assert!(parse_sums(&sums).unwrap().contains(&line));
}

// Cargo.

/// Copies the package to `to`, without what is built from it. Every file gets a new time.
fn copy_package(to: &Path) {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tracked = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(package)
        .output()
        .unwrap();
    assert!(tracked.status.success(), "{tracked:?}");
    let names = String::from_utf8(tracked.stdout).unwrap();
    for name in names.split_terminator('\0') {
        let (from, to) = (package.join(name), to.join(name));
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
    }
}

fn cargo_home() -> PathBuf {
    let home = || Path::new(&std::env::var_os("HOME").unwrap()).join(".cargo");
    std::env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

/// Runs cargo in `package`; what it said.
#[track_caller]
fn cargo(package: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline", "--target-dir", "target"])
        .current_dir(package)
        .env_remove("BOOTSTONE_ASSETS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
#[ignore = "two release builds: a minute or two"]
fn the_same_inputs_give_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let other_home = dir.path().join("another-home");
    symlink(cargo_home(), &other_home).unwrap();
    let places = [("here", cargo_home()), ("over/there", other_home)];
    let binaries = places.map(|(name, home)| {
        let package = dir.path().join(name);
        copy_package(&package);
        let home = home.to_str().unwrap();
        let flags = format!("--remap-path-prefix={home}=/cargo");
        let environment = [("CARGO_HOME", home), ("RUSTFLAGS", &flags)];
        cargo(&package, &["build", "--release"], &environment);
        let binary = fs::read(package.join("target/release/bootstone")).unwrap();
        for path in [home, package.to_str().unwrap()] {
            let mut windows = binary.windows(path.len());
            assert!(!windows.any(|window| window == path.as_bytes()), "{path}");
        }
        binary
    });
    assert!(binaries[0] == binaries[1], "the two binaries differ");
}

#[test]
#[ignore = "a debug build of everything: half a minute"]
fn cargo_notices_what_changes_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let package = dir.path();
    copy_package(package);
    let assets = package.join("boot-assets");
    fs::write(assets.join("ALLOW"), "**\n").unwrap();
    let names_after = |expected_fresh: bool| {
        let said = cargo(package, &["check", "--lib", "--verbose"], &[]);
        let fresh = said
            .lines()
            .any(|line| line.trim().starts_with("Fresh bootstone"));
        assert_eq!(fresh, expected_fresh, "{said}");
        let mut builds = fs::read_dir(package.join("target/debug/build")).unwrap();
        let manifest = builds.find_map(|entry| {
            let out = entry.unwrap().path().join("out/stage/manifest");
            fs::read_to_string(out).ok()
        });
        let manifest = Manifest::parse(&manifest.unwrap()).unwrap();
        let records = manifest.records().iter();
        let records = records.filter(|record| record.name.starts_with("test/"));
        let short = |record: &Record| format!("{} {}", record.name, record.size);
        records.map(short).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(names_after(false), none);
    assert_eq!(names_after(true), none);
    fs::write(package.join("notes.txt"), "").unwrap();
    fs::write(package.join("tests/more.rs"), "").unwrap();
    assert_eq!(names_after(true), none);
    fs::create_dir(assets.join("test")).unwrap();
    fs::write(assets.join("test/a"), "1").unwrap();
    fs::write(assets.join("test/b"), "22").unwrap();
    symlink("a", assets.join("test/link")).unwrap();
    assert_eq!(names_after(false), ["test/a 1", "test/b 2", "test/link 1"]);
    fs::write(assets.join("test/a"), "333").unwrap();
    assert_eq!(names_after(false), ["test/a 3", "test/b 2", "test/link 3"]);
    fs::remove_file(assets.join("test/link")).unwrap();
    symlink("b", assets.join("test/link")).unwrap();
    assert_eq!(names_after(false), ["test/a 3", "test/b 2", "test/link 2"]);
    fs::remove_file(assets.join("test/a")).unwrap();
    assert_eq!(names_after(false), ["test/b 2", "test/link 2"]);
    fs::rename(assets.join("test/b"), assets.join("test/c")).unwrap();
    fs::remove_file(assets.join("test/link")).unwrap();
    assert_eq!(names_after(false), ["test/c 2"]);
    assert_eq!(names_after(true), ["test/c 2"]);
}
