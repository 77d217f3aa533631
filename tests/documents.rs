//! The documents: links, anchors and file names in them are valid, and their lines are short.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; this one reads the documents"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest line, in characters. Tables and code blocks are exempt, and the blocks between markers,
/// which programs write.
const MAX_LINE: usize = 100;

/// Folders whose files a document may name in backticks, from the root of the repository.
const FOLDERS: [&str; 8] = [
    "src/", "tests/", "docs/", "deploy/", "build/", "bench/", "fuzz/", ".ci/",
];

/// Folders with documents.
const WITH_DOCUMENTS: [&str; 6] = [
    "",
    "docs",
    "boot-assets",
    "bench",
    "deploy/grafana",
    "deploy/terraform",
];

#[test]
fn links_and_names_of_files_are_valid() {
    let root = root();
    let broken: Vec<String> = documents()
        .iter()
        .flat_map(|(path, text)| broken(&root, path, text))
        .collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn lines_are_short() {
    let mut long = Vec::new();
    for (path, text) in documents() {
        for (number, line) in prose(&text) {
            if line.chars().count() > MAX_LINE && !line.starts_with('|') {
                long.push(format!("{}:{number}", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "longer than {MAX_LINE}: {long:?}");
}

#[test]
fn broken_links_are_found() {
    let root = root();
    let of = |text: &str| broken(&root, Path::new("docs/boot.md"), text);
    for text in [
        "[a](nothing.md)",
        "[a](../README.md#no-such-heading)",
        "see [a](#no-such-heading)",
        "in `src/nothing.rs` and",
        "in `tests/nothing`",
    ] {
        assert_eq!(of(text).len(), 1, "{text}");
    }
    for text in [
        "[a](fly.md) [b](../README.md#quick-starts)",
        "[a](https://example.com/nothing)",
        "# A heading\n\n[a](#a-heading) `src/lib.rs` `tests/simulation` `src/…`",
        "```console\n$ cat `src/nothing.rs` [a](nothing.md)\n```",
        "`docs/nothing.md and more`",
    ] {
        assert_eq!(of(text), [""; 0], "{text}");
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The documents, by their paths in the repository.
fn documents() -> Vec<(PathBuf, String)> {
    let root = root();
    let folders = WITH_DOCUMENTS.iter();
    let files = folders.flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// The numbered lines that people write: without code blocks and what programs write.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    let mut is_generated = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if line.starts_with("<!-- ") {
            is_generated = !line.starts_with("<!-- /");
        }
        !is_code && !is_fence && !is_generated
    })
}

/// The broken links and names of a document, each with its place.
fn broken(root: &Path, path: &Path, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for (number, line) in prose(text) {
        let links = links(line).into_iter();
        let links = links.filter(|link| !is_valid_link(root, path, text, link));
        let names = names(line).into_iter();
        let names = names.filter(|name| !root.join(name).exists());
        broken.extend(
            links
                .chain(names)
                .map(|what| format!("{}:{number}: {what}", path.display())),
        );
    }
    broken
}

/// The targets of the links of a line.
fn links(line: &str) -> Vec<&str> {
    let targets = line.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://"))
        .collect()
}

/// The names of files in the backticks of a line.
fn names(line: &str) -> Vec<&str> {
    let quoted = line.split('`').skip(1).step_by(2);
    quoted
        .filter(|text| FOLDERS.iter().any(|folder| text.starts_with(folder)))
        .map(|text| text.split_once(" --").map_or(text, |(name, _)| name))
        .filter(|text| !text.contains([' ', '…', '*']))
        .collect()
}

fn is_valid_link(root: &Path, path: &Path, text: &str, link: &str) -> bool {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    if file.is_empty() {
        return has_anchor(text, anchor);
    }
    let target = root.join(path).parent().unwrap().join(file);
    let is_there = target.exists();
    is_there && (anchor.is_empty() || has_anchor(&fs::read_to_string(target).unwrap(), anchor))
}

/// True if a heading of the text has this anchor, as GitHub forms it.
fn has_anchor(text: &str, anchor: &str) -> bool {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    headings
        .map(|heading| heading.trim_start_matches('#').trim())
        .any(|heading| anchor_of(heading) == anchor)
}

fn anchor_of(heading: &str) -> String {
    let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let kept = heading.chars().filter(is_kept);
    kept.flat_map(char::to_lowercase)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
