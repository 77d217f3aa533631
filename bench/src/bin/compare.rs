//! Compares Bootstone with other TFTP servers, and makes the tables and plots of
//! `docs/performance.md`. The servers run one after the other on the same core, with the same files
//! and loads.

use std::path::{Path, PathBuf};

use anyhow::Result;
use argh::FromArgs;

use bootstone_bench::document::{self, digits, table};
use bootstone_bench::measure::{Measured, mebibytes, millis};
use bootstone_bench::plot;
use bootstone_bench::process;
use bootstone_bench::rows::{self, Cell, Goal, Judged, Row};
use bootstone_bench::servers::{Kind, Settings};

/// Compare Bootstone with other TFTP servers.
#[derive(FromArgs)]
struct Arguments {
    /// run for about two minutes: a tenth of the load, one round
    #[argh(switch)]
    quick: bool,

    /// measure only these servers, separated by commas (default: all, "lower bound" and "lower bound polling")
    #[argh(option, default = "String::new()")]
    servers: String,

    /// measure only rows with this text in their names
    #[argh(option, default = "String::new()")]
    rows: String,

    /// number of rounds; the tables show medians (default: 3, with --quick 1)
    #[argh(option)]
    rounds: Option<usize>,

    /// program of Bootstone with the bench's files embedded (default: build it)
    #[argh(option)]
    bootstone: Option<PathBuf>,

    /// write the tables between the markers of this document, and the plots beside it
    #[argh(option)]
    write: Option<PathBuf>,
}

/// A row with the figures of each server.
type Compared = (Row, Vec<Cell>);

fn main() -> Result<()> {
    let arguments: Arguments = argh::from_env();
    let settings = Settings::prepare(arguments.bootstone.clone())?;
    let (_, core) = process::cores()?;
    process::pin(core)?;
    let mut kinds = Kind::select(&arguments.servers)?;
    if arguments.servers.is_empty() {
        kinds.extend(Kind::LOWER_BOUNDS);
    }
    let rounds = arguments
        .rounds
        .unwrap_or(if arguments.quick { 1 } else { 3 });
    let is_wanted = |row: &Row| row.name.contains(&arguments.rows);
    let compare = |rows: Vec<Row>| -> Vec<Compared> {
        let rows = rows.into_iter().filter(is_wanted);
        rows.map(|row| compare(row, &kinds, &settings, rounds))
            .collect()
    };
    let matrix = compare(rows::matrix(arguments.quick));
    let busy = compare(rows::busy(arguments.quick));
    let storms = compare(rows::storms(arguments.quick));
    let text = render(&kinds, rounds, [&matrix, &busy, &storms]);
    println!("{text}");
    if let Some(path) = &arguments.write {
        document::fill(path, "compare", &text)?;
        plots(path, &busy, &storms)?;
    }
    Ok(())
}

/// Measures all servers in turn, round by round, so that noise does not affect only one of them.
fn compare(row: Row, kinds: &[Kind], settings: &Settings, rounds: usize) -> Compared {
    let rounds = match row.goal {
        // Only the number of served clients counts here, and with other servers many clients wait
        // until they give up.
        Goal::Survive => 1,
        _ => rounds,
    };
    let cell = |&kind: &Kind| Cell {
        kind,
        rounds: Vec::new(),
    };
    let mut cells: Vec<Cell> = kinds.iter().map(cell).collect();
    for round in 1..=rounds {
        for cell in &mut cells {
            match row.run(cell.kind, settings) {
                Ok(measured) => cell.rounds.push(measured),
                Err(error) => eprintln!("{}, {}: {error}", row.name, cell.kind.name()),
            }
        }
        eprintln!("{}: round {round} of {rounds}", row.name);
    }
    cells.retain(|cell| !cell.rounds.is_empty());
    (row, cells)
}

fn render(kinds: &[Kind], rounds: usize, [matrix, busy, storms]: [&[Compared]; 3]) -> String {
    let all = || matrix.iter().chain(busy).chain(storms);
    let judged = all().flat_map(|(row, cells)| rows::judge(row, cells));
    let judged: Vec<Vec<String>> = judged.map(|judged| judged_line(&judged)).collect();
    let head = [
        "row",
        "Bootstone",
        "best of the others",
        "ratio",
        "lower bound",
        "its ratio",
        "Bootstone to lower bound",
        "goal",
        "",
    ]
    .map(str::to_owned);
    let mut text = format!(
        "Measured on {}. The server runs on one core, the clients on another. Medians of {rounds} \
         rounds; with 10,000 clients one round.\n\n\
         ### Goals\n\n{}\n",
        process::machine(),
        table(&head, &judged),
    );
    let cpu = |measured: &Measured| measured.cpu_per_gb();
    let speed = |measured: &Measured| measured.result.throughput() / 1e6;
    let cpu = |title, compared| {
        format!(
            "### Server CPU, seconds per GB, {title}\n\n{}\n",
            grid(kinds, compared, cpu)
        )
    };
    let speed =
        |title, compared| format!("### MB/s, {title}\n\n{}\n", grid(kinds, compared, speed));
    for (title, compared) in [("50 clients at once", busy), ("one client", matrix)] {
        text += &cpu(title, compared);
        text += &speed(title, compared);
    }
    for (row, cells) in storms {
        text += &format!("### {}\n\n{}\n", row.name, storm(cells));
    }
    text
}

