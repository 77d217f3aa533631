//! Blind ACK attacks: the attacker forges the source of an RRQ and guesses the ACKs.

use crate::dialogue::{datagram, peer, serving};
use bootstone::proto::Instant;

/// One forged RRQ and one blind ACK bring one window, and four blocks by the timer: 21 datagrams with
/// a window of 16, and 6 without options.
#[test]
fn one_blind_ack_brings_one_window_and_four_blocks() {
    serving("f", 100_000).talk(
        r"
        0      > RRQ f octet windowsize=16
               < OACK windowsize=16
        50     > ACK 0
               < DATA 1..16
        200    < DATA 16
        500    < DATA 1
        1100   < DATA 16
        2300   < DATA 1
        60050  = timed-out
        ever   nothing
        ",
    );
    serving("f", 100_000).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        50     > ACK 1
               < DATA 2
        250    < DATA 2
        650    < DATA 2
        1450   < DATA 2
        3050   < DATA 2
        60050  = timed-out
        ever   nothing
        ",
    );
}

/// One may be a late duplicate of another transfer's ACK. Those before the first true ACK do not
/// count.
#[test]
fn a_second_ack_of_a_block_that_was_never_sent_ends_the_transfer() {
    serving("f", 20_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        10     > ACK 4
               = ignored never-sent
        11     > ACK 8
               = ignored never-sent
        20     > ACK 0
               < DATA 1..4
        30     > ACK 8
               = ignored never-sent
        40     > ACK 4
               < DATA 5..8
        50     > ACK 12
               = dropped
        51     > ACK 8
               = ignored stray
        ever   nothing
        ",
    );
}

/// Without options there is no block 0. Its ACK validates no address, keeps no transfer alive and
/// brings nothing.
#[test]
fn ack_0_without_options_acknowledges_nothing() {
    serving("f", 500).talk(
        r"
        0     > RRQ f octet
              < DATA 1 (500)
        1000  > RRQ f octet
              < DATA 1 (500)
        2000  > RRQ f octet
              < DATA 1 (500)
        16000 > ACK 0
              = ignored never-sent
        17000 = timed-out
        ever  nothing
        ",
    );
    serving("f", 2000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        10    > ACK 0
              = ignored never-sent
        20    > ACK 0
              = ignored never-sent
        50    > ACK 1
              < DATA 2
        60    > ACK 0                # the block before: an old ACK
        70    > ACK 7
              = ignored never-sent
        80    > ACK 7
              = dropped
        ever  nothing
        ",
    );
}

/// A client with fewer than three ACKs that repeats its ACK gets its window again, with pauses of
/// 250 ms, 500 ms, then 900 ms, and after eight windows 1.8 s, however often it asks. The timer's
/// resends count as well. From the fourth on, the window is spread in time: the client may have a
/// small receive buffer.
#[test]
fn before_the_third_ack_a_repeated_ack_is_answered_with_growing_pauses() {
    serving("f", 30_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        1      > ACK 0
               < DATA 1..4
        2      > ACK 0
        3      < DATA 1..4
        4      > ACK 0
        55     < DATA 1..4               # by the timer
        159    < DATA 1..4
        252    > ACK 0
        253    > ACK 0
        367    < DATA 1..2
        368.2  < DATA 3..4
        753    > ACK 0
        785.4  < DATA 1                  # the last one by the timer
        786.6  < DATA 2
        787.8  < DATA 3
        789    < DATA 4
        1700   > ACK 0
               < DATA 1
        1701.2 < DATA 2
        1702.4 < DATA 3
        1703.6 < DATA 4
        2599   > ACK 0
        2600   > ACK 0
               < DATA 1
        2601.2 < DATA 2
        2602.4 < DATA 3
        2603.6 < DATA 4
        3500   > ACK 0                   # the eighth
               < DATA 1
        3501.2 < DATA 2
        3502.4 < DATA 3
        3503.6 < DATA 4
        5299   > ACK 0
        5300   > ACK 0
               < DATA 1
        5301.2 < DATA 2
        5302.4 < DATA 3
        5303.6 < DATA 4
        7099   > ACK 0
        7100   > ACK 0
               < DATA 1
        7101.2 < DATA 2
        7102.4 < DATA 3
        7103.6 < DATA 4
        60001  = timed-out
        ever   nothing
        ",
    );
}

