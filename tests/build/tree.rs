//! A made-up assets directory, and what the build makes of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use bootstone::manifest::{Digest, Manifest, Record};
use tempfile::TempDir;

/// An assets directory and the stage beside it.
pub(crate) struct Tree {
    pub(crate) dir: TempDir,
}

impl Tree {
    /// One that allows everything, here and one directory down, and holds nothing.
    pub(crate) fn new() -> Tree {
        let tree = Tree {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(tree.assets()).unwrap();
        tree.file("ALLOW", "*\n*/*\n")
    }

    pub(crate) fn assets(&self) -> PathBuf {
        self.dir.path().join("assets")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.assets().join(name)
    }

    pub(crate) fn stage(&self) -> PathBuf {
        self.dir.path().join("stage")
    }

    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Tree {
        self.write(name, content);
        self
    }

    pub(crate) fn link(self, name: &str, target: impl AsRef<Path>) -> Tree {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        symlink(target, self.path(name)).unwrap();
        self
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn try_build(
        &self,
        require_published: Option<&str>,
    ) -> Result<Option<String>, Vec<String>> {
        let require_published = require_published.map(Into::into);
        crate::build_script::build(&self.assets(), require_published, &self.stage())
    }

    #[track_caller]
    pub(crate) fn build(&self) -> Manifest {
        self.try_build(None).unwrap();
        let text = fs::read_to_string(self.stage().join("manifest")).unwrap();
        Manifest::parse(&text).unwrap()
    }

    /// The problems, without the path in front that differs from run to run.
    #[track_caller]
    pub(crate) fn problems(&self, require_published: Option<&str>) -> Vec<String> {
        let problems = self.try_build(require_published).unwrap_err();
        let assets = self.assets().display().to_string();
        let problems = problems.iter().map(|line| line.replace(&assets, "ASSETS"));
        problems.collect()
    }

    /// The only problem must say all of this.
    #[track_caller]
    pub(crate) fn refused(&self, said: &[&str]) {
        let problems = self.problems(None);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert_says(&problems[0], said);
    }

    /// The names of the staged contents.
    pub(crate) fn staged(&self) -> Vec<String> {
        let entries = fs::read_dir(self.stage().join("content")).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[track_caller]
pub(crate) fn assert_says(text: &str, said: &[&str]) {
    for said in said {
        assert!(text.contains(said), "`{said}` is not in `{text}`");
    }
    assert!(!text.contains('\n'), "cargo takes one line: {text}");
}

pub(crate) fn names(manifest: &Manifest) -> Vec<&str> {
    let records = manifest.records().iter();
    records.map(|record| record.name.as_str()).collect()
}

#[track_caller]
pub(crate) fn record<'a>(manifest: &'a Manifest, name: &str) -> &'a Record {
    let mut records = manifest.records().iter();
    records.find(|record| record.name == name).unwrap()
}

pub(crate) fn sum(content: &str) -> String {
    Digest::of(content.as_bytes()).to_string()
}
