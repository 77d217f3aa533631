//! A network path: what becomes of a datagram between one end and the other.
//!
//! A [`Link`] is one direction of it. It decides by its own seeded dice, so that what is lost on the
//! way there does not depend on what was sent on the way back.

use std::collections::VecDeque;
use std::time::Duration;

use bootstone::proto::Instant;

/// IPv4 and UDP headers: a rate is spent on whole packets.
const HEADERS: usize = 28;

/// What one direction does to datagrams.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Path {
    /// The least time that a datagram takes, without the time that its bits need on a [`Rate`].
    pub(crate) delay: Duration,
    /// Up to this much more, never overtaking the datagram in front.
    pub(crate) jitter: Duration,
    /// Probability that a datagram is lost, 0 to 1.
    pub(crate) loss: f64,
    /// Probability that it arrives twice, the copy within another `delay`.
    pub(crate) duplicate: f64,
    /// Probability that it takes up to another `delay`, and others overtake it.
    pub(crate) reorder: f64,
    /// The narrowest place on the way, if there is one.
    pub(crate) rate: Option<Rate>,
}

/// A narrow place with a queue in front of it. What finds the queue full is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    pub(crate) bits_per_second: u64,
    /// Packets that wait, the one the one being sent included.
    pub(crate) queue: usize,
}

impl Path {
    /// Half of a round trip, and nothing goes wrong.
    pub(crate) fn of_rtt(rtt: Duration) -> Path {
        Path {
            delay: rtt / 2,
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            rate: None,
        }
    }

    pub(crate) fn losing(self, loss: f64) -> Path {
        Path { loss, ..self }
    }
}

/// See the [module](self).
pub(crate) struct Link {
    path: Path,
    dice: fastrand::Rng,
    /// When the packets in the queue will have left it.
    departures: VecDeque<Instant>,
    last_arrival: Instant,
}

impl Link {
    pub(crate) fn new(path: Path, seed: u64) -> Link {
        Link {
            path,
            dice: fastrand::Rng::with_seed(seed),
            departures: VecDeque::new(),
            last_arrival: Instant::ZERO,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// When a datagram of `len` bytes that is sent now arrives: never, once or twice.
    pub(crate) fn carry(&mut self, now: Instant, len: usize) -> [Option<Instant>; 2] {
        let Some(departure) = self.queue(now, len) else {
            return [None, None];
        };
        if self.happens(self.path.loss) {
            return [None, None];
        }
        let steady = departure + self.path.delay + self.up_to(self.path.jitter);
        let mut arrival = steady.max(self.last_arrival);
        if self.happens(self.path.reorder) {
            arrival = arrival + self.up_to(self.path.delay);
        } else {
            self.last_arrival = arrival;
        }
        let is_doubled = self.happens(self.path.duplicate);
        let copy = is_doubled.then(|| arrival + self.up_to(self.path.delay));
        [Some(arrival), copy]
    }

    /// When it gets through the narrow place.
    fn queue(&mut self, now: Instant, len: usize) -> Option<Instant> {
        let Some(rate) = self.path.rate else {
            return Some(now);
        };
        while self.departures.front().is_some_and(|&left| left <= now) {
            self.departures.pop_front();
        }
        if self.departures.len() >= rate.queue {
            return None;
        }
        let bits = 8 * (len + HEADERS) as u64;
        let takes = Duration::from_nanos(bits * 1_000_000_000 / rate.bits_per_second);
        let departure = *self.departures.back().unwrap_or(&now) + takes;
        self.departures.push_back(departure);
        Some(departure)
    }

    /// Rolls no dice for what cannot happen: one trouble more leaves the others where they were.
    fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.dice.f64() < probability
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        if most.is_zero() {
            return most;
        }
        most.mul_f64(self.dice.f64())
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn arrivals(path: Path, count: u64) -> Vec<[Option<Instant>; 2]> {
    let mut link = Link::new(path, 1);
    let at = |n| Instant::from_micros(100 * n);
    (0..count).map(|n| link.carry(at(n), 1000)).collect()
}

#[test]
fn a_clean_link_delays_and_nothing_else() {
    let at = Instant::from_micros;
    assert_eq!(
        arrivals(Path::of_rtt(millis(2)), 3),
        [1000, 1100, 1200].map(|micros| [Some(at(micros)), None])
    );
}

#[test]
fn troubles_come_as_often_as_configured() {
    let path = Path::of_rtt(millis(2)).losing(0.25);
    let path = Path {
        duplicate: 0.5,
        ..path
    };
    let all = arrivals(path, 10_000);
    let lost = all.iter().filter(|[first, _]| first.is_none()).count();
    let doubled = all.iter().filter(|[_, second]| second.is_some()).count();
    assert!((2300..2700).contains(&lost), "{lost}");
    assert!((3550..3950).contains(&doubled), "{doubled}");
}

#[test]
fn jitter_keeps_the_order_and_reordering_does_not() {
    let path = Path {
        jitter: millis(5),
        ..Path::of_rtt(millis(2))
    };
    let first = |[first, _]: &[Option<Instant>; 2]| first.unwrap();
    assert!(arrivals(path, 1000).iter().map(first).is_sorted());
    let path = Path {
        reorder: 0.1,
        ..path
    };
    assert!(!arrivals(path, 1000).iter().map(first).is_sorted());
}

#[test]
fn a_full_queue_drops_the_tail_of_a_burst() {
    let rate = Rate {
        bits_per_second: 8 * 1028 * 1000,
        queue: 4,
    };
    let path = Path {
        rate: Some(rate),
        ..Path::of_rtt(millis(2))
    };
    let mut link = Link::new(path, 1);
    let mut send = |at| link.carry(Instant::from_millis(at), 1000)[0];
    let burst: Vec<_> = (0..6).map(|_| send(0)).collect();
    let at = |millis| Some(Instant::from_millis(millis));
    assert_eq!(burst, [at(2), at(3), at(4), at(5), None, None]);
    assert_eq!(send(2), at(6), "two have left");
}
