//! The trials as JSON.

use std::net::SocketAddr;
use std::time::Duration;

use super::table::summary;
use super::trial::Trial;
use crate::json::Value;

/// The trials with all their fields.
pub(crate) fn json(trials: &[Vec<Trial>]) -> String {
    let report = Value::Object(vec![
        ("summary", summary(trials).into()),
        (
            "trials",
            Value::Array(trials.iter().flatten().map(value).collect()),
        ),
    ]);
    format!("{report:#}\n")
}

fn value(trial: &Trial) -> Value {
    let observed = &trial.observed;
    let address = |address: Option<SocketAddr>| address.map(|it| it.to_string()).into();
    let fragments = trial.fragments;
    let known = |number: u64| Some(number).filter(|_| fragments.known);
    Value::Object(vec![
        ("host", trial.host.as_str().into()),
        ("address", address(trial.address)),
        ("as", trial.model.name.into()),
        ("model", trial.model.source.into()),
        ("file", trial.file.name.as_str().into()),
        ("verdict", trial.verdict.as_str().into()),
        ("screen", trial.screen.as_deref().into()),
        ("detail", trial.detail.as_deref().into()),
        ("expected", trial.file.sha256.to_string().into()),
        ("actual", trial.actual.map(|it| it.to_string()).into()),
        ("bytes", observed.bytes.into()),
        ("ms", whole(trial.elapsed.as_millis()).into()),
        ("rtt_us", optional(observed.round_trip.map(micros))),
        ("tsize", optional(observed.tsize)),
        ("blksize", u64::from(observed.blksize).into()),
        ("windowsize", u64::from(observed.windowsize).into()),
        ("blocks", observed.blocks.into()),
        ("repeated_blocks", observed.repeated.into()),
        ("blocks_in_flight", observed.in_flight.into()),
        (
            "repeated_requests",
            u64::from(observed.repeated_requests).into(),
        ),
        ("repeated_acks", u64::from(observed.repeated_acks).into()),
        ("longest_datagram", (observed.longest as u64).into()),
        ("fragmented_datagrams", optional(known(fragments.datagrams))),
        (
            "largest_fragment",
            optional(known(fragments.largest.into())),
        ),
        ("answered_from", address(observed.server)),
        ("ignored_from", address(observed.other)),
        ("local_port", optional(trial.local_port.map(u64::from))),
    ])
}

fn optional(number: Option<u64>) -> Value {
    number.map_or(Value::Null, Value::Number)
}

fn micros(duration: Duration) -> u64 {
    whole(duration.as_micros())
}

fn whole(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
