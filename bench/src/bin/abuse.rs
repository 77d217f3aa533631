//! Makes the tables of `docs/security-measurements.md`: what a server reflects, and what it survives.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use argh::FromArgs;

use bootstone_bench::abuse::{self, Answered, Behaviour, Flooded, Opened, Reflection};
use bootstone_bench::content::File;
use bootstone_bench::document::{self, digits, table};
use bootstone_bench::measure::{mebibytes, millis, scenarios};
use bootstone_bench::process;
use bootstone_bench::servers::{self, Kind, Running, Settings};

/// Abuse TFTP servers on loopback.
#[derive(FromArgs)]
struct Arguments {
    /// under a minute: shorter, fewer
    #[argh(switch)]
    quick: bool,

    /// only these servers, separated by commas
    #[argh(option, default = "String::new()")]
    servers: String,

    /// bootstone with the bench's files in it (default: it is built)
    #[argh(option)]
    bootstone: Option<PathBuf>,

    /// the document that gets the tables, between its markers
    #[argh(option)]
    write: Option<PathBuf>,
}

/// How much of it.
struct Plan {
    /// Listening to what comes back: longer than any server repeats itself, unless it is to be
    /// quick.
    listen: Duration,
    malformed: u64,
    sources: u32,
    flood_per_second: u64,
    honest: usize,
    sessions: u32,
}

/// Of one server. A part is missing where the server died of it, or could not be started.
struct Report {
    kind: Kind,
    reflections: Vec<Reflection>,
    garbage: Option<Garbage>,
    /// With windows; without options.
    floods: Vec<Flood>,
    opened: Option<Opened>,
}

struct Garbage {
    answered: Answered,
    micros_each: f64,
    drops: u64,
    before: u64,
    after: u64,
    still_serves: bool,
}

struct Flood {
    /// RRQs per second.
    rate: u64,
    flooded: Flooded,
    before: u64,
    after: u64,
}

/// The options of a spoofed request, and what to call them.
const REQUESTS: [(&str, &[(&str, u64)]); 4] = [
    ("no options", &[]),
    (
        "`blksize` 1428, `windowsize` 64",
        &[("blksize", 1428), ("windowsize", 64)],
    ),
    ("`blksize` 512", &[("blksize", 512)]),
    ("`blksize` 1468", &[("blksize", 1468)]),
];

fn main() -> Result<()> {
    let arguments: Arguments = argh::from_env();
    let settings = Settings::prepare(arguments.bootstone)?;
    let (_, core) = process::cores()?;
    process::pin(core)?;
    let plan = plan(arguments.quick);
    let kinds = Kind::select(&arguments.servers)?;
    let reflections = reflect_all(&kinds, &settings, &plan)?;
    let mut reports = Vec::new();
    for (kind, reflections) in reflections {
        eprintln!("{}", kind.name());
        reports.push(Report {
            kind,
            reflections,
            garbage: told(kind, garbage(kind, &settings, &plan)),
            floods: floods(kind, &settings, &plan),
            opened: told(kind, open(kind, &settings, &plan)),
        });
    }
    let text = render(&plan, &reports);
    println!("{text}");
    match arguments.write {
        Some(path) => document::fill(&path, "abuse", &text),
        None => Ok(()),
    }
}

fn plan(quick: bool) -> Plan {
    match quick {
        true => Plan {
            listen: Duration::from_secs(6),
            malformed: 50_000,
            sources: 20_000,
            flood_per_second: 20_000,
            honest: 50,
            sessions: 16_384,
        },
        false => Plan {
            listen: Duration::from_secs(75),
            malformed: 1_000_000,
            sources: 100_000,
            flood_per_second: 20_000,
            honest: 400,
            sessions: 16_384,
        },
    }
}

fn told<T>(kind: Kind, result: Result<T>) -> Option<T> {
    result
        .map_err(|error| eprintln!("{}: {error}", kind.name()))
        .ok()
}

