//! A transfer that has finished: what its port may do next, and what it gets.

use crate::dialogue::serving;

/// lpxelinux asks for its next file from port 49153, 0.2 ms later.
#[test]
fn a_finished_transfer_blocks_no_new_rrq() {
    serving("f", 10).and("g", 20).talk(
        r"
        0     > RRQ f octet
              < DATA 1 of f (10)
        50    > ACK 1
              = complete
        50.2  > RRQ g octet
              < DATA 1 of g (20)
        100   > ACK 1
              = complete
        100.2 > RRQ f octet
              < DATA 1 of f (10)
        150   > ACK 1
              = complete
        150.2 > RRQ f octet tsize=0
              < OACK tsize=10
        ",
    );
}

/// An answer to a late duplicate of the RRQ would put a block into PXELINUX's next file. It comes
/// within about one round trip after the end. A second one is no late duplicate.
#[test]
fn a_late_duplicate_of_the_rrq_gets_nothing_for_one_round_trip() {
    serving("f", 10).talk(
        r"
        0     > RRQ f octet tsize=0
              < OACK tsize=10
        50    > ACK 0
              < DATA 1 (10)
        100   > ACK 1
              = complete
        149   > RRQ f octet tsize=0
              = ignored duplicate
        149.5 > RRQ f octet tsize=0
              < OACK tsize=10
        199.5 > ACK 0
              < DATA 1 (10)
        249.5 > ACK 1
              = complete
        299.5 > RRQ f octet tsize=0
              < OACK tsize=10
        ",
    );
}

/// On a local network the next request can come 4 ms after the end, from the same port and for the
/// same file.
#[test]
fn after_a_quick_transfer_a_real_request_from_its_port_is_served() {
    serving("f", 10).talk(
        r"
        0     > RRQ f octet
              < DATA 1 (10)
        1     > ACK 1
              = complete
        5     > RRQ f octet
              < DATA 1 (10)
        6     > ACK 1
              = complete
        8.9   > RRQ f octet            # 3 ms, however short the round trip is
              = ignored duplicate
        ",
    );
}

#[test]
fn nothing_is_sent_from_a_finished_transfer() {
    serving("f", 600).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        50    > ACK 1
              < DATA 2 (88)
        60    > ACK 2
              = complete
        61    > ACK 2
              = ignored stray
        62    > ACK 1
              = ignored stray
        63    > ACK 0
              = ignored stray
        64    > ERROR 0 closed
              = ignored stray
        5000  > ACK 1
              = ignored stray
        ever  nothing
        ",
    );
    serving("f", 6000).talk(
        r"
        0     > RRQ f octet windowsize=4
              < OACK windowsize=4
        50    > ACK 0
              < DATA 1..4
        60    > ERROR 0 stop
              = aborted
        61    > ACK 1
              = ignored stray
        ever  nothing
        ",
    );
}
