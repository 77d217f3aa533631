//! The build: what may be embedded and what may not, on made-up directories.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed, and this one makes files"
)]

#[path = "../../build.rs"]
#[allow(dead_code, reason = "its `main` is for cargo")]
mod build_script;

mod authenticode;
mod cargo;
mod embedding;
mod kinds;
mod links;
mod published;
mod refused;
mod signature;
mod sums;
mod tree;
