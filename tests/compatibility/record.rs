//! The record: sections with one entry a line, and a seal.

use std::collections::BTreeSet;

use bootstone::manifest::Digest;

const HEAD: &str = "# Written by: BLESS=1 cargo test --test compatibility\n";
const SEAL: &str = "# seal: ";
/// Before the hash of the section `Unreleased` at the time of writing.
const CHANGELOG: &str = "# changelog: ";

/// The entries, as `section: entry`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Record(BTreeSet<String>);

impl Record {
    /// Adds entries to a section. Line ends in them become spaces.
    pub(crate) fn add(&mut self, section: &str, entries: impl IntoIterator<Item = String>) {
        for entry in entries {
            let entry = entry.split_whitespace().collect::<Vec<_>>().join(" ");
            self.0.insert(format!("{section}: {entry}"));
        }
    }

    /// Reads what [`Record::sealed`] wrote.
    pub(crate) fn of(text: &str) -> Record {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Record(lines.map(str::to_owned).collect())
    }

    /// The file, written while the changelog has this text or hash.
    pub(crate) fn sealed(&self, changelog: Digest) -> String {
        let lines: String = self.0.iter().map(|line| format!("{line}\n")).collect();
        let lines = format!("{CHANGELOG}{changelog}\n{lines}");
        let seal = Digest::of(lines.as_bytes());
        format!("{HEAD}{SEAL}{seal}\n{lines}")
    }

    /// Whether a file is as it was written.
    pub(crate) fn is_intact(text: &str) -> bool {
        changelog_of(text).is_some_and(|changelog| Record::of(text).sealed(changelog) == text)
    }

    /// The entries of `other` that this record lacks.
    pub(crate) fn lacks(&self, other: &Record) -> Vec<String> {
        other.0.difference(&self.0).cloned().collect()
    }

    pub(crate) fn sections(&self) -> BTreeSet<&str> {
        let sections = self.0.iter().filter_map(|line| line.split_once(": "));
        sections.map(|(section, _)| section).collect()
    }

    /// Why `now` may not replace this record, which was written while the changelog had the hash
    /// `then`: the changelog is the same, or does not name an entry that is gone. A first record may
    /// always be written.
    pub(crate) fn refusal(
        &self,
        now: &Record,
        then: Option<Digest>,
        changelog: &str,
    ) -> Option<String> {
        if self.0.is_empty() || self == now {
            return None;
        }
        if then == Some(Digest::of(changelog.as_bytes())) {
            return Some("CHANGELOG.md is the same as before this change".to_owned());
        }
        let gone = now.lacks(self).into_iter();
        let names: BTreeSet<String> = gone.map(|line| name(&line).to_owned()).collect();
        let is_named = |name: &str| changelog.split(is_no_name).any(|word| word == name);
        let unnamed: Vec<_> = names.iter().filter(|name| !is_named(name)).collect();
        (!unnamed.is_empty()).then(|| format!("CHANGELOG.md does not name {unnamed:?}"))
    }
}

/// The hash of the changelog in a record's file.
pub(crate) fn changelog_of(text: &str) -> Option<Digest> {
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix(CHANGELOG)?.parse().ok())
}

/// The name of an entry: what precedes an explanation in parentheses or `=`, without the command.
fn name(line: &str) -> &str {
    let (_, entry) = line.split_once(": ").unwrap_or(("", line));
    let entry = entry.split([' ', '=']).filter(|word| !word.is_empty());
    let words: Vec<&str> = entry.take_while(|word| !word.starts_with('(')).collect();
    words.last().copied().unwrap_or_default()
}

fn is_no_name(letter: char) -> bool {
    !(letter.is_ascii_alphanumeric() || "_-./[]".contains(letter))
}

/// The section `Unreleased` of a changelog.
pub(crate) fn unreleased(changelog: &str) -> String {
    let (_, rest) = changelog.split_once("## Unreleased").unwrap_or_default();
    rest.split("\n## ").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(lines: &[(&str, &str)]) -> Record {
        let mut record = Record::default();
        for (section, entry) in lines {
            record.add(section, [(*entry).to_owned()]);
        }
        record
    }

    #[test]
    fn a_record_that_was_edited_by_hand_is_found() {
        let changelog = Digest::of(b"- `--mtu`");
        let text = record(&[("option", "serve --mtu (576 to 65535)")]).sealed(changelog);
        assert!(Record::is_intact(&text));
        assert!(!Record::is_intact(&text.replace("576", "500")));
        let other = Digest::of(b"").to_string();
        assert!(!Record::is_intact(
            &text.replace(&changelog.to_string(), &other)
        ));
        assert!(!Record::is_intact(""));
        assert_eq!(changelog_of(&text), Some(changelog));
    }

    #[test]
    fn a_change_needs_a_changelog() {
        let old = record(&[("option", "serve --mtu"), ("log", "transfer ms")]);
        let new = record(&[("option", "serve --mtu"), ("log", "transfer seconds")]);
        let added = record(&[
            ("option", "serve --mtu"),
            ("log", "transfer ms"),
            ("exit", "3"),
        ]);
        let then = Some(Digest::of(b"The same."));
        let refused = |now, text| old.refusal(now, then, text).is_some();
        assert!(refused(&added, "The same."));
        assert!(!refused(&added, "There is another exit code."));
        assert!(refused(&new, "The log is better."));
        assert!(!refused(&new, "The log has `seconds` and no `ms`."));
        assert!(!refused(&old, "The same."));
        assert_eq!(Record::default().refusal(&new, None, ""), None);
    }

    #[test]
    fn only_the_section_unreleased_counts() {
        let text = "# Changelog\n\n## Unreleased\n\n### Server\n\n- a\n\n## 0.1.0\n\n- b\n";
        assert_eq!(unreleased(text).trim(), "### Server\n\n- a");
    }
}
