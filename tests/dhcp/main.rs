//! What `bootstone dhcp` writes: the plan for made-up sets of boot files, every format to the
//! letter, and the DHCP servers that read it.
//!
//! `BLESS=1` rewrites `tests/dhcp/golden/`. A DHCP server that is not installed is named on
//! standard error; with `BOOTSTONE_REQUIRE_CLIENTS=1` it makes the test fail.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; it starts programs, and reads what they wrote"
)]

mod catalogs;
mod choice;
mod command;
mod formats;
mod live;
mod mistakes;
mod servers;

#[allow(dead_code, unreachable_pub, reason = "shared by several test targets")]
#[path = "../support/skip.rs"]
mod skip;
