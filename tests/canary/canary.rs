//! Runs of `verify --as`.

use std::net::SocketAddr;
use std::sync::LazyLock;

use bootstone::manifest::Digest;
use serde_json::Value;
use tempfile::TempDir;

use crate::run::{Run, bootstone, content};

/// The name of the file that the canaries fetch.
pub const NAME: &str = "boot.img";

/// 200 kB: a few dozen windows.
pub static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| content(200_000));

/// What `verify --as` says of one client.
#[derive(Debug)]
pub struct Trial(Value);

impl Trial {
    pub fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    pub fn number(&self, field: &str) -> u64 {
        let value = self.0[field].as_u64();
        value.unwrap_or_else(|| panic!("no number {field} in {}", self.0))
    }

    /// Asserts the verdict, and that the report has these parts of a text.
    #[track_caller]
    pub fn says(&self, verdict: &str, parts: &[&str]) {
        assert_eq!(self.text("verdict"), verdict, "{:#}", self.0);
        let all = format!("{} | {}", self.text("screen"), self.text("detail"));
        for part in parts {
            assert!(all.contains(part), "no {part:?} in {:#}", self.0);
        }
    }
}

/// The result of a run: the exit code, and one trial per client.
pub struct Trials {
    pub code: i32,
    pub trials: Vec<Trial>,
}

impl Trials {
    #[track_caller]
    pub fn of(&self, model: &str) -> &Trial {
        let found = self.trials.iter().find(|trial| trial.text("as") == model);
        found.unwrap_or_else(|| panic!("no {model} in {:?}", self.trials))
    }

    /// Asserts that each client got the whole file.
    #[track_caller]
    pub fn are_whole(&self) {
        for trial in &self.trials {
            trial.says("ok", &[]);
            assert_eq!(trial.number("bytes"), FILE.len() as u64);
        }
        assert_eq!(self.code, 0);
    }
}

/// Fetches the file from `server` as `models`, with JSON as report.
pub fn verify_as(models: &str, server: SocketAddr) -> Trials {
    trials(&report(models, server, &["--format", "json"]))
}

/// The trials of a report in JSON.
pub fn trials(run: &Run) -> Trials {
    let report: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{}", run.err));
    let trials = report["trials"].as_array().unwrap().iter();
    Trials {
        code: run.code,
        trials: trials.cloned().map(Trial).collect(),
    }
}

/// A directory with the list of hashes of the file.
pub fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let sums = format!("{}  {NAME}\n", Digest::of(&FILE));
    std::fs::write(directory.path().join("sums"), sums).unwrap();
    directory
}

/// Fetches the file from `server` as `models`.
pub fn report(models: &str, server: SocketAddr, more: &[&str]) -> Run {
    let directory = directory();
    let server = server.to_string();
    let arguments = [&["verify", "--sums", "sums", "--as", models, &server], more].concat();
    let output = bootstone(directory.path(), &arguments).output().unwrap();
    Run::after(directory, output)
}
