//! The documents: links, anchors and file names in them are valid, and their lines are short.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; this one reads the documents"
)]

use std::collections::BTreeSet;
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
const WITH_DOCUMENTS: [&str; 10] = [
    "",
    "docs",
    "boot-assets",
    "bench",
    "deploy",
    "deploy/debian",
    "deploy/grafana",
    "deploy/kubernetes",
    "deploy/systemd",
    "deploy/terraform",
];

/// Explains metrics, alerts and warnings.
const OPERATING: &str = "docs/operating.md";

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

/// Each metric of the source is explained, and no other.
#[test]
fn operating_explains_every_metric() {
    let source = read("src/http/metrics.rs");
    let names = |text: &str| {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let words = words.filter(|word| word.starts_with("bootstone_"));
        words.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let (source, explained) = (names(&source), names(&read(OPERATING)));
    assert!(source.len() > 20);
    assert_eq!(explained, source);
}

#[test]
fn operating_lists_every_alert() {
    let rules = read("deploy/grafana/alerts.yaml");
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let alerts: Vec<&str> = alerts.collect();
    assert!(alerts.len() >= 4);
    for alert in alerts {
        assert!(
            read(OPERATING).contains(alert),
            "{alert} is not in {OPERATING}"
        );
        let tests = ["deploy/grafana/alerts.test.yaml", "tests/http/alerts.rs"];
        let is_tested = tests.iter().any(|path| read(path).contains(alert));
        assert!(is_tested, "{alert} is in none of {tests:?}");
    }
}

/// Each text of a warning in the source is explained, and each that is explained is in the source.
#[test]
fn operating_explains_every_warning() {
    let operating = read(OPERATING);
    let (_, table) = operating.split_once("### WARN lines").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let explained = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let explained: Vec<&str> = explained
        .map(|row| row.split('`').next().unwrap())
        .collect();
    assert!(explained.len() >= 10);
    let sources = sources();
    for text in &explained {
        for part in text.split('…').map(str::trim).filter(|part| part.len() > 3) {
            assert!(sources.contains(part), "`{part}` is not in the source");
        }
    }
    let all = explained.join("\n");
    let warnings = warnings(&sources);
    assert!(warnings.len() >= 10, "{warnings:?}");
    for text in warnings {
        // What stands in braces is filled in.
        let parts = text.split(['{', '}']).step_by(2).map(str::trim);
        for part in parts.filter(|part| part.len() > 3) {
            assert!(all.contains(part), "{OPERATING} does not explain `{part}`");
        }
    }
}

/// The sources without their tests, with each string on one line.
fn sources() -> String {
    let mut all = String::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // Its warnings are comments in the configuration that it writes.
                folders.extend(Some(path).filter(|path| !path.ends_with("src/dhcp")));
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let mut pieces = text.split("\\\n");
            all.push_str(pieces.next().unwrap());
            pieces.for_each(|piece| all.push_str(piece.trim_start()));
        }
    }
    all
}

/// The strings of `warn!`, of `warnings.push`, and of functions that are called `warnings`.
fn warnings(sources: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (start, open, close) in [
        ("warn!(", '(', ')'),
        ("warnings.push(", '(', ')'),
        ("fn warnings(", '{', '}'),
    ] {
        for rest in sources.split(start).skip(1) {
            let mut depth = usize::from(open == '(');
            let mut is_string = false;
            let mut begin = 0;
            for (index, c) in rest.char_indices() {
                match c {
                    '"' if is_string => {
                        found.push(&rest[begin..index]);
                        is_string = false;
                    }
                    '"' => (is_string, begin) = (true, index + 1),
                    _ if is_string => {}
                    _ if c == open => depth += 1,
                    _ if c == close && depth <= 1 => break,
                    _ if c == close => depth -= 1,
                    _ => {}
                }
            }
        }
    }
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
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
