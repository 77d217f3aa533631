//! Windows without pipelining (RFC 7440): what leaves together, and what is resent together.

use crate::dialogue::serving;

/// After an ACK inside a window the client's next window begins behind that ACK. So what leaves
/// ends a whole window behind it, each time.
#[test]
fn after_a_partial_ack_the_window_is_filled_behind_it() {
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
        200    > ACK 9
               < DATA 10..13
        201    > ACK 10                  # of the blocks that left before
               < DATA 14
        250    > ACK 11
               < DATA 12..15
        300    > ACK 15
               < DATA 16..19
        ",
    );
}

/// The client may have got more than the server knows of, because its ACK was lost. Then its window
/// ends behind the server's, and it waits for the rest; atftp says nothing as long as it gets
/// blocks that it has. So after two periods of silence two windows leave.
#[test]
fn after_silence_twice_two_windows_leave() {
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
        200    > ACK 10                  # the client gets 11 and 12, and its ACK of 12 is lost
               < DATA 11..14
        350    < DATA 11..14
        650    < DATA 11..18             # 15 and 16 complete the client's window
        700    > ACK 16
               < DATA 17..20
        ",
    );
}

/// In lock-step one block leaves, however long the silence is: a client without a window has no
/// window to complete.
#[test]
fn after_silence_in_lock_step_one_block_leaves() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        50     > ACK 1
               < DATA 2
        100    > ACK 2
               < DATA 3
        150    > ACK 3
               < DATA 4
        350    < DATA 4
        750    < DATA 4
        1550   < DATA 4
        ",
    );
}

/// A network with a low RTT has queues that hold a window, and there is no time to spread anything
/// over.
#[test]
fn with_a_low_rtt_windows_leave_at_once() {
    serving("f", 50_000).talk(
        r"
        0     > RRQ f octet windowsize=8
              < OACK windowsize=8
        5     > ACK 0
              < DATA 1..8
        10    > ACK 4
              < DATA 5..12
        15    > ACK 12
              < DATA 13..20
        20    > ACK 20
              < DATA 21..28
        25    > ACK 24
              < DATA 25..32
        ",
    );
}

#[test]
fn an_empty_last_block_in_a_window() {
    serving("f", 2048).talk(
        r"
        0     > RRQ f octet windowsize=4
              < OACK windowsize=4
        50    > ACK 0
              < DATA 1..4
        100   > ACK 4
              < DATA 5 (0)
        150   > ACK 5
              = complete
        ever  nothing
        ",
    );
}

#[test]
fn an_empty_file_with_options() {
    serving("f", 0).talk(
        r"
        0     > RRQ f octet tsize=0 blksize=1432 windowsize=4
              < OACK tsize=0 blksize=1432 windowsize=4
        50    > ACK 0
              < DATA 1 (0)
        100   > ACK 1
              = complete
        ever  nothing
        ",
    );
}