/// All servers, requests and behaviours at the same time: it is mostly waiting.
fn reflect_all(
    kinds: &[Kind],
    settings: &Settings,
    plan: &Plan,
) -> Result<Vec<(Kind, Vec<Reflection>)>> {
    let started = kinds
        .iter()
        .filter_map(|&kind| told(kind, Running::start(kind, settings)));
    let servers: Vec<Running> = started.collect();
    thread::scope(|scope| {
        let mut all = Vec::new();
        for (network, server) in servers.iter().enumerate() {
            let mut victim = Ipv4Addr::new(127, 66, network as u8, 1);
            let mut under_way = Vec::new();
            for (_, options) in REQUESTS {
                let request = abuse::rrq(File::Huge.name(), options);
                for behaviour in Behaviour::ALL {
                    // Each server has its own network, so that none is affected by another.
                    victim = Ipv4Addr::from_bits(victim.to_bits() + (1 << 16));
                    let (here, request) = (victim, request.clone());
                    under_way.push(scope.spawn(move || {
                        abuse::reflect(server.address(), here, &request, behaviour, plan.listen)
                    }));
                }
            }
            all.push((server.kind(), under_way));
        }
        let seen = |(kind, under_way): (
            Kind,
            Vec<thread::ScopedJoinHandle<'_, std::io::Result<Reflection>>>,
        )| {
            let ended = under_way.into_iter().map(|handle| match handle.join() {
                Ok(reflection) => reflection.map_err(anyhow::Error::from),
                Err(_) => Err(anyhow!("a spoofer panicked")),
            });
            Ok((kind, ended.collect::<Result<Vec<_>>>()?))
        };
        all.into_iter().map(seen).collect()
    })
}

fn garbage(kind: Kind, settings: &Settings, plan: &Plan) -> Result<Garbage> {
    let server = Running::start(kind, settings)?;
    let before = server.account().resident();
    let cpu = server.account().cpu_time()?;
    let answered = abuse::garbage(server.address(), plan.malformed, 50_000, 1)?;
    let cpu = server.account().cpu_time()? - cpu;
    Ok(Garbage {
        answered,
        micros_each: cpu.as_secs_f64() * 1e6 / plan.malformed as f64,
        drops: process::socket_drops(server.address().port()),
        before,
        after: server.account().resident(),
        still_serves: server.is_alive()
            && servers::answers(server.address(), Duration::from_secs(3)),
    })
}

/// RRQs per second that a server gets; none where the machine would suffer more than the server.
fn flood_rate(kind: Kind, plan: &Plan) -> Option<u64> {
    match kind {
        Kind::Bootstone | Kind::Dnsmasq | Kind::DnsmasqSinglePort => Some(plan.flood_per_second),
        // A thread for each RRQ.
        Kind::RsTftpd | Kind::RsTftpdSinglePort | Kind::Atftpd => Some(plan.flood_per_second / 100),
        // A process for each RRQ, for half a minute.
        Kind::TftpdHpa => None,
        // No servers.
        Kind::Floor | Kind::FloorPolling => None,
    }
}

/// Honest clients with windows, and others without options: what a server owes them differs.
fn floods(kind: Kind, settings: &Settings, plan: &Plan) -> Vec<Flood> {
    let Some(rate) = flood_rate(kind, plan) else {
        return Vec::new();
    };
    let honest = [(File::Large, (1428, 16)), (File::Small, (512, 1))];
    let run = |(file, terms)| {
        let server = Running::start(kind, settings)?;
        let before = server.account().resident();
        let mut load = scenarios::load(server.address(), file, terms, (plan.honest, 10));
        load.limit = Duration::from_secs(20);
        let flooded = abuse::flood(&load, plan.sources, rate)?;
        let after = server.account().resident();
        Ok(Flood {
            rate,
            flooded,
            before,
            after,
        })
    };
    honest
        .into_iter()
        .filter_map(|honest| told(kind, run(honest)))
        .collect()
}

fn open(kind: Kind, settings: &Settings, plan: &Plan) -> Result<Opened> {
    let server = Running::start(kind, settings)?;
    // The others have a thread, a process or a descriptor for each: a thousand of them say enough.
    let count = if kind == Kind::Bootstone {
        plan.sessions
    } else {
        plan.sessions.min(900)
    };
    Ok(abuse::open_many(server.address(), server.account(), count)?)
}

