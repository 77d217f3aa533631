//! RFC 7440: `windowsize`.

use bootstone::proto::Instant;

use crate::dialogue::{datagram, peer, serving};

/// §3: 1 to 65535 blocks are valid; the server may answer with less, never with more.
#[test]
fn s3_granted_up_to_the_bound_and_never_raised() {
    for (asked, granted) in [("1", 1), ("4", 4), ("16", 16), ("17", 16), ("65535", 16)] {
        let script = format!("0 > RRQ f octet windowsize={asked}\n< OACK windowsize={granted}");
        serving("f", 20).talk(&script);
    }
    for bad in ["0", "-1", "x"] {
        let script = format!("0 > RRQ f octet windowsize={bad}\n< DATA 1 (20)");
        serving("f", 20).talk(&script);
    }
    let wide = serving("f", 20).max_windowsize(64);
    wide.talk("0 > RRQ f octet windowsize=65535\n< OACK windowsize=64");
}

/// §3, §4: a window of blocks leaves at once, and one ACK of its last block asks for the next
/// window.
#[test]
fn s4_one_ack_a_window() {
    serving("f", 3000).talk(
        r"
        0   > RRQ f octet windowsize=4
            < OACK windowsize=4
        50  > ACK 0
            < DATA 1..4
        100 > ACK 4
            < DATA 5..6 (440)
        150 > ACK 6
            = complete
       ever nothing
        ",
    );
}

/// §3: a window of one is RFC 1350.
#[test]
fn s3_a_window_of_one_is_lock_step() {
    serving("f", 1000).talk(
        r"
        0   > RRQ f octet windowsize=1
            < OACK windowsize=1
        50  > ACK 0
            < DATA 1
        60  > ACK 0
        100 > ACK 1
            < DATA 2 (488)
        150 > ACK 2
            = complete
        ",
    );
}

/// §3: with `blksize` in the same request.
#[test]
fn s3_with_blksize() {
    serving("f", 3000).talk(
        r"
        0   > RRQ f octet blksize=1432 windowsize=4
            < OACK blksize=1432 windowsize=4
        50  > ACK 0
            < DATA 1..3 (136)
        100 > ACK 3
            = complete
        ",
    );
}

/// §4: an ACK of a block inside the window says that the one after it is missing: the next window
/// begins there.
#[test]
fn s4_an_ack_inside_the_window_shows_a_gap() {
    serving("f", 5000).talk(
        r"
        0   > RRQ f octet windowsize=4
            < OACK windowsize=4
        50  > ACK 0
            < DATA 1..4
        100 > ACK 2
            < DATA 3..6
        150 > ACK 6
            < DATA 7..10 (392)
        200 > ACK 10
            = complete
       ever nothing
        ",
    );
}

/// §4: so does an ACK of the last block of the window before.
#[test]
fn s4_the_first_block_of_a_window_is_missing() {
    serving("f", 5000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..8
        150    > ACK 4
        156.25 < DATA 5..8
        200    > ACK 8
               < DATA 9..10 (392)
        250    > ACK 10
               = complete
        ever   nothing
        ",
    );
}

/// §4: an ACK is lost. The timer resends the window, and the client acknowledges it again.
#[test]
fn s4_a_lost_ack() {
    serving("f", 10_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..8
        150    > ACK 8
               < DATA 9..12
        300    < DATA 9..12
        350    > ACK 12
               < DATA 13..16
        ",
    );
}

/// §4: a window is lost. The timer resends it. A repeated ACK that answers the resend of blocks
/// that the client has brings nothing.
#[test]
fn s4_a_lost_window() {
    serving("f", 10_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..8
        150    > ACK 8
               < DATA 9..12
        300    < DATA 9..12
        349    > ACK 8
        350    > ACK 12
               < DATA 13..16
        ",
    );
}

/// A window that is too long for one call is divided evenly. A local client processes one part
/// while the next leaves.
#[test]
fn s4_a_window_is_divided_evenly_into_calls() {
    let calls = |blksize: u16, windowsize: u16, segments| {
        let mut server = serving("f", 1_000_000).max_windowsize(64).server();
        let now = Instant::from_millis(1);
        let mut out = Vec::new();
        let rrq = format!("RRQ f octet blksize={blksize} windowsize={windowsize}");
        server.handle_datagram(now, peer("a"), &datagram(&rrq));
        while server.poll_transmit(now, segments, &mut out).is_some() {}
        server.handle_datagram(now, peer("a"), &datagram("ACK 0"));
        let mut calls = Vec::new();
        while let Some(transmit) = server.poll_transmit(now, segments, &mut out) {
            calls.push(out.len().div_ceil(transmit.segment));
        }
        calls
    };
    assert_eq!(calls(1428, 16, 64), [16]);
    assert_eq!(calls(512, 64, 64), [64]);
    // 45 datagrams of 1432 bytes fit into the largest UDP payload.
    assert_eq!(calls(1428, 64, 64), [32, 32]);
    assert_eq!(calls(1428, 64, 10), [10, 9, 9, 9, 9, 9, 9]);
    assert_eq!(calls(1428, 4, 1), [1, 1, 1, 1]);
}

/// §4: the window rolls over with the block numbers.
#[test]
fn s4_a_window_across_65535() {
    let mut script = "0 > RRQ f octet blksize=8 windowsize=16\n< OACK blksize=8 windowsize=16\n\
                      1 > ACK 0\n< DATA 1..16\n"
        .to_owned();
    for first in (17..65_521).step_by(16) {
        let (acked, last, at) = (first - 1, first + 15, first - 14);
        script += &format!("{at} > ACK {acked}\n< DATA {first}..{last}\n");
    }
    script += r"
        65520 > ACK 65520
              < DATA 65521..65535
              < DATA 0
        65540 > ACK 65530            # the gap is before the roll-over
              < DATA 65531..65535
              < DATA 0..10
        65560 > ACK 4                # and here behind it
              < DATA 5..20
        65580 > ACK 20
              < DATA 21 (5)
        65600 > ACK 21
              = complete
        ever  nothing
        ";
    serving("f", 8 * 65_556 + 5).talk(&script);
}
