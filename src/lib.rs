//! Bootstone.
pub mod catalog;
pub mod embedded;
pub mod manifest;
pub mod proto;
pub mod wire;
