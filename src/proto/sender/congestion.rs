//! How many blocks may be in flight, and how they are paced.
//!
//! RFC 1350 allows one block in flight, RFC 7440 one window. Over a path with a high RTT that leaves the
//! path idle most of the time, so the server pipelines: it sends further windows of the client before
//! the last one is acknowledged (`windowsize` is 1 without the option). A client cannot tell that from a server that answers at once, as
//! long as the blocks come in order and its receive buffer holds them. The operator's bound is
//! `--pipeline`; 1 turns pipelining off.
//!
//! What is in flight is always a multiple of the client's window: a client that has got a part of one
//! waits for the rest before it acknowledges anything.
//!
//! The limit doubles with each round trip (slow start, RFC 5681 §3.1) up to the bound, and then stays.
//! Random loss does not lower it: a go-back-N receiver costs one round trip for each loss, whatever the
//! rate is. What lowers it is a full queue or a full receive buffer. There are two signs of it at a loss: the
//! RTT has grown beyond the shortest one by what several blocks take to leave a queue (TCP Veno); or the same number of
//! blocks has come through of each of the last flights, which were sent in one burst ([`Capacity`]). When a client's window does not fit, it cannot be made shorter; it is
//! spread in time instead, in chunks with pauses. Either is tried again later, with back-off.

use std::time::Duration;

use super::backoff::RetryBackoff;
use super::rtt::Rtt;
use super::spread::Spread;

/// Round trips shorter than this are those of a local network, where pipelining gains nothing.
const HIGH_RTT: Duration = Duration::from_millis(10);

/// Blocks that leave together where pipelining is on and the flight is not spread. U-Boot's virtio-net driver dies of 32
/// datagrams in one burst; 16 are fine.
const BURST: u16 = 16;

/// The time between two blocks of such bursts: 40 Mbit/s.
const SPACING: Duration = Duration::from_micros(300);

/// Blocks in queues up to which a loss counts as random (TCP Veno's beta is 3).
const QUEUED_AT_RANDOM: u16 = 4;

/// The limits of one transfer. All counts are in blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Controller {
    /// How many blocks the client acknowledges at a time.
    window: u16,
    /// The most in flight: a multiple of `window`. 0 if it is `window` and never more: the operator allows a single
    /// block.
    bound: u16,
    /// The limit that slow start has reached so far.
    depth: u16,
    /// The path has a high RTT.
    is_far: bool,
    capacity: Capacity,
    runs: Runs,
    spread: Spread,
    /// Blocks that left since the last pause, or since the last ACK.
    in_chunk: u16,
    /// The pause after a chunk of a flight that is spread.
    is_spreading: bool,
    limit: u16,
    deepest: u16,
}

impl Controller {
    /// For a client that acknowledges every `window` blocks, and an operator who allows `pipeline` blocks in
    /// flight. Both are at least 1.
    pub(super) fn new(window: u16, pipeline: u16) -> Controller {
        let most = (pipeline / window).max(1) * window;
        let bound = if pipeline > 1 { most } else { 0 };
        Controller {
            window,
            bound,
            depth: window,
            is_far: false,
            capacity: Capacity::default(),
            runs: Runs::new(most),
            spread: Spread::default(),
            in_chunk: 0,
            is_spreading: false,
            limit: window,
            deepest: window,
        }
    }

    /// Blocks that may be in flight: a multiple of the client's window, and at least one.
    pub(super) fn limit(&self) -> u16 {
        self.limit
    }

    /// Works the limit out anew, because every datagram asks for it.
    fn update(&mut self) {
        let fitting = self.depth.min(self.capacity.blocks());
        let fitting = fitting.min(self.runs.worthwhile());
        self.limit = match fitting > self.window {
            true => fitting - fitting % self.window,
            false => self.window,
        };
        self.deepest = self.deepest.max(self.limit);
    }

    /// The limit for a client from which nothing has come back twice: two windows at least, except in lock-step and
    /// where the operator has turned pipelining off. The client may have got more than the server knows of. If so, its
    /// window ends behind the server's, and it waits for the rest; atftp, which is kept waiting by each resend, never asks.
    pub(super) fn limit_after_silence(&self) -> u16 {
        match self.bound > 0 && (self.window > 1 || self.is_pipelining()) {
            true => self.limit().max(self.window.saturating_mul(2)),
            false => self.limit(),
        }
    }

