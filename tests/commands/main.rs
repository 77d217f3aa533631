//! The commands `get`, `verify` and `list` of the program.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; this one starts programs and reads files"
)]

mod completions;
mod get;
mod http;
mod list;
mod run;
#[allow(dead_code, unreachable_pub, reason = "shared by several test targets")]
#[path = "../support/program.rs"]
mod served;
mod server;
mod signature;
#[allow(dead_code, unreachable_pub, reason = "shared by several test targets")]
#[path = "../support/skip.rs"]
mod skip;
mod verify;
