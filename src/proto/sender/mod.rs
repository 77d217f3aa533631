//! One outgoing transfer, from the answer to an RRQ to the last ACK.
//!
//! A [`Transfer`] (in `transfer`) joins parts with one task each:
//!
//! | part | task |
//! |---|---|
//! | `blocks` | the file as numbered datagrams; the OACK is block 0 |
//! | `send_window` | which blocks are acknowledged, in flight, or to be resent |
//! | `rtt`, `departures` | the round-trip time, and when blocks left |
//! | `loss` | what is lost, and what the timer is for |
//! | `congestion`, `spread`, `backoff` | how many blocks may be in flight, and how they are paced |
//! | `liveness` | how long a silent client is waited for |
//!
//! `acks` is what an ACK does, `timeouts` what silence does. The OACK is treated as block 0, whose
//! ACK is the client's ACK 0: it is timed, resent and acknowledged by the same lines as every DATA.

mod acks;
mod backoff;
mod blocks;
mod congestion;
mod departures;
mod liveness;
mod loss;
mod rtt;
mod send_window;
mod spread;
mod timeouts;
mod transfer;

pub(crate) use self::acks::Acked;
pub(crate) use self::timeouts::Expired;
pub(crate) use self::transfer::Transfer;
