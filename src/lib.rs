//! Bootstone: a read-only TFTP server whose boot files are compiled into the binary.
//!
//! # Layers
//!
//! A module imports from its own layer and the layers below. There are no import cycles.
//!
//! | layer | modules |
//! |---|---|
//! | 4 commands | [`cli`]: one file or folder for each command |
//! | 3 I/O | [`net`]: UDP sockets, driver loop, workers · [`http`] · [`sandbox`] · `log` · [`embedded`] |
//! | 2 protocol | [`proto`]: server, guard, sender and client, without sockets, clocks or threads · `canary`: the habits of firmware (feature `canary`) |
//! | 1 formats | [`wire`]: TFTP datagrams · [`catalog`]: names to files · [`dhcp`] · `json` |
//! | 0 ground | [`manifest`]: what is known of each file; `build.rs` compiles it too |
//!
//! # The types that matter
//!
//! - [`catalog::Catalog`] maps a requested name to the bytes of a file.
//! - [`proto::server::Server`] is the whole server as a value: datagrams and time in, datagrams
//!   out.
//! - [`proto::client::Fetch`] is the same for a client.
//! - [`net::driver::Driver`] connects a `Server` to a socket and a timer.
//! - [`http::Site`] is what the HTTP listener serves.
//!
//! # Where to begin reading
//!
//! `cli/serve/mod.rs` → `net/driver.rs` → `proto/server/mod.rs` → `proto/sender/transfer.rs`.
//!
//! The public modules are those that the program, the tests, the benches and the fuzzer use. This
//! is not a library for others.

#[cfg(feature = "canary")]
pub mod canary;
pub mod catalog;
pub mod cli;
pub mod dhcp;
pub mod embedded;
pub mod http;
mod json;
mod log;
pub mod manifest;
pub mod net;
pub mod proto;
pub mod sandbox;
pub mod wire;
