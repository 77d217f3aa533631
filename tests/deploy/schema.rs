//! The keys of `fly.toml` that `flyctl` reads, and the values that it accepts, as of August 2026
//! (its package `internal/appconfig`). `flyctl deploy` ignores an unknown key without a word.

use toml::Value;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    /// A list of texts.
    Texts,
    /// A time such as 10s, 5m or 1m30s, of at least and at most these seconds.
    Duration(u64, u64),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A list of these texts.
    SomeOf(&'static [&'static str]),
    /// A size such as 256mb or 1gb, or a number of megabytes.
    Memory,
}

use Kind::*;

const LONG: Kind = Duration(0, 86_400);
/// `flyctl` lowers or raises other times of a check to these, with a warning.
const OF_A_CHECK: Kind = Duration(1, 60);
/// Fly.io kills a machine after five minutes at most.
const OF_A_KILL: Kind = Duration(0, 300);
const SIGNALS: Kind = OneOf(&[
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGTERM",
]);
const HANDLERS: Kind = SomeOf(&["http", "tls", "pg_tls", "proxy_proto", "edge_http"]);
const AUTO_STOP: Kind = OneOf(&["off", "stop", "suspend"]);

/// Path and kind of each key; `[]` is an array of tables, and `*` any key. The tables that a server
/// of UDP has no use for are left out: `http_service`, `mounts`, `statics`, `processes`, `checks`.
const KEYS: &[(&str, Kind)] = &[
    ("app", Text),
    ("primary_region", Text),
    ("kill_signal", SIGNALS),
    ("kill_timeout", OF_A_KILL),
    ("swap_size_mb", Integer),
    ("console_command", Text),
    ("host_dedication_id", Text),
    ("build.builder", Text),
    ("build.image", Text),
    ("build.dockerfile", Text),
    ("build.ignorefile", Text),
    ("build.build-target", Text),
    ("build.compression", OneOf(&["gzip", "zstd"])),
    ("build.compression_level", Integer),
    ("build.args.*", Text),
    (
        "deploy.strategy",
        OneOf(&["canary", "rolling", "immediate", "bluegreen"]),
    ),
    ("deploy.max_unavailable", Number),
    ("deploy.wait_timeout", LONG),
    ("deploy.release_command", Text),
    ("deploy.release_command_timeout", LONG),
    ("deploy.seed_command", Text),
    ("env.*", Text),
    (
        "restart[].policy",
        OneOf(&["always", "never", "on-failure"]),
    ),
    ("restart[].retries", Integer),
    ("restart[].processes", Texts),
    ("machine_checks[].image", Text),
    ("machine_checks[].entrypoint", Texts),
    ("machine_checks[].command", Texts),
    ("machine_checks[].kill_signal", SIGNALS),
    ("machine_checks[].kill_timeout", OF_A_KILL),
    ("services[].protocol", OneOf(&["tcp", "udp"])),
    ("services[].internal_port", Integer),
    ("services[].auto_stop_machines", AUTO_STOP),
    ("services[].auto_start_machines", Boolean),
    ("services[].min_machines_running", Integer),
    ("services[].processes", Texts),
    (
        "services[].concurrency.type",
        OneOf(&["connections", "requests"]),
    ),
    ("services[].concurrency.hard_limit", Integer),
    ("services[].concurrency.soft_limit", Integer),
    ("services[].ports[].port", Integer),
    ("services[].ports[].start_port", Integer),
    ("services[].ports[].end_port", Integer),
    ("services[].ports[].handlers", HANDLERS),
    ("services[].ports[].force_https", Boolean),
    ("services[].tcp_checks[].interval", OF_A_CHECK),
    ("services[].tcp_checks[].timeout", OF_A_CHECK),
    ("services[].tcp_checks[].grace_period", OF_A_CHECK),
    ("services[].http_checks[].interval", OF_A_CHECK),
    ("services[].http_checks[].timeout", OF_A_CHECK),
    ("services[].http_checks[].grace_period", OF_A_CHECK),
    ("services[].http_checks[].method", Text),
    ("services[].http_checks[].path", Text),
    (
        "services[].http_checks[].protocol",
        OneOf(&["http", "https"]),
    ),
    ("services[].http_checks[].tls_skip_verify", Boolean),
    ("services[].http_checks[].tls_server_name", Text),
    ("services[].http_checks[].headers.*", Text),
    ("services[].machine_checks[].image", Text),
    ("services[].machine_checks[].entrypoint", Texts),
    ("services[].machine_checks[].command", Texts),
    ("services[].machine_checks[].kill_signal", SIGNALS),
    ("services[].machine_checks[].kill_timeout", OF_A_KILL),
    // One table, or an array of tables.
    ("metrics.port", Integer),
    ("metrics.path", Text),
    ("metrics[].port", Integer),
    ("metrics[].path", Text),
    ("metrics[].processes", Texts),
    ("vm[].size", Text),
    ("vm[].memory", Memory),
    ("vm[].memory_mb", Integer),
    ("vm[].cpu_kind", OneOf(&["shared", "performance"])),
    ("vm[].cpus", Integer),
    ("vm[].kernel_args", Texts),
    ("vm[].processes", Texts),
];

