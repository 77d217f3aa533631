//! What other servers get wrong.

use bootstone::proto::Instant;
use bootstone::proto::Peer;

use crate::dialogue::{datagram, peer, serving};

/// flyGoTFTP: the client's address and port are dead until the server restarts.
#[test]
fn a_repeated_last_ack_makes_no_black_hole() {
    serving("f", 10).talk(
        r"
        0     > RRQ f octet
              < DATA 1 (10)
        10    > ACK 1
              = complete
        11    > ACK 1
              = ignored stray
        12    > ACK 1
              = ignored stray
        1000  > RRQ f octet
              < DATA 1 (10)
        1010  > ACK 1
              = complete
        ever  nothing
        ",
    );
}

/// flyGoTFTP: each garbage datagram leaks memory. Here it leaves no session and no timer.
#[test]
fn garbage_leaves_nothing_behind() {
    let mut server = serving("f", 10).server();
    let mut out = Vec::new();
    for port in 1..=20_000 {
        let mut from = peer("a");
        from.address.set_port(port);
        for garbage in [
            r#""""#,
            r#""\xff\xff\xff\xff""#,
            r#""\0\x01""#,
            "ACK 1",
            "DATA 1 x",
            "ERROR 0 x",
            "OACK blksize=512",
        ] {
            server.handle_datagram(Instant::ZERO, from, &datagram(garbage));
        }
        assert_eq!(server.poll_transmit(Instant::ZERO, 1, &mut out), None);
        assert_eq!(server.poll_event(), None);
    }
    assert!(server.is_idle());
    assert_eq!(server.poll_timeout(), None);
}

/// flyGoTFTP, rs-tftpd: an ERROR is answered by an ERROR, and so on.
#[test]
fn an_error_is_answered_by_nothing() {
    serving("f", 1000).talk(
        r"
        0     > ERROR 5 unknown transfer
              = ignored stray
        5     > RRQ f octet
              < DATA 1
        10    > ERROR 5 unknown transfer
              = aborted
        15    > ERROR 5 unknown transfer
              = ignored stray
        ever  nothing
        ",
    );
}

/// flyGoTFTP subtracts 48 bytes of headers always; they are 32 or 52.
#[test]
fn the_arithmetic_of_the_mtu() {
    serving("f", 10).talk(
        r"
        0     > RRQ f octet blksize=1468
              < OACK blksize=1468
        1   v6> RRQ f octet blksize=1468
            v6< OACK blksize=1448
        ",
    );
}

/// flyGoTFTP knows neither.
#[test]
fn windowsize_and_timeout_are_known() {
    serving("f", 10).talk("0 > RRQ f octet windowsize=8 timeout=3\n< OACK windowsize=8 timeout=3");
}

/// flyGoTFTP: every error is code 1, with a path of the server in it. rs-tftpd sends absolute
/// paths.
#[test]
fn errors_tell_nothing_of_the_host() {
    serving("f", 10).talk(
        r"
        0     > RRQ ../../etc/shadow octet
              < ERROR 1 File not found
              = not-found
        1     > WRQ ../../etc/shadow octet
              < ERROR 2 Access violation
              = refused
        ",
    );
}

/// async-tftp: 101 sends to a source that says nothing.
#[test]
fn a_silent_source_is_left_alone() {
    serving("f", 1000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        15000 = timed-out
        ever  nothing
        ",
    );
    serving("f", 1000).talk(
        r"
        0     > RRQ f octet tsize=0  # 18 bytes: 54 back, of which an OACK takes 13
              < OACK tsize=1000
        1000  < OACK tsize=1000
        3000  < OACK tsize=1000
        7000  < OACK tsize=1000
        15000 = timed-out
        ever  nothing
        ",
    );
}

/// async-tftp ignores it.
#[test]
fn a_clients_error_ends_the_transfer() {
    serving("f", 1000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        10    > ACK 1
              < DATA 2 (488)
        20    > ERROR 0 closed
              = complete
        ever  nothing
        ",
    );
}

/// r-tftpd sends the whole window for each repeat of an ACK; atftpd is a Sorcerer's Apprentice by
/// default.
#[test]
fn repeats_of_an_ack_do_not_multiply() {
    serving("f", 10_000).talk(
        r"
        0     > RRQ f octet windowsize=4
              < OACK windowsize=4
        50    > ACK 0
              < DATA 1..4
        100   > ACK 4
              < DATA 5..8
        100   > ACK 4                # a copy, on the heels of the first
        101   > ACK 4
        124   > ACK 4
        150   > ACK 8
              < DATA 9..12
        150   > ACK 8
        151   > ACK 8
        ",
    );
    serving("f", 10_000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        50    > ACK 1
              < DATA 2
        50    > ACK 1
        100   > ACK 2
              < DATA 3
        100   > ACK 2
        ",
    );
}

