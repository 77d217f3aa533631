//! Encoding and decoding of TFTP datagrams.
//!
//! Decoding borrows from the datagram and checks its form only; `proto::negotiate` interprets the
//! options. Encoding appends to the caller's buffer, so that one system call can send a whole
//! window.

mod bytes;
mod error;
pub(crate) mod netascii;
pub mod options;
pub mod packet;

pub use error::DecodeError;
pub use options::{OptionName, Options};
pub use packet::{ErrorCode, Mode, Opcode, Packet, Request};