fn render(plan: &Plan, reports: &[Report]) -> String {
    let mut head = vec![String::new()];
    head.extend(reports.iter().map(|report| report.kind.name().to_owned()));
    format!(
        "Measured on {}.\n\n\
         Bytes sent to a forged source address for each byte received, and packets in all, over {} s \
         after one request and what follows it. The forged ACKs go to the requested port, because the \
         attacker sees no other: they do not reach a server that uses another port for each transfer.\n\n{}\n\
         Load: {} malformed datagrams, 50,000 a second; {} sources that send {} RRQs a second, every \
         second one with options, while 10 honest clients at a time read {} files; sessions left open. \
         Servers that start a thread for each request get fewer RRQs, and a server that starts a \
         process for each gets none.\n\n{}",
        process::machine(),
        plan.listen.as_secs(),
        table(
            &with_title(&head, "request, then"),
            &reflection_rows(reports)
        ),
        plan.malformed,
        plan.sources,
        plan.flood_per_second,
        plan.honest,
        table(&head, &survival_rows(reports)),
    )
}

fn with_title(head: &[String], title: &str) -> Vec<String> {
    let mut head = head.to_vec();
    head[0] = title.to_owned();
    head
}

fn reflection_rows(reports: &[Report]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (index, (name, _)) in REQUESTS.iter().enumerate() {
        for (then, behaviour) in Behaviour::ALL.into_iter().enumerate() {
            let mut row = vec![format!("{name}, {}", behaviour.name())];
            row.extend(reports.iter().map(|report| {
                let reflection = report.reflections[index * Behaviour::ALL.len() + then];
                format!(
                    "{} ({})",
                    digits(reflection.amplification()),
                    reflection.back_packets
                )
            }));
            rows.push(row);
        }
    }
    rows
}

/// A row: its name, and a server's figure.
type Figure = (&'static str, fn(&Report) -> Option<String>);

fn survival_rows(reports: &[Report]) -> Vec<Vec<String>> {
    let figures: [Figure; 15] = [
        ("malformed, no request: answers", |r| {
            Some(r.garbage.as_ref()?.answered.answers_to_others.to_string())
        }),
        ("malformed RRQs: answers", |r| {
            Some(r.garbage.as_ref()?.answered.answers_to_requests.to_string())
        }),
        ("server CPU, µs each", |r| {
            Some(digits(r.garbage.as_ref()?.micros_each))
        }),
        ("dropped at its socket", |r| {
            Some(r.garbage.as_ref()?.drops.to_string())
        }),
        ("serves afterwards", |r| {
            let serves = r.garbage.as_ref()?.still_serves;
            Some(if serves { "yes" } else { "**no**" }.to_owned())
        }),
        ("resident MiB before, after", |r| {
            let garbage = r.garbage.as_ref()?;
            Some(memory(garbage.before, garbage.after))
        }),
        ("flood, RRQs a second", |r| {
            Some(r.floods.first()?.rate.to_string())
        }),
        (
            "flood: speed of honest clients with windows, of that in peace",
            |r| honest(r.floods.first()?),
        ),
        ("their p50, p99 ms, in peace", |r| {
            Some(waits(&r.floods.first()?.flooded.undisturbed))
        }),
        ("their p50, p99 ms, in the flood", |r| {
            Some(waits(&r.floods.first()?.flooded.disturbed))
        }),
        (
            "flood: speed of honest clients without options, of that in peace",
            |r| honest(r.floods.get(1)?),
        ),
        ("resident MiB before, after the flood", |r| {
            let flood = r.floods.first()?;
            Some(memory(flood.before, flood.after))
        }),
        ("sessions open", |r| Some(r.opened?.open.to_string())),
        ("resident MiB before", |r| {
            Some(digits(mebibytes(r.opened?.before)))
        }),
        ("resident bytes for each session", |r| {
            Some(format!("{:.0}", r.opened?.each()))
        }),
    ];
    let line = |(name, figure): &Figure| {
        let mut row = vec![(*name).to_owned()];
        row.extend(
            reports
                .iter()
                .map(|report| figure(report).unwrap_or("—".to_owned())),
        );
        row
    };
    figures.iter().map(line).collect()
}

fn memory(before: u64, after: u64) -> String {
    format!(
        "{}, {}",
        digits(mebibytes(before)),
        digits(mebibytes(after))
    )
}

fn waits(result: &bootstone_bench::load::LoadResult) -> String {
    let [middle, late] = [0.5, 0.99].map(|share| digits(millis(result.percentile(share))));
    format!("{middle}, {late}")
}

fn honest(flood: &Flood) -> Option<String> {
    let failed = flood.flooded.disturbed.failed();
    let share = format!("{:.0} %", flood.flooded.share() * 100.0);
    Some(match failed {
        0 => share,
        failed => format!("{share}, {failed} failed"),
    })
}
