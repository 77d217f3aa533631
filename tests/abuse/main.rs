//! Attackers: what they may send, and what that may cost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test: it stops where it is surprised, and reads the corpora"
)]

mod attacker;
mod blind_acks;
mod corpora;
mod document;
mod fairness;
mod floods;
mod formats;
mod hostile_server;
mod invariants;
mod memory;
mod script;
