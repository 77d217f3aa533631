//! How long a round trip takes, and how long to wait for one (RFC 6298).

use std::time::Duration;

/// Before anything was measured (RFC 6298 §2.1). In microseconds, like the two that follow.
const INITIAL_RTO: u32 = 1_000_000;

/// Lower than TCP's second: on a path of 50 ms each lost block of a lock-step transfer costs this
/// much, and a spurious resend costs one block. Higher than the 110 ms after which PXELINUX
/// repeats its own ACK.
const MIN_RTO: u32 = 200_000;

/// The least space above SRTT, for a path so steady that RTTVAR vanishes: G of RFC 6298 §2, a
/// generous one, since both ends are busy machines.
const GRANULARITY: u32 = 10_000;

/// What a client may need to write a window down, in microseconds. Two round trips and this much are a
/// tail loss on a path with a low RTT (RFC 8985 §7.2).
const WINDOW_WRITTEN: u32 = 50_000;

/// EDK2 repeats its ACK every 4 s and U-Boot every 5: waiting longer than the client helps no one.
const MAX_RTO: Duration = Duration::from_secs(4);

/// What an ACK is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InFlight {
    /// One block: PXELINUX and others repeat their ACK by themselves.
    Block,
    /// The client's window, as RFC 7440 has it.
    Window,
    /// A flight of several windows, or the last ones of it, over a path with a high RTT. A new ACK comes
    /// several times in a round trip, so silence for SRTT + 4 · RTTVAR is a loss.
    Pipeline,
}

/// Smoothed round-trip time of one peer. Microseconds in 32 bits reach 71 minutes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rtt {
    /// SRTT; 0 before the first sample.
    srtt: u32,
    /// RTTVAR.
    rttvar: u32,
    /// The shortest sample.
    min: u32,
    /// How often the RTO has been doubled since it was last known to fit.
    backoff: u8,
    /// Progress after an expiry that gave no sample, since the last sample.
    unsampled: u8,
}

/// How many times in a row progress without a sample may end the backing off for free. With 32 blocks in flight
/// and 5 % loss, four of five recoveries give no sample; after a lasting rise of the RTT none does.
const UNSAMPLED: u8 = 8;

impl Rtt {
    /// Takes the time from a block's sending to its ACK, and ends any backing off. By Karn's rule the
    /// block was sent once only, and the doubled RTO of a lost one stays until such a sample: a path
    /// that has become slower is learned from the first block that waits long enough.
    pub(super) fn sample(&mut self, took: Duration) {
        let took = in_micros(took).max(1);
        if self.srtt == 0 {
            (self.srtt, self.rttvar, self.min) = (took, took / 2, took);
        } else {
            self.rttvar = blend(self.rttvar, self.srtt.abs_diff(took), 4);
            self.srtt = blend(self.srtt, took, 8);
            self.min = self.min.min(took);
        }
        (self.backoff, self.unsampled) = (0, 0);
    }

    /// A block that was sent more than once is acknowledged, `time` after it left last: a round trip takes so long
    /// at least. Without this, a path that has become slower has each block resent so soon that none gives a sample.
    /// Such ACKs are rare, so each counts more than a sample; but as the double at most, because the client may have
    /// repeated an ACK that was lost.
    pub(super) fn raise(&mut self, time: Duration) {
        let took = in_micros(time).min(self.srtt.saturating_mul(2));
        if took > self.srtt {
            self.rttvar = blend(self.rttvar, took - self.srtt, 4);
            self.srtt = blend(self.srtt, took, 2);
        }
    }

    /// Progress after an expiry with more than one block in flight: the client is there, and its ACKs may never be clean samples,
    /// since something is resent all the time. In lock-step the doubled RTO stays (Karn's rule), or a path that has
    /// become slower than the RTO would resend every block for ever.
    pub(super) fn end_backoff(&mut self) {
        self.unsampled = self.unsampled.saturating_add(1);
        self.backoff = self.unsampled / UNSAMPLED;
    }

