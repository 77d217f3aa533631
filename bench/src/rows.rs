//! The rows of the tables, and Bootstone's goal in each.

use std::cmp::Ordering;
use std::net::SocketAddr;

use anyhow::Result;

use crate::content::File;
use crate::load::Load;
use crate::measure::{Measured, measure, scenarios};
use crate::servers::{Kind, Running, Settings};

/// The goal of a row: Bootstone's figure divided by the best figure of the other servers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// Upper limits of the server CPU time: required, and wanted.
    Cpu(f64, f64),
    /// Server CPU time as above, and a lower limit of the throughput of one client.
    CpuAndThroughput(f64, f64, f64),
    /// All clients are served, the socket drops no datagram, and no client repeats its RRQ; and,
    /// if given, server CPU time as above.
    Storm(Option<(f64, f64)>),
    /// All clients are served.
    Survive,
    /// No goal.
    None,
}

/// A row: the same load for each server.
#[derive(Clone, Debug)]
pub struct Row {
    /// The name in the tables.
    pub name: String,
    /// The file that the clients read.
    pub file: File,
    /// `blksize` and `windowsize`.
    pub terms: (u16, u16),
    /// Number of transfers, and of transfers at the same time.
    pub counts: (usize, usize),
    /// All clients have the same address.
    pub one_address: bool,
    /// Clients receive joined datagrams.
    pub gro: bool,
    /// The goal.
    pub goal: Goal,
}

const LOCK_STEP: (f64, f64) = (0.7, 0.5);
const WINDOW: (f64, f64) = (1.0 / 3.0, 0.2);

/// One client at a time: every block size with every window.
pub fn matrix(quick: bool) -> Vec<Row> {
    let sizes = if quick {
        &[512, 1428][..]
    } else {
        &[512, 1428, 8192, 65464]
    };
    let windows = if quick { &[1, 16][..] } else { &[1, 4, 16, 64] };
    let mut rows = Vec::new();
    for &blksize in sizes {
        for &windowsize in windows {
            let count = if quick { 1 } else { 3 };
            rows.push(Row {
                goal: fetch_goal(blksize, windowsize),
                ..row(
                    &format!("{blksize}/{windowsize}"),
                    File::Huge,
                    (blksize, windowsize),
                    (count, 1),
                )
            });
        }
    }
    rows.extend(joined(&rows));
    rows
}

/// 50 clients at the same time, for the most common windows.
pub fn busy(quick: bool) -> Vec<Row> {
    let count = if quick { 100 } else { 500 };
    let terms = [(512, 1), (1428, 1), (1428, 16), (1428, 64)];
    let mut rows: Vec<Row> = terms
        .into_iter()
        .map(|(blksize, windowsize)| Row {
            goal: match fetch_goal(blksize, windowsize) {
                Goal::CpuAndThroughput(most, wanted, _) => Goal::Cpu(most, wanted),
                goal => goal,
            },
            ..row(
                &format!("{blksize}/{windowsize}, 50 at once"),
                File::Large,
                (blksize, windowsize),
                (count, 50),
            )
        })
        .collect();
    rows.extend(joined(&rows));
    rows
}

/// The rows with Ethernet-sized blocks in large windows again, with clients that receive joined
/// datagrams.
fn joined(rows: &[Row]) -> Vec<Row> {
    let large = rows
        .iter()
        .filter(|row| row.terms.0 == 1428 && row.terms.1 >= 16);
    large
        .map(|row| Row {
            name: format!("{} joined", row.name),
            gro: true,
            goal: Goal::None,
            ..row.clone()
        })
        .collect()
}

fn fetch_goal(blksize: u16, windowsize: u16) -> Goal {
    match (blksize, windowsize) {
        (1428, 16 | 64) => Goal::CpuAndThroughput(WINDOW.0, WINDOW.1, 1.5),
        (512 | 1428, 1) => Goal::Cpu(LOCK_STEP.0, LOCK_STEP.1),
        _ => Goal::None,
    }
}

/// Many clients at the same time.
pub fn storms(quick: bool) -> Vec<Row> {
    let part = if quick { 10 } else { 1 };
    let storm = |file: File, terms, count: usize, at_once: usize, goal| {
        let counts = (count / part, at_once.min(count / part));
        let name = format!("{} × {}, {} at once", file.name(), counts.0, counts.1);
        Row {
            goal,
            ..row(&name, file, terms, counts)
        }
    };
    let crowd = storm(File::Small, (1428, 4), 10_000, 10_000, Goal::Survive);
    let behind_nat = Row {
        name: format!("{}, behind one address", crowd.name),
        one_address: true,
        ..crowd.clone()
    };
    let requests = Goal::Cpu(LOCK_STEP.0, LOCK_STEP.1);
    vec![
        storm(File::OneBlock, (512, 1), 20_000, 32, requests),
        storm(
            File::Small,
            (1428, 1),
            4_000,
            100,
            Goal::Storm(Some(LOCK_STEP)),
        ),
        storm(File::Middle, (1428, 16), 2_000, 2_000, Goal::Storm(None)),
        storm(
            File::Large,
            (1428, 16),
            1_000,
            100,
            Goal::Storm(Some(WINDOW)),
        ),
        crowd,
        behind_nat,
    ]
}

