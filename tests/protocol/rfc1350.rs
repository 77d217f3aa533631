//! RFC 1350: the protocol itself.

use crate::dialogue::{serving, serving_text};

/// §2: the request is answered by the first block, each block waits for the ACK of the one before,
/// blocks have 512 bytes, and a shorter one is the last.
#[test]
fn s2_a_transfer_in_lock_step() {
    serving("f", 1100).talk(
        r"
        0   > RRQ f octet
            < DATA 1
        50  > ACK 1
            < DATA 2
        100 > ACK 2
            < DATA 3 (76)
        150 > ACK 3
            = complete
       ever nothing
        ",
    );
}

/// §2: the sender resends a lost block after a timeout.
#[test]
fn s2_a_lost_block_is_sent_again() {
    serving("f", 1100).talk(
        r"
        0   > RRQ f octet
            < DATA 1
        100 > ACK 1
            < DATA 2
        399 nothing                  # SRTT + 4 RTTVAR after the first sample of 100 ms: 300
        400 < DATA 2
        500 > ACK 2
            < DATA 3 (76)
        600 > ACK 3
            = complete
       ever nothing
        ",
    );
}

/// §2: a sender keeps only one block for resending: an ACK of an earlier one asks for nothing.
#[test]
fn s2_an_ack_of_an_earlier_block_asks_for_nothing() {
    serving("f", 1100).talk(
        r"
        0   > RRQ f octet
            < DATA 1
        50  > ACK 1
            < DATA 2
        100 > ACK 2
            < DATA 3 (76)
        120 > ACK 1
        140 > ACK 1
        150 > ACK 3
            = complete
        ",
    );
}

/// §4: the pair of TIDs names the transfer: two ports of one host are two transfers.
#[test]
fn s4_two_ports_are_two_transfers() {
    serving("f", 1100).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        10  b> RRQ f octet
            b< DATA 1
        20   > ACK 1
             < DATA 2
        30  b> ACK 1
            b< DATA 2
        40   > ACK 2
             < DATA 3 (76)
        50   > ACK 3
             = complete
        60  b> ACK 2
            b< DATA 3 (76)
        70  b> ACK 3
             = complete
       ever nothing
        ",
    );
}

/// §4: a datagram from a third TID is ignored, and disturbs no transfer. (It should get an ERROR 5.
/// Bootstone breaks that rule on purpose: two servers would answer each other for ever.)
#[test]
fn s4_an_unknown_tid_disturbs_nothing() {
    serving("f", 1100).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        20  b> ACK 1
             = ignored stray
        30  b> ERROR 0 stop
             = ignored stray
        50   > ACK 1
             < DATA 2
        60   > ERROR 0 stop
             = aborted
       ever nothing
        ",
    );
}

/// §4: the first block of a file is number 1.
#[test]
fn s4_the_first_block_is_number_1() {
    serving("f", 1).talk(
        r#"
        0   > "\0\x01f\0octet\0"
            < DATA 1 (1)
        50  > "\0\x04\0\x01"
            = complete
        "#,
    );
}

/// §5: opcode, block number and length are laid out as in figures 5-1 to 5-4, in network order.
#[test]
fn s5_the_bytes_on_the_wire() {
    use crate::dialogue::peer;
    use bootstone::proto::Instant;

    let mut server = serving_text("f", b"hello").server();
    let mut answer = |request: &[u8]| {
        let mut out = Vec::new();
        server.handle_datagram(Instant::ZERO, peer("a"), request);
        let sent = server.poll_transmit(Instant::ZERO, 1, &mut out);
        assert_eq!(sent.map(|sent| sent.peer), Some(peer("a")));
        out
    };
    assert_eq!(answer(b"\0\x01f\0octet\0"), b"\0\x03\0\x01hello");
    assert_eq!(
        answer(b"\0\x01f\0octet\0tsize\x000\0blksize\x001024\0"),
        b"\0\x06tsize\x005\0blksize\x001024\0"
    );
    assert_eq!(
        answer(b"\0\x01no such file\0octet\0"),
        b"\0\x05\0\x01File not found\0"
    );
}

