//! What the clients in the field do, as data: the models of the program, and others that differ from
//! them in one respect.

use std::time::Duration;

pub(crate) use bootstone::canary::Model as Habits;
use bootstone::canary::OutOfOrder;
use bootstone::canary::models::{self, BASE, ms, times};

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