/// r-tftpd sends its OACK once.
#[test]
fn the_oack_is_sent_again() {
    serving("f", 10).talk(
        r"
        0     > RRQ f octet tsize=0
              < OACK tsize=10
        1000  < OACK tsize=10
        1010  > ACK 0
              < DATA 1 (10)
        ",
    );
}

/// dnsmasq stops at 50, and says nothing.
#[test]
fn two_thousand_transfers_at_once() {
    let mut server = serving("f", 10).server();
    let mut out = Vec::new();
    let peers: Vec<Peer> = (1..=2000)
        .map(|port| {
            let mut peer = peer("a");
            peer.address.set_port(port);
            peer
        })
        .collect();
    for (what, answered) in [("RRQ f octet tsize=0", 2000), ("ACK 0", 2000), ("ACK 1", 0)] {
        for &peer in &peers {
            server.handle_datagram(Instant::ZERO, peer, &datagram(what));
        }
        let sent = std::iter::from_fn(|| server.poll_transmit(Instant::ZERO, 1, &mut out));
        assert_eq!(sent.count(), answered, "{what}");
    }
    let complete = std::iter::from_fn(|| server.poll_event())
        .filter(|report| report.outcome.as_str() == "complete");
    assert_eq!(complete.count(), 2000);
    assert!(server.is_idle());
}

/// dnsmasq has whole seconds, and no server looks at the RTT before its first resend.
#[test]
fn a_lost_block_costs_a_fifth_of_a_second() {
    serving("f", 1000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        25    > ACK 1
              < DATA 2 (488)
        225   < DATA 2 (488)
        ",
    );
}

/// dnsmasq logs an error for each.
#[test]
fn a_probe_is_no_failure() {
    serving("f", 1000).talk(
        r"
        0     > RRQ f octet tsize=0
              < OACK tsize=1000
        10    > ERROR 8 thanks
              = probe
        ever  nothing
        ",
    );
}

/// pin/tftp 3.2.0 crashes on a request and a datagram of more than 516 bytes from the same port.
#[test]
fn a_long_datagram_after_a_request() {
    let long = "x".repeat(2000);
    serving("f", 5000).talk(&format!(
        "0  > RRQ f octet blksize=1432
            < OACK blksize=1432
         1  > DATA 1 {long}
            = ignored not-for-servers
         2  > \"\\0\\x04\\0\\0{long}\"
            < DATA 1
         3  > RRQ {long} octet
            < ERROR 1 File not found
            = aborted
            = not-found
        ever nothing"
    ));
}

/// rs-tftpd answers ERROR 4, which ends the client's transfer.
#[test]
fn a_repeated_rrq_is_no_error() {
    serving("f", 1000).talk(
        r"
        0     > RRQ f octet tsize=0
              < OACK tsize=1000
        100   > RRQ f octet tsize=0
              < OACK tsize=1000
        150   > ACK 0
              < DATA 1
        160   > RRQ f octet tsize=0
              = ignored duplicate
        200   > ACK 1
              < DATA 2 (488)
        ",
    );
}

/// rs-tftpd answers a forged ACK 0 with seven whole windows. Bootstone sends one, and then single
/// blocks.
#[test]
fn a_forged_ack_0_brings_one_window() {
    serving("f", 100_000).max_windowsize(64).talk(
        r"
        0     > RRQ f octet blksize=1432 windowsize=64
              < OACK blksize=1432 windowsize=64
        50    > ACK 0
              < DATA 1..64
        200   < DATA 64
        500   < DATA 1
        1100  < DATA 64
        2300  < DATA 1
        60050 = timed-out
        ever  nothing
        ",
    );
}

/// dnsmasq grants `blksize=1`.
#[test]
fn a_blksize_that_is_none_is_ignored() {
    serving("f", 10).talk("0 > RRQ f octet blksize=0\n< DATA 1 (10)");
    serving("f", 10).talk("0 > RRQ f octet blksize=abc\n< DATA 1 (10)");
}

/// atftpd answers it by ERROR 8.
#[test]
fn a_blksize_of_16_works() {
    serving("f", 20).talk(
        r"
        0     > RRQ f octet blksize=16
              < OACK blksize=16
        10    > ACK 0
              < DATA 1
        20    > ACK 1
              < DATA 2 (4)
        30    > ACK 2
              = complete
        ",
    );
}

/// Replies leave from the address that was asked. (The stage compares it with every datagram.)
#[test]
fn replies_leave_from_the_address_that_was_asked() {
    serving("f", 1000).talk(
        r"
        0    c> RRQ f octet
             c< DATA 1
        10   c> ACK 1
             c< DATA 2 (488)
        210  c< DATA 2 (488)
        220  c> RRQ g octet
             c< ERROR 1 File not found
              = last-ack-missing
              = not-found
        ",
    );
}