/// §5: the mode is compared without regard to case.
#[test]
fn s5_modes_in_any_case() {
    for mode in ["octet", "OCTET", "oCtEt"] {
        serving("f", 10).talk(&format!(
            "0 > RRQ f {mode}\n< DATA 1 (10)\n5 > ACK 1\n= complete"
        ));
    }
    for mode in ["netascii", "NETASCII", "NetAscii"] {
        serving_text("t", b"a\n").talk(&format!(
            "0 > RRQ t {mode}\n< DATA 1 \"a\\r\\n\"\n5 > ACK 1\n= complete"
        ));
    }
}

/// §1, §5: netascii: a line ends in CR LF, a bare CR is followed by NUL.
#[test]
fn s5_netascii_is_translated() {
    serving_text("t", b"one\ntwo\rthree\r\n").talk(
        r#"
        0  > RRQ t netascii
           < DATA 1 "one\r\ntwo\r\0three\r\0\r\n"
        5  > ACK 1
           = complete
        10 > RRQ t octet
           < DATA 1 "one\ntwo\rthree\r\n"
        "#,
    );
}

/// §5: `octet` is the bytes as they are.
#[test]
fn s5_octet_is_not_translated() {
    serving_text("t", b"\r\n\0\n").talk(
        r#"
        0  > RRQ t octet
           < DATA 1 "\r\n\0\n"
        5  > ACK 1
           = complete
        "#,
    );
}

/// §1, §5: mail is obsolete, and other modes are unknown: ERROR 4 (illegal operation).
#[test]
fn s5_other_modes_are_refused() {
    serving("f", 10).talk(
        r"
        0  > RRQ f mail
           < ERROR 4 Illegal TFTP operation
           = refused
        5  > RRQ f image
           < ERROR 4 Illegal TFTP operation
           = refused
      ever nothing
        ",
    );
}

/// §5, appendix: a file that is not there is ERROR 1.
#[test]
fn s5_a_missing_file_is_error_1() {
    serving("f", 10).talk(
        r"
        0  > RRQ g octet
           < ERROR 1 File not found
           = not-found
      ever nothing
        ",
    );
}

/// §5, appendix: writing is an access violation here: ERROR 2.
#[test]
fn s5_writing_is_error_2() {
    serving("f", 10).talk(
        r"
        0  > WRQ f octet
           < ERROR 2 Access violation
           = refused
        5  > WRQ g netascii blksize=1432
           < ERROR 2 Access violation
           = refused
      ever nothing
        ",
    );
}

/// §6: a file whose size is a multiple of 512 ends with a block of no bytes.
#[test]
fn s6_an_empty_last_block() {
    serving("f", 1024).talk(
        r"
        0   > RRQ f octet
            < DATA 1
        50  > ACK 1
            < DATA 2
        100 > ACK 2
            < DATA 3 (0)
        150 > ACK 3
            = complete
       ever nothing
        ",
    );
}

/// §6: an empty file is one block of no bytes.
#[test]
fn s6_an_empty_file() {
    serving("f", 0).talk(
        r"
        0   > RRQ f octet
            < DATA 1 (0)
        50  > ACK 1
            = complete
       ever nothing
        ",
    );
}

/// §6: the sender of the last block waits for its ACK, and sends the block again without it.
#[test]
fn s6_the_last_block_is_sent_again() {
    serving("f", 600).talk(
        r"
        0   > RRQ f octet
            < DATA 1
        50  > ACK 1
            < DATA 2 (88)
        250 < DATA 2 (88)
        300 > ACK 2
            = complete
       ever nothing
        ",
    );
}

/// §7: an ERROR ends the transfer; it is neither acknowledged nor answered.
#[test]
fn s7_an_error_ends_the_transfer() {
    serving("f", 1100).talk(
        r"
        0   > RRQ f octet
            < DATA 1
        50  > ACK 1
            < DATA 2
        60  > ERROR 3 disk full
            = aborted
        70  > ACK 2
            = ignored stray
       ever nothing
        ",
    );
}

/// §7: the server sends an ERROR once. If it is lost, the client's timer repeats the request.
#[test]
fn s7_an_error_is_sent_once() {
    serving("f", 10).talk(
        r"
        0    > RRQ g octet
             < ERROR 1 File not found
             = not-found
       60000 nothing
       61000 > RRQ g octet
             < ERROR 1 File not found
             = not-found
        ever nothing
        ",
    );
}
