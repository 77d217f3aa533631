//! Both ends over a simulated link in virtual time: the same code as on the wire, no socket, no
//! sleep, and every run follows from its seed.
//!
//! The rules that hold in every world are in [`ledger`]. A failure prints the last datagrams, and its
//! message names the seed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a world in which the unexpected happens is a test that has failed"
)]

mod clients;
mod crowd;
mod field;
mod goals;
mod ledger;
mod link;
mod table;
mod trace;
mod trouble;
mod world;
