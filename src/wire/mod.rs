//! The bytes of TFTP: datagrams in, meaning out, and back.
//!
//! Decoding borrows from the datagram and checks its shape only; what a request *means* is decided
//! in [`proto::negotiate`](crate::proto::negotiate). Encoding appends to the caller's buffer, so
//! that a whole window can be laid out for one system call.

pub mod netascii;
pub mod options;
pub mod packet;

pub use options::{OptionName, Options};
pub use packet::{DecodeError, ErrorCode, Mode, Opcode, Packet, Request};
