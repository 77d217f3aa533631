//! RFC 2347: options.

use crate::dialogue::serving;

/// "Packet Formats": options follow the mode as pairs of strings; names in any case.
#[test]
fn names_in_any_case() {
    serving("f", 2000).talk(
        r"
        0   > RRQ f octet BLKSIZE=1024 TSize=0
            < OACK blksize=1024 tsize=2000
        50  > ACK 0
            < DATA 1
        100 > ACK 1
            < DATA 2 (976)
        150 > ACK 2
            = complete
       ever nothing
        ",
    );
}

/// "Packet Formats": the order of the options does not matter. The OACK has the client's.
#[test]
fn the_order_is_the_clients() {
    serving("f", 2000).talk(
        r"
        0   > RRQ f octet timeout=3 windowsize=4 tsize=0 blksize=512
            < OACK timeout=3 windowsize=4 tsize=2000 blksize=512
        50  > ERROR 0 enough
            = probe
        60  > RRQ f octet blksize=512 tsize=0 windowsize=4 timeout=3
            < OACK blksize=512 tsize=2000 windowsize=4 timeout=3
        ",
    );
}

/// "Packet Formats": an option may be given once; of two, the first good one counts.
#[test]
fn a_repeated_option_counts_once() {
    serving("f", 2000).talk(
        r"
        0   > RRQ f octet blksize=1024 blksize=512
            < OACK blksize=1024
        50  > ACK 0
            < DATA 1
        ",
    );
}

/// "Negotiation Protocol": an option that the server does not know is left out of the OACK, and is
/// no error.
#[test]
fn an_unknown_option_is_left_out() {
    serving("f", 2000).talk(
        r"
        0   > RRQ f octet x-colour=blue blksize=1024 rollover=1
            < OACK blksize=1024
        ",
    );
}

/// "Negotiation Protocol": with no option accepted there is no OACK: the answer is that of RFC
/// 1350.
#[test]
fn without_an_accepted_option_the_answer_is_data() {
    serving("f", 600).talk(
        r"
        0   > RRQ f octet x-colour=blue
            < DATA 1
        50  > ACK 1
            < DATA 2 (88)
        100 > ACK 2
            = complete
        ",
    );
}

/// "Negotiation Protocol": the server adds no option of its own.
#[test]
fn nothing_that_was_not_asked_for() {
    serving("f", 600).talk("0 > RRQ f octet tsize=0\n< OACK tsize=600");
    serving("f", 600).talk("0 > RRQ f octet blksize=1024\n< OACK blksize=1024");
    serving("f", 600).talk("0 > RRQ f octet timeout=1\n< OACK timeout=1");
    serving("f", 600).talk("0 > RRQ f octet windowsize=2\n< OACK windowsize=2");
}

/// "Negotiation Protocol": the client confirms the OACK of a read by ACK 0, and only then data
/// flows.
#[test]
fn ack_0_confirms_an_oack() {
    serving("f", 600).talk(
        r"
        0   > RRQ f octet tsize=0
            < OACK tsize=600
        30  > ACK 1
            = ignored never-sent
        900 nothing
        950 > ACK 0
            < DATA 1
        960 > ACK 0
        ",
    );
}

/// "Negotiation Protocol": a client that does not like the OACK ends the transfer with ERROR 8,
/// which is no failure.
#[test]
fn error_8_declines_an_oack() {
    serving("f", 600).talk(
        r"
        0   > RRQ f octet blksize=1024
            < OACK blksize=1024
        30  > ERROR 8 no thanks
            = aborted
       ever nothing
        ",
    );
}

/// "Negotiation Protocol": a lost OACK is sent again like any other datagram.
#[test]
fn a_lost_oack_is_sent_again() {
    serving("f", 600).talk(
        r"
        0    > RRQ f octet blksize=1024 tsize=0
             < OACK blksize=1024 tsize=600
        999  nothing
        1000 < OACK blksize=1024 tsize=600
        1050 > ACK 0
             < DATA 1 (600)
        1100 > ACK 1
             = complete
        ever nothing
        ",
    );
}

/// "Packet Formats": the request is looked at as a whole before it is granted: no file, no OACK.
#[test]
fn a_missing_file_is_an_error_and_no_oack() {
    serving("f", 600).talk(
        r"
        0    > RRQ g octet blksize=1024
             < ERROR 1 File not found
             = not-found
        ever nothing
        ",
    );
}
