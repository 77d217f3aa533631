//! The retransmission timer: when a block leaves again, and for how long (RFC 6298).

use crate::dialogue::serving;

#[test]
fn the_first_rto_is_a_second_and_doubles() {
    serving("f", 2000).talk(
        r"
        0    > RRQ f octet timeout=255 x-long-enough-for-four-of-these=0
             < OACK timeout=255
        1000 < OACK timeout=255
        3000 < OACK timeout=255
        7000 < OACK timeout=255      # then 4 s, the cap
       11000 < OACK timeout=255
       15000 = timed-out
        ever nothing
        ",
    );
}

#[test]
fn the_floor_in_lock_step_is_200_ms() {
    serving("f", 2000).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        0.3    > ACK 1
               < DATA 2
        200.2  nothing
        200.3  < DATA 2
        ",
    );
}

#[test]
fn a_steady_path_brings_the_rto_down() {
    serving("f", 5000).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        400  > ACK 1
             < DATA 2                # RTTVAR 200
        800  > ACK 2
             < DATA 3                # 150
        1200 > ACK 3
             < DATA 4                # 112.5
        1600 > ACK 4
             < DATA 5                # 84.375: the RTO is 400 + 337.5
        2337.4 nothing
        2337.5 < DATA 5
        ",
    );
}

/// Karn's rule: the ACK of a block that was sent twice gives no sample, and the doubled RTO stays
/// until a sample comes (RFC 6298 §5).
#[test]
fn in_lock_step_the_doubled_rto_stays_until_a_clean_sample() {
    serving("f", 5000).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        50   > ACK 1
             < DATA 2
        250  < DATA 2
        300  > ACK 2
             < DATA 3
        699  nothing
        700  < DATA 3                # 400 ms
        750  > ACK 3
             < DATA 4
        800  > ACK 4                 # clean
             < DATA 5
        1000 < DATA 5                # 200 ms
        ",
    );
}

/// With a window something is resent all the time on a bad path, and clean samples are rare. So
/// progress ends the doubling.
#[test]
fn with_a_window_progress_ends_the_doubling() {
    serving("f", 50_000).pipeline(4).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..8
        150    > ACK 8
               < DATA 9..12
        300    < DATA 9..12              # 150 ms
        600    < DATA 9..16              # 300 ms
        650    > ACK 12
        799    nothing
        800    < DATA 13..16             # 150 ms
        ",
    );
}

/// The RTT has risen above the RTO, so each block leaves twice, and no ACK gives a sample. But the
/// ACK of a block that was sent twice shows that a round trip takes at least the time since the
/// last copy left: SRTT rises from 100 to 150 ms, RTTVAR from 28.1 to 46.1.
#[test]
fn the_ack_of_a_resent_block_raises_the_round_trip_time() {
    serving("f", 5000).talk(
        r"
        0        > RRQ f octet
                 < DATA 1
        100      > ACK 1
                 < DATA 2
        200      > ACK 2
                 < DATA 3
        300      > ACK 3
                 < DATA 4
        512.5    < DATA 4                # 100 + 4 · 28.125 ms
        812.5    > ACK 4
                 < DATA 5
        1481.244 < DATA 5                # 2 · (150 + 4 · 46.093) ms
        ",
    );
}

/// The first blocks of a window leave again, the others for the first time: an ACK of these is a
/// clean sample.
#[test]
fn a_new_block_of_a_resent_window_is_a_clean_sample() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..8
        150    > ACK 8
               < DATA 9..12
        200    > ACK 10
               < DATA 11..14             # 13 and 14 for the first time
        290    > ACK 14                  # after 90 ms: SRTT 55
               < DATA 15..18
        450    < DATA 15..18             # 2 · 55 + 50 ms
        ",
    );
}

/// A repeated ACK sends nothing in lock-step, but it shows that the client is there: the timer
/// waits no longer than the RTO without doubling, counted from that ACK, and never longer than it
/// would have without it.
#[test]
fn a_repeated_ack_shortens_a_doubled_wait() {
    serving("f", 5000).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        50   > ACK 1
             < DATA 2
        250  < DATA 2
        300  > ACK 1
        499  nothing
        500  < DATA 2                # and not at 650
        1200 > ACK 1
        1299 nothing
        1300 < DATA 2                # 800 ms, as without that ACK
        ",
    );
}

/// A client needs time to write a window down. So its ACK is waited for two round trips and 50 ms
/// at least.
#[test]
fn the_ack_of_a_window_is_waited_for_two_round_trips_and_50_ms() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        100    > ACK 0
               < DATA 1..4
        200    > ACK 4
               < DATA 5..8
        300    > ACK 8                   # SRTT 100, RTTVAR 28.125
               < DATA 9..12
        549    nothing
        550    < DATA 9..12
        ",
    );
}
