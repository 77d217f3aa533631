//! `--from DIR`, `--only`, and the rules for names.

use std::fs;
use std::os::unix::net::UnixListener;

use super::tree::{Tree, files, sum};

const UNCHECKED: &str = "not checked: no package has a checksum of it";

fn source() -> Tree {
    Tree::new()
        .file("from/ipxe.efi", "efi")
        .file("from/undionly.kpxe", "bios")
        .file("from/notes.txt", "")
}

#[test]
fn files_come_with_their_hashes() {
    let tree = source();
    let said = tree.collect(&["--from", "from"]);
    let root = tree.root().canonicalize().unwrap();
    let from = root.join("from").display().to_string();
    let expected = [
        "not taken: notes.txt: no pattern of ALLOW allows it".to_owned(),
        format!("ipxe.efi: from {from}/ipxe.efi, {UNCHECKED}"),
        format!("undionly.kpxe: from {from}/undionly.kpxe, {UNCHECKED}"),
    ];
    assert_eq!(said, expected);
    let local = format!("{}  ipxe.efi\n{}  undionly.kpxe\n", sum("efi"), sum("bios"));
    assert_eq!(tree.read("assets/SHA256SUMS.local"), local);
    assert!(!tree.path("assets/SHA256SUMS").exists());
    assert_eq!(tree.build().records().len(), 2);
}

#[test]
fn again_changes_nothing() {
    let tree = source().link("from/snponly.efi", "ipxe.efi");
    tree.collect(&["--from", "from", "--version", "2.0.0"]);
    let times = || {
        let names = ["ipxe.efi", "snponly.efi", "SHA256SUMS.local", "."];
        let path = |name| tree.path("assets").join(name);
        names.map(|name| {
            fs::symlink_metadata(path(name))
                .unwrap()
                .modified()
                .unwrap()
        })
    };
    let before = times();
    tree.collect(&["--from", "from", "--version", "2.0.0"]);
    assert_eq!(times(), before);
}

#[test]
fn globs_take_a_part() {
    let tree = source()
        .file("from/x86_64/ipxe.efi", "64")
        .file("from/arm64/ipxe.efi", "arm")
        .file("from/a/b/ipxe.efi", "deep")
        .file("assets/ALLOW", "**\n");
    let taken = |globs: &[&str]| {
        let arguments = [&["--from", "from"], globs].concat();
        let said = tree.collect(&arguments);
        let names = said.iter().filter_map(|line| line.split_once(": from "));
        let names: Vec<String> = names.map(|(name, _)| name.to_owned()).collect();
        names.join(" ")
    };
    assert_eq!(taken(&["undionly.kpxe"]), "undionly.kpxe");
    assert_eq!(
        taken(&["--only", "undionly.kpxe", "*.efi"]),
        "ipxe.efi undionly.kpxe"
    );
    assert_eq!(
        taken(&["--only", "*/*.efi"]),
        "arm64/ipxe.efi x86_64/ipxe.efi"
    );
    assert_eq!(taken(&["a*/**"]), "a/b/ipxe.efi arm64/ipxe.efi");
    let all = "a/b/ipxe.efi arm64/ipxe.efi ipxe.efi x86_64/ipxe.efi";
    assert_eq!(taken(&["**/ipxe.efi"]), all);
    assert_eq!(
        taken(&["[a-i]*/ipxe.efi", "x??_64/*"]),
        "arm64/ipxe.efi x86_64/ipxe.efi"
    );
    assert_eq!(taken(&["[!a-i]*/ipxe.efi"]), "x86_64/ipxe.efi");
    let said = ["found no arm32/* that can be taken in from", "--from"];
    tree.refuses(1, &["--from", "from", "ipxe.efi", "arm32/*"], &said);
}

/// What collect takes is what the build allows, with every pattern that ALLOW may have.
#[test]
fn collect_and_the_build_read_allow_alike() {
    let patterns = [
        "*", "?", "a?", "*.b", ".*", "**", "**/a.b", "x/**", "*/*", "[ab]", "[!a]", "x/[^b]*",
        "a.b", "A", "x/?", "*+", "x^", "**/*", "a*b",
    ];
    let names = [
        "a", "b", "ab", "a.b", ".b", "x/a", "x/.b", "x/y/a.b", ".h/a.b", "x/.h/a.b", "x+", "x^",
        "aab", "x/^", "-a",
    ];
    let mut tree = Tree::new();
    for name in names {
        tree = tree.file(&format!("from/{name}"), name);
    }
    for pattern in patterns {
        tree.write("assets/ALLOW", format!("{pattern}\n"));
        tree.run(&["--from", "from"]);
        let taken: Vec<String> = tree
            .boot_files()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        for (name, _) in tree.assets() {
            fs::remove_file(tree.path("assets").join(name)).unwrap();
        }
        let allowed = names.iter().filter(|name| {
            let tree = Tree::new()
                .file("assets/ALLOW", format!("{pattern}\n"))
                .file(&format!("assets/{name}"), "");
            let (assets, stage) = (tree.path("assets"), tree.path("stage"));
            super::build_script::build(&assets, None, &stage).is_ok()
        });
        let mut allowed: Vec<&str> = allowed.copied().collect();
        allowed.sort_unstable();
        assert_eq!(taken, allowed, "{pattern}");
    }
}