    /// The most blocks that were allowed in flight so far.
    pub(super) fn deepest(&self) -> u16 {
        self.deepest
    }

    /// The operator allows more than the client's window, and the path is long enough for it.
    pub(super) fn is_pipelining(&self) -> bool {
        self.is_far && self.bound > self.window
    }

    /// False where only a few blocks arrive between two recoveries. To a slow client that answers every datagram, the
    /// copies of one recovery then cause the next: such a client is waited for until it has gone through all.
    pub(super) fn is_getting_through(&self) -> bool {
        self.runs.mean / 8 >= LEAST_RUN.min(self.limit().saturating_mul(3) / 4)
    }

    /// `blocks` were acknowledged for the first time, and `shortest` is the shortest round trip seen.
    pub(super) fn on_progress(&mut self, blocks: u32, shortest: Option<Duration>) {
        self.is_far = shortest.is_some_and(|shortest| shortest >= HIGH_RTT);
        let before = (self.depth, self.capacity.learned);
        self.runs.on_arrived(blocks);
        if !self.is_far {
            self.depth = self.window;
        } else if self.depth < self.bound {
            let blocks = u16::try_from(blocks).unwrap_or(u16::MAX);
            self.depth = self.depth.saturating_add(blocks).min(self.bound);
        }
        self.capacity.on_arrived(blocks, self.limit());
        if (self.depth, self.capacity.learned) != before || self.limit < self.depth {
            self.update();
        }
        self.spread.on_arrived(blocks, self.window);
        if !self.spread.is_on() {
            // What leaves from here on is clocked by the ACKs.
            self.in_chunk = 0;
        }
    }

    /// Something of the last flight is lost, and all of it will be sent again. `arrived` blocks have come
    /// through since the recovery before.
    pub(super) fn on_loss(&mut self, arrived: u32, rtt: &Rtt) {
        let arrived = u16::try_from(arrived).unwrap_or(u16::MAX);
        let (limit, queued) = (self.limit(), self.queued(rtt));
        self.runs.on_loss(arrived);
        let is_full = match queued {
            queued if queued > (limit / 3).max(QUEUED_AT_RANDOM) && self.is_far => {
                self.capacity.lower(limit - queued / 2);
                true
            }
            _ if arrived >= limit => {
                self.capacity.on_whole_flight();
                false
            }
            _ => self.capacity.on_loss(arrived),
        };
        self.update();
        if is_full && self.capacity.blocks() < self.window {
            self.spread.widen(self.window);
        } else {
            self.spread.on_loss(arrived, limit);
        }
    }

    /// Blocks of a full flight that wait in queues: what the RTT has grown by, in blocks.
    fn queued(&self, rtt: &Rtt) -> u16 {
        let limit = u32::from(self.limit());
        let (Some(srtt), Some(shortest)) = (rtt.smoothed(), rtt.shortest()) else {
            return 0;
        };
        let moving = u128::from(limit) * shortest.as_micros() / srtt.as_micros().max(1);
        limit.saturating_sub(moving as u32) as u16
    }

    /// No progress has come back from a flight that was sent `times` times.
    pub(super) fn on_silence(&mut self, times: u8) {
        self.spread.on_silence(times, self.limit());
    }

    /// What was taken for a loss was none.
    pub(super) fn on_spurious(&mut self) {
        self.capacity.on_whole_flight();
    }

    /// A block has left. If it was the last of a chunk: the pause until the next may leave.
    pub(super) fn on_sent(&mut self, shortest: Option<Duration>) -> Option<Duration> {
        let chunk = self.chunk()?;
        self.in_chunk += 1;
        self.is_spreading = false;
        if self.in_chunk < chunk {
            return None;
        }
        self.in_chunk = 0;
        self.is_spreading = self.spread.is_on();
        Some(self.spacing(shortest) * chunk.into())
    }

    /// The flight that is being spread is given up, so the next one need not wait. True if it would have waited.
    pub(super) fn end_spreading(&mut self) -> bool {
        std::mem::take(&mut self.is_spreading)
    }

    /// Blocks that may leave before the next pause.
    pub(super) fn chunk_left(&self) -> usize {
        let left = |chunk: u16| usize::from(chunk.saturating_sub(self.in_chunk).max(1));
        self.chunk().map_or(usize::MAX, left)
    }

    /// How many blocks leave together; `None` if all do.
    fn chunk(&self) -> Option<u16> {
        let burst = || self.is_pipelining().then(|| self.window.max(BURST));
        self.spread.chunk().or_else(burst)
    }

