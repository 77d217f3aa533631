//! `verify --as` against Bootstone, against other servers with known faults, and over paths with
//! known faults. Each fault has to be named.
//!
//! `cargo test --test canary`. The other servers are installed by `bench/servers`. A server that is
//! missing is skipped, by name, on standard error; with `BOOTSTONE_REQUIRE_CLIENTS=1` its absence
//! is a failure. Everything runs on loopback.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test that cannot go on has failed; it starts programs and reads what they wrote"
)]

mod canary;
mod nat;
mod others;
mod paths;
mod servers;

#[allow(dead_code, reason = "shared by several test targets")]
#[path = "../commands/run.rs"]
mod run;
#[allow(dead_code, reason = "shared by several test targets")]
#[path = "../commands/server.rs"]
mod server;
#[allow(dead_code, reason = "shared by several test targets")]
#[path = "../support/skip.rs"]
mod skip;

/// The long, lossy path of the bench.
#[path = "../../bench/src/relay/mod.rs"]
#[allow(
    dead_code,
    missing_docs,
    reason = "a module of another package, of which this needs a part"
)]
mod relay;
