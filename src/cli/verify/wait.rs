//! The rounds of `--wait`, and what standard error says of them.

use std::rc::Rc;
use std::time::Duration;

use super::check::HostReport;
use super::round::{Comparison, compare};
use super::summary;
use super::target::{NamedServer, Target};
use crate::cli::console::say;
use crate::proto::Instant;

/// Pause after the first round. Each further one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause between two rounds: how late the arrival of a release is noticed at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The servers, and how long they are waited for.
#[derive(Debug)]
pub(super) struct Rounds {
    pub(super) servers: Vec<NamedServer>,
    pub(super) all_addresses: bool,
    /// The end of the waiting; the start if there is only one round.
    pub(super) until: Instant,
}

/// Compares once, and repeats it until all is as published or the time is over. Names are resolved
/// in each round, because a rollout replaces machines. A host that is as published is not asked
/// again.
pub(super) async fn rounds(comparison: &Rc<Comparison>, waiting: &Rounds) -> Vec<HostReport> {
    let clock = comparison.fetcher.clock;
    let started = clock.now();
    let until = waiting.until.min(comparison.fetcher.limits.end);
    let is_waiting = until > started;
    let mut pause = FIRST_PAUSE;
    let mut hosts: Vec<HostReport> = Vec::new();
    let mut said: Vec<String> = Vec::new();
    loop {
        hosts = known(waiting.targets(), hosts);
        compare(comparison, &mut hosts).await;
        if is_waiting {
            say_arrivals(&mut hosts, clock.now() - started);
        }
        let left = until - clock.now();
        if summary::code(&hosts) == 0 || left.is_zero() {
            return hosts;
        }
        let pause_now = pause.min(left);
        said = say_missing(&hosts, said, pause_now);
        tokio::time::sleep(pause_now).await;
        pause = LONGEST_PAUSE.min(2 * pause);
    }
}

impl Rounds {
    fn targets(&self) -> Vec<Target> {
        let servers = self.servers.iter();
        let targets = servers.flat_map(|server| server.targets(self.all_addresses));
        targets.collect()
    }
}

/// The reports of these targets: what earlier rounds know of each, if anything.
fn known(targets: Vec<Target>, mut old: Vec<HostReport>) -> Vec<HostReport> {
    let known = |target: Target| {
        let place = old.iter().position(|host| host.target == target);
        match place {
            Some(place) => old.swap_remove(place),
            None => HostReport::new(target),
        }
    };
    targets.into_iter().map(known).collect()
}

/// Says which hosts are as published since this round.
fn say_arrivals(hosts: &mut [HostReport], elapsed: Duration) {
    for host in hosts.iter_mut() {
        if host.is_ok() && host.arrived.is_none() {
            host.arrived = Some(elapsed);
            let seconds = elapsed.as_secs_f64();
            say(format_args!(
                "{}: as published after {seconds:.1} s",
                host.name()
            ));
        }
    }
}

/// Says what is still missing, on each host where that has changed. Returns what it has said.
fn say_missing(hosts: &[HostReport], said: Vec<String>, pause: Duration) -> Vec<String> {
    let missing = hosts.iter().filter(|host| !host.is_ok());
    let missing: Vec<String> = missing
        .map(|host| format!("{}: {}", host.name(), missing_text(host)))
        .collect();
    if missing != said {
        for line in missing.iter().filter(|line| !said.contains(line)) {
            say(format_args!("waiting for {line}"));
        }
        say(format_args!(
            "{} of {} hosts as published; looking again after {:.1} s and longer pauses",
            summary::hosts_ok(hosts),
            hosts.len(),
            pause.as_secs_f64()
        ));
    }
    missing
}

/// As in `SHA256SUMS differs, a missing, and 3 more`.
fn missing_text(host: &HostReport) -> String {
    let findings = host.checks().filter(|check| !check.verdict.is_accepted());
    let mut findings =
        findings.map(|check| format!("{} {}", check.file.escape_debug(), check.verdict.as_str()));
    let first: Vec<String> = findings.by_ref().take(3).collect();
    let text = first.join(", ");
    match findings.count() {
        0 => text,
        left => format!("{text}, and {left} more"),
    }
}
