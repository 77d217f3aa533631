//! Bootstone.
pub mod catalog;
pub mod proto;
pub mod wire;