fn row(name: &str, file: File, terms: (u16, u16), counts: (usize, usize)) -> Row {
    Row {
        name: name.to_owned(),
        file,
        terms,
        counts,
        one_address: false,
        gro: false,
        goal: Goal::None,
    }
}

impl Row {
    /// The load of this row.
    fn load(&self, server: SocketAddr) -> Load {
        let mut load = scenarios::load(server, self.file, self.terms, self.counts);
        (load.one_address, load.gro) = (self.one_address, self.gro);
        load
    }

    /// Starts a server, and runs the row's load on it.
    pub fn run(&self, kind: Kind, settings: &Settings) -> Result<Measured> {
        let mut flags = Vec::new();
        if self.terms.0 > 1468 {
            flags.extend(["--mtu", "65535"]);
        }
        if self.terms.1 > 16 {
            flags.extend(["--max-windowsize", "64"]);
        }
        let server = Running::start(kind, &settings.with_flags(&flags))?;
        Ok(measure(&self.load(server.address()), server.account())?)
    }
}

/// A server's figures in a row: the medians of several rounds.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The server.
    pub kind: Kind,
    /// The results of each round.
    pub rounds: Vec<Measured>,
}

impl Cell {
    /// The median of a figure.
    pub fn median(&self, figure: impl Fn(&Measured) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The sum of a figure.
    pub fn sum(&self, figure: impl Fn(&Measured) -> u64) -> u64 {
        self.rounds.iter().map(figure).sum()
    }

    /// Failed transfers in all rounds.
    pub fn failed(&self) -> u64 {
        self.sum(|measured| measured.result.failed() as u64)
    }

    /// True if the server has served all clients and is still running.
    pub fn is_sound(&self) -> bool {
        self.failed() == 0 && !self.rounds.is_empty() && !self.rounds.iter().any(|m| m.died)
    }
}

/// A figure of Bootstone, compared with the best figure of the other servers.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The row and the figure.
    pub what: String,
    /// Bootstone's figure.
    pub ours: f64,
    /// The best figure of the other servers that served all clients, and its server.
    pub best: Option<(Kind, f64)>,
    /// The better figure of the two lower bounds, if they were measured.
    pub lower_bound: Option<f64>,
    /// The goal in words.
    pub goal: String,
    /// The verdict.
    pub verdict: &'static str,
}

/// Judges a row.
pub fn judge(row: &Row, cells: &[Cell]) -> Vec<Judged> {
    let Some(ours) = cells.iter().find(|cell| cell.kind == Kind::Bootstone) else {
        return Vec::new();
    };
    let cpu = |most, wanted| less_cpu(row, ours, cells, most, wanted);
    match row.goal {
        Goal::Cpu(most, wanted) => vec![cpu(most, wanted)],
        Goal::CpuAndThroughput(most, wanted, least) => {
            vec![cpu(most, wanted), more_throughput(row, ours, cells, least)]
        }
        Goal::Storm(bound) => {
            let mut all: Vec<Judged> = bound
                .map(|(most, wanted)| cpu(most, wanted))
                .into_iter()
                .collect();
            all.extend([served(row, ours, true), even(row, ours)]);
            all
        }
        Goal::Survive => vec![served(row, ours, false)],
        Goal::None => Vec::new(),
    }
}

const MISSED: &str = "**missed**";
const MISSED_BY_LOWER_BOUND: &str = "**missed**, by the lower bound too";
/// Differences below this factor are noise.
const NOISE: f64 = 1.05;

/// The best figures of the other servers and of the lower bounds, of those that served all clients.
/// `order` puts the better one first.
fn best(
    cells: &[Cell],
    figure: impl Fn(&Cell) -> f64,
    order: fn(&f64, &f64) -> Ordering,
) -> (Option<(Kind, f64)>, Option<f64>) {
    let best = |lower_bounds: bool| {
        let others = cells.iter().filter(|cell| {
            cell.kind != Kind::Bootstone
                && cell.kind.is_lower_bound() == lower_bounds
                && cell.is_sound()
        });
        let figures = others.map(|cell| (cell.kind, figure(cell)));
        figures.min_by(|a, b| order(&a.1, &b.1))
    };
    (best(false), best(true).map(|(_, figure)| figure))
}