#[test]
fn every_source_has_its_names_in_the_shipped_allow() {
    let names = "ipxe.efi ipxe-amd64.efi ipxe-loong64.efi ipxe-riscv64.efi \
        ipxe-legacy.efi ipxe-legacy.pxe snponly.efi undionly.kpxe undionly.kkpxe ipxe.pxe \
        ipxe.lkrn ipxe-i386.efi ipxe-x86_64.efi ipxe-snponly-x86_64.efi arm64-efi/ipxe.efi \
        arm64-efi/snponly.efi ipxe-arm64.efi snponly-arm64.efi i386/undionly.kpxe \
        riscv32/snponly.efi x86_64/ipxe.pxe \
        x86_64-sb/shimx64.efi x86_64-sb/ipxe-shim.efi arm64-sb/snponly-shim.efi \
        arm64-sb/shimaa64.efi sb/ipxe.efi 2.0.0/ipxe.efi netboot.xyz.efi netboot.xyz-snp.efi \
        netboot.xyz-snponly.efi netboot.xyz-arm64.efi netboot.xyz.kpxe netboot.xyz-undionly.kpxe \
        shimx64.efi shimaa64.efi grubx64.efi grubaa64.efi mmx64.efi mmaa64.efi fbx64.efi";
    let names: Vec<&str> = names.split_whitespace().collect();
    let mut tree = Tree::new();
    for name in &names {
        tree = tree.file(&format!("from/{name}"), *name);
    }
    assert_eq!(tree.collect(&["--from", "from"]).len(), names.len());
    assert_eq!(tree.build().records().len(), names.len());
}

#[test]
fn what_is_not_taken_is_listed_with_its_reason() {
    let long = format!("from/{}/{}/ipxe.efi", "a".repeat(250), "b".repeat(250));
    let tree = Tree::new()
        .file("assets/ALLOW", "*\n**/ipxe.efi\n*/other\n")
        .file("from/ipxe.efi", "efi")
        .file("from/boot.ipxe", "")
        .file("from/README.md", "")
        .file("from/collect.d/ipxe.efi", "")
        .file("from/d/ALLOW", "")
        .file("from/tab\tbed.efi", "")
        .file("from/two\nlines.efi", "")
        .file("from/b\\s.efi", "")
        .file("from/\u{e4}.efi", "")
        .file("from/c:x.efi", "")
        .file("from/ space.efi", "")
        .file(&long, "")
        .link("from/out.efi", "../secret.efi")
        .link("from/gone.efi", "nothing")
        .link("from/round.efi", "round.efi")
        .link("from/here", ".")
        .link("from/other", "d")
        .file("secret.efi", "secret");
    let _socket = UnixListener::bind(tree.path("from/socket.efi")).unwrap();
    let mut said = tree.collect(&["--from", "from"]);
    said.retain(|line| !line.starts_with("ipxe.efi: from "));
    said.iter_mut()
        .for_each(|line| *line = line.replace(&long[5..], "LONG"));
    said.sort();
    let expected = [
        "not taken:  space.efi: a list of hashes cannot carry this name",
        "not taken: ??.efi: TFTP cannot carry this name",
        "not taken: LONG: TFTP cannot carry this name",
        "not taken: README.md: the assets directory has a file of its own under this name",
        "not taken: b\\s.efi: TFTP cannot carry this name",
        "not taken: boot.ipxe: a script decides what machines boot; name it as a GLOB to take it",
        "not taken: c:x.efi: TFTP cannot carry this name",
        "not taken: collect.d/ipxe.efi: the assets directory has a file of its own under this name",
        "not taken: d/ALLOW: no pattern of ALLOW allows it",
        "not taken: gone.efi: a link to nothing, which is not a file there",
        "not taken: here: a link to a directory that it is in",
        "not taken: other: a link to a directory of which no file is taken",
        "not taken: out.efi: a link that leads out",
        "not taken: round.efi: a link that leads round in a circle",
        "not taken: socket.efi: neither a file, nor a directory, nor a link to one",
        "not taken: tab?bed.efi: TFTP cannot carry this name",
        "not taken: two?lines.efi: TFTP cannot carry this name",
    ];
    assert_eq!(said, expected);
    assert_eq!(tree.boot_files(), files(&[("ipxe.efi", "efi")]));
}

