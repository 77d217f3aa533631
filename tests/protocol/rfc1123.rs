//! RFC 1123 §4.2: what hosts on the Internet have to do beyond RFC 783.

use crate::dialogue::serving;

/// §4.2.2.1: mode `mail` should not be supported.
#[test]
fn s4_2_2_1_no_mail() {
    serving("f", 10).talk("0 > RRQ f mail\n< ERROR 4 Illegal TFTP operation\n= refused");
}

/// §4.2.3.1: the Sorcerer's Apprentice: a repeated ACK must not make the sender send the block
/// again, for from there on every block would go twice.
#[test]
fn s4_2_3_1_a_repeated_ack_sends_nothing() {
    serving("f", 2000).talk(
        r"
        0   > RRQ f octet
            < DATA 1
        50  > ACK 1
            < DATA 2
        51  > ACK 1
        52  > ACK 1
        100 > ACK 2
            < DATA 3
        101 > ACK 2
        120 > ACK 1
        150 > ACK 3
            < DATA 4 (464)
        200 > ACK 4
            = complete
        201 > ACK 4
            = ignored stray
       ever nothing
        ",
    );
}

/// §4.2.3.1: a spurious resend brings two ACKs, and each block after it leaves once.
#[test]
fn s4_2_3_1_a_spurious_resend_does_not_multiply() {
    serving("f", 2000).talk(
        r"
        0   > RRQ f octet
            < DATA 1
        50  > ACK 1
            < DATA 2
        250 < DATA 2
        260 > ACK 2
            < DATA 3
        270 > ACK 2
        320 > ACK 3
            < DATA 4 (464)
        ",
    );
}

/// §4.2.3.1, with windows: EDK2 acknowledges each block of a window that it has already, while the
/// next window is in flight. If the server resent that one, each window from there on would leave
/// twice.
#[test]
fn s4_2_3_1_a_spurious_window_does_not_multiply() {
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
        300    < DATA 9..12
        540    > ACK 12                  # of the first copies
               < DATA 13..16
        541    > ACK 12
        550    > ACK 12
        550.1  > ACK 12
        550.2  > ACK 12
        550.3  > ACK 12
        590    > ACK 16
               < DATA 17..20
        640    > ACK 20
               < DATA 21..24
        ",
    );
}

/// §4.2.3.2: the timer adapts to the path, and backs off exponentially.
#[test]
fn s4_2_3_2_an_adaptive_timer() {
    serving("f", 2000).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        600  > ACK 1
             < DATA 2
        2399 nothing                 # 600 + 4 · 300 ms
        2400 < DATA 2
        5000 > ACK 2                 # says nothing of the path: it was sent twice
             < DATA 3
        8600 < DATA 3                # so the wait stays doubled: 3.6 s
        ",
    );
    serving("f", 2000).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        10   > ACK 1
             < DATA 2
        20   > ACK 2
             < DATA 3
        30   > ACK 3
             < DATA 4 (464)
        230  < DATA 4 (464)
        3230 < DATA 4 (464)          # the last one, in case the client did not listen
        ",
    );
}

/// §4.2.3.5: a request to a broadcast address is ignored silently.
#[test]
fn s4_2_3_5_a_broadcast_is_ignored() {
    serving("f", 10).talk(
        r"
        0   broadcast> RRQ f octet
                     = ignored broadcast
        10  multicast> RRQ f octet
                     = ignored broadcast
        20  broadcast> RRQ g octet
                     = ignored broadcast
        30  broadcast> WRQ f octet
                     = ignored broadcast
        ever nothing
        ",
    );
    serving("f", 10).site(&["192.0.2.0/24"], &[]).talk(
        r"
        0   subnet> RRQ f octet
                  = ignored broadcast
        10  subnet> WRQ f octet
                  = ignored broadcast
        20  subnet> RRQ g octet
                  = ignored broadcast
        ever nothing
        ",
    );
    // Of another subnet it is an address as any other.
    serving("f", 10).site(&["192.0.0.0/16"], &[]).talk(
        r"
        0   subnet> RRQ f octet
            subnet< DATA 1 (10)
        ",
    );
}
