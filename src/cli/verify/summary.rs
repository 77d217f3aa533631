//! The figures of a whole check: how many hosts and files have which verdict.

use super::check::HostReport;
use crate::cli::verdict::{Verdict, exit_code};

/// The exit code.
pub(super) fn code(hosts: &[HostReport]) -> u8 {
    exit_code(hosts.iter().flat_map(HostReport::verdicts))
}

/// Number of hosts on which all is as published, or accepted.
pub(super) fn hosts_ok(hosts: &[HostReport]) -> usize {
    hosts.iter().filter(|host| host.is_ok()).count()
}

/// Number of results with this verdict.
pub(super) fn count(hosts: &[HostReport], verdict: Verdict) -> usize {
    hosts.iter().map(|host| host.count(verdict)).sum()
}

/// As in `2 of 3 hosts are as published; checks: 14 ok, 1 differs`.
pub(super) fn text(hosts: &[HostReport]) -> String {
    let counts: Vec<String> = Verdict::ALL
        .into_iter()
        .map(|verdict| (count(hosts, verdict), verdict))
        .filter(|(count, _)| *count > 0)
        .map(|(count, verdict)| format!("{count} {}", verdict.as_str()))
        .collect();
    format!(
        "{} of {} hosts as published; checks: {}",
        hosts_ok(hosts),
        hosts.len(),
        counts.join(", ")
    )
}
