//! Makes the table of transfers over a lossy path with 50 ms RTT: every server with every client.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use argh::FromArgs;
use bootstone::proto::config::ServerConfig;

use bootstone_bench::content::File;
use bootstone_bench::document::{self, table};
use bootstone_bench::lossy::{self, Outcome, Plan, Reader};
use bootstone_bench::plot;
use bootstone_bench::servers::{Kind, Settings};
use bootstone_bench::simulated;

/// Measure transfers at 50 ms RTT, with 0, 1 and 5 % loss in each direction.
#[derive(FromArgs)]
struct Arguments {
    /// run for about a minute: a smaller file, three transfers each
    #[argh(switch)]
    quick: bool,

    /// only compare Bootstone with its simulation
    #[argh(switch)]
    simulation: bool,

    /// measure these servers, separated by commas
    #[argh(option, default = "lossy::USUAL.to_owned()")]
    servers: String,

    /// program of Bootstone with the bench's files embedded (default: build it)
    #[argh(option)]
    bootstone: Option<PathBuf>,

    /// write the table between the markers of this document, and the plots beside it
    #[argh(option)]
    write: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments: Arguments = argh::from_env();
    let mut settings = Settings::prepare(arguments.bootstone)?;
    settings.core = None;
    if arguments.simulation {
        println!("{}", compare_with_the_simulation(&settings)?);
        return Ok(());
    }
    let mut plan = plan(arguments.quick);
    plan.readers.retain(|reader| reader.is_here(&settings));
    let outcomes = lossy::run(&Kind::select(&arguments.servers)?, &settings, &plan)?;
    let mut text = render(&plan, &outcomes);
    if !arguments.quick {
        text += &compare_with_the_simulation(&settings)?;
    }
    println!("{text}");
    if let Some(path) = arguments.write {
        document::fill(&path, "lossy", &text)?;
        for (reader, name) in [
            (Reader::Own(1428, 1), "lock-step"),
            (Reader::Own(1428, 16), "window"),
        ] {
            let series = series(&plan, &outcomes, reader);
            let file = path.with_file_name(format!("performance-loss-{name}.svg"));
            plot::lines(&file, ("% lost each way", "seconds for 1 MiB"), &series)?;
        }
    }
    Ok(())
}

fn plan(quick: bool) -> Plan {
    let readers = vec![
        Reader::Own(1428, 1),
        Reader::Own(1428, 16),
        Reader::Strict(1428, 16, 1),
        Reader::Strict(1428, 16, 3),
        Reader::Strict(512, 16, 1),
        Reader::BootstoneGet(1428, 16),
        Reader::Curl(1428),
        Reader::Atftp(1428, 16),
        Reader::TftpHpa,
    ];
    match quick {
        true => Plan {
            file: File::Small,
            losses: vec![0.0, 0.01],
            seeds: 3..6,
            readers,
            limit: Duration::from_secs(40),
        },
        false => Plan {
            file: File::Large,
            losses: vec![0.0, 0.01, 0.05],
            seeds: 1..6,
            readers,
            limit: Duration::from_secs(240),
        },
    }
}

/// Formats the table: a row for each client and loss rate, a column for each server.
fn render(plan: &Plan, outcomes: &[Outcome]) -> String {
    let mut servers: Vec<&str> = outcomes
        .iter()
        .map(|outcome| outcome.server.as_str())
        .collect();
    servers.dedup();
    servers.sort_unstable();
    servers.dedup();
    servers.sort_by_key(|name| outcomes.iter().position(|outcome| outcome.server == *name));
    let mut head = vec![
        "client, `blksize`/`windowsize`".to_owned(),
        "% lost".to_owned(),
    ];
    head.extend(servers.iter().map(|&server| server.to_owned()));
    let mut rows = Vec::new();
    for reader in &plan.readers {
        for loss in &plan.losses {
            let mut row = vec![reader.name(), format!("{:.0}", loss * 100.0)];
            row.extend(servers.iter().map(|server| {
                let is_it =
                    |o: &&Outcome| o.server == *server && o.reader == *reader && o.loss == *loss;
                outcomes
                    .iter()
                    .find(is_it)
                    .map_or("—".to_owned(), Outcome::cell)
            }));
            rows.push(row);
        }
    }
    format!(
        "Seconds for {}: medians of {} transfers, which have the same losses with every server. A \
         transfer that takes more than {} s has failed.\n\n{}",
        plan.file.name(),
        plan.seeds.clone().count(),
        plan.limit.as_secs(),
        table(&head, &rows)
    )
}

/// Compares the relay with the simulation, for `bootstone get`, which both can run.
fn compare_with_the_simulation(settings: &Settings) -> Result<String> {
    let plan = Plan {
        readers: vec![
            Reader::BootstoneGet(1428, 1),
            Reader::BootstoneGet(1428, 16),
        ],
        seeds: 1..21,
        ..plan(false)
    };
    let outcomes = lossy::run(&[Kind::Bootstone], settings, &plan)?;
    let rows: Vec<Vec<String>> = outcomes
        .iter()
        .filter_map(|outcome| {
            let Reader::BootstoneGet(blksize, windowsize) = outcome.reader else {
                return None;
            };
            let path = simulated::Path {
                rtt_ms: lossy::ROUND_TRIP.as_millis() as u64,
                blksize,
                windowsize,
                in_flight: match outcome.server == Kind::Bootstone.name() {
                    true => ServerConfig::default().pipeline,
                    false => 1,
                },
            };
            let simulated = simulated::seconds(path, outcome.loss)?;
            let relayed = outcome.median()?.as_secs_f64();
            Some(vec![
                windowsize.to_string(),
                path.in_flight.to_string(),
                format!("{:.0}", outcome.loss * 100.0),
                document::digits(simulated),
                document::digits(relayed),
                document::digits(relayed / simulated),
            ])
        })
        .collect();
    let head = [
        "window",
        "in flight",
        "% lost",
        "simulation, s",
        "relay, s",
        "ratio",
    ]
    .map(str::to_owned);
    Ok(format!(
        "\n`bootstone get` in the simulation and through the relay, medians of 20 seeds \
         each:\n\n{}",
        table(&head, &rows)
    ))
}

/// The times of a client by loss rate, a line for each server.
fn series(plan: &Plan, outcomes: &[Outcome], reader: Reader) -> Vec<(String, Vec<(f64, f64)>)> {
    let mut series: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    let of_reader = outcomes.iter().filter(|outcome| outcome.reader == reader);
    for outcome in of_reader.filter(|outcome| plan.losses.contains(&outcome.loss)) {
        let Some(time) = outcome.median() else {
            continue;
        };
        let point = (outcome.loss * 100.0, time.as_secs_f64());
        match series.iter_mut().find(|(name, _)| *name == outcome.server) {
            Some((_, points)) => points.push(point),
            None => series.push((outcome.server.clone(), vec![point])),
        }
    }
    series
}
