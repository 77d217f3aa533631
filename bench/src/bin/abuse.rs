//! Makes the tables of `docs/security-measurements.md`: reflection, malformed datagrams, floods and
//! many sessions.

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

/// Attack TFTP servers on loopback, and make the tables of
/// docs/security-measurements.md.
#[derive(FromArgs)]
struct Arguments {
    /// run for about a minute, with shorter and smaller attacks
    #[argh(switch)]
    quick: bool,

    /// measure only these servers, separated by commas
    #[argh(option, default = "String::new()")]
    servers: String,

    /// program of Bootstone with the bench's files embedded (default: build it)
    #[argh(option)]
    bootstone: Option<PathBuf>,

    /// write the tables between the markers of this document
    #[argh(option)]
    write: Option<PathBuf>,
}

/// Durations and numbers of the attacks.
struct Plan {
    /// How long to count answers. In a full run it is longer than any server resends.
    listen: Duration,
    malformed: u64,
    sources: u32,
    flood_per_second: u64,
    honest: usize,
    sessions: u32,
}

/// The results of one server. A part is `None` if the server ended during it, or did not start.
struct Report {
    kind: Kind,
    reflections: Vec<Reflection>,
    garbage: Option<Garbage>,
    /// Honest clients with windows, then honest clients without options.
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

/// The names and options of the forged requests.
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
            garbage: or_report(kind, garbage(kind, &settings, &plan)),
            floods: floods(kind, &settings, &plan),
            opened: or_report(kind, open(kind, &settings, &plan)),
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

fn or_report<T>(kind: Kind, result: Result<T>) -> Option<T> {
    result
        .map_err(|error| eprintln!("{}: {error}", kind.name()))
        .ok()
}

/// Runs all servers, requests and behaviours at the same time, because they mostly wait.
fn reflect_all(
    kinds: &[Kind],
    settings: &Settings,
    plan: &Plan,
) -> Result<Vec<(Kind, Vec<Reflection>)>> {
    let started = kinds
        .iter()
        .filter_map(|&kind| or_report(kind, Running::start(kind, settings)));
    let servers: Vec<Running> = started.collect();
    thread::scope(|scope| {
        let mut all = Vec::new();
        for (network, server) in servers.iter().enumerate() {
            let mut victim = Ipv4Addr::new(127, 66, network as u8, 1);
            let mut in_progress = Vec::new();
            for (_, options) in REQUESTS {
                let request = abuse::rrq(File::Huge.name(), options);
                for behaviour in Behaviour::ALL {
                    // Each victim has its own network, so that no rate limit affects two of them.
                    victim = Ipv4Addr::from_bits(victim.to_bits() + (1 << 16));
                    let (here, request) = (victim, request.clone());
                    in_progress.push(scope.spawn(move || {
                        abuse::reflect(server.address(), here, &request, behaviour, plan.listen)
                    }));
                }
            }
            all.push((server.kind(), in_progress));
        }
        let seen = |(kind, in_progress): (
            Kind,
            Vec<thread::ScopedJoinHandle<'_, std::io::Result<Reflection>>>,
        )| {
            let ended = in_progress.into_iter().map(|handle| match handle.join() {
                Ok(reflection) => reflection.map_err(anyhow::Error::from),
                Err(_) => Err(anyhow!("a thread of the attacker panicked")),
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

/// The rate of the flood in RRQs per second; `None` if it would overload the machine.
fn flood_rate(kind: Kind, plan: &Plan) -> Option<u64> {
    match kind {
        Kind::Bootstone | Kind::Dnsmasq | Kind::DnsmasqSinglePort => Some(plan.flood_per_second),
        // These servers start a thread, or open a socket, for each RRQ.
        Kind::RTftpd | Kind::RsTftpd | Kind::RsTftpdSinglePort | Kind::Atftpd => {
            Some(plan.flood_per_second / 100)
        }
        // This server starts a process for each RRQ, which runs for half a minute.
        Kind::TftpdHpa => None,
        // The lower bounds are not servers.
        Kind::LowerBound | Kind::LowerBoundPolling => None,
    }
}

/// Runs the flood with honest clients with windows, and with honest clients without options.
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
        .filter_map(|honest| or_report(kind, run(honest)))
        .collect()
}

fn open(kind: Kind, settings: &Settings, plan: &Plan) -> Result<Opened> {
    let server = Running::start(kind, settings)?;
    // The other servers need a thread, a process or a descriptor per session. 900 sessions are
    // enough to measure that.
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
         Amplification factor of one request and of what follows it, within {} s, and in \
         parentheses the number of packets that the forged source address receives. The attacker \
         sends everything to the requested port, because it sees no answer. A server that uses a \
         new port for each transfer does not receive the ACKs there.\n\n{}\n\
         {} malformed datagrams at 50,000 per second. Then a flood: {} sources send {} RRQs per \
         second, every second one with options, while 10 honest clients at a time read {} files. \
         The rate is lower for servers that start a thread for each RRQ, and there is no flood for \
         servers that start a process. Then sessions that are left open.\n\n{}",
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

/// A row: its name, and a function that returns a server's figure.
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
