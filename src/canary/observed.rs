//! What a client observed of a transfer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::proto::Instant;

/// Shortest round trip with which blocks in flight can be estimated from times. Below it, the pauses
/// of a busy machine are as long as the round trip.
const MIN_ROUND_TRIP: Duration = Duration::from_millis(10);
/// The most ACKs of the last round trip that are kept.
const MAX_ACKS: usize = 4096;

/// What a client observed of a transfer.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The address and port of the first answer to the last request.
    pub server: Option<SocketAddr>,
    /// Another address or port that sent a datagram, which the client ignored.
    pub other: Option<SocketAddr>,
    /// The server has sent an OACK.
    pub has_oack: bool,
    /// Payload bytes per block: what the server granted, or 512.
    pub blksize: u16,
    /// Blocks per ACK: what the server granted, or 1.
    pub windowsize: u16,
    /// The size that the server announced.
    pub tsize: Option<u64>,
    /// Bytes received in order.
    pub bytes: u64,
    /// Different blocks received.
    pub blocks: u64,
    /// Blocks received that the client had already.
    pub repeated: u64,
    /// The most blocks that the server had sent beyond the newest ACK that can have reached it. With
    /// a round trip of at least 10 ms this is an estimate, else a lower bound.
    pub in_flight: u64,
    /// Times that the client repeated a request.
    pub repeated_requests: u32,
    /// Times that the client's timer repeated an ACK.
    pub repeated_acks: u32,
    /// The longest datagram received, in bytes.
    pub longest: usize,
    /// The shortest time from a request or an ACK that was sent once to its answer. Only requests
    /// and the ACK of the OACK count, because a server may send other blocks before their ACK.
    pub round_trip: Option<Duration>,
    /// How often the round trip was measured.
    samples: u32,
    /// When each ACK of the last round trip left, and its block.
    acks: VecDeque<(Instant, u64)>,
    /// The newest block whose ACK left at least a round trip ago.
    acknowledged: u64,
}

impl Default for Observed {
    fn default() -> Observed {
        Observed {
            server: None,
            other: None,
            has_oack: false,
            blksize: 512,
            windowsize: 1,
            tsize: None,
            bytes: 0,
            blocks: 0,
            repeated: 0,
            in_flight: 0,
            repeated_requests: 0,
            repeated_acks: 0,
            longest: 0,
            round_trip: None,
            samples: 0,
            acks: VecDeque::new(),
            acknowledged: 0,
        }
    }
}

impl Observed {
    /// An answer to something that was sent once, at `sent`.
    pub(super) fn answered(&mut self, sent: Instant, now: Instant) {
        let sample = now - sent;
        self.round_trip = Some(self.round_trip.map_or(sample, |rtt| rtt.min(sample)));
        self.samples += 1;
    }

    /// An ACK leaves.
    pub(super) fn acknowledge(&mut self, now: Instant, block: u64) {
        if self.acks.len() == MAX_ACKS {
            self.acks.pop_front();
        }
        self.acks.push_back((now, block));
    }

    /// A block arrives.
    pub(super) fn on_block(&mut self, now: Instant, block: u64, is_new: bool) {
        match is_new {
            true => self.blocks += 1,
            false => self.repeated += 1,
        }
        let reached = match self.round_trip {
            // An eighth less, because round trips differ. One sample may be that of a server that
            // had to start a process first.
            Some(rtt) if rtt >= MIN_ROUND_TRIP && self.samples > 1 => rtt - rtt / 8,
            _ => Duration::ZERO,
        };
        while let Some((_, block)) = self.acks.pop_front_if(|(at, _)| *at + reached <= now) {
            self.acknowledged = self.acknowledged.max(block);
        }
        self.in_flight = self.in_flight.max(block.saturating_sub(self.acknowledged));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// The blocks in flight after two round trips of `rtt` ms, and these ACKs and blocks.
    fn in_flight(rtt: u64, steps: &[(u64, &str, u64)]) -> u64 {
        in_flight_after(2, rtt, steps)
    }

    fn in_flight_after(samples: u32, rtt: u64, steps: &[(u64, &str, u64)]) -> u64 {
        let mut observed = Observed::default();
        for _ in 0..samples {
            observed.answered(at(0), at(rtt));
        }
        for (time, what, block) in steps {
            match *what {
                "ack" => observed.acknowledge(at(*time), *block),
                _ => observed.on_block(at(*time), *block, true),
            }
        }
        observed.in_flight
    }

    #[test]
    fn lock_step_has_one_block_in_flight() {
        let steps = [
            (100, "ack", 0),
            (200, "block", 1),
            (200, "ack", 1),
            (299, "block", 2),
            (299, "ack", 2),
            (390, "block", 3),
        ];
        assert_eq!(in_flight(100, &steps), 1);
    }

    #[test]
    fn blocks_that_arrive_before_their_ack_can_have_arrived_are_in_flight() {
        let steps = [
            (100, "ack", 0),
            (200, "block", 1),
            (200, "ack", 1),
            (200, "block", 2),
            (200, "ack", 2),
            (201, "block", 3),
        ];
        assert_eq!(in_flight(100, &steps), 3);
        assert_eq!(in_flight_after(1, 100, &steps), 1);
    }

    #[test]
    fn with_a_short_round_trip_only_a_window_counts() {
        let steps = [
            (1, "ack", 0),
            (2, "block", 1),
            (2, "block", 2),
            (2, "ack", 2),
            (2, "block", 3),
            (2, "block", 4),
        ];
        assert_eq!(in_flight(1, &steps), 2);
    }
}