    /// The time between two blocks.
    fn spacing(&self, shortest: Option<Duration>) -> Duration {
        match self.spread.is_on() {
            true => self.spread.spacing(shortest, self.limit()),
            false => SPACING,
        }
    }
}

/// How many blocks a queue on the path, or the client's receive buffer, lets through of one burst.
#[derive(Clone, Copy, Debug, Default)]
struct Capacity {
    /// What was learned; 0 if nothing.
    learned: u16,
    /// What had arrived at the last recovery, and how often in a row it was about the same.
    arrived: u16,
    times_same: u8,
    /// When more is tried.
    trial: RetryBackoff,
}

/// Recoveries in a row that have to end at the same depth. At 5 % random loss two do by chance in one of eight
/// cases, and three in one of seventy.
const SAME: u8 = 2;

/// Less is not taken for a capacity: every path and every client holds so much.
const LEAST_CAPACITY: u16 = 3;

impl Capacity {
    fn blocks(&self) -> u16 {
        match self.learned {
            0 => u16::MAX,
            blocks => blocks,
        }
    }

    /// A burst has ended after `arrived` blocks. True when that is the capacity.
    fn on_loss(&mut self, arrived: u16) -> bool {
        let is_same = arrived.abs_diff(self.arrived) <= 1 + self.arrived / 16;
        self.times_same = match is_same && arrived >= LEAST_CAPACITY {
            true => self.times_same.saturating_add(1),
            false => 0,
        };
        let fewest = arrived.min(self.arrived);
        self.arrived = arrived;
        self.trial.interrupt();
        if self.times_same < SAME {
            return false;
        }
        self.times_same = 0;
        self.lower(fewest);
        true
    }

    /// It is `blocks`, until tried again.
    fn lower(&mut self, blocks: u16) {
        self.learned = blocks;
        self.trial.back_off();
        self.trial.restart();
    }

    /// A whole flight had arrived before something was lost: that was no full queue.
    fn on_whole_flight(&mut self) {
        self.arrived = 0;
        self.times_same = 0;
    }

    fn on_arrived(&mut self, blocks: u32, limit: u16) {
        if self.learned == 0 {
            return;
        }
        if self.trial.on_arrived(blocks, limit) {
            self.learned = self.learned.saturating_add(1 + self.learned / 8);
        }
    }
}

/// A mean run in blocks that is too short for random loss that a transfer survives.
const LEAST_RUN: u16 = 4;

/// How many blocks arrive between two losses.
///
/// A go-back-N receiver discards what is in flight behind a loss, so a flight of more than twice the mean run
/// costs more than it gains.
#[derive(Clone, Copy, Debug)]
struct Runs {
    /// The mean, in eighths of a block.
    mean: u16,
    /// Blocks that have arrived since the last loss.
    current: u16,
}

impl Runs {
    /// Begins with flights of `blocks`.
    fn new(blocks: u16) -> Runs {
        Runs {
            mean: blocks.saturating_mul(8),
            current: 0,
        }
    }

    fn worthwhile(self) -> u16 {
        (self.mean / 4).max(self.current)
    }

    fn on_arrived(&mut self, blocks: u32) {
        let blocks = u16::try_from(blocks).unwrap_or(u16::MAX);
        self.current = self.current.saturating_add(blocks);
    }