fn less_cpu(row: &Row, ours: &Cell, cells: &[Cell], most: f64, wanted: f64) -> Judged {
    let figure = |cell: &Cell| cell.median(Measured::cpu_per_gb);
    let (best, lower_bound) = best(cells, figure, f64::total_cmp);
    let ratio = best.map(|(_, theirs)| figure(ours) / theirs);
    let clearly =
        |((_, theirs), lower_bound): ((Kind, f64), f64)| lower_bound > NOISE * most * theirs;
    let verdict = match ratio {
        Some(ratio) if ratio <= wanted => "as wanted",
        Some(ratio) if ratio <= most => "held",
        Some(_) if best.zip(lower_bound).is_some_and(clearly) => MISSED_BY_LOWER_BOUND,
        Some(_) => MISSED,
        None => "no server to compare with",
    };
    Judged {
        what: format!("{}: server CPU, s per GB", row.name),
        ours: figure(ours),
        best,
        lower_bound,
        goal: format!("≤ {most:.2}, wanted {wanted:.2}"),
        verdict,
    }
}

fn more_throughput(row: &Row, ours: &Cell, cells: &[Cell], least: f64) -> Judged {
    let figure = |cell: &Cell| cell.median(|measured| measured.result.throughput() / 1e6);
    let (best, lower_bound) = best(cells, figure, |a, b| b.total_cmp(a));
    let is_held = best.is_none_or(|(_, theirs)| figure(ours) >= least * theirs);
    Judged {
        what: format!("{}: MB/s of one client", row.name),
        ours: figure(ours),
        best,
        lower_bound,
        goal: format!("≥ {least:.2}"),
        verdict: if is_held { "held" } else { MISSED },
    }
}

/// Judges that no client failed and, if `at_once`, that no RRQ was repeated and no datagram
/// dropped.
fn served(row: &Row, ours: &Cell, at_once: bool) -> Judged {
    let problems = match at_once {
        true => ours.failed() + ours.sum(|m| m.result.repeated_requests + m.drops),
        false => ours.failed(),
    };
    let goal = match at_once {
        true => "0 failures, repeated RRQs and datagrams dropped at the socket",
        false => "0 failures",
    };
    Judged {
        what: row.name.clone(),
        ours: problems as f64,
        best: None,
        lower_bound: None,
        goal: goal.to_owned(),
        verdict: if problems == 0 && ours.is_sound() {
            "held"
        } else {
            MISSED
        },
    }
}

/// Judges that the slowest clients wait less than three times as long as the median.
fn even(row: &Row, ours: &Cell) -> Judged {
    let spread = |m: &Measured| {
        m.result.percentile(0.99).as_secs_f64() / m.result.percentile(0.5).as_secs_f64().max(1e-9)
    };
    let spread = ours.median(spread);
    Judged {
        what: format!("{}: p99 / p50", row.name),
        ours: spread,
        best: None,
        lower_bound: None,
        goal: "< 3".to_owned(),
        verdict: if spread < 3.0 { "held" } else { MISSED },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::LoadResult;

    /// The verdict on a lock-step row in which the servers take these milliseconds of CPU time per
    /// GB.
    fn verdict(ours: u64, theirs: u64, lower_bound: Option<u64>) -> &'static str {
        let cell = |kind, millis| {
            let result = LoadResult {
                bytes: 1_000_000_000,
                ..LoadResult::default()
            };
            let measured = Measured {
                result,
                server_cpu: Duration::from_millis(millis),
                ..Measured::default()
            };
            Cell {
                kind,
                rounds: vec![measured],
            }
        };
        let mut cells = vec![
            cell(Kind::Bootstone, ours),
            cell(Kind::Atftpd, 2 * theirs),
            cell(Kind::Dnsmasq, theirs),
        ];
        cells.extend(lower_bound.map(|lower_bound| cell(Kind::LowerBound, lower_bound)));
        let row = Row {
            goal: Goal::Cpu(0.7, 0.5),
            ..row("lock-step", File::Large, (512, 1), (1, 1))
        };
        let judged = judge(&row, &cells);
        assert_eq!(judged[0].best, Some((Kind::Dnsmasq, theirs as f64 / 1e3)));
        judged[0].verdict
    }

    #[test]
    fn a_goal_is_held_or_missed_by_the_lower_bound_too() {
        assert_eq!(verdict(500, 1000, Some(400)), "as wanted");
        assert_eq!(verdict(700, 1000, Some(900)), "held");
        assert_eq!(verdict(800, 1000, Some(730)), MISSED);
        assert_eq!(verdict(800, 1000, Some(740)), MISSED_BY_LOWER_BOUND);
        assert_eq!(verdict(710, 1000, None), MISSED);
    }
}
