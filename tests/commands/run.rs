//! Runs of the program.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A command of the program, in this directory.
pub(crate) fn bootstone(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstone"));
    command.current_dir(directory).args(arguments);
    command.stdin(Stdio::null());
    command
}

/// The result of a run: status, both outputs, the directory.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) directory: TempDir,
}

impl Run {
    pub(crate) fn of(arguments: &[&str]) -> Run {
        let directory = tempfile::tempdir().unwrap();
        let output = bootstone(directory.path(), arguments).output().unwrap();
        Run::after(directory, output)
    }

    pub(crate) fn after(directory: TempDir, output: Output) -> Run {
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            directory,
        }
    }

    pub(crate) fn get(server: SocketAddr, name: &str, more: &[&str]) -> Run {
        let url = format!("tftp://{server}/{name}");
        Run::of(&[&["get", &url], more].concat())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let names = entries.map(|entry| name(entry).into_string().unwrap());
        names.collect()
    }

    pub(crate) fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.directory.path().join(name)).unwrap()
    }

    /// Asserts that it failed with a message and left no file.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, word: &str) {
        assert_eq!(self.code, code, "{}", self.err);
        assert!(self.err.contains(word), "{:?} in {}", word, self.err);
        assert_eq!(self.out, "");
        assert!(self.names().is_empty(), "{:?}", self.names());
    }
}

/// Pseudo-random bytes.
pub(crate) fn content(len: usize) -> Vec<u8> {
    let mut state = len as u64 | 1;
    let mut byte = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    (0..len).map(|_| byte()).collect()
}
