//! One direction of a path as a value: computes when a datagram arrives, or that it is lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Additional delay of a reordered datagram.
const REORDER_DELAY: Duration = Duration::from_millis(10);

/// The properties of a path. The default path has no delay, no loss and no rate limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// One-way delay.
    pub delay: Duration,
    /// Maximum of the additional random delay, which does not reorder datagrams.
    pub jitter: Duration,
    /// Loss rate, 0 to 1.
    pub loss: f64,
    /// Share of datagrams that are delayed by a further 10 ms, 0 to 1.
    pub reorder: f64,
    /// Share of datagrams that are duplicated, 0 to 1.
    pub duplicate: f64,
    /// Bits per second, including IPv4 and UDP headers; 0 is unlimited.
    pub rate: u64,
    /// Length of the queue in datagrams, if there is a `rate`. A datagram that finds the queue
    /// full is dropped.
    pub queue: usize,
    /// Longest packet in bytes, including IPv4 and UDP headers; 0 is unlimited. A longer one is
    /// dropped without a message, as by a tunnel behind a firewall that drops ICMP.
    pub mtu: usize,
}

impl Default for Conditions {
    fn default() -> Conditions {
        Conditions {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            reorder: 0.0,
            duplicate: 0.0,
            rate: 0,
            queue: 100,
            mtu: 0,
        }
    }
}

/// Counters of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// All datagrams.
    pub offered: u64,
    /// Lost at random, or longer than the MTU.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub dropped: u64,
    /// Reordered.
    pub reordered: u64,
    /// Delivered twice.
    pub duplicated: u64,
}

/// One direction. With the same seed, the same sequence of datagrams gets the same treatment.
#[derive(Debug)]
pub struct Link {
    conditions: Conditions,
    random: fastrand::Rng,
    /// Departure times of the datagrams that wait or are being sent.
    leaving: VecDeque<Instant>,
    /// Latest arrival time of the datagrams that are not reordered.
    last_arrival: Option<Instant>,
    fates: Fates,
}

/// Bytes of the IPv4 and UDP headers.
const HEADERS: usize = 28;

impl Link {
    /// An empty link.
    pub fn new(conditions: Conditions, seed: u64) -> Link {
        Link {
            conditions,
            random: fastrand::Rng::with_seed(seed),
            leaving: VecDeque::new(),
            last_arrival: None,
            fates: Fates::default(),
        }
    }

    /// The counters so far.
    pub fn fates(&self) -> Fates {
        self.fates
    }

    /// Sends a datagram with `len` bytes of payload. Returns its arrival times: none, one or two.
    pub fn offer(&mut self, now: Instant, len: usize) -> [Option<Instant>; 2] {
        self.fates.offered += 1;
        // Every datagram takes all random numbers, so that the fate of one does not affect the
        // next.
        let [lost, late, twice] = [
            self.conditions.loss,
            self.conditions.reorder,
            self.conditions.duplicate,
        ]
        .map(|share| self.random.f64() < share);
        let jitter = self.conditions.jitter.mul_f64(self.random.f64());
        let too_long = self.conditions.mtu > 0 && len + HEADERS > self.conditions.mtu;
        if lost || too_long {
            self.fates.lost += 1;
            return [None, None];
        }
        let Some(leaves) = self.take_turn(now, len) else {
            self.fates.dropped += 1;
            return [None, None];
        };
        let arrives = leaves + self.conditions.delay + jitter;
        let arrives = match late {
            true => {
                self.fates.reordered += 1;
                arrives + REORDER_DELAY
            }
            false => *self
                .last_arrival
                .insert(self.last_arrival.map_or(arrives, |last| last.max(arrives))),
        };
        self.fates.duplicated += u64::from(twice);
        [Some(arrives), twice.then_some(arrives)]
    }