/// Plays an attacker who sends an RRQ and then `ack(n)` every `millis`, for `n` from 0, until the
/// transfer ends. How many blocks were resent, and how many acknowledged.
fn resent(millis: u64, acks: u16, ack: impl Fn(u16) -> u16) -> Option<(u32, u64)> {
    let mut server = serving("f", 5_000_000).server();
    let mut out = Vec::new();
    let mut attack = |at, what: &str| {
        while let Some(now) = server.poll_timeout().filter(|&next| next <= at) {
            server.handle_timeout(now);
            while server.poll_transmit(now, 64, &mut out).is_some() {}
        }
        server.handle_datagram(at, peer("a"), &datagram(what));
        while server.poll_transmit(at, 64, &mut out).is_some() {}
        server.poll_event()
    };
    let rrq = "RRQ f octet blksize=1432 windowsize=16";
    assert!(attack(Instant::ZERO, rrq).is_none());
    let mut datagrams = (0..acks).map(|n| {
        let at = Instant::from_millis(millis * u64::from(n + 1));
        (at, format!("ACK {}", ack(n)))
    });
    let ended = datagrams.find_map(|(at, what)| attack(at, &what));
    let end = Instant::from_millis(millis * u64::from(acks));
    let report = ended.or_else(|| attack(end, "ERROR 0 enough"))?;
    let figures = report.transfer?;
    Some((figures.resent, figures.bytes / 1432))
}

/// However often ACK 0 is forged, and however high the RTT seems to be: eight more windows of 16
/// within six seconds, then one every 1.8 s of a minute, and four blocks by the timer.
#[test]
fn forged_acks_0_draw_a_window_in_almost_two_seconds() {
    for round_trip in [1, 5, 50, 250] {
        let acks = 59_000 / round_trip;
        let (resent, _) = resent(round_trip, acks as u16, |_| 0).unwrap();
        let windows = 8 + (59_000 - 6_000) / 1800;
        assert!(
            (8 * 16..=windows * 16 + 4).contains(&resent),
            "{resent} at {round_trip} ms"
        );
    }
}

/// An attacker who counts up ACKs blindly reports a gap with each of them. At most three blocks are
/// resent for each that is acknowledged, beyond the first hundred. Without that bound it is 15.
#[test]
fn acks_that_are_counted_up_blindly_draw_three_blocks_for_each() {
    for round_trip in [1, 5, 50] {
        let count_up = |n| if n < 3 { 16 * n } else { 32 + n - 2 };
        let (resent, acknowledged) = resent(round_trip, 400, count_up).unwrap();
        let bound = 3 * acknowledged as u32 + 64 + 2 * 16;
        // One recovery begins below the bound.
        assert!(resent <= bound + 16, "{resent} for {acknowledged}");
    }
}

/// An honest client that says nothing for 20 s, because it erases its flash, stays below every
/// bound.
#[test]
fn a_transfer_survives_twenty_seconds_of_silence() {
    serving("f", 8000).pipeline(4).talk(
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
        600    < DATA 9..16 (320)
        1200   < DATA 9..16 (320)
        2400   < DATA 9..10
        2424   < DATA 11..12
        2448   < DATA 13..14
        2472   < DATA 15..16 (320)
        4896   < DATA 9
        4908   < DATA 10
        4920   < DATA 11
        4932   < DATA 12
        8944   < DATA 9
        8956   < DATA 10
        8968   < DATA 11
        8980   < DATA 12
        8992   < DATA 13
        9004   < DATA 14
        9016   < DATA 15
        9028   < DATA 16 (320)
        13040  < DATA 9
        13052  < DATA 10
        13064  < DATA 11
        13076  < DATA 12
        17088  < DATA 9
        17100  < DATA 10
        17112  < DATA 11
        17124  < DATA 12
        17136  < DATA 13
        17148  < DATA 14
        17160  < DATA 15
        17172  < DATA 16 (320)
        20150  > ACK 12
        20200  > ACK 16
               = complete
        ever   nothing
        ",
    );
}
