//! Blocks sent before the last was acknowledged, to clients that asked for no window and are far away.

use super::dialogue::serving;

/// Three ACKs make a peer trusted, and the path is known: from there on each ACK brings two blocks, until so
/// many are in flight as the operator allows.
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
        200  > ACK 5
             < DATA 8..9
        250  > ACK 6
             < DATA 10               # four in flight, and no more
        250  > ACK 7
             < DATA 11
        250  > ACK 8
             < DATA 12
        ",
    );
}

#[test]
fn with_a_bound_of_one_it_is_lock_step() {
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
}

/// Nothing is to be gained on a local network. One quick ACK is enough to know that it is one.
#[test]
fn a_near_peer_is_served_in_lock_step() {
    serving("f", 20_000).pipeline(16).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        10     > ACK 1
               < DATA 2
        110    > ACK 2
               < DATA 3
        210    > ACK 3
               < DATA 4..5
        310    > ACK 4
               < DATA 6..7
        ",
    );
}

/// Windows are what their client asked for.
#[test]
fn a_window_is_not_run_ahead_of() {
    serving("f", 20_000).pipeline(16).talk(
        r"
        0      > RRQ f octet windowsize=2
               < OACK windowsize=2
        50     > ACK 0
               < DATA 1..2
        100    > ACK 2
               < DATA 3..4
        150    > ACK 4
               < DATA 5..8
        200    > ACK 6
               < DATA 9..12
        ",
    );
}

/// Block 6 is lost. The client repeats its ACK as 7, 8 and 9 come in, and drops them. An eighth of a round trip
/// later, block 6 alone goes again; its ACK shows that the rest is needed too.
#[test]
fn a_lost_block_is_sent_again_alone_and_the_depth_is_halved() {
    serving("f", 20_000).pipeline(4).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        50     > ACK 1
               < DATA 2
        100    > ACK 2
               < DATA 3
        150    > ACK 3
               < DATA 4..5
        200    > ACK 4
               < DATA 6..7
        200    > ACK 5
               < DATA 8..9
        250    > ACK 5
        250    > ACK 5
        250    > ACK 5
        256.25 < DATA 6..9
        306.25 > ACK 6
               < DATA 10
        356.25 > ACK 7
               < DATA 11
        356.25 > ACK 8
               < DATA 12
        # LOST: half of four
        # LOST: the threshold: one more each round trip
        ",
    );
}

/// A client that keeps what comes out of turn (iPXE) gets nothing twice but the block that was lost: a Raspberry Pi 4
/// hangs on a duplicate.
#[test]
fn what_the_client_holds_already_is_not_sent_again() {
    serving("f", 20_000).pipeline(4).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        50     > ACK 1
               < DATA 2
        100    > ACK 2
               < DATA 3
        150    > ACK 3
               < DATA 4..5
        200    > ACK 4
               < DATA 6..7
        200    > ACK 5
               < DATA 8..9
        250    > ACK 5
        256.25 < DATA 6..9
        306.25 > ACK 9
               < DATA 10..13
        ",
    );
}

/// Block 7 overtakes block 6. The repeated ACK is followed by a new one before the wait is over.
#[test]
fn a_block_that_is_only_late_is_not_sent_again() {
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
        200  > ACK 5
             < DATA 8..9
        250  > ACK 5
        251  > ACK 7
             < DATA 10..11
        251  > ACK 8
             < DATA 12
        ",
    );
}

/// A client that says nothing of what comes out of turn (GRUB) is helped by the timer.
#[test]
fn the_timer_mends_what_the_client_does_not_report() {
    serving("f", 20_000).pipeline(4).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        50     > ACK 1
               < DATA 2
        100    > ACK 2
               < DATA 3
        150    > ACK 3
               < DATA 4..5
        200    > ACK 4
               < DATA 6..7
        200    > ACK 5
               < DATA 8..9
        281.636 < DATA 6..9
        444.908 < DATA 6..9
        450    > ACK 6
               < DATA 10
        ",
    );
}

/// U-Boot with lwIP repeats its last ACK and none before: it may hold 6 to 9, whose ACKs were lost, and would never say
/// so of block 6. So every second time all that was ever sent goes again.
#[test]
fn the_timer_resends_one_block_and_the_whole_flight_in_turn() {
    serving("f", 20_000).pipeline(4).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        50     > ACK 1
               < DATA 2
        100    > ACK 2
               < DATA 3
        150    > ACK 3
               < DATA 4..5
        200    > ACK 4
               < DATA 6..7
        200    > ACK 5
               < DATA 8..9
        281.636 < DATA 6..9
        444.908 < DATA 6..9
        771.452 < DATA 6..9
        1424.54 < DATA 6..7
        1429.34 < DATA 8..9
        2735.516 < DATA 6
        3250   > ACK 9
               < DATA 10..13
        3300   > ACK 10
               < DATA 14
        3300   > ACK 11
               < DATA 15
        # LOST: half of four: however long it took, it was one trouble
        ",
    );
}

/// The first troubles come at a depth of two each time: after the third the transfer stays in lock-step, and there a
/// repeated ACK sends nothing.
#[test]
fn trouble_in_shallow_water_ends_it() {
    serving("f", 20_000).pipeline(2).talk(
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
        256.25 > ACK 4
               < DATA 6
        306.25 > ACK 4
        312.5  < DATA 5..6
        362.5  > ACK 5
               < DATA 7
        412.5  > ACK 5
        418.75 < DATA 6..7
        468.75 > ACK 6
               < DATA 8
        518.75 > ACK 7
               < DATA 9
        518.75 > ACK 7
        525.781 < DATA 8..9
        568.75 > ACK 8
               < DATA 10
        ",
    );
}

/// The operator sees how deep it went, and how often it fell back.
#[test]
fn the_report_tells_of_it() {
    let reports = serving("f", 5 * 512 + 1).pipeline(4).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        50   > ACK 1
             < DATA 2
        100  > ACK 2
             < DATA 3
        150  > ACK 3
             < DATA 4..5
        200  > ACK 3
        206.25 < DATA 4
        256.25 > ACK 5
             < DATA 6 (1)
        306.25 > ACK 6
             = complete
        ",
    );
    let figures = reports[0].transfer.unwrap();
    assert_eq!((figures.in_flight, figures.recoveries), (2, 1));
    assert_eq!(figures.resent, 1);
}
