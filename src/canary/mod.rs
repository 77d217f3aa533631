//! The canary: fetches a file as a certain firmware would, and records what came.
//!
//! [`Model`] is a client's behaviour as data, and [`models`] has the table of known clients.
//! [`ModelClient`] is a client that behaves as its model says, as a value like
//! [`Fetch`](crate::proto::client::Fetch). `verify --as` gives it sockets; the simulation gives it
//! simulated paths; `tests/boot` compares it with what real firmware sends.

mod client;
mod fault;
mod model;
pub mod models;
mod observed;
mod order;
mod receive;
mod send;

pub use client::{ModelClient, ModelTransmit};
pub use fault::{Fault, RequestKind};
pub use model::{
    Model, OackRule, OutOfOrder, Screens, SlowReader, SourcePorts, Waits, WithoutOack,
};
pub use observed::Observed;
