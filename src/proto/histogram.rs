//! How values are spread, in constant memory: counts between fixed bounds.

use std::time::Duration;

/// Upper bounds in microseconds: from a file on the local network to what timeouts allow.
const DURATIONS: &[u64] = &[
    10_000,
    30_000,
    100_000,
    300_000,
    1_000_000,
    3_000_000,
    10_000_000,
    30_000_000,
    100_000_000,
];

/// A count for each bound, and one for what is beyond the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    bounds: &'static [u64],
    counts: Box<[u64]>,
    sum: u64,
}

impl Histogram {
    /// An empty one. `bounds` ascend; a value that equals a bound is counted with it.
    pub fn new(bounds: &'static [u64]) -> Histogram {
        let counts = vec![0; bounds.len() + 1].into();
        let sum = 0;
        Histogram {
            bounds,
            counts,
            sum,
        }
    }

    /// An empty one for how long transfers take, in microseconds.
    pub fn of_durations() -> Histogram {
        Histogram::new(DURATIONS)
    }

    /// Each bound with how many values were at most that; the last one, `None`, has them all.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        bounds.zip(self.counts.iter().scan(0, |below, count| {
            *below += count;
            Some(*below)
        }))
    }

    /// All values added up.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        self.counts[bucket] += 1;
        self.sum = self.sum.saturating_add(value);
    }

    /// Counts a time in microseconds.
    pub fn record_time(&mut self, time: Duration) {
        self.record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Takes in the values of another one with the same bounds.
    pub(super) fn absorb(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_with_the_first_bound_that_is_not_below_it() {
        let mut histogram = Histogram::new(&[1, 10]);
        for value in [0, 1, 2, 10, 11, 1000] {
            histogram.record(value);
        }
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(cumulative, [(Some(1), 2), (Some(10), 4), (None, 6)]);
        assert_eq!(histogram.sum(), 1024);
    }

    #[test]
    fn two_are_as_good_as_one() {
        let [mut one, mut two, mut both] = [(); 3].map(|()| Histogram::new(&[5]));
        one.record(3);
        two.record(7);
        both.record(3);
        both.record(7);
        one.absorb(&two);
        assert_eq!(one, both);
    }
}
