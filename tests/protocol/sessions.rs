//! The table of sessions: which session is evicted when it is full, and the end of the program.

use crate::dialogue::{Served, serving};

fn two_sessions() -> Served {
    serving("f", 2000).max_sessions(2)
}

/// Each session stays for a second at least, so that a client with a high RTT can acknowledge its answer.
#[test]
fn the_session_without_progress_for_longest_is_evicted_after_a_second() {
    two_sessions().talk(
        r"
        0     > RRQ f octet
              < DATA 1
        10   b> RRQ f octet
             b< DATA 1
        300  c> RRQ f octet
              = dropped
              = ignored table-full
        1200 c> RRQ f octet
             c< DATA 1
              = dropped
        1210  > ACK 1
              = ignored stray
        1220 b> ACK 1
             b< DATA 2
        1230 c> ACK 1
             c< DATA 2
        ",
    );
}

#[test]
fn a_session_that_makes_progress_stays() {
    two_sessions().talk(
        r"
        0     > RRQ f octet
              < DATA 1
        10   b> RRQ f octet
             b< DATA 1
        900   > ACK 1
              < DATA 2
        1200 c> RRQ f octet
             c< DATA 1
              = dropped
        1300 b> ACK 1
              = ignored stray
        1350  > ACK 2
              < DATA 3
        1400 c> ACK 1
             c< DATA 2
        ",
    );
}

/// An ACK protects nothing for long: an attacker can hold a session with one.
#[test]
fn a_validated_session_without_progress_is_evicted_before_a_younger_one() {
    two_sessions().talk(
        r"
        0     > RRQ f octet
              < DATA 1
        5     > ACK 1
              < DATA 2
        100  b> RRQ f octet
             b< DATA 1
        105  b> ACK 1
             b< DATA 2
        205   < DATA 2
        305  b< DATA 2
        605   < DATA 2
        705  b< DATA 2
        1200 c> RRQ f octet
             c< DATA 1
              = dropped
        1210  > ACK 2
              = ignored stray
        1220 b> ACK 2
             b< DATA 3
        ",
    );
}

#[test]
fn a_finished_session_is_evicted_first() {
    serving("f", 10).max_sessions(2).talk(
        r"
        0     > RRQ f octet
              < DATA 1 (10)
        5    b> RRQ f octet
             b< DATA 1 (10)
        10   b> ACK 1
              = complete
        20   c> RRQ f octet
             c< DATA 1 (10)
        30    > ACK 1
              = complete
        40   c> ACK 1
              = complete
        ever  nothing
        ",
    );
}

/// Each is reported, and nothing is sent any more.
#[test]
fn the_end_of_the_program_ends_every_transfer() {
    serving("f", 2000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        10    > ACK 1
              < DATA 2
        20   b> RRQ f octet
             b< DATA 1
        25   c> RRQ f octet blksize=2000 tsize=0
             c< OACK blksize=1468 tsize=2000
        26   c> ACK 0
             c< DATA 1
        27   c> ACK 1
             c< DATA 2 (532)
        28   c> ACK 2
              = complete
        30    > END
              = dropped
              = dropped
        31    > END
        ever  nothing
        ",
    );
}
