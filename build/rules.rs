//! The rules that stand in the directory itself: `ALLOW` and `SHA256SUMS`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::Path;

use glob::{MatchOptions, Pattern};

use super::manifest::{Digest, ParseError, SIGNATURE_NAME, SUMS_NAME, parse_sums, parse_versions};

pub(super) const ALLOW: &str = "ALLOW";
/// The key that the signature of the list of all files is checked with, as minisign writes it.
pub(super) const PUBLIC_KEY: &str = "PUBLIC_KEY";
/// For hashes of files that are not in git, where `SHA256SUMS` is: `collect` writes them here.
/// A line counts the same in either.
const LOCAL_SUMS: &str = "SHA256SUMS.local";
/// At the top of the directory these are not boot files, and are never embedded.
const CONTROL_FILES: [&str; 8] = [
    ALLOW,
    SUMS_NAME,
    LOCAL_SUMS,
    SIGNATURE_NAME,
    PUBLIC_KEY,
    "README.md",
    "collect",
    ".gitignore",
];

/// The directory with the parts of `collect`. They are never embedded either.
const COLLECT_PARTS: &[u8] = b"collect.d/";

/// The longest control file. A list of all names that can be embedded is shorter.
const MAX_CONTROL_SIZE: u64 = 16 << 20;

/// An allow-list is tight: `*` stays in its directory and takes no hidden file.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// Whether a name is that of a control file.
pub(super) fn is_control(name: &[u8]) -> bool {
    let mut control = CONTROL_FILES.iter();
    name.starts_with(COLLECT_PARTS) || control.any(|control| control.as_bytes() == name)
}

/// The problems found, one line each.
pub(super) struct Problems<'a> {
    /// The directory as the person called it.
    pub(super) assets: &'a Path,
    pub(super) lines: Vec<String>,
}

impl Problems<'_> {
    /// Adds a problem of the file `name`: what is wrong, and what to do.
    pub(super) fn add(&mut self, name: &[u8], what: impl Display) {
        let (assets, name) = (shown(self.assets), name.escape_ascii());
        self.lines.push(format!("{assets}/{name}: {what}"));
    }
}

/// A path as it can stand in a line of output.
pub(super) fn shown(path: &Path) -> impl Display {
    path.as_os_str().as_encoded_bytes().escape_ascii()
}

/// What the control files say of each name, and the control file that says it.
pub(super) type Listed<T> = BTreeMap<String, (T, &'static str)>;

pub(super) fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}. Make it readable, or remove it")
}

pub(super) struct Rules {
    allowed: Vec<Pattern>,
    pub(super) published: Listed<Digest>,
    pub(super) versions: Listed<String>,
}

impl Rules {
    /// Reads the control files. One that is not there has no rule in it.
    pub(super) fn read(root: &Path, problems: &mut Problems<'_>) -> Rules {
        let mut rules = Rules {
            allowed: Vec::new(),
            published: BTreeMap::new(),
            versions: BTreeMap::new(),
        };
        rules.read_allowed(&read_control(root, ALLOW, problems), problems);
        for list in [SUMS_NAME, LOCAL_SUMS] {
            let text = read_control(root, list, problems);
            let sums = parse_sums(&text);
            merge(&mut rules.published, list, "sha256", sums, problems);
            let versions = parse_versions(&text);
            merge(&mut rules.versions, list, "version", versions, problems);
        }
        rules
    }

    pub(super) fn allow(&self, name: &str) -> bool {
        let mut patterns = self.allowed.iter();
        patterns.any(|pattern| pattern.matches_with(name, MATCHING))
    }

    fn read_allowed(&mut self, text: &str, problems: &mut Problems<'_>) {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match Pattern::new(line) {
                Ok(pattern) => self.allowed.push(pattern),
                Err(error) => {
                    let (number, line) = (index + 1, line.escape_debug());
                    let what = format!("line {number}: `{line}` is no pattern: {}", error.msg);
                    problems.add(ALLOW.as_bytes(), what + ". Correct the line, or remove it");
                }
            }
        }
    }
}

/// Adds what one list says to what the other says.
fn merge<T: PartialEq + Display>(
    listed: &mut Listed<T>,
    list: &'static str,
    what: &str,
    read: Result<Vec<(String, T)>, ParseError>,
    problems: &mut Problems<'_>,
) {
    let items = read.unwrap_or_else(|error| {
        let text = format!("{error}. Correct the line, or remove it");
        problems.add(list.as_bytes(), text);
        Vec::new()
    });
    for (name, item) in items {
        if let Some((first, _)) = listed.get(&name) {
            if *first != item {
                let text = format!("{SUMS_NAME} says {what} {first}, {list} says {item}");
                let text = text + ". Remove the wrong one of the two lines";
                problems.add(name.as_bytes(), text);
            }
        } else {
            listed.insert(name, (item, list));
        }
    }
}

fn read_control(root: &Path, name: &str, problems: &mut Problems<'_>) -> String {
    let text = read_text(root, name).map(Option::unwrap_or_default);
    text.unwrap_or_else(|error| {
        let what = format!("cannot be read: {error}. Make it a readable text, or remove it");
        problems.add(name.as_bytes(), what);
        String::new()
    })
}

/// The text of a control file; `None` if there is none.
pub(super) fn read_text(root: &Path, name: &str) -> io::Result<Option<String>> {
    let path = root.join(name);
    // Looked at first: to read a FIFO is to wait forever.
    match fs::metadata(&path) {
        Ok(metadata) if metadata.len() > MAX_CONTROL_SIZE => {
            Err(io::Error::other("it is longer than 16 MiB"))
        }
        Ok(metadata) if metadata.is_file() => fs::read_to_string(&path).map(Some),
        Ok(_) => Err(io::Error::other("it is not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
