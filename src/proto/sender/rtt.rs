//! How long a round trip takes, and how long to wait for one (RFC 6298).

use std::time::Duration;

use super::Instant;

/// Before anything was measured (RFC 6298 §2.1). In microseconds, like the two that follow.
const INITIAL_RTO: u32 = 1_000_000;

/// Lower than TCP's second: on a path of 50 ms each lost block of a lock-step transfer costs this
/// much, and a spurious resend costs one block. Higher than the 110 ms after which PXELINUX
/// repeats its own ACK.
const MIN_RTO: u32 = 200_000;

/// The least room above SRTT, for a path so steady that RTTVAR vanishes: G of RFC 6298 §2, a
/// generous one, since both ends are busy machines.
const GRANULARITY: u32 = 10_000;

/// What a client may need for a window, beyond the round trip, without being asked again.
const WINDOW_WRITTEN: Duration = Duration::from_millis(50);

/// EDK2 repeats its ACK every 4 s and U-Boot every 5: waiting longer than the client helps nobody.
const MAX_RTO: Duration = Duration::from_secs(4);

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
}

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
        self.backoff = 0;
    }

    /// The smoothed round-trip time, once something was measured.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        (self.srtt > 0).then(|| micros(self.srtt))
    }

    /// The shortest round trip seen. Nothing that arrives sooner after a sending can be about it.
    pub(super) fn shortest(&self) -> Option<Duration> {
        (self.srtt > 0).then(|| micros(self.min))
    }

    /// How long to wait for an ACK before sending again.
    pub(super) fn rto(&self) -> Duration {
        let doubled = u64::from(self.undoubled()) << self.backoff.min(16);
        Duration::from_micros(doubled).min(MAX_RTO)
    }

    /// The same, if the timer had not run out.
    pub(super) fn undoubled_rto(&self) -> Duration {
        micros(self.undoubled())
    }

    /// In microseconds, because every ACK asks.
    fn undoubled(&self) -> u32 {
        if self.srtt == 0 {
            return INITIAL_RTO;
        }
        let room = self.rttvar.saturating_mul(4).max(GRANULARITY);
        self.srtt.saturating_add(room).max(MIN_RTO)
    }

    /// How long to wait for the ACK of a window before asking for it (RFC 8985 §7.2): two round trips, and
    /// time for a slow client to write the window down.
    pub(super) fn probe_timeout(&self) -> Duration {
        match self.smoothed() {
            None => micros(INITIAL_RTO),
            Some(srtt) => 2 * srtt + WINDOW_WRITTEN,
        }
    }

    /// The timer ran out: wait twice as long the next time (RFC 6298 §5.5).
    pub(super) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }
}

/// Times one transfer: takes the samples, and knows what an ACK cannot be about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stopwatch {
    rtt: Rtt,
    /// The block whose ACK will be a sample of the round trip, and when it left.
    timed: Option<(u32, Instant)>,
    /// The first block that was not acknowledged when one came that had been sent twice, and how long
    /// that one had taken from its first sending, in microseconds.
    doubtful: Option<(u32, u32)>,
    /// When blocks were last sent again, and how often since the last progress.
    went_back: Option<Instant>,
    times_back: u8,
    /// The first block that has left since the last progress or going back, and when.
    burst: Option<(u32, Instant)>,
    /// The burst before that.
    burst_before: Option<(u32, Instant)>,
    /// Until when repeated ACKs are echoes of what was sent needlessly.
    echoes_until: Option<Instant>,
}

impl Stopwatch {
    /// What was measured so far.
    pub(super) fn rtt(&self) -> &Rtt {
        &self.rtt
    }

    /// The timer ran out.
    pub(super) fn back_off(&mut self) {
        self.rtt.back_off();
    }

    /// The client is there, and its ACKs will never be clean samples: those of a window in which
    /// something is mended all the time.
    pub(super) fn forget_backing_off(&mut self) {
        self.rtt.backoff = 0;
    }