fn judged_line(judged: &Judged) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or("—".to_owned());
    let best = judged
        .best
        .map(|(kind, theirs)| format!("{} ({})", digits(theirs), kind.name()));
    let to_lower_bound = judged
        .lower_bound
        .map(|lower_bound| digits(judged.ours / lower_bound));
    let to_best = |figure: f64| judged.best.map(|(_, theirs)| digits(figure / theirs));
    vec![
        judged.what.clone(),
        digits(judged.ours),
        or_dash(best),
        or_dash(to_best(judged.ours)),
        or_dash(judged.lower_bound.map(digits)),
        or_dash(judged.lower_bound.and_then(to_best)),
        or_dash(to_lower_bound),
        judged.goal.clone(),
        judged.verdict.to_owned(),
    ]
}

/// Formats a line for each row and a column for each server. A cell names the granted `windowsize`
/// or `blksize` if the server reduced it.
fn grid(kinds: &[Kind], compared: &[Compared], figure: fn(&Measured) -> f64) -> String {
    let mut head = vec!["`blksize`/`windowsize`".to_owned()];
    head.extend(kinds.iter().map(|kind| kind.name().to_owned()));
    let line = |(row, cells): &Compared| {
        let mut line = vec![row.name.clone()];
        line.extend(kinds.iter().map(|kind| {
            let cell = cells.iter().find(|cell| cell.kind == *kind);
            cell.map_or("—".to_owned(), |cell| grid_cell(row, cell, figure))
        }));
        line
    };
    table(&head, &compared.iter().map(line).collect::<Vec<_>>())
}

fn grid_cell(row: &Row, cell: &Cell, figure: fn(&Measured) -> f64) -> String {
    if !cell.is_sound() {
        return format!("{} failed", cell.failed());
    }
    let (blksize, windowsize) = cell.rounds[0].result.terms;
    let number = digits(cell.median(figure));
    match (
        blksize == usize::from(row.terms.0),
        windowsize == row.terms.1,
    ) {
        (true, true) => number,
        (true, false) => format!("{number} (w{windowsize})"),
        (false, _) => format!("{number} ({blksize}/{windowsize})"),
    }
}

/// Formats a line for each server.
fn storm(cells: &[Cell]) -> String {
    let head = [
        "server",
        "per s",
        "failures",
        "RRQs sent again",
        "dropped at the socket",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "max ms",
        "server CPU µs each",
        "peak MiB",
        "clients' core busy",
    ];
    let line = |cell: &Cell| {
        let time = |share| digits(cell.median(|m| millis(m.result.percentile(share))));
        let died = if cell.rounds.iter().any(|m| m.died) {
            ", died"
        } else {
            ""
        };
        vec![
            cell.kind.name().to_owned(),
            digits(cell.median(|m| m.result.rate())),
            format!("{}{died}", cell.failed()),
            cell.sum(|m| m.result.repeated_requests).to_string(),
            cell.sum(|m| m.drops).to_string(),
            time(0.5),
            time(0.9),
            time(0.99),
            time(1.0),
            digits(cell.median(|m| m.cpu_per_transfer().as_secs_f64() * 1e6)),
            digits(cell.median(|m| mebibytes(m.peak_memory))),
            format!("{:.0} %", cell.median(|m| m.result.own_share() * 100.0)),
        ]
    };
    table(
        &head.map(str::to_owned),
        &cells.iter().map(line).collect::<Vec<_>>(),
    )
}

fn plots(document: &Path, busy: &[Compared], storms: &[Compared]) -> Result<()> {
    let group = |(row, cells): &Compared, figure: fn(&Measured) -> f64| {
        let sound = cells.iter().filter(|cell| cell.is_sound());
        let bar = |cell: &Cell| (cell.kind.name().to_owned(), cell.median(figure));
        (row.name.clone(), sound.map(bar).collect())
    };
    let shown = busy.iter().filter(|(row, _)| !row.gro);
    let groups: Vec<_> = shown
        .map(|compared| group(compared, Measured::cpu_per_gb))
        .collect();
    plot::bars(
        &document.with_file_name("performance-cpu.svg"),
        "server CPU, s per GB",
        &groups,
    )?;
    let cpu = |m: &Measured| m.cpu_per_transfer().as_secs_f64() * 1e6;
    let groups: Vec<_> = storms.iter().map(|compared| group(compared, cpu)).collect();
    plot::bars(
        &document.with_file_name("performance-storms.svg"),
        "server CPU, µs per transfer",
        &groups,
    )
}
