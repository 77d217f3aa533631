//! The report of `verify`, as a table or as JSON.

use std::fmt::Write as _;

use super::check::{Check, Verdict};
use crate::json::Value;

/// The table: one numbered column per server, then one line per failed check, then a summary.
pub(super) fn table(columns: &[Vec<Check>]) -> String {
    let files = columns.first().map_or(&[][..], Vec::as_slice);
    let names = files.iter().map(|check| check.file.len());
    let width = names.max().unwrap_or(0);
    let mut text = String::new();
    for (number, column) in (1..).zip(columns) {
        let _ = writeln!(text, "{number:>3}  {}", server(&column[0]));
    }
    let _ = write!(text, "\n{:width$}", "");
    for number in 1..=columns.len() {
        let _ = write!(text, " {number:>3}");
    }
    text.push('\n');
    for (row, check) in files.iter().enumerate() {
        if columns.iter().all(|column| is_ignored(&column[row])) {
            continue;
        }
        let _ = write!(text, "{:width$}", check.file);
        for column in columns {
            let _ = write!(text, " {:>3}", mark(column[row].verdict));
        }
        text.push('\n');
    }
    text.push('\n');
    for (number, column) in (1..).zip(columns) {
        write_failures(number, column, &mut text);
    }
    let _ = writeln!(text, "{}", summary(columns));
    text
}

fn mark(verdict: Verdict) -> char {
    match verdict {
        Verdict::Ok => '✓',
        Verdict::Ignored => '-',
        _ => '✗',
    }
}

fn is_ignored(check: &Check) -> bool {
    check.verdict == Verdict::Ignored
}

/// The server as named on the command line, and its address if that differs.
fn server(check: &Check) -> String {
    let host = &check.host;
    match check.address.map(|address| address.to_string()) {
        None => host.clone(),
        Some(address) if address.starts_with(host) => address,
        Some(address) => format!("{host} ({address})"),
    }
}

/// Writes a line for each failed check, but only one for a server that does not answer.
fn write_failures(number: usize, column: &[Check], text: &mut String) {
    if let [first, ..] = column
        && count(column, Verdict::Silent) == column.len()
    {
        let _ = writeln!(text, "✗ {number}: {}", failure(first));
        return;
    }
    let is_fine = |check: &Check| check.verdict == Verdict::Ok || is_ignored(check);
    for check in column.iter().filter(|check| !is_fine(check)) {
        let _ = writeln!(text, "✗ {number}: {}: {}", check.file, failure(check));
    }
}

fn failure(check: &Check) -> String {
    let word = check.verdict.as_str();
    match (&check.actual, &check.detail) {
        (Some(actual), _) => format!(
            "{word}: expected {}, got {actual} ({} bytes)",
            check.expected, check.bytes
        ),
        (None, Some(detail)) => format!("{word}: {detail}"),
        (None, None) => word.to_owned(),
    }
}

/// The summary, as in `5 of 6 ok, 1 differs`.
fn summary(columns: &[Vec<Check>]) -> String {
    let all = columns.iter().map(Vec::len).sum::<usize>();
    let mut text = format!(
        "{} of {all} ok",
        count(columns.iter().flatten(), Verdict::Ok)
    );
    for verdict in Verdict::ALL.into_iter().skip(1) {
        let count = count(columns.iter().flatten(), verdict);
        if count > 0 {
            let _ = write!(text, ", {count} {}", verdict.as_str());
        }
    }
    text
}

fn count<'a>(checks: impl IntoIterator<Item = &'a Check>, verdict: Verdict) -> usize {
    let checks = checks.into_iter();
    checks.filter(|check| check.verdict == verdict).count()
}

/// The checks with all their fields.
pub(super) fn json(columns: &[Vec<Check>]) -> String {
    let checks: Vec<Value> = columns.iter().flatten().map(value).collect();
    let report = Value::Object(vec![
        ("summary", summary(columns).into()),
        ("checks", Value::Array(checks)),
    ]);
    format!("{report:#}\n")
}

fn value(check: &Check) -> Value {
    Value::Object(vec![
        ("host", check.host.as_str().into()),
        ("address", check.address.map(|it| it.to_string()).into()),
        ("file", check.file.as_str().into()),
        ("expected", check.expected.to_string().into()),
        ("actual", check.actual.map(|it| it.to_string()).into()),
        ("bytes", check.bytes.into()),
        ("ms", check.ms.into()),
        ("verdict", check.verdict.as_str().into()),
        ("detail", check.detail.as_deref().into()),
    ])
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::manifest::Digest;

    pub(in super::super) fn check(host: &str, file: &str, verdict: Verdict) -> Check {
        Check {
            host: host.to_owned(),
            address: host.starts_with('b').then(|| ([192, 0, 2, 7], 69).into()),
            file: file.to_owned(),
            expected: Digest::of(b"abc"),
            actual: None,
            bytes: 0,
            ms: 0,
            verdict,
            detail: Some("because".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::check;
    use super::*;

    #[test]
    fn the_table_of_a_server_that_does_not_answer() {
        let columns = [
            vec![
                check("boot.example.net", "ipxe.efi", Verdict::Ok),
                check("boot.example.net", "undionly.kpxe", Verdict::Missing),
            ],
            vec![
                check("nowhere.example.net", "ipxe.efi", Verdict::Silent),
                check("nowhere.example.net", "undionly.kpxe", Verdict::Silent),
            ],
        ];
        let expected = "  1  boot.example.net (192.0.2.7:69)\n  2  nowhere.example.net\n\n\
            \x20               1   2\n\
            ipxe.efi        ✓   ✗\n\
            undionly.kpxe   ✗   ✗\n\n\
            ✗ 1: undionly.kpxe: missing: because\n\
            ✗ 2: silent: because\n\
            1 of 4 ok, 1 missing, 2 silent\n";
        assert_eq!(table(&columns), expected);
    }

    #[test]
    fn ignored_files_are_counted_and_not_listed() {
        let columns = [
            vec![
                check("boot", "a", Verdict::Ok),
                check("boot", "b", Verdict::Ignored),
                check("boot", "c", Verdict::Ignored),
            ],
            vec![
                check("boot", "a", Verdict::Ok),
                check("boot", "b", Verdict::Ok),
                check("boot", "c", Verdict::Ignored),
            ],
        ];
        let expected = "\n    1   2\na   ✓   ✓\nb   -   ✓\n\n3 of 6 ok, 3 ignored\n";
        assert!(table(&columns).ends_with(expected), "{}", table(&columns));
    }
}
