//! The trials as a table.

use std::fmt::Write as _;

use super::trial::Trial;
use crate::cli::verdict::Verdict;

const HEADER: [&str; 9] = [
    "as",
    "",
    "ms",
    "rtt ms",
    "block",
    "repeated",
    "in flight",
    "fragments",
    "answered from",
];

/// For each server a row per client, then a line per failure and remark, then a summary.
pub(crate) fn text(trials: &[Vec<Trial>]) -> String {
    let mut text = String::new();
    for column in trials {
        if let Some(first) = column.first() {
            let _ = writeln!(text, "{}, {}\n", server(first), first.file.name);
        }
        write_rows(column, &mut text);
        text.push('\n');
        for trial in column {
            write_remark(trial, &mut text);
        }
    }
    let _ = writeln!(text, "{}", summary(trials));
    text
}

/// The server as named on the command line, and its address if that differs.
fn server(trial: &Trial) -> String {
    let host = &trial.host;
    match trial.address.map(|address| address.to_string()) {
        None => host.clone(),
        Some(address) if address.starts_with(host.as_str()) => address,
        Some(address) => format!("{host} ({address})"),
    }
}

fn write_rows(column: &[Trial], text: &mut String) {
    let header = HEADER.map(str::to_owned);
    let rows: Vec<[String; 9]> = std::iter::once(header)
        .chain(column.iter().map(cells))
        .collect();
    let width = |cell: usize| rows.iter().map(|row| row[cell].chars().count()).max();
    for row in &rows {
        let mut line = String::new();
        for (cell, value) in row.iter().enumerate() {
            let width = width(cell).unwrap_or_default();
            let _ = match cell {
                0 | 1 | 8 => write!(line, "{value:width$}  "),
                _ => write!(line, "{value:>width$}  "),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn cells(trial: &Trial) -> [String; 9] {
    let observed = &trial.observed;
    let rtt = observed.round_trip.map(|rtt| rtt.as_micros());
    let block = match observed.windowsize {
        1 => observed.blksize.to_string(),
        windowsize => format!("{}/{windowsize}", observed.blksize),
    };
    let fragments = match trial.fragments.known {
        true => trial.fragments.datagrams.to_string(),
        false => "?".to_owned(),
    };
    let has_answer = observed.server.is_some();
    let if_any = |value: String| if has_answer { value } else { "-".to_owned() };
    [
        trial.model.name.to_owned(),
        if trial.verdict == Verdict::Ok {
            "✓"
        } else {
            "✗"
        }
        .to_owned(),
        trial.elapsed.as_millis().to_string(),
        rtt.map_or("-".to_owned(), |us| {
            format!("{}.{}", us / 1000, us % 1000 / 100)
        }),
        if_any(block),
        if_any(observed.repeated.to_string()),
        if_any(observed.in_flight.to_string()),
        if_any(fragments),
        observed.server.map_or("-".to_owned(), |it| it.to_string()),
    ]
}

fn write_remark(trial: &Trial, text: &mut String) {
    let name = trial.model.name;
    let word = trial.verdict.as_str();
    let _ = match (&trial.verdict, &trial.actual, &trial.screen, &trial.detail) {
        (Verdict::Ok, _, _, None) => Ok(()),
        (Verdict::Ok, _, _, Some(detail)) => writeln!(text, "  {name}: {detail}"),
        (_, Some(actual), _, _) => writeln!(
            text,
            "✗ {name}: {word}: expected {}, got {actual} ({} bytes)",
            trial.file.sha256, trial.observed.bytes
        ),
        (_, None, Some(screen), detail) => {
            let detail = detail.as_deref().unwrap_or_default();
            writeln!(text, "✗ {name}: {word}: \"{screen}\"\n    {detail}")
        }
        (_, None, None, detail) => {
            let detail = detail.as_deref().unwrap_or_default();
            writeln!(text, "✗ {name}: {word}: {detail}")
        }
    };
}

/// The summary, as in `6 of 7 ok, 1 truncated`.
pub(super) fn summary(trials: &[Vec<Trial>]) -> String {
    let count = |verdict| {
        let all = trials.iter().flatten();
        all.filter(|trial| trial.verdict == verdict).count()
    };
    let all = trials.iter().flatten().count();
    let mut text = format!("{} of {all} ok", count(Verdict::Ok));
    for verdict in Verdict::ALL {
        if verdict != Verdict::Ok && count(verdict) > 0 {
            let _ = write!(text, ", {} {}", count(verdict), verdict.as_str());
        }
    }
    text
}
