//! How a window leaves, for clients that asked for one (RFC 7440).
//!
//! At first as one burst, which is the fastest on a good path. The client acknowledges it at its end, or the
//! block before a gap as soon as it sees one, and has then thrown away all that followed. So loss
//! costs what was sent behind it, and the longer the burst the more. When a window hardly ever
//! arrives whole any more, one of two things is the matter:
//!
//! - A queue on the path is shorter than the window, and the burst loses its own tail. Then spreading it over a round trip
//!   helps.
//! - The path loses blocks at random. Then spreading does not help, but a shorter burst does: as long as the mean
//!   run between two losses. Since the client waits for a whole window, the burst ends with an echo: a block
//!   that it has had before, which has it acknowledge what it has now.
//!
//! Shorter bursts do not help for long where a queue is the matter and spreading is not: they would grow until they lose
//! their tail again, the echo with it, and each time it takes the timer to find out. So what arrives of such bursts, if
//! it is the same again and again, is taken for the room in the queue.

use std::time::Duration;

/// No burst gets shorter: EDK2 and the Windows boot manager use windows of four, which no shallow queue
/// hurts.
const SHORTEST: u16 = 4;

/// What arrives of a burst is not taken for the room in a queue if it is less: hardly any is that short, and where a tenth
/// is lost at random, runs are.
const SHORTEST_QUEUE: u16 = 12;

/// Whole bursts, at most, before it is tried once more whether a queue holds one datagram more: a path may get better.
const LONGEST_TRIAL: u8 = 128;

/// Spread windows that have to arrive whole in a row before a gap among them counts as an accident.
const TRIAL: u8 = 4;

/// Blocks that leave together while a window is spread: few enough for any queue.
const CHUNK: u32 = 4;

/// Round trips shorter than this belong to networks whose queues hold a window, and are too short to
/// spread anything over.
const WORTH_SPREADING: Duration = Duration::from_millis(10);

/// The bursts of one transfer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    size: u16,
    manner: Manner,
    room: Room,
    /// Mean number of blocks that arrive between two gaps: one window, to begin with.
    mean_run: u32,
    /// Blocks that have arrived since the last gap.
    run: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// The whole window at once.
    Burst,
    /// The whole window, over a round trip.
    Spread { whole: u8 },
    /// A part of the window, with an echo.
    Short,
}

impl Window {
    /// Windows of `size` blocks.
    pub(super) fn new(size: u16) -> Window {
        Window {
            size,
            manner: Manner::Burst,
            room: Room::default(),
            mean_run: size.into(),
            run: 0,
        }
    }

    /// Blocks that may be in flight.
    pub(super) fn depth(&self) -> u16 {
        match self.manner {
            Manner::Burst | Manner::Spread { .. } => self.size,
            Manner::Short => self.lasting().min(self.room.burst()),
        }
    }

    /// The client would go on waiting after [`depth`](Self::depth) blocks: they are to be followed by an
    /// echo.
    pub(super) fn wants_echo(&self) -> bool {
        self.depth() < self.size
    }

    /// While the window is spread: how many blocks leave together, and how long after them the next.
    pub(super) fn spread(&self, round_trip: Option<Duration>) -> Option<(u32, Duration)> {
        let round_trip = round_trip.filter(|time| *time >= WORTH_SPREADING)?;
        match self.manner {
            Manner::Spread { .. } => Some((CHUNK, round_trip * CHUNK / u32::from(self.size))),
            _ => None,
        }
    }

    /// `blocks` have arrived, all that were in flight.
    pub(super) fn on_whole(&mut self, blocks: u32) {
        if self.depth() == self.room.burst() {
            self.room.on_whole();
        }
        self.run = self.run.saturating_add(blocks);
        self.judge(true);
    }

    /// `blocks` have arrived, and the one behind them is missing.
    pub(super) fn on_gap(&mut self, blocks: u32) {
        self.room.on_gap();
        self.end_run(blocks);
    }

    /// `blocks` have arrived, and none of the rest.
    pub(super) fn on_tail_lost(&mut self, blocks: u32) {
        self.room.on_tail_lost(blocks);
        self.end_run(blocks);
    }

    /// `blocks` have arrived, all that were in flight, but the timer had to ask: the echo behind them is lost, or the ACK.
    pub(super) fn on_echo_lost(&mut self, blocks: u32) {
        self.room.on_tail_lost(blocks);
    }

    fn end_run(&mut self, blocks: u32) {
        let run = self.run.saturating_add(blocks);
        let mean = (u64::from(self.mean_run) + u64::from(run)).div_ceil(2);
        self.mean_run = u32::try_from(mean).unwrap_or(u32::MAX);
        self.run = 0;
        self.judge(false);
    }