#[test]
fn a_script_is_taken_by_name() {
    let tree = source().file("from/boot.ipxe", "#!ipxe\n");
    tree.collect(&["--from", "from", "boot.ipxe"]);
    assert_eq!(tree.boot_files(), files(&[("boot.ipxe", "#!ipxe\n")]));
}

/// The way to give an edited script its hash.
#[test]
fn a_file_that_is_in_place_gets_the_hash_that_it_has() {
    let tree = Tree::new().file("assets/autoexec.ipxe", "edited");
    tree.write(
        "assets/SHA256SUMS",
        format!("{}  autoexec.ipxe\n", sum("before")),
    );
    tree.collect(&["--from", "assets", "--pin", "autoexec.ipxe"]);
    let line = format!("{}  autoexec.ipxe\n", sum("edited"));
    assert_eq!(tree.read("assets/SHA256SUMS"), line);
    assert_eq!(tree.build().records().len(), 1);
}

#[test]
fn names_may_begin_with_a_dash() {
    let tree = Tree::new()
        .file("-from/-n.efi", "file")
        .file("-from/-r/--to", "deep")
        .link("-from/-l.efi", "-n.efi")
        .file("assets/ALLOW", "*.efi\n*/*\n");
    tree.collect(&["--from", "-from"]);
    let expected = [
        ("-l.efi", "-> -n.efi"),
        ("-n.efi", "file"),
        ("-r/--to", "deep"),
    ];
    assert_eq!(tree.boot_files(), files(&expected));
    assert_eq!(tree.build().records().len(), 3);
    fs::create_dir(tree.path("-to")).unwrap();
    fs::copy(tree.path("assets/ALLOW"), tree.path("-to/ALLOW")).unwrap();
    tree.collect(&["--from", "-from", "--to", "-to", "--", "-n.efi"]);
    assert_eq!(tree.read("-to/-n.efi"), "file");
    assert!(!tree.path("-to/-l.efi").exists());
}

#[test]
fn a_directory_without_end_is_refused() {
    let tree = Tree::new();
    for number in 0..65_537 {
        fs::write(tree.path("from").join(format!("{number}.efi")), "").unwrap();
    }
    let said = ["from has more than 65536 entries", "Name the directory"];
    tree.refuses(1, &["--from", "from"], &said);

    let tree = Tree::new().file("from/ipxe.efi", "");
    let file = fs::File::options()
        .write(true)
        .open(tree.path("from/ipxe.efi"));
    file.unwrap().set_len(1 << 40).unwrap();
    let said = ["more than 268435456 bytes", "--only", "by hand"];
    tree.refuses(1, &["--from", "from"], &said);
}

#[test]
fn wrong_usage_is_told() {
    let tree = source();
    let usage = [
        (&["--sideways"][..], "no option --sideways"),
        (&["--from"], "--from needs a value"),
        (&["--from", ""], "--from needs a value"),
        (&["--from", "from", "--only"], "--only needs a GLOB"),
        (&["--from", "from", "a\nb"], "control character"),
        (
            &["--from", "from", "--version", "2 0"],
            "--version is printable ASCII",
        ),
        (
            &["--from", "from", "--sha256", "0123"],
            "it has 4 digits, and 64 are needed",
        ),
        (
            &["--from", "from", "--sha256", "xyz"],
            "other characters in it than hexadecimal",
        ),
        (
            &["--from", "from", "--sha256", &"0".repeat(64)],
            "from is a directory",
        ),
        (
            &["--sha256", &"0".repeat(64)],
            "the archive that --from names",
        ),
        (&["--from", "from/ipxe.efi"], "--sha256 is missing"),
        (
            &["--from", "from", "--boot-url", "http://h/"],
            "do not go with it",
        ),
    ];
    for (arguments, said) in usage {
        tree.refuses(2, arguments, &[said, "--help"]);
    }
    tree.refuses(
        1,
        &["--from", "gone"],
        &["gone is neither a directory nor a file"],
    );
    tree.refuses(1, &["--to", "gone"], &["gone is not a directory", "--to"]);
    tree.refuses(1, &["--from", "assets"], &["found no iPXE in assets"]);
    assert!(tree.collect(&["--help"])[0].starts_with("Usage: collect "));
}
