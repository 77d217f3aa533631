//! The side door: against the library with made-up files and short times, and against the program itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test: it starts programs, and stops where it is surprised"
)]

mod client;
mod connections;
mod files;
mod page;
mod program;
mod site;