    fn judge(&mut self, is_whole: bool) {
        self.manner = match self.manner {
            Manner::Burst if !is_whole && self.lasting() < self.size => Manner::Spread { whole: 0 },
            Manner::Spread { whole } if is_whole => Manner::Spread {
                whole: whole.saturating_add(1),
            },
            Manner::Spread { whole } if whole < TRIAL => Manner::Short,
            Manner::Spread { .. } => Manner::Spread { whole: 0 },
            manner => manner,
        };
    }

    /// The length of a burst that most likely arrives whole.
    fn lasting(&self) -> u16 {
        // A run of twice the mean says that the path has become better.
        let lasting = u16::try_from(self.mean_run.max(self.run / 2)).unwrap_or(u16::MAX);
        lasting.max(SHORTEST).min(self.size)
    }
}

/// What seems to fit into a queue on the path.
#[derive(Clone, Copy, Debug, Default)]
struct Room {
    /// Datagrams, the echo included; 0 if nothing is known.
    datagrams: u16,
    /// What arrived when a tail was lost last, if no other loss came in between.
    arrived: u16,
    /// Whole bursts in a row that filled it. After more than `trial` of them it is tried with one datagram more; each tail that
    /// is lost again doubles that.
    whole: u8,
    trial: u8,
}

impl Room {
    /// The longest burst that fits, without its echo.
    fn burst(&self) -> u16 {
        match self.datagrams {
            0 => u16::MAX,
            datagrams => datagrams - 1,
        }
    }

    fn on_tail_lost(&mut self, blocks: u32) {
        let blocks = u16::try_from(blocks).unwrap_or(u16::MAX);
        let is_same = blocks.abs_diff(self.arrived) <= 1 + blocks / 8;
        if is_same && blocks >= SHORTEST_QUEUE {
            self.datagrams = blocks.min(self.arrived);
            self.trial = self.trial.saturating_mul(2).clamp(1, LONGEST_TRIAL);
            self.whole = 0;
        }
        self.arrived = blocks;
    }

    /// Something else was lost.
    fn on_gap(&mut self) {
        self.arrived = 0;
    }

    fn on_whole(&mut self) {
        self.whole = self.whole.saturating_add(1);
        if self.whole > self.trial {
            self.whole = 0;
            self.datagrams = self.datagrams.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Option<Duration> = Some(Duration::from_millis(50));

    #[test]
    fn a_good_path_gets_whole_bursts() {
        let mut window = Window::new(64);
        for _ in 0..100 {
            window.on_whole(64);
        }
        // Once in a while a block is lost anywhere.
        window.on_gap(10);
        assert_eq!((window.depth(), window.wants_echo()), (64, false));
        assert_eq!(window.spread(FAR), None);
    }

    #[test]
    fn a_burst_that_loses_its_tail_is_spread_over_a_round_trip() {
        let mut window = Window::new(64);
        window.on_gap(20);
        assert_eq!(window.depth(), 64);
        assert_eq!(window.spread(FAR), Some((4, Duration::from_micros(3125))));
        assert_eq!(window.spread(Some(Duration::from_millis(9))), None);
        for _ in 0..100 {
            window.on_whole(64);
        }
        window.on_gap(5);
        assert!(window.spread(FAR).is_some(), "one accident");
    }

    #[test]
    fn where_spreading_does_not_help_bursts_get_as_short_as_the_runs() {
        let mut window = Window::new(64);
        window.on_gap(20);
        window.on_gap(10);
        assert_eq!(window.spread(FAR), None);
        // (64 + 20)/2 = 42, (42 + 10)/2 = 26
        assert_eq!((window.depth(), window.wants_echo()), (26, true));
        window.on_whole(26);
        window.on_whole(26);
        assert_eq!(window.depth(), 26);
        window.on_whole(26);
        assert_eq!(window.depth(), 39);
        for _ in 0..50 {
            window.on_gap(0);
        }
        assert_eq!(window.depth(), SHORTEST);
    }

    #[test]
    fn a_queue_that_has_lost_many_tails_is_tried_again_all_the_same() {
        let mut room = Room::default();
        for _ in 0..20 {
            room.on_tail_lost(16);
        }
        assert_eq!(room.burst(), 15);
        for _ in 0..1000 {
            room.on_whole();
        }
        assert!(room.burst() > 15);
    }

    #[test]
    fn a_window_of_four_stays_as_it_is() {
        let mut window = Window::new(4);
        for _ in 0..50 {
            window.on_gap(1);
        }
        assert_eq!((window.depth(), window.wants_echo()), (4, false));
        assert_eq!(window.spread(FAR), None);
    }
}