    /// Returns when the datagram has passed the bottleneck; `None` if the queue is full.
    fn take_turn(&mut self, now: Instant, len: usize) -> Option<Instant> {
        if self.conditions.rate == 0 {
            return Some(now);
        }
        while self.leaving.front().is_some_and(|&leaves| leaves <= now) {
            self.leaving.pop_front();
        }
        // The first datagram is being sent; the others wait.
        if self.leaving.len() > self.conditions.queue {
            return None;
        }
        let bits = ((len + HEADERS) * 8) as f64;
        let start = self.leaving.back().copied().unwrap_or(now);
        let leaves = start + Duration::from_secs_f64(bits / self.conditions.rate as f64);
        self.leaving.push_back(leaves);
        Some(leaves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_default_path_delivers_at_once() {
        let now = Instant::now();
        let mut link = Link::new(Conditions::default(), 1);
        assert_eq!(link.offer(now, 100), [Some(now), None]);
    }

    #[test]
    fn delay_and_jitter_keep_the_order() {
        let now = Instant::now();
        let conditions = Conditions {
            delay: millis(25),
            jitter: millis(10),
            ..Conditions::default()
        };
        let mut link = Link::new(conditions, 1);
        let arrivals: Vec<_> = (0..100)
            .filter_map(|i| link.offer(now + millis(i), 100)[0])
            .collect();
        assert_eq!(arrivals.len(), 100);
        assert!(arrivals.is_sorted());
        for (i, &arrival) in arrivals.iter().enumerate() {
            assert!(arrival >= now + millis(i as u64 + 25));
        }
        assert!(arrivals.last() < Some(&(now + millis(99 + 35))));
    }

    #[test]
    fn the_same_seed_has_the_same_fates() {
        let now = Instant::now();
        let conditions = Conditions {
            loss: 0.05,
            reorder: 0.1,
            duplicate: 0.2,
            ..Conditions::default()
        };
        let fates = |seed| {
            let mut link = Link::new(conditions, seed);
            (0..10_000)
                .map(|_| link.offer(now, 100))
                .collect::<Vec<_>>()
        };
        assert_eq!(fates(7), fates(7));
        assert_ne!(fates(7), fates(8));
    }

    #[test]
    fn shares_are_as_asked() {
        let now = Instant::now();
        let conditions = Conditions {
            loss: 0.05,
            reorder: 0.1,
            duplicate: 0.2,
            ..Conditions::default()
        };
        let mut link = Link::new(conditions, 3);
        for _ in 0..100_000 {
            link.offer(now, 100);
        }
        let Fates {
            offered,
            lost,
            reordered,
            duplicated,
            dropped,
        } = link.fates();
        assert_eq!((offered, dropped), (100_000, 0));
        assert!((4_500..5_500).contains(&lost), "{lost}");
        assert!((9_000..10_000).contains(&reordered), "{reordered}");
        assert!((18_000..20_000).contains(&duplicated), "{duplicated}");
    }

    #[test]
    fn a_reordered_datagram_is_delayed() {
        let now = Instant::now();
        let conditions = Conditions {
            reorder: 1.0,
            ..Conditions::default()
        };
        assert_eq!(
            Link::new(conditions, 1).offer(now, 100)[0],
            Some(now + REORDER_DELAY)
        );
    }

    #[test]
    fn a_packet_longer_than_the_mtu_is_dropped() {
        let now = Instant::now();
        let conditions = Conditions {
            mtu: 128,
            ..Conditions::default()
        };
        let mut link = Link::new(conditions, 1);
        assert_eq!(link.offer(now, 100), [Some(now), None]);
        assert_eq!(link.offer(now, 101), [None, None]);
        assert_eq!(link.fates().lost, 1);
    }

    #[test]
    fn a_rate_limit_delays_and_a_full_queue_drops() {
        let now = Instant::now();
        // 1,000 bits a millisecond; 97 bytes and their headers are 1,000 bits.
        let conditions = Conditions {
            rate: 1_000_000,
            queue: 2,
            ..Conditions::default()
        };
        let mut link = Link::new(conditions, 1);
        let arrivals: Vec<_> = (0..5).map(|_| link.offer(now, 97)[0]).collect();
        let after = |ms| Some(now + millis(ms));
        assert_eq!(arrivals, [after(1), after(2), after(3), None, None]);
        assert_eq!(link.offer(now + millis(2), 97)[0], after(4));
        assert_eq!(link.fates().dropped, 2);
    }
}
