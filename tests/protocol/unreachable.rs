//! ICMP reports: what "port unreachable" and "host unreachable" do to a transfer and its prefix.

use bootstone::proto::stats::Limit;

use crate::dialogue::serving;

/// A site that boots from across the Internet, and whose address an attacker has forged, still gets
/// its file: at 62.5 kB/s for all of a /24.
#[test]
fn port_unreachable_lowers_the_rate_of_its_prefix_for_a_minute() {
    serving("f", 2000).talk(
        r"
        0         > RRQ f octet
                  < DATA 1
        1         > ACK 1                  # guessed
                  < DATA 2
        5         > UNREACHABLE port
                  = aborted
        10        > RRQ f octet
                  < DATA 1
        20       b> RRQ f octet            # 516 bytes at 62.5 kB/s
                 b< DATA 1
        21        > ACK 1
        21.513    < DATA 2
        30       c> RRQ f octet            # another prefix
                 c< DATA 1
        40       c> ACK 1
                 c< DATA 2
        50       c> ERROR 0 enough
                  = aborted
        ",
    );
}

/// The log says what has slowed a transfer down.
#[test]
fn a_slowed_transfer_says_so() {
    let reports = serving("f", 2000).talk(
        r"
        0         > RRQ f octet
                  < DATA 1
        1         > ACK 1                  # guessed
                  < DATA 2
        5         > UNREACHABLE port
                  = aborted
        10        > RRQ f octet
                  < DATA 1
        11        > ACK 1
        12        > ERROR 0 enough
                  = aborted
        13       c> RRQ f octet            # another prefix
                 c< DATA 1
        14       c> ERROR 0 enough
                  = aborted
        ",
    );
    let limited: Vec<_> = reports.iter().map(|report| report.limited).collect();
    assert_eq!(limited, [None, Some(Limit::PrefixPenalty), None]);
}

/// A site with public addresses: on a link of the server, or trusted by its operator.
#[test]
fn port_unreachable_costs_a_site_nothing() {
    for (links, trusted) in [
        (&["192.0.2.0/24"][..], &[][..]),
        (&[], &["192.0.0.0/8"]),
        (&[], &["192.0.2.1"]),
    ] {
        serving("f", 2000).site(links, trusted).talk(
            r"
            0         > RRQ f octet
                      < DATA 1
            1         > ACK 1
                      < DATA 2
            5         > UNREACHABLE port
                      = aborted
            20       b> RRQ f octet
                     b< DATA 1
            21       b> ACK 1
                     b< DATA 2
            22       b> ACK 2
                     b< DATA 3
            ",
        );
    }
}

/// The report comes from a router, and not from the host.
#[test]
fn host_unreachable_ends_the_transfer_only() {
    serving("f", 2000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        5     > UNREACHABLE host
              = aborted
        10    > RRQ f octet
              < DATA 1
        11   b> RRQ f octet
             b< DATA 1
        12   b> ACK 1
             b< DATA 2
        ",
    );
    // An attacker gains nothing by reflecting traffic within one network.
    serving("f", 5000).talk(
        r"
        0  lan> RRQ f octet
           lan< DATA 1
        10 lan> UNREACHABLE port
              = aborted
        20 lan> RRQ f octet
           lan< DATA 1
        21 lan> ACK 1
           lan< DATA 2
        ",
    );
}

/// Three ACKs right after the request are guessed as easily as one, and so is the ACK of a file
/// that one window holds.
#[test]
fn blind_acks_do_not_keep_port_unreachable_from_counting() {
    for (size, rest) in [
        (
            20_000,
            "< DATA 1..4\n 2 > ACK 4\n < DATA 5..8\n 3 > ACK 8\n < DATA 9..12",
        ),
        (1000, "< DATA 1..2 (488)"),
    ] {
        serving("f", size).talk(&format!(
            "
            0     > RRQ f octet windowsize=4
                  < OACK windowsize=4
            1     > ACK 0
                  {rest}
            50    > UNREACHABLE port
                  = aborted
            51    > RRQ f octet
                  < DATA 1
            52    > ACK 1
            53    nothing"
        ));
    }
}

