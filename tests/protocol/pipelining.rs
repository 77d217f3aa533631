//! Pipelining: further windows leave before the last one is acknowledged, to clients with a high
//! RTT.

use crate::dialogue::serving;

/// The third ACK makes an attacker who guesses ACKs unlikely. From there on each ACK brings two
/// blocks, until as many are in flight as the operator allows: the depth doubles with each round
/// trip.
#[test]
fn the_depth_doubles_each_round_trip() {
    serving("f", 20_000).pipeline(4).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        50   > ACK 1
             < DATA 2
        100  > ACK 2
             < DATA 3
        150  > ACK 3
             < DATA 4..5
        200  > ACK 4
             < DATA 6..7
             > ACK 5
             < DATA 8..9
        250  > ACK 6
             < DATA 10               # four in flight, and no more
             > ACK 7
             < DATA 11
             > ACK 8
             < DATA 12
        ",
    );
}

/// A client that has got a part of a window waits for the rest. So what is in flight is whole
/// windows, always.
#[test]
fn windows_of_4_are_pipelined_up_to_the_bound() {
    serving("f", 60_000).pipeline(32).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..8               # before the third ACK one window, and no more
        150    > ACK 8
               < DATA 9..16
        200    > ACK 12
               < DATA 17..24
        200.1  > ACK 16
               < DATA 25..32
        250    > ACK 20
               < DATA 33..40
        250.1  > ACK 24
               < DATA 41..48
        300    > ACK 28
               < DATA 49..56
        300.1  > ACK 32
               < DATA 57..64
        300.2  > ACK 36
               < DATA 65..68             # 37 to 68 are in flight
        350    > ACK 40
               < DATA 69..72
        ",
    );
}

/// U-Boot's virtio-net driver fails on a burst of 32. So 16 blocks leave together, and the next
/// ones 4.8 ms later.
#[test]
fn windows_of_16_are_pipelined_in_bursts_of_16() {
    serving("f", 60_000).pipeline(32).talk(
        r"
        0      > RRQ f octet windowsize=16
               < OACK windowsize=16
        50     > ACK 0
               < DATA 1..16
        100    > ACK 16
               < DATA 17..32
        150    > ACK 32
               < DATA 33..48
        154.8  < DATA 49..64
        204.8  > ACK 48
               < DATA 65..80
        260    > ACK 64
               < DATA 81..96
        ",
    );
}

/// Two windows of 12 fit into a bound of 32, one of 64 does not.
#[test]
fn the_bound_is_rounded_down_to_whole_windows() {
    serving("f", 60_000).pipeline(32).talk(
        r"
        0      > RRQ f octet windowsize=12
               < OACK windowsize=12
        50     > ACK 0
               < DATA 1..12
        100    > ACK 12
               < DATA 13..24
        150    > ACK 24
               < DATA 25..40
        154.8  < DATA 41..48
        200    > ACK 36
               < DATA 49..60
        ",
    );
    serving("f", 100_000).max_windowsize(64).pipeline(32).talk(
        r"
        0      > RRQ f octet windowsize=64
               < OACK windowsize=64
        50     > ACK 0
               < DATA 1..64
        100    > ACK 64
               < DATA 65..128
        150    > ACK 128
               < DATA 129..192
        ",
    );
}

/// A bound of one is RFC 1350 and RFC 7440 to the letter.
#[test]
fn a_bound_of_one_turns_it_off() {
    serving("f", 20_000).pipeline(1).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        50   > ACK 1
             < DATA 2
        100  > ACK 2
             < DATA 3
        150  > ACK 3
             < DATA 4
        200  > ACK 4
             < DATA 5
        ",
    );
    serving("f", 20_000).pipeline(1).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..8
        150    > ACK 8
               < DATA 9..12
        200    > ACK 12
               < DATA 13..16
        ",
    );
}

/// On a local network nothing is gained. One RTT below 10 ms shows that the network is local.
#[test]
fn a_client_with_a_low_rtt_gets_its_window_only() {
    serving("f", 20_000).pipeline(16).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        50     > ACK 1
               < DATA 2
        59     > ACK 2
               < DATA 3
        109    > ACK 3
               < DATA 4
        159    > ACK 4
               < DATA 5
        ",
    );
    serving("f", 20_000).pipeline(32).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        59     > ACK 4
               < DATA 5..8
        109    > ACK 8
               < DATA 9..12
        159    > ACK 12
               < DATA 13..16
        ",
    );
}

/// The operator sees how deep it went, and how often something was resent.
#[test]
fn the_report_has_its_figures() {
    let reports = serving("f", 5 * 512 + 1).pipeline(4).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        50     > ACK 1
               < DATA 2
        100    > ACK 2
               < DATA 3
        150    > ACK 3
               < DATA 4..5
        200    > ACK 3
        206.25 < DATA 4..5
        256.25 > ACK 5
               < DATA 6 (1)
        306.25 > ACK 6
               = complete
        ",
    );
    let figures = reports[0].transfer.unwrap();
    assert_eq!((figures.in_flight, figures.recoveries), (4, 1));
    assert_eq!(figures.resent, 2);
}
