//! What cargo makes of the package: reproducible bits, and a rebuild only after a change.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use bootstone::manifest::{Manifest, Record};

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
        // The default directory holds no boot program. That is no news to a fresh clone.
        assert!(!said.contains("that firmware can boot"), "{said}");
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
