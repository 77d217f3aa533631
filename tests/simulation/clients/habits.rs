//! What the clients in the field do, as data: the models of the program, and others that differ from
//! them in one respect.

use std::time::Duration;

pub(crate) use bootstone::canary::Model as Habits;
use bootstone::canary::models::{self, BASE, ms, times};
use bootstone::canary::{OackRule, OutOfOrder};

pub(crate) use models::{EDK2, GRUB, IPXE, PXELINUX, UBOOT};

pub(crate) const UBOOT_WINDOW: Habits = Habits {
    name: "uboot, window 8",
    options: &[("timeout", 5), ("blksize", 1468), ("windowsize", 8)],
    out_of_order: OutOfOrder::AnsweredOnce,
    ..UBOOT
};

/// It reports a gap once. If that is lost, it waits for progress or five seconds of silence.
pub(crate) const ATFTP: Habits = Habits {
    name: "atftp, window 16",
    options: &[("blksize", 1428), ("windowsize", 16)],
    request_waits: |attempt, _| times(5, ms(5000), attempt),
    ack_waits: |attempt, _| times(5, ms(5000), attempt),
    out_of_order: OutOfOrder::AnsweredOnce,
    any_block_restarts_timer: true,
    ..BASE
};

/// It never repeats an ACK.
pub(crate) const UBOOT_LWIP: Habits = Habits {
    name: "uboot with lwIP",
    options: &[("blksize", 1468), ("tsize", 0)],
    request_waits: |attempt, _| times(1, ms(10_000), attempt),
    ack_waits: |attempt, _| times(1, ms(10_000), attempt),
    ..BASE
};

/// RFC 1350 to the letter.
pub(crate) const PLAIN: Habits = BASE;

/// GRUB without the pauses of its reader.
pub(crate) const PLAIN_MUTE: Habits = Habits {
    name: "grub, fast reader",
    options: &[("blksize", 1428), ("tsize", 0)],
    reader: None,
    ..GRUB
};

/// What RFC 7440 asks for. Without the size probe, which takes a round trip that the goals do not
/// count, and the late copy of the request, which tests of the server cover one by one.
pub(crate) const STRICT: Habits = Habits {
    name: "strict, 1 s",
    probe: None,
    late_copy: false,
    ..models::STRICT
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
    out_of_order: OutOfOrder::GapIgnored,
    ..STRICT
};

/// It acknowledges every block that is not the next one, also one that it has.
pub(crate) const TALKATIVE: Habits = Habits {
    name: "every block answered",
    out_of_order: OutOfOrder::AnsweredEach,
    repeats_last_ack: false,
    ..STRICT
};

/// It acknowledges late, as a client behind a slow link up.
pub(crate) const LATE: Habits = Habits {
    name: "ACKs 200 ms late",
    ack_delay: Duration::from_millis(200),
    ..STRICT
};

/// rs-tftpd's client. It sends its request once, answers each block out of order, and gives up when its timer has
/// expired seven times in the whole transfer.
pub(crate) const RS_TFTPD: Habits = Habits {
    name: "rs-tftpd, window 16",
    source: "src/client.rs and src/worker.rs of the crate tftpd 1.0.0",
    options: &[
        ("blksize", 1428),
        ("tsize", 0),
        ("windowsize", 16),
        ("timeout", 5),
    ],
    oack: OackRule::Any,
    request_waits: |attempt, _| times(1, ms(5000), attempt),
    ack_waits: |attempt, _| times(7, ms(5000), attempt),
    out_of_order: OutOfOrder::AnsweredEach,
    any_block_restarts_timer: true,
    counts_all_repeats: true,
    ..BASE
};

/// The client of the npm package tftp. It stores the blocks of its window in any order and ignores all others. It
/// acknowledges whole windows. If its timer expires within a window, what it sends breaks that window.
pub(crate) const NODE: Habits = Habits {
    name: "node tftp, window 4",
    source: "lib/protocol/reader.js and client-request.js of the npm package tftp 0.1.2",
    options: &[
        ("blksize", 1468),
        ("timeout", 3000),
        ("windowsize", 4),
        ("rollover", 0),
    ],
    oack: OackRule::Any,
    request_waits: |attempt, _| times(4, ms(3000), attempt),
    ack_waits: |attempt, _| times(4, ms(3000), attempt),
    out_of_order: OutOfOrder::PlacedInWindow,
    ..BASE
};

/// Windows' boot manager, as far as traces show it: a program that plays it was written from them. It ignores each block
/// out of order, except its last one, and repeats what it has sent last after five seconds without any block.
pub(crate) const WINDOWS: Habits = Habits {
    name: "Windows boot manager, window 4",
    source: "traces of its requests, and a client in Python that plays it for tracing PXE boots",
    options: &[
        ("tsize", 0),
        ("blksize", 1456),
        ("windowsize", 4),
        ("msftwindow", 31_416),
    ],
    oack: OackRule::Requested,
    request_waits: |attempt, _| times(6, ms(5000), attempt),
    ack_waits: |attempt, _| times(6, ms(5000), attempt),
    any_block_restarts_timer: true,
    repeats_last_ack: true,
    ..BASE
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
