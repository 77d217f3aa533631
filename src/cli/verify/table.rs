//! The report for people: a row per host, a column per kind of finding, then a line per finding.

use std::fmt::Write as _;
use std::time::Duration;

use super::check::{Check, HostReport};
use super::release::Release;
use super::summary;
use crate::cli::verdict::Verdict;

/// Findings of one host that are written. JSON has all of them.
const MAX_FINDINGS: usize = 20;

/// Digits of a content id in a row.
const SHORT_ID: usize = 12;

/// What a cell without a value shows.
const NONE: &str = "-";

/// Writes the report.
pub(super) fn text(release: &Release, hosts: &[HostReport]) -> String {
    let mut text = format!(
        "Compared with {}: {} files, content {}\n\n",
        release.source,
        release.files.len(),
        release.content_id
    );
    let columns = columns(hosts);
    let widths = columns.iter().map(|column| {
        let cells = column.cells.iter().chain([&column.head]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let widths: Vec<usize> = widths.collect();
    let heads = columns.iter().map(|column| &column.head);
    text += &line(heads.zip(&columns).zip(&widths));
    for row in 0..hosts.len() {
        let cells = columns.iter().map(|column| &column.cells[row]);
        text += &line(cells.zip(&columns).zip(&widths));
    }
    text.push('\n');
    for host in hosts {
        write_findings(host, &mut text);
    }
    let _ = writeln!(text, "{}", summary::text(hosts));
    text
}

struct Column {
    head: String,
    /// Numbers are aligned to the right.
    is_number: bool,
    cells: Vec<String>,
}

fn line<'a>(cells: impl Iterator<Item = ((&'a String, &'a Column), &'a usize)>) -> String {
    let mut line = String::new();
    for ((cell, column), width) in cells {
        let _ = match column.is_number {
            true => write!(line, "{cell:>width$}  "),
            false => write!(line, "{cell:width$}  "),
        };
    }
    line.truncate(line.trim_end().len());
    line + "\n"
}

/// The columns. Those of a kind of finding that there is none of, and those that are empty, are left
/// out.
fn columns(hosts: &[HostReport]) -> Vec<Column> {
    let text = |head: &str, cell: fn(&HostReport) -> Option<String>| {
        column(head, false, hosts.iter().map(cell))
    };
    let number = |head: &str, cell: fn(&HostReport) -> Option<String>| {
        column(head, true, hosts.iter().map(cell))
    };
    let mut columns = vec![
        text("RESULT", |host| Some(host.verdict().as_str().to_owned())),
        text("HOST", |host| Some(host.target.server.to_string())),
        text("ADDRESS", |host| {
            Some(host.target.address.as_ref().ok()?.to_string())
        }),
    ];
    for verdict in Verdict::ALL {
        let cells = hosts.iter().map(|host| match host.count(verdict) {
            0 => None,
            count => Some(count.to_string()),
        });
        columns.push(column(&verdict.as_str().to_uppercase(), true, cells));
    }
    columns.extend([
        text("CONTENT", |host| {
            let mut id = host.content_id()?.to_string();
            id.truncate(SHORT_ID);
            Some(id)
        }),
        text("VERSION", |host| Some(shown(host.about.version.as_ref()?))),
        text("REGION", |host| Some(shown(host.about.region.as_ref()?))),
        text("MACHINE", |host| Some(shown(host.about.machine.as_ref()?))),
        number("RTT", |host| host.rtt.map(milliseconds)),
        number("TIME", |host| Some(milliseconds(host.elapsed()))),
        number("ARRIVED", |host| Some(seconds(host.arrived?))),
    ]);
    columns.into_iter().flatten().collect()
}

/// A column, unless all of its cells are empty.
fn column(
    head: &str,
    is_number: bool,
    cells: impl Iterator<Item = Option<String>>,
) -> Option<Column> {
    let cells: Vec<Option<String>> = cells.collect();
    let is_empty = cells.iter().all(Option::is_none);
    let shown = |cell: Option<String>| cell.unwrap_or_else(|| NONE.to_owned());
    (!is_empty).then(|| Column {
        head: head.to_owned(),
        is_number,
        cells: cells.into_iter().map(shown).collect(),
    })
}

/// A text from a server, without what a terminal would obey.
fn shown(text: &str) -> String {
    text.escape_debug().take(40).collect()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Writes a line for each finding, but only one for a server that does not answer.
fn write_findings(host: &HostReport, text: &mut String) {
    let name = host.name();
    let findings = host.checks().filter(|check| !check.verdict.is_accepted());
    let findings: Vec<&Check> = findings.collect();
    if let [first, ..] = findings[..]
        && findings.len() == host.checks().count()
        && first.verdict.is_no_answer()
    {
        let _ = writeln!(text, "✗ {name}: {}", finding(first));
        return;
    }
    for check in findings.iter().take(MAX_FINDINGS) {
        let file = check.file.escape_debug();
        let _ = writeln!(text, "✗ {name}: {file}: {}", finding(check));
    }
    if let left @ 1.. = findings.len().saturating_sub(MAX_FINDINGS) {
        let _ = writeln!(text, "✗ {name}: {left} more, which --format json lists");
    }
}

fn finding(check: &Check) -> String {
    let mut parts = vec![];
    if let Some(detail) = &check.detail {
        parts.push(detail.clone());
    }
    if let Some(actual) = check.actual {
        if let Some(expected) = check.expected {
            parts.push(format!("expected {expected}"));
        }
        parts.push(format!("actual {actual}"));
    }
    format!("{}: {}", check.verdict.as_str(), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verify::check::About;
    use crate::cli::verify::check::testing::{check, host};
    use crate::cli::verify::release::testing::release;
    use crate::manifest::Digest;

    fn table(hosts: &[HostReport]) -> String {
        let release = release(&[("a", b"a"), ("b", b"b")]);
        let head = format!(
            "Compared with a test: 2 files, content {}\n\n",
            release.content_id
        );
        let text = text(&release, hosts);
        text.strip_prefix(&head).unwrap().to_owned()
    }

    #[test]
    fn a_row_per_host_and_a_column_per_kind_of_finding() {
        use Verdict::{Differs, Missing, NoSuchHost, Ok};
        let mut right = host("boot-1.example.net", Ok, [Ok, Ok]);
        right.list.as_mut().unwrap().actual = Some(Digest::of(b"abc"));
        right.rtt = Some(Duration::from_micros(12_345));
        right.files[0].elapsed = Duration::from_millis(340);
        let mut wrong = host("192.0.2.7", Differs, [Ok, Missing]);
        wrong.list.as_mut().unwrap().actual = Some(Digest::of(b"\n"));
        wrong.extra = vec![check("\u{1b}[2J", Verdict::Extra)];
        let nowhere = host("nowhere", NoSuchHost, [NoSuchHost, NoSuchHost]);
        let (abc, other) = (Digest::of(b"abc"), Digest::of(b"\n"));
        let expected = format!(
            "RESULT        HOST                ADDRESS       OK  DIFFERS  MISSING  EXTRA  \
             NO-SUCH-HOST  CONTENT           RTT      TIME\n\
             ok            boot-1.example.net  192.0.2.7:69   3        -        -      -  \
             \x20          -  ba7816bf8f01  12.3 ms  340.0 ms\n\
             differs       192.0.2.7           192.0.2.7:69   1        1        1      1  \
             \x20          -  01ba4719c80b        -    0.0 ms\n\
             no-such-host  nowhere             -              -        -        -      -  \
             \x20          3  -                   -    0.0 ms\n\n\
             ✗ 192.0.2.7: SHA256SUMS: differs: because, expected {abc}, actual {other}\n\
             ✗ 192.0.2.7: b: missing: because\n\
             ✗ 192.0.2.7: \\u{{1b}}[2J: extra: because\n\
             ✗ nowhere: no-such-host: because\n\
             1 of 3 hosts as published; checks: 4 ok, 1 differs, 1 missing, 1 extra, \
             3 no-such-host\n"
        );
        assert_eq!(table(&[right, wrong, nowhere]), expected);
    }

    #[test]
    fn what_a_server_says_of_itself_and_when_it_was_right() {
        let mut host = host("boot", Verdict::Ok, [Verdict::Ok, Verdict::Ignored]);
        host.arrived = Some(Duration::from_millis(12_340));
        host.about = About {
            version: Some("0.1.0".to_owned()),
            region: Some("\u{1b}[1m".to_owned() + &"x".repeat(100)),
            machine: None,
        };
        let text = table(&[host]);
        let region = format!("\\u{{1b}}[1m{}", "x".repeat(31));
        let heads = "RESULT  HOST  ADDRESS       OK  IGNORED  VERSION  REGION";
        assert!(text.starts_with(heads), "{text}");
        let row = format!("ok      boot  192.0.2.7:69   2        1  0.1.0    {region}  0.0 ms");
        assert!(text.contains(&row), "{text}");
        assert!(text.contains("   12.3 s\n\n1 of 1 hosts"), "{text}");
    }

    #[test]
    fn a_server_with_many_findings_has_few_lines() {
        let mut host = host("boot", Verdict::Differs, [Verdict::Ok, Verdict::Ok]);
        host.extra = vec![check("x", Verdict::Extra); 30];
        let text = table(&[host]);
        assert_eq!(text.matches("✗ boot (192.0.2.7:69): x: extra").count(), 19);
        let left = "✗ boot (192.0.2.7:69): 11 more, which --format json lists\n";
        assert!(text.contains(left), "{text}");
    }
}
