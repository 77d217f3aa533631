//! The record: sections with one entry a line, and a seal.

use std::collections::BTreeSet;

use bootstone::manifest::Digest;

const HEAD: &str = "# Written by: BLESS=1 cargo test --test compatibility\n";
const SEAL: &str = "# seal: ";

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

    /// The file.
    pub(crate) fn sealed(&self) -> String {
        let lines: String = self.0.iter().map(|line| format!("{line}\n")).collect();
        let seal = Digest::of(lines.as_bytes());
        format!("{HEAD}{SEAL}{seal}\n{lines}")
    }

    /// Whether a file is as it was written.
    pub(crate) fn is_intact(text: &str) -> bool {
        Record::of(text).sealed() == text
    }

    /// The entries of `other` that this record lacks.
    pub(crate) fn lacks(&self, other: &Record) -> Vec<String> {
        other.0.difference(&self.0).cloned().collect()
    }

    pub(crate) fn sections(&self) -> BTreeSet<&str> {
        let sections = self.0.iter().filter_map(|line| line.split_once(": "));
        sections.map(|(section, _)| section).collect()
    }

    /// The names of entries that `now` adds or removes and that `changelog` does not name. All is
    /// well if there was no record.
    pub(crate) fn missing_from(&self, now: &Record, changelog: &str) -> Vec<String> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let changed = self.lacks(now).into_iter().chain(now.lacks(self));
        // The changelog names the option; its variable follows from that.
        let changed = changed.filter(|line| !line.starts_with("variable: "));
        let names: BTreeSet<String> = changed.map(|line| name(&line).to_owned()).collect();
        let is_named = |name: &str| changelog.split(is_no_name).any(|word| word == name);
        names.into_iter().filter(|name| !is_named(name)).collect()
    }
}

/// The name of an entry: its last word before an explanation in parentheses or after `=`.
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
        let text = record(&[("option", "serve --mtu (576 to 65535)")]).sealed();
        assert!(Record::is_intact(&text));
        assert!(!Record::is_intact(&text.replace("576", "500")));
        assert!(!Record::is_intact(""));
        assert_eq!(Record::of(&text).sealed(), text);
    }

    #[test]
    fn a_change_has_to_be_named_in_the_changelog() {
        let old = record(&[
            ("option", "serve --mtu (576 to 65535)"),
            ("log", "transfer ms"),
        ]);
        let new = record(&[
            ("option", "serve --mtu (500 to 65535)"),
            ("log", "transfer seconds"),
        ]);
        let all = ["--mtu", "ms", "seconds"].map(str::to_owned);
        assert_eq!(old.missing_from(&new, "Better forms."), all);
        let text = "- `--mtu` goes down to 500. Of `ms` and `seconds` the log has the latter.";
        assert_eq!(old.missing_from(&new, text), [""; 0]);
        assert_eq!(Record::default().missing_from(&new, ""), [""; 0]);
        assert_eq!(old.missing_from(&old, ""), [""; 0]);
    }

    #[test]
    fn only_the_section_unreleased_counts() {
        let text = "# Changelog\n\n## Unreleased\n\n### Server\n\n- a\n\n## 0.1.0\n\n- b\n";
        assert_eq!(unreleased(text).trim(), "### Server\n\n- a");
    }
}
