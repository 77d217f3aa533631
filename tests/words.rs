//! The vocabulary: words that must not occur in the sources (identifiers, comments, messages), in
//! the documents, in scripts, and in the configuration files for deployment.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; this one reads the sources"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Words and phrases that must not occur, and what to write instead.
const WORDS: &[(&[&str], &str)] = &[
    (
        &["house", "room", "rooms", "floors"],
        "crate, module, layer, space",
    ),
    (&["door", "doors"], "HTTP listener"),
    (&["debt", "dearer"], "token bucket, cost factor"),
    (
        &["stranger", "strangers", "unproven", "proven"],
        "unvalidated or validated address",
    ),
    (&["bytes back per byte"], "amplification factor"),
    (&["guessed acks", "guessed ack"], "blind ACK attack"),
    (
        &["doubt", "doubts", "complaint", "complaints", "complained"],
        "penalty, ICMP report",
    ),
    (
        &["far client", "far clients", "near client", "near clients"],
        "high RTT, low RTT",
    ),
    (
        &["near and far", "neighbour", "neighbours"],
        "local, remote",
    ),
    (&["patience", "stopwatch"], "liveness, timeout, RTT sampler"),
    (
        &["echo", "needless", "needlessly", "suspects"],
        "duplicate-block probe, spurious",
    ),
    (&["run ahead", "runs ahead", "running ahead"], "pipelining"),
    (
        &["pulse", "tally", "last word"],
        "status request, snapshot, shutdown request",
    ),
    (
        &["readiness", "eagerness", "eager", "awake"],
        "polling, busy polling",
    ),
    (
        &["duty", "duties", "wish", "wishes"],
        "worker configuration, assignment, configuration",
    ),
    (
        &["mention", "mentions", "booking", "bookings"],
        "log limiter, reservation",
    ),
    (
        &["cut off", "cuts off", "forgets", "last ack of nobody"],
        "finish, abort, discard",
    ),
    (
        &["make room", "makes room", "carved"],
        "is evicted, compiled into",
    ),
    (
        &[
            "nobody",
            "somebody",
            "everybody",
            "anybody",
            "whoever",
            "whomever",
        ],
        "name the actor",
    ),
    (
        &["once more", "as told", "as it comes"],
        "again, as configured, by default",
    ),
    (
        &["deed", "deeds", "witness", "witnesses"],
        "attempt, invariant checker",
    ),
    (&["confinement", "way out", "ways out"], "sandbox, advice"),
    (
        &["begins anew", "all over again", "in a good way"],
        "starts again",
    ),
];

/// Files and folders that are not rewritten yet. Entries may be removed, not added.
const NOT_YET: &[&str] = &[];

