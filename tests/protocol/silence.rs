//! A silent client: what the timer resends, how often, and for how long.

use crate::dialogue::serving;

/// The beginning of a transfer with three ACKs, and what the timer does with silence after it.
const SILENCE: &str = r"
        0    > RRQ f octet
             < DATA 1
        10   > ACK 1
             < DATA 2
        20   > ACK 2
             < DATA 3
        30   > ACK 3
             < DATA 4
        230  < DATA 4
        630  < DATA 4
        1430 < DATA 4
        3030 < DATA 4
        6230 < DATA 4
       10230 < DATA 4
       14230 < DATA 4
       18230 < DATA 4
       22230 < DATA 4
       26230 < DATA 4
       ";

/// The timer resends for 30 s without progress. A client that asks is answered for 60 s.
#[test]
fn thirty_seconds_and_sixty() {
    let served = serving("f", 3000);
    served.talk(&format!(
        "{SILENCE}
       60029 nothing
       60030 = timed-out
        ever nothing"
    ));
    // U-Boot repeats its ACK for 50 s, and gets the block at once.
    served.talk(&format!(
        "{SILENCE}
       35000 > ACK 3
             < DATA 4
       40000 > ACK 3
             < DATA 4
       50000 > ACK 3
             < DATA 4
       60030 = timed-out
        ever nothing"
    ));
    served.talk(&format!(
        "{SILENCE}
       60029 > ACK 4
             < DATA 5
       60050 > ACK 5
             < DATA 6 (440)
       60060 > ACK 6
             = complete
        ever nothing"
    ));
}

/// Progress starts both periods again. How often a block was resent does not count.
#[test]
fn a_slow_client_is_never_given_up_on_a_count() {
    let mut script = SILENCE.to_owned();
    script += "29000 > ACK 4\n< DATA 5\n";
    // The RTO stays at its cap, so 4 s apart.
    for at in (33_000..59_000).step_by(4000) {
        script += &format!("{at} < DATA 5\n");
    }
    script += "58900 > ACK 5\n< DATA 6 (440)\n58910 > ACK 6\n= complete\never nothing";
    serving("f", 3000).talk(&script);
}

/// An attacker can guess an ACK or two. Until the third one the timer resends four times, so that a
/// blind ACK draws 20 blocks at most. A window of four leaves whole. Of a larger one it is a
/// single block: alternately the last one and the first. After that the client has to ask.
#[test]
fn until_the_third_ack_the_timer_resends_few_blocks() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        200    < DATA 1..4
        500    < DATA 1..4
        1100   < DATA 1..4
        2300   < DATA 1..2
        2324   < DATA 3..4
        20000  nothing
        ",
    );
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=8
               < OACK windowsize=8
        50     > ACK 0
               < DATA 1..8
        200    < DATA 1..8
        500    < DATA 8
        1100   < DATA 1
        2300   < DATA 8
        20000  nothing
        ",
    );
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=9
               < OACK windowsize=9
        50     > ACK 0
               < DATA 1..9
        200    < DATA 9
        500    < DATA 1
        1100   < DATA 9
        2300   < DATA 1
        5000   > ACK 0
               < DATA 1..9
        5050   > ACK 9
               < DATA 10..18
        5200   < DATA 18
        5350   > ACK 18                  # the third
               < DATA 19..27
        5500   < DATA 19..27
        ",
    );
    serving("f", 3000).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        10     > ACK 1
               < DATA 2
        210    < DATA 2
        610    < DATA 2
        1410   < DATA 2
        3010   < DATA 2
        35000  > ACK 1
               < DATA 2
        40000  > ACK 1
               < DATA 2
        40001  > ACK 1
        60010  = timed-out
        ever   nothing
        ",
    );
}

/// Four times the timer resends all that may be in flight: one window, then two. After that the
/// client is most likely gone, and every other time one window leaves.
#[test]
fn a_silent_client_gets_four_whole_flights_and_then_alternately_one_window() {
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
        300    < DATA 9..12
        600    < DATA 9..16
        1200   < DATA 9..16
        2400   < DATA 9..10
        2424   < DATA 11..12
        2448   < DATA 13..14
        2472   < DATA 15..16
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
        9028   < DATA 16
        13040  < DATA 9
        13052  < DATA 10
        13064  < DATA 11
        13076  < DATA 12
        13100  > ERROR 0 enough
               = aborted
        ever   nothing
        ",
    );
    serving("f", 50_000).pipeline(2).talk(
        r"
        0        > RRQ f octet
                 < DATA 1
        50       > ACK 1
                 < DATA 2
        100      > ACK 2
                 < DATA 3
        150      > ACK 3
                 < DATA 4..5
        256.248  < DATA 4..5
        468.744  < DATA 4..5
        893.736  < DATA 4..5
        1743.72  < DATA 4
        1755.72  < DATA 5
        3467.688 < DATA 4
        6879.624 < DATA 4
        6891.624 < DATA 5
        10903.624 < DATA 4
        ",
    );
}
