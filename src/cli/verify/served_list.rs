//! Compares the `SHA256SUMS` that a server serves with the release.

use super::check::Check;
use super::release::Release;
use crate::cli::verdict::Verdict;
use crate::manifest::{Digest, SUMS_NAME, parse_sums};

/// What the release says of a server's list.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) list: Check,
    /// The list differs only in that it lacks published files.
    pub(super) lacks_files_only: bool,
    /// The files that the list has and the release does not.
    pub(super) extra: Vec<Check>,
}

/// How a list differs from the release, as numbers of files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    missing: usize,
    other_hash: usize,
    extra: usize,
}

/// Judges the list `bytes`. `list` has the figures of its transfer.
pub(super) fn judge(bytes: &[u8], release: &Release, list: Check) -> Judged {
    let actual = Digest::of(bytes);
    let list = Check {
        actual: Some(actual),
        ..list
    };
    if actual == release.content_id {
        let verdict = Verdict::Ok;
        return Judged {
            list: Check { verdict, ..list },
            lacks_files_only: false,
            extra: Vec::new(),
        };
    }
    let text = String::from_utf8_lossy(bytes);
    let sums = match parse_sums(&text) {
        Ok(sums) => sums,
        Err(error) => {
            let detail = format!("not a list of hashes: {error}");
            return Judged {
                list: list.failed(Verdict::Differs, detail),
                lacks_files_only: false,
                extra: Vec::new(),
            };
        }
    };
    let difference = Difference::between(&sums, release);
    let extra = sums
        .into_iter()
        .filter(|(name, _)| release.hash(name).is_none())
        .map(|(name, sha256)| extra(&name, sha256))
        .collect();
    Judged {
        list: list.failed(Verdict::Differs, difference.to_string()),
        lacks_files_only: difference.missing > 0 && difference.other_hash + difference.extra == 0,
        extra,
    }
}

fn extra(name: &str, sha256: Digest) -> Check {
    let check = Check {
        actual: Some(sha256),
        ..Check::new(name, None)
    };
    let detail = format!("not published, and listed in the server's {SUMS_NAME}");
    check.failed(Verdict::Extra, detail)
}

impl Difference {
    fn between(sums: &[(String, Digest)], release: &Release) -> Difference {
        let mut difference = Difference::default();
        let mut known = 0;
        for (name, sha256) in sums {
            match release.hash(name) {
                None => difference.extra += 1,
                Some(published) => {
                    known += 1;
                    difference.other_hash += usize::from(published != *sha256);
                }
            }
        }
        // A list has each name once.
        difference.missing = release.files.len() - known;
        difference
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            (self.other_hash, "with another hash"),
            (self.missing, "missing"),
            (self.extra, "not published"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        match parts.is_empty() {
            true => f.write_str("it lists the same files and hashes in another form"),
            false => write!(f, "files in it: {}", parts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verify::release::testing::release;

    fn judged(list: &str) -> Judged {
        let release = release(&[("a", b"a"), ("b", b"b")]);
        let check = Check::new(SUMS_NAME, Some(release.content_id));
        judge(list.as_bytes(), &release, check)
    }

    #[test]
    fn the_list_of_the_release_is_right() {
        let [a, b] = [Digest::of(b"a"), Digest::of(b"b")];
        let served = format!("{a}  a\n{b}  b\n");
        let judged = judged(&served);
        assert_eq!(judged.list.verdict, Verdict::Ok);
        assert_eq!(judged.list.actual, judged.list.expected);
        assert!(judged.extra.is_empty());
    }

    #[test]
    fn each_difference_is_counted() {
        let [a, b] = [Digest::of(b"a"), Digest::of(b"b")];
        for (list, detail, extra) in [
            (
                format!("{b}  b\n{a}  a\n"),
                "it lists the same files and hashes in another form",
                vec![],
            ),
            (
                format!("{b}  a\n{a}  c\n{a}  d\n"),
                "files in it: 1 with another hash, 1 missing, 2 not published",
                vec!["c", "d"],
            ),
            (format!("{a}  a\n"), "files in it: 1 missing", vec![]),
            (String::new(), "files in it: 2 missing", vec![]),
            (
                "<html>\n".to_owned(),
                "not a list of hashes: line 1: not as sha256sum prints it: 64 hexadecimal digits, \
                 two spaces, a name",
                vec![],
            ),
        ] {
            let judged = judged(&list);
            assert_eq!(judged.list.verdict, Verdict::Differs);
            assert_eq!(judged.list.detail.as_deref(), Some(detail));
            assert_eq!(
                judged.lacks_files_only,
                detail.ends_with(": 1 missing") || list.is_empty()
            );
            assert_eq!(judged.list.actual, Some(Digest::of(list.as_bytes())));
            let names: Vec<&str> = judged.extra.iter().map(|it| it.file.as_str()).collect();
            assert_eq!(names, extra);
            for check in &judged.extra {
                let found = (check.verdict, check.expected, check.actual);
                assert_eq!(found, (Verdict::Extra, None, Some(a)));
            }
        }
    }
}
