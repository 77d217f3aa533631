//! Loss with pipelining: several windows are in flight, and something of them is lost.

use crate::dialogue::serving;

/// The beginning of a transfer in lock-step, after which blocks 6 to 9 are in flight.
const BEGUN: &str = r"
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
               > ACK 5
               < DATA 8..9
        ";

#[track_caller]
fn with_four_in_flight(script: &str) {
    let served = serving("f", 20_000).pipeline(4);
    served.talk(&format!("{BEGUN}{script}"));
}

/// Block 6 is lost. The client repeats its ACK when 7, 8 and 9 come in, and discards them. An
/// eighth of a round trip later all four leave again, and the depth stays.
#[test]
fn all_behind_a_lost_block_leaves_again() {
    with_four_in_flight(
        r"
        250    > ACK 5
               > ACK 5
               > ACK 5
        256.25 < DATA 6..9
        306.25 > ACK 6
               < DATA 10
               > ACK 7
               < DATA 11
               > ACK 8
               < DATA 12
               > ACK 9
               < DATA 13
        356.25 > ACK 10
               < DATA 14
        ",
    );
    // A client that keeps what comes out of turn goes on behind it.
    with_four_in_flight(
        r"
        250    > ACK 5
        256.25 < DATA 6..9
        306.25 > ACK 9
               < DATA 10..13
        ",
    );
}

/// Block 8 is lost. The driver takes a new ACK and the repeated one in one batch, and the server sends two new
/// blocks in between. The client has reported the gap all the same.
#[test]
fn a_gap_that_is_reported_in_the_same_batch_as_progress_is_filled() {
    with_four_in_flight(
        r"
        250    +> ACK 6
               +> ACK 7
               > ACK 7
               < DATA 10..11
        256.25 < DATA 8..11
        306.25 > ACK 8
               < DATA 12
        ",
    );
}

/// Block 7 overtakes block 6. The repeated ACK is followed by a new one before the wait is over.
#[test]
fn a_block_that_is_only_overtaken_is_not_resent() {
    with_four_in_flight(
        r"
        250    > ACK 5
        251    > ACK 7
               < DATA 10..11
               > ACK 8
               < DATA 12
        ",
    );
}

/// GRUB says nothing of what comes out of turn. New ACKs come several times in a round trip, so
/// silence for SRTT + 4 · RTTVAR is a loss: 50 + 4 · 7.909 ms, without the floor of 200 ms.
#[test]
fn a_lost_tail_is_resent_without_the_floor_of_lock_step() {
    with_four_in_flight(
        r"
        281.636 < DATA 6..9
        331.636 > ACK 6
                < DATA 10
        ",
    );
}

/// The timer resends blocks 6 to 9. The client acknowledges 6 alone, so it has discarded what came behind that block,
/// and the others are no copies to it. When it repeats the ACK of 7, block 8 is lost.
#[test]
fn a_gap_among_blocks_that_the_timer_has_resent_is_filled_at_once() {
    with_four_in_flight(
        r"
        281.636 < DATA 6..9
        331.636 > ACK 6
                < DATA 10
                > ACK 7
                < DATA 11
                > ACK 7
        337.886 < DATA 8..11
        ",
    );
    // It had not looked at them yet. It acknowledges them one by one, and then answers their copies.
    with_four_in_flight(
        r"
        281.636 < DATA 6..9
        331.636 > ACK 6
                < DATA 10
                > ACK 7
                < DATA 11
                > ACK 8
                < DATA 12
                > ACK 9
                < DATA 13
        381.636 > ACK 9
                > ACK 9
                > ACK 9
                > ACK 9
        390     nothing
        ",
    );
    // It acknowledges all of them at once: they were in its buffer, and it answers their copies.
    with_four_in_flight(
        r"
        281.636 < DATA 6..9
        331.636 > ACK 9
                < DATA 10..13
        381.636 > ACK 9
                > ACK 9
                > ACK 9
        390     nothing
        ",
    );
}

/// The ACK of block 18 ends inside a window of the client, whose next window begins at 19. What
/// leaves ends with a whole window behind that, up to the bound.
#[test]
fn after_a_partial_ack_whole_windows_leave_behind_it() {
    serving("f", 60_000).pipeline(16).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..8
        150    > ACK 8
               < DATA 9..16
        200    > ACK 12
               < DATA 17..24
        200.1  > ACK 16
               < DATA 25..32
        250    > ACK 18
               < DATA 19..34
        250.1  > ACK 18
        300    > ACK 22
               < DATA 35..38
        300.1  > ACK 26
               < DATA 39..42
        ",
    );
}

/// A partial ACK lets the depth grow by a part of a window. The limit is rounded down, so that what
/// is in flight stays whole windows: 8 blocks, then 12 and 16.
#[test]
fn a_depth_between_two_windows_is_rounded_down() {
    serving("f", 60_000).pipeline(32).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..8
        150    > ACK 8
               < DATA 9..16
        200    > ACK 10                  # the depth is 10
               < DATA 11..18
        250    > ACK 14                  # 14
               < DATA 19..26
        250.1  > ACK 18                  # 18
               < DATA 27..34
        ",
    );
}
