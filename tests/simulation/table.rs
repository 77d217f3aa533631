//! The table in `table.txt`: how fast transfers are and how many datagrams they take. It is kept so that a
//! change shows.
//!
//! For each path the time of a transfer of 1 MiB, in units of what is possible without pipelining,
//! and the DATA sent, in units of those needed; medians of twenty seeds. What is possible is a link without loss and
//! infinitely fast: a round trip for the OACK, and one for each window. The client is our own, and the
//! strict one of [`habits`](crate::clients::habits).
//!
//! `BLESS=1` writes the table anew.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bootstone::catalog::{Catalog, Entry};
use bootstone::proto::Instant;
use bootstone::proto::config::ServerConfig;
use bootstone::proto::negotiate::NegotiationLimits;

use crate::clients::{Client, Fetching, File, Firmware, habits};
use crate::link::Path;
use crate::world::World;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation/table.txt");
const RTTS: [u64; 4] = [2, 20, 50, 150];
const LOSSES: [f64; 4] = [0.0, 0.01, 0.05, 0.1];
const BLKSIZES: [u16; 2] = [512, 1428];
/// Client windows, and the most blocks in flight.
const WINDOWS: [(u16, u16); 7] = [(1, 1), (1, 32), (4, 1), (4, 32), (16, 1), (16, 32), (64, 1)];
const SEEDS: u64 = 20;

static FILE: LazyLock<File> = LazyLock::new(|| File::random("boot.img", 1 << 20));
static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    let entry = Entry::new(FILE.name.clone(), FILE.content.to_vec());
    Arc::new(Catalog::new(vec![entry]))
});

/// A path and the terms of a transfer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) rtt: u64,
    pub(crate) loss: f64,
    pub(crate) blksize: u16,
    pub(crate) windowsize: u16,
    /// Most blocks in flight that the server allows.
    pub(crate) pipeline: u16,
}

/// What a transfer cost, in units of the least that it can cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) time: f64,
    pub(crate) blocks: f64,
    pub(crate) seconds: f64,
}

impl Case {
    /// The median cost for a client of ours.
    pub(crate) fn cost(self) -> Cost {
        self.cost_for(|file| Fetching::new(file, self.blksize, self.windowsize))
    }

    /// The median cost for another client, which asks for what the case says.
    pub(crate) fn cost_for<C: Client + 'static>(self, client: impl Fn(File) -> C) -> Cost {
        // Without loss there is nothing to roll dice for.
        let seeds = if self.loss > 0.0 { SEEDS } else { 1 };
        let costs: Vec<Cost> = (0..seeds)
            .map(|seed| self.run(seed, client(FILE.clone())))
            .collect();
        Cost {
            time: median(costs.iter().map(|cost| cost.time)),
            blocks: median(costs.iter().map(|cost| cost.blocks)),
            seconds: median(costs.iter().map(|cost| cost.seconds)),
        }
    }

    fn run(self, seed: u64, client: impl Client + 'static) -> Cost {
        let limits = NegotiationLimits {
            max_windowsize: 64,
            ..NegotiationLimits::default()
        };
        let config = ServerConfig {
            limits,
            pipeline: self.pipeline,
            ..ServerConfig::default()
        };
        let mut world = World::with_catalog(seed, Arc::clone(&CATALOG), config);
        let path = Path::of_rtt(Duration::from_millis(self.rtt)).losing(self.loss);
        let number = world.add(Instant::from_millis(1000), [path; 2], client);
        let story = world.run()[number];
        // lwIP's only request may be lost.
        if story.is_heard {
            assert_eq!(story.outcome, Ok(()), "{self:?}, seed {seed}");
        }
        Cost {
            time: story.took.as_secs_f64() / self.limit().as_secs_f64(),
            blocks: story.blocks_sent as f64 / self.blocks() as f64,
            seconds: story.took.as_secs_f64(),
        }
    }

    /// Blocks of the file.
    fn blocks(self) -> u64 {
        FILE.last_block(self.blksize)
    }

    /// The least time that it can take.
    fn limit(self) -> Duration {
        let windows = self.blocks().div_ceil(self.windowsize.into());
        Duration::from_millis(self.rtt * (1 + windows))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}

/// A line of the table.
#[derive(Clone, Copy)]
struct Line {
    case: Case,
    is_strict: bool,
}

impl Line {
    fn row(self) -> String {
        let Line { case, is_strict } = self;
        let client = if is_strict { "strict" } else { "" };
        let limit = case.limit().as_secs_f64();
        let Case {
            rtt,
            blksize,
            windowsize,
            pipeline,
            ..
        } = case;
        let mut row =
            format!("{rtt:6} {blksize:8} {windowsize:>7} {pipeline:>9} {client:>7} {limit:8.2} ");
        for loss in LOSSES {
            let case = Case { loss, ..case };
            let cost = match is_strict {
                true => case.cost_for(|file| {
                    Firmware::new(&habits::STRICT, file).with_windowsize(windowsize)
                }),
                false => case.cost(),
            };
            row += &format!("|{:6.2} {:5.2} ", cost.time, cost.blocks);
        }
        row.trim_end().to_owned()
    }
}

fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    for rtt in RTTS {
        for blksize in BLKSIZES {
            for (windowsize, pipeline) in WINDOWS {
                let case = Case {
                    rtt,
                    loss: 0.0,
                    blksize,
                    windowsize,
                    pipeline,
                };
                lines.push(Line {
                    case,
                    is_strict: false,
                });
                if blksize == 1428 && (2..=16).contains(&windowsize) {
                    lines.push(Line {
                        case,
                        is_strict: true,
                    });
                }
            }
        }
    }
    lines
}

fn header() -> String {
    let mut header = format!(
        "{:>6} {:>8} {:>7} {:>9} {:>7} {:>8} ",
        "RTT ms", "blksize", "window", "in flight", "client", "limit s"
    );
    for loss in LOSSES {
        header += &format!("|{:>12} ", format!("{} % lost", 100.0 * loss));
    }
    let units = format!("{:50} {}", "", "|  time  sent ".repeat(LOSSES.len()));
    format!("{}\n{}\n", header.trim_end(), units.trim_end())
}

fn table() -> String {
    let lines = lines();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut rows = Vec::new();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(line) = lines.get(index)
        {
            rows.push((index, line.row()));
        }
        rows
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows: Vec<(usize, String)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|w| w.join().unwrap())
            .collect()
    });
    rows.sort_unstable();
    let lines = rows.into_iter().map(|(_, row)| row + "\n");
    header() + &lines.collect::<String>()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the table is a file")]
fn the_table_is_as_it_was() {
    let table = table();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(TABLE, &table).unwrap();
    }
    let kept = std::fs::read_to_string(TABLE).unwrap_or_default();
    let is_same = kept == table;
    assert!(
        is_same,
        "was:\n{kept}\nis:\n{table}\nIf it is meant to be so: BLESS=1"
    );
}
