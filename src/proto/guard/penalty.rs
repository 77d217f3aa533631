//! The penalty of a prefix whose hosts have sent ICMP reports, in four bytes.

use std::time::Duration;

use crate::proto::Instant;

/// How long a penalty lasts, in seconds, after a host of the prefix has sent an ICMP report: it did not ask.
pub(super) const PENALTY_FOR: u32 = 60;

/// Seconds are counted modulo 2²⁴, which is 194 days.
const SECONDS: u32 = (1 << 24) - 1;

/// The second in which it ends, and in the low eight bits the reports since it began; 0 if there never were any.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Penalty(u32);

impl Penalty {
    /// Counts a report. True when a penalty begins with it; it ends a minute later, whatever follows.
    pub(super) fn on_report(&mut self, now: Instant) -> bool {
        let begins = self.left(now).is_none();
        self.0 = match begins {
            true => (seconds(now).wrapping_add(PENALTY_FOR) & SECONDS) << 8 | 1,
            false if self.reports() == u8::MAX => self.0,
            false => self.0 + 1,
        };
        begins
    }

    /// The reports since the penalty began, while it lasts; at most 255.
    pub(super) fn active_reports(self, now: Instant) -> Option<u8> {
        self.left(now).map(|_| self.reports())
    }

    /// When it ends, while it lasts.
    pub(super) fn end(self, now: Instant) -> Option<Instant> {
        let whole = now.as_micros() % 1_000_000;
        let left = Duration::from_secs(self.left(now)?.into());
        Some(now + left.saturating_sub(Duration::from_micros(whole)))
    }

    fn reports(self) -> u8 {
        self.0 as u8
    }

    /// The seconds that it lasts from now on.
    fn left(self, now: Instant) -> Option<u32> {
        let left = (self.0 >> 8).wrapping_sub(seconds(now)) & SECONDS;
        (self.reports() > 0 && (1..=PENALTY_FOR).contains(&left)).then_some(left)
    }
}

/// Whole seconds since the origin, modulo 2²⁴.
fn seconds(now: Instant) -> u32 {
    (now.as_micros() / 1_000_000) as u32 & SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_for_a_minute_and_counts_the_reports() {
        let at = |seconds: u64| Instant::from_millis(1000 * seconds + 500);
        // Also when the seconds begin anew.
        for start in [0, 100, u64::from(SECONDS) - 30] {
            let mut penalty = Penalty::default();
            assert_eq!(penalty.active_reports(at(start)), None);
            assert!(penalty.on_report(at(start)));
            assert!(!penalty.on_report(at(start + 1)));
            assert_eq!(penalty.active_reports(at(start + 59)), Some(2));
            assert_eq!(
                penalty.end(at(start + 59)),
                Some(Instant::from_millis(1000 * (start + 60)))
            );
            assert_eq!(penalty.active_reports(at(start + 60)), None);
            for _ in 0..600 {
                penalty.on_report(at(start + 61));
            }
            assert_eq!(penalty.active_reports(at(start + 62)), Some(255));
        }
    }
}