    fn on_loss(&mut self, arrived: u16) {
        self.mean = self.mean - self.mean / 8 + arrived.min(u16::MAX / 16);
        self.current = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Option<Duration> = Some(Duration::from_millis(50));

    /// A path on which nothing waits in a queue.
    fn steady() -> Rtt {
        let mut rtt = Rtt::default();
        rtt.sample(Duration::from_millis(50));
        rtt
    }

    /// The limit after each of `acks` ACKs of one window.
    fn limits(controller: &mut Controller, acks: usize) -> Vec<u16> {
        let window = controller.window.into();
        let ack = |_| {
            controller.on_progress(window, FAR);
            controller.limit()
        };
        (0..acks).map(ack).collect()
    }

    fn full_speed(window: u16, pipeline: u16) -> Controller {
        let mut controller = Controller::new(window, pipeline);
        limits(&mut controller, 64);
        controller
    }

    #[test]
    fn slow_start_doubles_the_limit_each_round_trip_up_to_the_bound() {
        let mut controller = Controller::new(1, 8);
        assert_eq!(controller.limit(), 1);
        assert_eq!(limits(&mut controller, 9), [2, 3, 4, 5, 6, 7, 8, 8, 8]);
        assert_eq!(
            limits(&mut Controller::new(4, 32), 8),
            [8, 12, 16, 20, 24, 28, 32, 32]
        );
    }

    #[test]
    fn the_limit_is_whole_windows_and_at_least_one() {
        for (window, pipeline, most) in [(16, 32, 32), (12, 32, 24), (64, 32, 64), (7, 1, 7)] {
            assert_eq!(full_speed(window, pipeline).limit(), most, "{window}");
        }
    }

    #[test]
    fn a_low_rtt_gets_the_window_and_no_more() {
        let mut controller = full_speed(4, 32);
        for shortest in [None, Some(Duration::from_millis(9))] {
            controller.on_progress(4, shortest);
            assert_eq!((controller.limit(), controller.is_pipelining()), (4, false));
        }
    }

    #[test]
    fn random_loss_changes_nothing() {
        let mut controller = full_speed(1, 32);
        for arrived in [13, 17, 9, 31, 1, 22, 25, 60, 8] {
            controller.on_loss(arrived, &steady());
            assert_eq!((controller.limit(), controller.chunk_left()), (32, 16));
        }
    }

    #[test]
    fn what_is_lost_at_the_same_depth_three_times_is_a_full_queue() {
        let mut controller = full_speed(4, 32);
        for _ in 0..3 {
            assert_eq!(controller.limit(), 32);
            controller.on_loss(18, &steady());
        }
        assert_eq!(controller.limit(), 16);
    }

    #[test]
    fn a_capacity_is_tried_again_less_and_less_often_and_never_for_good() {
        let mut controller = full_speed(1, 32);
        let mut flights = 0;
        for _ in 0..12 {
            for _ in 0..3 {
                controller.on_loss(10, &steady());
            }
            assert_eq!(controller.limit(), 10);
            flights = 0;
            while controller.limit() == 10 {
                controller.on_progress(10, FAR);
                flights += 1;
            }
        }
        assert_eq!(
            flights,
            u32::from(crate::proto::sender::backoff::LONGEST) + 1
        );
        for _ in 0..3000 {
            controller.on_progress(10, FAR);
        }
        assert_eq!(controller.limit(), 32);
    }

    #[test]
    fn a_window_that_does_not_fit_is_spread_and_not_cut() {
        let mut controller = full_speed(64, 32);
        for _ in 0..3 {
            assert_eq!(controller.on_sent(FAR), None);
            controller.on_loss(16, &steady());
        }
        assert_eq!(controller.limit(), 64);
        let pauses: Vec<_> = (0..64).filter_map(|_| controller.on_sent(FAR)).collect();
        assert_eq!(pauses, [Duration::from_nanos(1_562_500); 16]);
        // Still too fast: half the rate.
        for _ in 0..3 {
            controller.on_loss(16, &steady());
        }
        assert_eq!(controller.spacing(FAR), Duration::from_nanos(781_250));
    }

    #[test]
    fn silence_twice_in_a_row_spreads_the_flight_for_a_while() {
        let mut controller = full_speed(16, 32);
        controller.on_silence(1);
        assert_eq!(controller.chunk_left(), 16);
        controller.on_silence(2);
        assert_eq!(controller.chunk_left(), 4);
        controller.on_progress(16, FAR);
        assert_eq!(controller.chunk_left(), 4);
        controller.on_progress(16, FAR);
        assert_eq!(controller.chunk_left(), 16);
    }

    #[test]
    fn after_silence_two_windows_may_be_in_flight_but_not_without_pipelining() {
        let limits = |window, pipeline| full_speed(window, pipeline).limit_after_silence();
        assert_eq!(limits(64, 32), 128);
        assert_eq!(limits(4, 32), 32);
        assert_eq!(limits(16, 1), 16);
        assert_eq!(limits(1, 1), 1);
    }

    #[test]
    fn a_long_transfer_overflows_nothing() {
        let mut controller = Controller::new(64, u16::MAX);
        for _ in 0..70_000 {
            controller.on_progress(u32::MAX, FAR);
            controller.on_loss(u32::MAX, &steady());
            controller.on_silence(u8::MAX);
        }
        assert!(controller.limit() > 8000 && controller.limit().is_multiple_of(64));
    }
}
