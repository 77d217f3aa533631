//! The server against the RFCs, its design and the clients in the field, in dialogues at literal times.
//!
//! [`dialogue`] explains the notation. There is a module for each RFC, with a test for each clause
//! that a server of read requests can keep or break, then one for each chapter of the behaviour that
//! Bootstone promises, one for the clients, and one for the mistakes of other servers.

mod dialogue;

mod rfc1123;
mod rfc1350;
mod rfc2347;
mod rfc2348;
mod rfc2349;
mod rfc7440;

mod guard;
mod names;
mod negotiation;
mod running_ahead;
mod sending;

mod clients;
mod mistakes;
