//! An RRQ from a port that has a transfer: the same again, or another one.

use crate::dialogue::serving;

#[test]
fn before_the_first_ack_the_same_rrq_gets_the_same_answer() {
    serving("f", 1000).talk(
        r"
        0     > RRQ f octet blksize=512
              < OACK blksize=512
        250   > RRQ f octet blksize=512
              < OACK blksize=512
        750   > RRQ f octet blksize=512
              < OACK blksize=512
        800   > ACK 0
              < DATA 1
        850   > ACK 1
              < DATA 2 (488)
        900   > ACK 2
              = complete
        ever  nothing
        ",
    );
    serving("f", 1000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        400   > RRQ f octet
              < DATA 1
        450   > ACK 1
              < DATA 2 (488)
        500   > ACK 2
              = complete
        ever  nothing
        ",
    );
}

#[test]
fn after_the_first_ack_the_same_rrq_gets_nothing() {
    serving("f", 2000).talk(
        r"
        0     > RRQ f octet blksize=512
              < OACK blksize=512
        50    > ACK 0
              < DATA 1
        60    > RRQ f octet blksize=512
              = ignored duplicate
        100   > ACK 1
              < DATA 2
        150   > ACK 2
              < DATA 3
        160   > RRQ f octet blksize=512
              = ignored duplicate
        200   > ACK 3
              < DATA 4 (464)
        ",
    );
}

/// A machine that has restarted comes back on the same port.
#[test]
fn after_a_second_of_silence_the_same_rrq_is_a_new_request() {
    serving("f", 2000).talk(
        r"
        0     > RRQ f octet blksize=512
              < OACK blksize=512
        50    > ACK 0
              < DATA 1
        100   > ACK 1
              < DATA 2
        300   < DATA 2
        700   < DATA 2
        1099  > RRQ f octet blksize=512
              = ignored duplicate
        1100  > RRQ f octet blksize=512
              < OACK blksize=512
              = aborted
        1150  > ACK 0
              < DATA 1
        1200  > ACK 1
              < DATA 2
        1250  > ACK 2
              < DATA 3
        1300  > ACK 3
              < DATA 4 (464)
        1350  > ACK 4
              = complete
        ever  nothing
        ",
    );
}

#[test]
fn another_rrq_from_the_same_port_replaces_the_transfer() {
    serving("f", 2000).and("g", 2000).talk(
        r"
        0     > RRQ f octet
              < DATA 1 of f
        50    > ACK 1
              < DATA 2 of f
        60    > RRQ g octet
              < DATA 1 of g
              = aborted
        100   > ACK 1
              < DATA 2 of g
        110   > RRQ g octet tsize=0
              < OACK tsize=2000
              = aborted
        160   > RRQ nothing octet
              < ERROR 1 File not found
              = probe
              = not-found
        ever  nothing
        ",
    );
}

/// A client that asks for the next file has the one before.
#[test]
fn the_next_rrq_stands_for_the_last_ack() {
    serving("f", 600).and("g", 10).talk(
        r"
        0     > RRQ f octet
              < DATA 1 of f
        50    > ACK 1
              < DATA 2 of f (88)
        60    > RRQ g octet
              < DATA 1 of g (10)
              = last-ack-missing
        70    > ACK 1
              = complete
        ever  nothing
        ",
    );
}

/// A client is known by both addresses. So a port that asks two addresses of the server has two
/// transfers, each answered from the address that was asked.
#[test]
fn an_rrq_to_another_address_of_the_server_is_another_transfer() {
    serving("f", 600).talk(
        r"
        0      > RRQ f octet blksize=512
               < OACK blksize=512
        1   a70> RRQ f octet
            a70< DATA 1
        50     > ACK 0
               < DATA 1
        51  a70> ACK 1
            a70< DATA 2 (88)
        100    > ACK 1
               < DATA 2 (88)
        101 a70> ACK 2
               = complete
        150    > ACK 2
               = complete
        ever   nothing
        ",
    );
}
