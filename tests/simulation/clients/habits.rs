//! What the clients in the field do, as data.
//!
//! Each is written from what the client was seen to do and from its documentation: what it asks
//! for, when it repeats itself, when it gives up, and what it makes of a block out of turn.

use std::time::Duration;

/// How long a client waits after it has said something for the `attempt`th time (from 0) until it
/// says it again; `None` when it gives up instead. It may go by the round trip that it measured.
pub(crate) type Waits = fn(attempt: u32, rtt: Option<Duration>) -> Option<Duration>;

/// One client's ways. See [`Firmware`](super::Firmware) for what they mean in action.
pub(crate) struct Habits {
    pub(crate) name: &'static str,
    /// In the order of its RRQ.
    pub(crate) options: &'static [(&'static str, u64)],
    /// First asks for the size alone, turns the answer down with ERROR 8, and asks again from a
    /// new port.
    pub(crate) probes: bool,
    pub(crate) request_waits: Waits,
    pub(crate) ack_waits: Waits,
    pub(crate) out_of_turn: OutOfTurn,
    /// Any block, one that it has had included, has it wait anew.
    pub(crate) is_kept_waiting: bool,
    /// An OACK in mid-transfer throws it back to block 0.
    pub(crate) starts_over: bool,
    pub(crate) reader: Option<Reader>,
    /// When it has waited for long enough, it repeats its last ACK; without this it acknowledges
    /// what it has.
    pub(crate) repeats_last_ack: bool,
    /// Its ACKs leave so late.
    pub(crate) ack_delay: Duration,
}

/// What it does with a DATA that is not the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutOfTurn {
    /// Puts it where it belongs, and acknowledges what it has up to the first gap.
    Placed,
    /// Acknowledges the last good block, each time.
    AnsweredEach,
    /// Acknowledges the last good block, once for each last good block.
    AnsweredOnce,
    /// Acknowledges the last good block, if it is that one again.
    AnsweredIfLast,
    Ignored,
    /// Acknowledges the last good block when a later one comes, once for each gap. Ignores what it has
    /// already, unless that is the block of its last ACK.
    GapReported,
    /// The same, but says nothing of a gap.
    GapIgnored,
}

/// The program behind the client's own receive queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    /// With so many blocks unread, the ACK is held back until they are read.
    pub(crate) queue: usize,
    /// It reads at once, but after so many blocks does something else.
    pub(crate) every: u64,
    pub(crate) pause: Duration,
}

/// RRQ at 0, .25, .75, 1.75, 3.75 and 7.75 s, failure at 15.75 s. DATA: the same after four round
/// trips.
pub(crate) const IPXE: Habits = Habits {
    name: "iPXE",
    options: &[("blksize", 1432), ("tsize", 0)],
    probes: false,
    request_waits: |attempt, _| doubling(ms(250), attempt),
    ack_waits: |attempt, rtt| doubling((4 * rtt.unwrap_or_default()).max(ms(250)), attempt),
    out_of_turn: OutOfTurn::Placed,
    is_kept_waiting: false,
    starts_over: false,
    reader: None,
    repeats_last_ack: false,
    ack_delay: Duration::ZERO,
};

/// Each ACK, out of turn ones too, begins a new window for it.
pub(crate) const EDK2: Habits = Habits {
    name: "EDK2",
    options: &[("blksize", 1468), ("windowsize", 4)],
    probes: true,
    request_waits: |attempt, _| times(6, ms(4000), attempt),
    ack_waits: |attempt, _| times(6, ms(4000), attempt),
    out_of_turn: OutOfTurn::AnsweredEach,
    is_kept_waiting: false,
    starts_over: false,
    reader: None,
    repeats_last_ack: false,
    ack_delay: Duration::ZERO,
};

/// Never says an ACK again of its own accord, and gives up after 33 s. Its reader unpacks a while
/// now and then.
pub(crate) const GRUB: Habits = Habits {
    name: "GRUB",
    options: &[("blksize", 1024), ("tsize", 0)],
    probes: false,
    request_waits: |attempt, _| times(40, ms(400), attempt),
    ack_waits: |attempt, _| times(1, ms(33_000), attempt),
    out_of_turn: OutOfTurn::AnsweredIfLast,
    is_kept_waiting: false,
    starts_over: true,
    reader: Some(Reader {
        queue: 50,
        every: 300,
        pause: ms(3000),
    }),
    repeats_last_ack: false,
    ack_delay: Duration::ZERO,
};

/// The oldest versions, which leave a lost ACK to their own five seconds.
pub(crate) const UBOOT: Habits = Habits {
    name: "U-Boot",
    options: &[("timeout", 5), ("blksize", 1468), ("windowsize", 1)],
    probes: false,
    request_waits: |attempt, _| times(10, ms(5000), attempt),
    ack_waits: |attempt, _| times(10, ms(5000), attempt),
    out_of_turn: OutOfTurn::Ignored,
    is_kept_waiting: false,
    starts_over: false,
    reader: None,
    repeats_last_ack: false,
    ack_delay: Duration::ZERO,
};

pub(crate) const UBOOT_WINDOW: Habits = Habits {
    name: "U-Boot, window 8",
    options: &[("timeout", 5), ("blksize", 1468), ("windowsize", 8)],
    out_of_turn: OutOfTurn::AnsweredOnce,
    ..UBOOT
};