    /// `block` has left, for the first time or not.
    pub(super) fn on_sent(&mut self, now: Instant, block: u32, is_first_time: bool) {
        self.burst.get_or_insert((block, now));
        if is_first_time {
            self.timed.get_or_insert((block, now));
        }
    }

    /// All blocks before `una` have arrived: takes the round trip of the timed one, if it is among
    /// them. By Karn's rule nothing is learned from a block that was sent again, but see
    /// [`on_repeated_ack`](Self::on_repeated_ack); and a doubtful first sample of DATA, from its last sending, is better
    /// than none.
    pub(super) fn on_progress(&mut self, now: Instant, una: u32) {
        self.note_needless_resend(now);
        self.end_burst();
        let times_back = std::mem::take(&mut self.times_back);
        let Some((block, left)) = self.timed.take_if(|(block, _)| *block < una) else {
            return;
        };
        // A new block that leaves together with the resent ones was sent once, like any other.
        let Some(resent) = self.went_back.filter(|at| *at > left) else {
            return self.rtt.sample(now - left);
        };
        if self.rtt.srtt == 0 && block > 0 {
            self.rtt.sample(now - resent);
        }
        if times_back == 1 {
            self.doubtful = Some((una, in_micros(now - left)));
        }
    }

    /// Progress sooner than a round trip after blocks were sent again: they were on their way already, and
    /// EDK2 will acknowledge each of the second ones as well.
    fn note_needless_resend(&mut self, now: Instant) {
        let resent_at = self.went_back.filter(|_| self.times_back > 0);
        if let Some((at, shortest)) = resent_at.zip(self.rtt.shortest())
            && now < at + shortest
        {
            let spread = 4 * micros(self.rtt.rttvar);
            self.echoes_until = Some(now + micros(self.rtt.srtt) + spread);
        }
    }

    /// In lock-step, an ACK that has come before. If it is of a block that was sent twice, it answers the
    /// second sending, and so the ACK before it answered the first: the round trip is longer than the
    /// RTO was.
    pub(super) fn on_repeated_ack(&mut self, una: u32) {
        if let Some((doubtful, took)) = self.doubtful.take()
            && doubtful == una
        {
            self.rtt.sample(micros(took));
        }
    }

    /// Blocks are sent again from here on.
    pub(super) fn on_go_back(&mut self, now: Instant) {
        self.went_back = Some(now);
        self.times_back = self.times_back.saturating_add(1);
        self.end_burst();
    }

    /// How many blocks of the burst have left before `next`.
    pub(super) fn in_burst(&self, next: u32) -> u32 {
        self.burst.map_or(0, |(first, _)| next - first)
    }

    /// What leaves from here on does not leave together with what has left before.
    pub(super) fn end_burst(&mut self) {
        self.burst_before = self.burst.take().or(self.burst_before);
    }

    /// False where an ACK that misses block `una` cannot be about its last sending: within a round trip of
    /// that, or of the last going back, which doubles while there is no progress (a queue on the path may hold
    /// what was sent for longer than any round trip measured); or while it echoes what was needless. EDK2
    /// acknowledges each block that it has already: after one needless window each further one
    /// would go twice, the Sorcerer's Apprentice of windows.
    ///
    /// `waste` tells how often blocks were sent for each that arrived: where it is two or more, round trips
    /// are longer than they seem.
    ///
    /// `spread` is how many blocks left together, and how long after them the next, unless all of the window did.
    pub(super) fn may_go_back(
        &self,
        now: Instant,
        una: u32,
        spread: Option<(u32, Duration)>,
        waste: u32,
    ) -> bool {
        let trip = self.rtt.shortest().unwrap_or(self.rtt.rto()) * (waste / 2).max(1);
        let pause = trip * (1 << self.times_back.saturating_sub(1).min(5));
        // One round trip may turn out to be a little shorter than those before.
        let almost = trip * 7 / 8;
        let burst = self.burst.filter(|(first, _)| *first <= una);
        let left = burst.or(self.burst_before).map(|(first, at)| {
            let later = |(chunk, pause)| pause * (una.saturating_sub(first) / chunk);
            at + spread.map(later).unwrap_or_default()
        });
        self.went_back.is_none_or(|at| now >= at + pause)
            && left.is_none_or(|at| now >= at + almost)
            && self.echoes_until.is_none_or(|until| now >= until)
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
        assert_eq!(rtt.rto(), ms(1000));
        assert_eq!(rtt.smoothed(), None);
    }

