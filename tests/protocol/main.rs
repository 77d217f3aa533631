//! The server against the RFCs, its design and the clients in the field, in dialogues at literal
//! times.
//!
//! [`dialogue`] explains the notation. There is a module for each RFC, with a test for each clause
//! that a server of read requests can keep or break, then the subjects of the design (requests,
//! sending, finishing, guarding), then the clients, and the mistakes of other servers.

mod dialogue;

mod rfc1123;
mod rfc1350;
mod rfc2347;
mod rfc2348;
mod rfc2349;
mod rfc7440;

mod names;
mod negotiation;
mod repeated_requests;

mod acks;
mod loss;
mod netascii;
mod path_mtu;
mod pipelining;
mod pipelining_loss;
mod retransmission;
mod rollover;
mod silence;
mod spreading;
mod windows;

mod boots;
mod errors;
mod figures;
mod finished;
mod last_ack;

mod blind_acks;
mod guard;
mod sessions;
mod unreachable;

mod clients;
mod mistakes;
