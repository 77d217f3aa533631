//! Clients of other projects, and raw sockets, against Bootstone on loopback.
//!
//! `fetching`: programs that people use fetch from a server on a thread, and the bytes and the
//! server's own reports are compared. `edge_cases`: datagrams that other servers handle wrongly.
//! `lifecycle` and `command_line`: the binary, from its first line to its exit status. `life`: the
//! same with a stalled log, other signals, and limits that are too low. `log`: what its lines say.
//! `health`: the health check.
//!
//! A program that is not installed is skipped, by name, on standard error; with
//! `BOOTSTONE_REQUIRE_CLIENTS=1` its absence is a failure. No test sleeps: each waits for an event,
//! up to a deadline.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test that cannot go on has failed; it starts programs and reads what they wrote"
)]

#[allow(dead_code, reason = "shared with tests/network")]
mod binary;
mod command_line;
mod content;
mod edge_cases;
mod fetching;
mod foreign;
mod health;
mod life;
mod lifecycle;
mod log;
mod processes;
mod programs;
mod raw_client;
mod server;
#[allow(dead_code, reason = "shared by several test targets")]
#[path = "../support/skip.rs"]
mod skip;