    #[test]
    fn the_first_sample_sets_srtt_and_half_of_it_as_variance() {
        let mut rtt = Rtt::default();
        rtt.sample(ms(300));
        assert_eq!(rtt.smoothed(), Some(ms(300)));
        assert_eq!(rtt.rto(), ms(300 + 4 * 150));
    }

    #[test]
    fn a_steady_path_comes_down_to_its_round_trip() {
        let mut rtt = Rtt::default();
        for _ in 0..50 {
            rtt.sample(ms(300));
        }
        assert_eq!(rtt.rto(), ms(310));
        for _ in 0..50 {
            rtt.sample(ms(2));
        }
        assert_eq!(rtt.rto(), micros(MIN_RTO));
        assert_eq!(rtt.shortest(), Some(ms(2)));
    }

    #[test]
    fn doubling_stops_at_four_seconds_and_ends_with_a_sample() {
        let mut rtt = Rtt::default();
        rtt.sample(ms(2));
        let mut waits = Vec::new();
        for _ in 0..6 {
            waits.push(rtt.rto().as_millis());
            rtt.back_off();
        }
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 4000]);
        rtt.sample(ms(2));
        assert_eq!(rtt.rto(), micros(MIN_RTO));
        for _ in 0..300 {
            rtt.back_off();
        }
        assert_eq!(rtt.rto(), MAX_RTO);
    }

    /// A round trip of 50 ms, and a burst that has left at 50 ms.
    fn measured() -> Stopwatch {
        let mut watch = Stopwatch::default();
        watch.on_sent(Instant::ZERO, 1, true);
        watch.on_progress(Instant::from_millis(50), 2);
        watch.on_sent(Instant::from_millis(50), 2, true);
        watch
    }

    /// The first time after the burst at which something may leave again, in milliseconds.
    fn first_going_back(watch: &Stopwatch, una: u32, waste: u32) -> u64 {
        let chunks = Some((4, ms(10)));
        (50..)
            .find(|&at| watch.may_go_back(Instant::from_millis(at), una, chunks, waste))
            .unwrap()
    }

    #[test]
    fn no_going_back_sooner_than_almost_a_round_trip_after_the_chunk() {
        // 7/8 of 50 ms.
        assert_eq!(first_going_back(&measured(), 2, 0), 50 + 44);
        assert_eq!(first_going_back(&measured(), 5, 0), 50 + 44);
        assert_eq!(first_going_back(&measured(), 6, 0), 60 + 44);
        assert_eq!(first_going_back(&measured(), 10, 0), 70 + 44);
    }

    #[test]
    fn where_blocks_go_four_times_for_each_that_arrives_the_pauses_double() {
        let waits = [1, 2, 3, 4, 5, 6].map(|waste| first_going_back(&measured(), 2, waste) - 50);
        assert_eq!(waits, [44, 44, 44, 88, 88, 132]);
    }

    #[test]
    fn each_going_back_in_vain_doubles_the_pause() {
        let mut watch = measured();
        let mut left = 50;
        let mut waits = Vec::new();
        for _ in 0..8 {
            let at = first_going_back(&watch, 2, 0);
            watch.on_go_back(Instant::from_millis(at));
            waits.push(at - left);
            left = at;
        }
        assert_eq!(waits, [44, 50, 100, 200, 400, 800, 1600, 1600]);
    }
}