    /// The smoothed round-trip time, once something was measured.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        (self.srtt > 0).then(|| micros(self.srtt))
    }

    /// The shortest round trip seen. Nothing that arrives sooner after a sending can be about it.
    pub(super) fn shortest(&self) -> Option<Duration> {
        (self.srtt > 0).then(|| micros(self.min))
    }

    /// How long an ACK of what is in flight is waited for before that leaves again.
    pub(super) fn ack_wait(&self, in_flight: InFlight) -> Duration {
        let doubled = u64::from(self.undoubled(in_flight)) << self.backoff.min(16);
        Duration::from_micros(doubled).min(MAX_RTO)
    }

    /// The same for one block, if the timer had not expired.
    pub(super) fn undoubled_rto(&self) -> Duration {
        micros(self.undoubled(InFlight::Block))
    }

    /// In microseconds, because every ACK asks.
    fn undoubled(&self, in_flight: InFlight) -> u32 {
        if self.srtt == 0 {
            return INITIAL_RTO;
        }
        let margin = self.rttvar.saturating_mul(4).max(GRANULARITY);
        let least = match in_flight {
            InFlight::Block => MIN_RTO,
            InFlight::Window => self.srtt.saturating_mul(2).saturating_add(WINDOW_WRITTEN),
            InFlight::Pipeline => 0,
        };
        self.srtt.saturating_add(margin).max(least)
    }

    /// An ACK that comes sooner after a departure says nothing about it: almost the least round trip that
    /// the path has now. A quarter of a second where nothing was measured.
    pub(super) fn least_now(&self) -> Duration {
        if self.srtt == 0 {
            return micros(INITIAL_RTO / 4);
        }
        let usual = self.srtt.saturating_sub(2 * self.rttvar);
        micros(usual.max(self.min)) * 3 / 4
    }

    /// By when the answer to something that left is there, if the path has become half as fast.
    pub(super) fn two_trips(&self) -> Duration {
        micros(self.srtt.saturating_add(2 * self.rttvar)) * 2
    }

    /// The timer has expired: wait twice as long the next time (RFC 6298 §5.5).
    pub(super) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }
}

/// `(old · (parts − 1) + new) / parts`.
fn blend(old: u32, new: u32, parts: u64) -> u32 {
    let mixed = (u64::from(old) * (parts - 1) + u64::from(new)) / parts;
    // Between `old` and `new`, so it fits.
    mixed as u32
}

fn micros(value: u32) -> Duration {
    Duration::from_micros(value.into())
}

fn in_micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn one_second_before_the_first_sample() {
        let rtt = Rtt::default();
        assert_eq!(rtt.ack_wait(InFlight::Block), ms(1000));
        assert_eq!(rtt.smoothed(), None);
    }

    #[test]
    fn the_first_sample_sets_srtt_and_half_of_it_as_variance() {
        let mut rtt = Rtt::default();
        rtt.sample(ms(300));
        assert_eq!(rtt.smoothed(), Some(ms(300)));
        assert_eq!(rtt.ack_wait(InFlight::Block), ms(300 + 4 * 150));
    }

    #[test]
    fn a_steady_path_comes_down_to_its_round_trip() {
        let mut rtt = Rtt::default();
        for _ in 0..50 {
            rtt.sample(ms(300));
        }
        assert_eq!(rtt.ack_wait(InFlight::Block), ms(310));
        for _ in 0..50 {
            rtt.sample(ms(2));
        }
        assert_eq!(rtt.ack_wait(InFlight::Block), micros(MIN_RTO));
        assert_eq!(rtt.shortest(), Some(ms(2)));
    }

    #[test]
    fn doubling_stops_at_four_seconds_and_ends_with_a_sample() {
        let mut rtt = Rtt::default();
        rtt.sample(ms(2));
        let mut waits = Vec::new();
        for _ in 0..6 {
            waits.push(rtt.ack_wait(InFlight::Block).as_millis());
            rtt.back_off();
        }
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 4000]);
        rtt.sample(ms(2));
        assert_eq!(rtt.ack_wait(InFlight::Block), micros(MIN_RTO));
        for _ in 0..300 {
            rtt.back_off();
        }
        assert_eq!(rtt.ack_wait(InFlight::Block), MAX_RTO);
    }

    #[test]
    fn a_pipelined_flight_is_waited_for_without_the_floor_of_lock_step() {
        let mut rtt = Rtt::default();
        for _ in 0..50 {
            rtt.sample(ms(50));
        }
        assert_eq!(rtt.ack_wait(InFlight::Block), ms(200));
        assert_eq!(rtt.ack_wait(InFlight::Window), ms(150));
        assert_eq!(rtt.ack_wait(InFlight::Pipeline), ms(60));
        rtt.back_off();
        assert_eq!(rtt.ack_wait(InFlight::Pipeline), ms(120));
    }

    #[test]
    fn a_block_that_was_sent_again_raises_the_round_trip_and_never_lowers_it() {
        let mut rtt = Rtt::default();
        rtt.sample(ms(80));
        rtt.back_off();
        rtt.raise(ms(70));
        assert_eq!(rtt.smoothed(), Some(ms(80)));
        rtt.raise(ms(160));
        assert_eq!((rtt.smoothed(), rtt.backoff), (Some(ms(120)), 1));
    }

    #[test]
    fn progress_without_a_sample_ends_the_backing_off_eight_times() {
        let mut rtt = Rtt::default();
        rtt.sample(ms(50));
        let mut backoffs = Vec::new();
        for _ in 0..17 {
            rtt.back_off();
            rtt.end_backoff();
            backoffs.push(rtt.backoff);
        }
        assert_eq!(
            backoffs,
            [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2]
        );
        rtt.sample(ms(50));
        assert_eq!(rtt.backoff, 0);
    }
}