/// Says once what it misses; if that is lost, it takes progress or five seconds of silence to have it say something.
pub(crate) const ATFTP: Habits = Habits {
    name: "atftp, window 16",
    options: &[("blksize", 1428), ("windowsize", 16)],
    probes: false,
    request_waits: |attempt, _| times(5, ms(5000), attempt),
    ack_waits: |attempt, _| times(5, ms(5000), attempt),
    out_of_turn: OutOfTurn::AnsweredOnce,
    is_kept_waiting: true,
    starts_over: false,
    reader: None,
    repeats_last_ack: false,
    ack_delay: Duration::ZERO,
};

/// Never says anything again of its own accord.
pub(crate) const UBOOT_LWIP: Habits = Habits {
    name: "U-Boot with lwIP",
    options: &[("blksize", 1468), ("tsize", 0)],
    probes: false,
    request_waits: |attempt, _| times(1, ms(10_000), attempt),
    ack_waits: |attempt, _| times(1, ms(10_000), attempt),
    out_of_turn: OutOfTurn::AnsweredIfLast,
    is_kept_waiting: false,
    starts_over: false,
    reader: None,
    repeats_last_ack: false,
    ack_delay: Duration::ZERO,
};

/// 110 ms growing to 3 s, 131 s in all: sooner than the answer on a long path.
pub(crate) const PXELINUX: Habits = Habits {
    name: "PXELINUX",
    options: &[("tsize", 0), ("blksize", 1408)],
    probes: false,
    request_waits: growing,
    ack_waits: growing,
    out_of_turn: OutOfTurn::AnsweredEach,
    is_kept_waiting: false,
    starts_over: false,
    reader: None,
    repeats_last_ack: false,
    ack_delay: Duration::ZERO,
};

/// RFC 1350 to the letter.
pub(crate) const PLAIN: Habits = Habits {
    name: "plain",
    options: &[],
    probes: false,
    request_waits: |attempt, _| times(10, ms(1000), attempt),
    ack_waits: |attempt, _| times(10, ms(1000), attempt),
    out_of_turn: OutOfTurn::AnsweredIfLast,
    is_kept_waiting: false,
    starts_over: false,
    reader: None,
    repeats_last_ack: false,
    ack_delay: Duration::ZERO,
};

/// GRUB without the pauses of its reader.
pub(crate) const PLAIN_MUTE: Habits = Habits {
    name: "GRUB, fast reader",
    options: &[("blksize", 1428), ("tsize", 0)],
    reader: None,
    ..GRUB
};

/// What RFC 7440 asks for, and nothing more.
pub(crate) const STRICT: Habits = Habits {
    name: "strict, 1 s",
    options: &[("blksize", 1428), ("windowsize", 16)],
    probes: false,
    request_waits: |attempt, _| times(9, ms(1000), attempt),
    ack_waits: |attempt, _| times(9, ms(1000), attempt),
    out_of_turn: OutOfTurn::GapReported,
    is_kept_waiting: false,
    starts_over: false,
    reader: None,
    repeats_last_ack: true,
    ack_delay: Duration::ZERO,
};

pub(crate) const STRICT_SLOW: Habits = Habits {
    name: "strict, 3 s",
    request_waits: |attempt, _| times(9, ms(3000), attempt),
    ack_waits: |attempt, _| times(9, ms(3000), attempt),
    ..STRICT
};

/// It does not report a gap: only its timer does.
pub(crate) const MUTE: Habits = Habits {
    name: "mute, 1 s",
    out_of_turn: OutOfTurn::GapIgnored,
    ..STRICT
};

/// It acknowledges every block that is not the next one, also one that it has.
pub(crate) const TALKATIVE: Habits = Habits {
    name: "every block answered",
    out_of_turn: OutOfTurn::AnsweredEach,
    repeats_last_ack: false,
    ..STRICT
};

/// It acknowledges late, as a client behind a slow link up.
pub(crate) const LATE: Habits = Habits {
    name: "ACKs 200 ms late",
    ack_delay: ms(200),
    ..STRICT
};

pub(crate) const STRICT_ONES: [&Habits; 5] = [&STRICT, &STRICT_SLOW, &MUTE, &TALKATIVE, &LATE];

pub(crate) const ALL: [&Habits; 9] = [
    &IPXE,
    &EDK2,
    &GRUB,
    &UBOOT,
    &UBOOT_WINDOW,
    &ATFTP,
    &UBOOT_LWIP,
    &PXELINUX,
    &PLAIN,
];

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn times(most: u32, wait: Duration, attempt: u32) -> Option<Duration> {
    (attempt < most).then_some(wait)
}

/// Six in all: with a first wait of 250 ms they end at 15.75 s.
fn doubling(first: Duration, attempt: u32) -> Option<Duration> {
    (attempt < 6).then(|| first * (1 << attempt))
}

/// By a fifth each time, to 3 s; fifty-seven of them make 131 s.
fn growing(attempt: u32, _rtt: Option<Duration>) -> Option<Duration> {
    let wait = ms(110).mul_f64(1.2_f64.powi(attempt.min(30) as i32));
    (attempt < 57).then_some(wait.min(ms(3000)))
}

#[test]
fn timeouts_are_as_long_as_was_seen() {
    let total = |waits: Waits| -> Duration { (0..99).map_while(|n| waits(n, None)).sum() };
    assert_eq!(total(IPXE.request_waits), ms(15_750));
    assert_eq!(total(EDK2.ack_waits), ms(24_000));
    assert_eq!(total(GRUB.request_waits), ms(16_000));
    assert_eq!(total(UBOOT.ack_waits), ms(50_000));
    let pxelinux = total(PXELINUX.ack_waits);
    assert!(
        (ms(130_000)..ms(132_000)).contains(&pxelinux),
        "{pxelinux:?}"
    );
}