/// The attacker gains nothing by ending the transfer before the report comes.
#[test]
fn port_unreachable_counts_for_a_finished_transfer_too() {
    for end in [
        "ERROR 0 enough\n = complete",
        "ACK 2\n = complete",
        "ACK 9\n = ignored never-sent\n 3 > ACK 9\n = dropped",
        "RRQ g octet\n < ERROR 1 File not found\n = last-ack-missing\n = not-found",
    ] {
        serving("f", 1000).talk(&format!(
            "
            0     > RRQ f octet windowsize=4
                  < OACK windowsize=4
            1     > ACK 0
                  < DATA 1..2 (488)
            2     > {end}
            50    > UNREACHABLE port
            51   b> RRQ f octet
                 b< DATA 1
            52   b> ACK 1
            53    nothing"
        ));
    }
}

/// A machine that was switched off causes the same report. So does an attacker who wants to end the
/// transfer and guesses its port (RFC 5927). Nothing more is sent before the client says something.
#[test]
fn an_established_transfer_waits_for_a_sign_of_life() {
    let begin = "
        0     > RRQ f octet
              < DATA 1
        10    > ACK 1
              < DATA 2
        20    > ACK 2
              < DATA 3
        30    > ACK 3
              < DATA 4
        230   < DATA 4
        630   < DATA 4
        900   > ACK 4
              < DATA 5";
    for what in ["port", "host"] {
        // It was forged: what was on its way arrives, and all goes on.
        serving("f", 5000).talk(&format!(
            "{begin}
            1000  > UNREACHABLE {what}
            1020  > ACK 5
                  < DATA 6
            1220  < DATA 6"
        ));
        // What was on its way was lost: the client repeats its ACK.
        serving("f", 5000).talk(&format!(
            "{begin}
            1000  > UNREACHABLE {what}
            5900  > ACK 4
            6100  < DATA 5
            6110  > ACK 5
                  < DATA 6"
        ));
        // The client is gone; other clients are not concerned.
        serving("f", 5000).talk(&format!(
            "{begin}
            1000  > UNREACHABLE {what}
            1001  > UNREACHABLE {what}
            1010 b> RRQ f octet
                 b< DATA 1
            1011 b> ACK 1
                 b< DATA 2
            1012 b> ERROR 0 enough
                  = aborted
            17000 = timed-out
            ever  nothing"
        ));
    }
}

/// A machine has started the kernel that it was sent, and its last ACK was lost. From there on only
/// the timer sends to it.
#[test]
fn unreachable_after_the_end_was_sent_again_is_the_end() {
    serving("f", 600).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        10    > ACK 1
              < DATA 2 (88)
        210   < DATA 2 (88)
        220   > UNREACHABLE port
              = last-ack-missing
        230   > RRQ f octet
              < DATA 1
        231   > ACK 1
              < DATA 2 (88)
        ",
    );
    // Of a transfer that took its time, the client may still say that a block is missing.
    serving("f", 2000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        500   > ACK 1
              < DATA 2
        1000  > ACK 2
              < DATA 3
        1500  > ACK 3
              < DATA 4 (464)
        2562.5 < DATA 4 (464)
        2600  > UNREACHABLE port
        18600 = last-ack-missing
        ever  nothing
        ",
    );
    // Where nothing was acknowledged little was sent, and that has bounds of its own.
    serving("f", 100).talk(
        r"
        0     > RRQ f octet
              < DATA 1 (100)
        10    > UNREACHABLE port
              = aborted
        11    > UNREACHABLE port     # of a transfer that is over
        11    > RRQ f octet
              < DATA 1 (100)
        11.5 b> RRQ f octet
             b< DATA 1 (100)
        ",
    );
}
