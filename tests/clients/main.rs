//! Foreign programs and raw sockets against Bootstone on loopback.
//!
//! `fetching`: programs that people use fetch from a server on a thread, and the bytes and the server's own reports are
//! compared. `mistakes`: datagrams that other servers have stumbled over. `life` and `command_line`: the
//! binary, from its first line to its exit status.
//!
//! A program that is not installed is skipped, by name, on standard error; with `BOOTSTONE_REQUIRE_CLIENTS=1` its
//! absence is a failure. Nobody sleeps here: everything waits for an event, and no longer than a deadline.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test that cannot go on has failed; it starts programs and reads what they wrote"
)]

mod binary;
mod children;
mod command_line;
mod content;
mod fetching;
mod hand;
mod life;
mod mistakes;
mod programs;
mod serving;
