//! The HTTP listener: the library with made-up files and short times, and the program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test: it starts programs, and stops where it is surprised"
)]

mod alerts;
mod attacks;
mod client;
mod connections;
mod conversation;
mod corpus;
mod files;
mod page;
mod program;
#[allow(dead_code, unreachable_pub, reason = "shared by several test targets")]
#[path = "../support/program.rs"]
mod served;
mod site;
#[allow(dead_code, unreachable_pub, reason = "shared by several test targets")]
#[path = "../support/skip.rs"]
mod skip;
