//! The report for programs, in JSON. docs/verify.md has its fields.

use std::time::Duration;

use super::check::{Check, HostReport};
use super::release::Release;
use super::summary;
use crate::cli::verdict::Verdict;
use crate::json::Value;

/// Writes the report.
pub(super) fn json(release: &Release, hosts: &[HostReport]) -> String {
    let code = summary::code(hosts);
    let checks = hosts.iter().flat_map(|host| {
        let checks = host.checks();
        checks.map(|check| check_value(host, check))
    });
    let report = Value::Object(vec![
        ("ok", (code == 0).into()),
        ("exit_code", u64::from(code).into()),
        ("summary", summary::text(hosts).into()),
        (
            "compared_with",
            Value::Object(vec![
                ("source", release.source.as_str().into()),
                ("files", (release.files.len() as u64).into()),
                ("content_id", release.content_id.to_string().into()),
            ]),
        ),
        ("counts", counts(hosts)),
        (
            "hosts",
            Value::Array(hosts.iter().map(host_value).collect()),
        ),
        ("checks", Value::Array(checks.collect())),
    ]);
    format!("{report:#}\n")
}

/// The number of hosts, and of checks by verdict.
fn counts(hosts: &[HostReport]) -> Value {
    let checks = hosts.iter().map(|host| host.checks().count());
    let mut counts = vec![
        ("hosts", (hosts.len() as u64).into()),
        ("hosts_ok", (summary::hosts_ok(hosts) as u64).into()),
        ("checks", (checks.sum::<usize>() as u64).into()),
    ];
    let of = |verdict| (summary::count(hosts, verdict) as u64).into();
    counts.extend(Verdict::ALL.map(|verdict| (verdict.as_str(), of(verdict))));
    Value::Object(counts)
}

fn host_value(host: &HostReport) -> Value {
    let about = &host.about;
    Value::Object(vec![
        ("host", host.target.server.to_string().into()),
        ("address", address(host)),
        ("protocol", host.target.server.protocol.as_str().into()),
        ("ok", host.is_ok().into()),
        ("verdict", host.verdict().as_str().into()),
        (
            "content_id",
            host.content_id().map(|it| it.to_string()).into(),
        ),
        ("version", about.version.as_deref().into()),
        ("region", about.region.as_deref().into()),
        ("machine", about.machine.as_deref().into()),
        ("rtt_us", host.rtt.map(microseconds).into()),
        ("ms", milliseconds(host.elapsed()).into()),
        ("arrived_ms", host.arrived.map(milliseconds).into()),
    ])
}

fn check_value(host: &HostReport, check: &Check) -> Value {
    Value::Object(vec![
        ("host", host.target.server.to_string().into()),
        ("address", address(host)),
        ("file", check.file.as_str().into()),
        ("expected", check.expected.map(|it| it.to_string()).into()),
        ("actual", check.actual.map(|it| it.to_string()).into()),
        ("bytes", check.bytes.into()),
        ("ms", milliseconds(check.elapsed).into()),
        ("verdict", check.verdict.as_str().into()),
        ("detail", check.detail.as_deref().into()),
    ])
}

fn address(host: &HostReport) -> Value {
    let address = host.target.address.as_ref().ok();
    address.map(|it| it.to_string()).into()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