/// A line for each key that `flyctl` does not know and for each value that it does not accept.
pub(crate) fn problems(fly: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    check("", fly, &mut problems);
    problems
}

fn check(path: &str, value: &Value, problems: &mut Vec<String>) {
    match value {
        Value::Table(table) => {
            let dot = if path.is_empty() { "" } else { "." };
            for (key, value) in table {
                check(&format!("{path}{dot}{key}"), value, problems);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_table) && !items.is_empty() => {
            for item in items {
                check(&format!("{path}[]"), item, problems);
            }
        }
        _ => match kind_of(path) {
            None => problems.push(format!("{path}: unknown key")),
            Some(kind) if !accepts(kind, value) => {
                problems.push(format!("{path} = {value:?}: expected {kind:?}"));
            }
            Some(_) => {}
        },
    }
}

fn kind_of(path: &str) -> Option<Kind> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => path
            .strip_prefix(start)
            .is_some_and(|key| !key.contains('.')),
        None => path == pattern,
    };
    let found = KEYS.iter().find(|(pattern, _)| fits(pattern));
    found.map(|(_, kind)| *kind)
}

fn accepts(kind: Kind, value: &Value) -> bool {
    let text = value.as_str();
    let texts = || {
        value
            .as_array()
            .and_then(|items| items.iter().map(Value::as_str).collect())
    };
    match kind {
        Text => text.is_some(),
        Integer => value.is_integer(),
        Number => value.is_integer() || value.is_float(),
        Boolean => value.is_bool(),
        Texts => texts().is_some_and(|texts: Vec<&str>| !texts.is_empty()),
        OneOf(known) => text.is_some_and(|text| known.contains(&text)),
        SomeOf(known) => {
            texts().is_some_and(|texts: Vec<&str>| texts.iter().all(|text| known.contains(text)))
        }
        Duration(least, most) => text
            .and_then(seconds)
            .is_some_and(|seconds| (least..=most).contains(&seconds)),
        Memory => text.is_some_and(is_memory),
    }
}

fn is_memory(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[digits.len()..].to_ascii_lowercase();
    digits.parse::<u32>().is_ok() && ["", "mb", "gb"].contains(&unit.as_str())
}

/// The seconds of a time such as 90s, 5m or 1m30s.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let mut sum = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..unit].parse().ok()?;
        sum += number
            * match &rest[unit..=unit] {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                _ => return None,
            };
        rest = &rest[unit + 1..];
    }
    (!text.is_empty()).then_some(sum)
}

/// The schema finds what it is there for.
#[test]
fn wrong_keys_and_values_are_found() {
    for (line, expected) in [
        ("kill_timout = \"70s\"", "kill_timout: unknown key"),
        ("kill_timeout = \"301s\"", "expected Duration(0, 300)"),
        ("kill_timeout = 70", "kill_timeout = Integer(70): expected"),
        ("kill_signal = \"TERM\"", "expected OneOf"),
        ("[deploy]\nstrategy = \"careful\"", "deploy.strategy"),
        (
            "[deploy]\nmax_unavailable = \"1\"",
            "deploy.max_unavailable",
        ),
        (
            "[restart]\npolicy = \"always\"",
            "restart.policy: unknown key",
        ),
        ("[[restart]]\npolicy = \"yes\"", "restart[].policy"),
        (
            "[[services]]\nauto_stop_machines = false",
            "auto_stop_machines",
        ),
        (
            "[[services]]\n[[services.http_checks]]\ninterval = \"90s\"",
            "interval",
        ),
        (
            "[[services]]\n[[services.ports]]\nhandlers = [\"https\"]",
            "handlers",
        ),
        ("[[vm]]\nmemory = \"256 megs\"", "vm[].memory"),
        ("[env]\nBOOTSTONE_MTU = 1300", "env.BOOTSTONE_MTU"),
    ] {
        let fly = Value::Table(line.parse().unwrap());
        let problems = problems(&fly);
        assert_eq!(problems.len(), 1, "{line}: {problems:?}");
        assert!(problems[0].contains(expected), "{line}: {problems:?}");
    }
}