#[test]
fn the_sources_use_no_forbidden_words() {
    let mut found = Vec::new();
    let mut excused = BTreeSet::new();
    for (path, text) in sources() {
        let uses = forbidden(&text);
        match NOT_YET.iter().find(|prefix| path.starts_with(**prefix)) {
            Some(prefix) if !uses.is_empty() => drop(excused.insert(*prefix)),
            Some(_) => {}
            None => found.extend(uses.into_iter().map(|found| format!("{path}:{found}"))),
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    let clean = NOT_YET.iter().filter(|prefix| !excused.contains(*prefix));
    let clean: Vec<_> = clean.collect();
    assert!(clean.is_empty(), "remove from NOT_YET: {clean:?}");
}

#[test]
fn identifiers_and_phrases_across_lines_are_found() {
    for text in [
        "let is_unproven = 1;",
        "struct SideDoor;",
        "// a side\n    // door",
        "SIDE_DOOR",
    ] {
        assert_eq!(forbidden(text).len(), 1, "{text}");
    }
    for text in [
        "echoed",
        "a fellow in the roomy wishbone",
        "indoors",
        "outdoor",
    ] {
        assert!(forbidden(text).is_empty(), "{text}");
    }
    let document = "```\necho a\n```\nthe `echo` command\n<!-- a -->\necho\n<!-- /a -->\nan echo\n";
    let found = forbidden(&Language::Markdown.prose(document));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("8: "), "{found:?}");
    let found = forbidden("one\ntwo whoever\n");
    assert_eq!(found, ["2: \"whoever\": name the actor"]);
}

/// Files and folders that are read, except the folders `target` and `corpus`.
const PLACES: [&str; 20] = [
    ".ci",
    ".github",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.toml",
    "Dockerfile",
    "README.md",
    "SECURITY.md",
    "bench",
    "boot-assets",
    "build",
    "build.rs",
    "clippy.toml",
    "deploy",
    "docs",
    "fly.toml",
    "src",
    "tests",
];

/// What a file is written in, by its name; `None` if it is not read.
#[derive(Clone, Copy)]
enum Language {
    /// Read as a whole.
    Code,
    /// Read without code and without what programs write.
    Markdown,
    /// Read without the command `echo` and a key of Kubernetes.
    Script,
}

impl Language {
    fn of(name: &str) -> Option<Language> {
        let file = name.rsplit('/').next().unwrap_or(name);
        let Some((_, extension)) = file.rsplit_once('.') else {
            return is_script(name).then_some(Language::Script);
        };
        match extension {
            "md" => Some(Language::Markdown),
            "rs" => Some(Language::Code),
            "toml" | "yaml" | "service" | "socket" | "tf" | "sh" | "awk" => Some(Language::Script),
            _ => None,
        }
    }

    /// The part of a text that people write in prose.
    fn prose(self, text: &str) -> String {
        match self {
            Language::Code => text.to_owned(),
            Language::Markdown => without_code(text),
            Language::Script => text.replace("echo ", " ").replace("readinessProbe", ""),
        }
    }
}

/// True for the files without an extension that are scripts or configuration.
fn is_script(name: &str) -> bool {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    name == "Dockerfile" || ["tests", "bench", "boot-assets", ".ci"].contains(&folder)
}

/// The lines of a Markdown document, without code and without what programs write between markers.
fn without_code(text: &str) -> String {
    let mut is_code = false;
    let mut is_generated = false;
    let lines = text.lines().map(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if line.starts_with("<!-- ") {
            is_generated = !line.starts_with("<!-- /");
        }
        match is_code || is_fence || is_generated {
            true => String::new(),
            false => line.split('`').step_by(2).collect::<Vec<_>>().join("`"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The texts, by their paths in the repository.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut waiting: Vec<_> = PLACES.map(|path| root.join(path)).into();
    let mut sources = Vec::new();
    while let Some(path) = waiting.pop() {
        let name = path.strip_prefix(root).unwrap();
        let name = name.to_str().unwrap().to_owned();
        if path.is_dir() {
            let is_ours = !name.ends_with("target") && !name.ends_with("corpus");
            let entries = is_ours.then(|| fs::read_dir(&path).unwrap());
            waiting.extend(entries.into_iter().flatten().map(|e| e.unwrap().path()));
        } else if name != "tests/words.rs"
            && let Some(language) = Language::of(&name)
        {
            let text = fs::read_to_string(&path).unwrap();
            sources.push((name, language.prose(&text)));
        }
    }
    sources
}

/// The forbidden words of a text, with their lines.
fn forbidden(text: &str) -> Vec<String> {
    let words = words(text);
    let mut found = Vec::new();
    for (phrases, instead) in WORDS {
        for phrase in *phrases {
            let length = phrase.split(' ').count();
            let is_phrase = |window: &&[(usize, String)]| {
                window.iter().map(|(_, word)| word).eq(phrase.split(' '))
            };
            for window in words.windows(length).filter(is_phrase) {
                found.push(format!("{}: {phrase:?}: {instead}", window[0].0));
            }
        }
    }
    found
}

/// The words of a text in lower case, with their lines. `is_unproven` and `IsUnproven` are two
/// words. The Unix user `nobody` is left out.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut word = String::new();
        let mut was_lower = false;
        let line = line
            .replace("user nobody", "")
            .replace("user=nobody", "")
            .replace("\"nobody\"", "");
        for c in line.chars().chain([' ']) {
            let starts_word = was_lower && c.is_uppercase();
            if (starts_word || !c.is_alphanumeric()) && !word.is_empty() {
                words.push((number, std::mem::take(&mut word)));
            }
            if c.is_alphanumeric() {
                word.extend(c.to_lowercase());
            }
            was_lower = c.is_lowercase();
        }
    }
    words
}
