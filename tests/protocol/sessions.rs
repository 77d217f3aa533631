//! The table of sessions: which session is evicted when it is full, and the end of the program.

use crate::dialogue::{Served, serving};

fn two_sessions() -> Served {
    serving("f", 2000).max_sessions(2)
}

#[test]
fn the_oldest_unvalidated_session_is_evicted() {
    two_sessions().talk(
        r"
        0     > RRQ f octet
              < DATA 1
        10   b> RRQ f octet
             b< DATA 1
        20   c> RRQ f octet
             c< DATA 1
              = dropped
        30    > ACK 1
              = ignored stray
        40   b> ACK 1
             b< DATA 2
        50   c> ACK 1
             c< DATA 2
        ",
    );
}

#[test]
fn a_validated_session_stays() {
    two_sessions().talk(
        r"
        0     > RRQ f octet
              < DATA 1
        5     > ACK 1
              < DATA 2
        10   b> RRQ f octet
             b< DATA 1
        20   c> RRQ f octet
             c< DATA 1
              = dropped
        30   b> ACK 1
              = ignored stray
        40    > ACK 2
              < DATA 3
        50   c> ACK 1
             c< DATA 2
        ",
    );
}

#[test]
fn if_all_sessions_are_validated_a_request_is_dropped_silently() {
    two_sessions().talk(
        r"
        0     > RRQ f octet
              < DATA 1
        5     > ACK 1
              < DATA 2
        10   b> RRQ f octet
             b< DATA 1
        15   b> ACK 1
             b< DATA 2
        20   c> RRQ f octet
              = dropped
              = ignored table-full
        30    > ACK 2
              < DATA 3
        40   b> ACK 2
             b< DATA 3
        50    > ERROR 0 stop
              = aborted
        60   c> RRQ f octet
             c< DATA 1
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
