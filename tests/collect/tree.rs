//! A directory with a source, `from`, beside an assets directory, `assets`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bootstone::manifest::{Digest, Manifest};
use tempfile::TempDir;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/boot-assets");

pub(crate) struct Tree {
    dir: TempDir,
}

impl Tree {
    /// An assets directory with the ALLOW that is shipped, and an empty `from`.
    pub(crate) fn new() -> Tree {
        let tree = Tree {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(tree.root().join("from")).unwrap();
        let allow = fs::read_to_string(Path::new(SHIPPED).join("ALLOW")).unwrap();
        tree.file("assets/ALLOW", allow)
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Tree {
        self.write(name, content);
        self
    }

    pub(crate) fn link(self, name: &str, target: &str) -> Tree {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        symlink(target, self.path(name)).unwrap();
        self
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// A program that stands before all others of its name.
    pub(crate) fn program(self, name: &str, script: &str) -> Tree {
        let path = format!("bin/{name}");
        self.write(&path, format!("#!/bin/sh\n{script}"));
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(&path), executable).unwrap();
        self
    }

    /// Runs `collect` with these arguments, beside `from` and `assets`.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap();
        Command::new(format!("{SHIPPED}/collect"))
            .args(["--to", "assets"])
            .args(arguments)
            .current_dir(self.root())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .output()
            .unwrap()
    }

    /// The lines that `collect` prints when it succeeds.
    #[track_caller]
    pub(crate) fn collect(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert_eq!(stderr, "");
        let stdout = String::from_utf8(output.stdout).unwrap();
        stdout.lines().map(str::to_owned).collect()
    }

    /// `collect` ends with this status, says all of this, and leaves the directory as it was.
    #[track_caller]
    pub(crate) fn refuses(&self, status: i32, arguments: &[&str], said: &[&str]) {
        let before = self.assets();
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).replace('\n', " ");
        assert_eq!(output.status.code(), Some(status), "{stderr}");
        for said in said {
            assert!(stderr.contains(said), "`{said}` is not in `{stderr}`");
        }
        assert_eq!(self.assets(), before, "after: {stderr}");
    }

    /// Name and content of every file below the assets directory but ALLOW; of a link, its text.
    pub(crate) fn assets(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut directories = vec![self.path("assets")];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.path("assets")).unwrap();
                let name = name.to_str().unwrap().to_owned();
                if path.is_symlink() {
                    let text = fs::read_link(&path).unwrap();
                    found.push((name, format!("-> {}", text.display())));
                } else if path.is_dir() {
                    directories.push(path);
                } else if name != "ALLOW" {
                    let bytes = fs::read(&path).unwrap();
                    found.push((name, String::from_utf8_lossy(&bytes).into_owned()));
                }
            }
        }
        found.sort();
        found
    }

    /// The same without the lists of hashes.
    pub(crate) fn boot_files(&self) -> Vec<(String, String)> {
        let mut files = self.assets();
        files.retain(|(name, _)| !name.starts_with("SHA256SUMS"));
        files
    }

    /// Embeds the assets directory, in which every file has to have a published hash.
    #[track_caller]
    pub(crate) fn build(&self) -> Manifest {
        let stage = self.path("stage");
        super::build_script::build(&self.path("assets"), Some("1".into()), &stage).unwrap();
        Manifest::parse(&self.read("stage/manifest")).unwrap()
    }
}

/// Files as [`Tree::boot_files`] gives them.
pub(crate) fn files(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |&(name, content): &(&str, &str)| (name.to_owned(), content.to_owned());
    files.iter().map(owned).collect()
}

pub(crate) fn sum(content: impl AsRef<[u8]>) -> String {
    Digest::of(content.as_ref()).to_string()
}
