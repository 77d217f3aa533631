//! Bootstone: a read-only TFTP server whose boot files are compiled into the binary.
pub mod catalog;
pub mod cli;
pub mod dhcp;
pub mod embedded;
pub mod http;
pub mod json;
pub mod log;
pub mod manifest;
pub mod net;
pub mod proto;
pub mod sandbox;
pub mod wire;
