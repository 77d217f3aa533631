//! ACKs that are not the next one expected.

use crate::dialogue::serving;

#[test]
fn an_ack_of_a_block_that_was_never_sent_is_ignored_and_counted() {
    serving("f", 50_000).talk(
        r"
        0     > RRQ f octet windowsize=4
              < OACK windowsize=4
        50    > ACK 0
              < DATA 1..4
        60    > ACK 5
              = ignored never-sent
        100   > ACK 4
              < DATA 5..8
        ",
    );
    serving("f", 50_000).talk(
        r"
        0     > RRQ f octet tsize=0
              < OACK tsize=50000
        50    > ACK 0
              < DATA 1
        60    > ACK 65535            # there was no block before 0
              = ignored never-sent
        ",
    );
    serving("f", 5000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        10    > ACK 2
              = ignored never-sent
        50    > ACK 1
              < DATA 2
        ",
    );
}

/// Without an OACK, ACK 0 is such an ACK, too.
#[test]
fn such_an_ack_keeps_no_transfer_alive() {
    for block in [0, 2, 9, 65_535] {
        serving("f", 5000).talk(&format!(
            "0     > RRQ f octet
                   < DATA 1
             10000 > ACK {block}
                   = ignored never-sent
             15000 = timed-out
             ever  nothing"
        ));
    }
}

#[test]
fn an_ack_may_be_longer_than_four_bytes() {
    serving("f", 1000).talk(
        r#"
        0     > RRQ f octet
              < DATA 1
        50    > "\0\x04\0\x01\0"
              < DATA 2 (488)
        100   > "\0\x04\0\x02and then some"
              = complete
        "#,
    );
}

/// GRUB and lpxelinux ask for their next file from the port of the last one, and copies of its ACKs
/// may come late. Before the first true ACK any number of them says nothing.
#[test]
fn late_acks_of_a_finished_transfer_do_not_end_the_next_one() {
    serving("f", 2000).and("g", 1000).talk(
        r"
        0     > RRQ f octet
              < DATA 1 of f
        50    > ACK 1
              < DATA 2 of f
        100   > ACK 2
              < DATA 3 of f
        150   > ACK 3
              < DATA 4 of f (464)
        200   > ACK 4
              = complete
        200.2 > RRQ g octet tsize=0
              < OACK tsize=1000
        201   > ACK 4
              = ignored never-sent
        202   > ACK 3
              = ignored never-sent
        203   > ACK 4
              = ignored never-sent
        250   > ACK 0
              < DATA 1 of g
        300   > ACK 1
              < DATA 2 of g (488)
        350   > ACK 2
              = complete
        ever  nothing
        ",
    );
}
