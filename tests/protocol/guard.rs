//! Guard: what is answered at all, and how much of it.

use std::time::Duration;

use bootstone::proto::Instant;
use bootstone::proto::server::Server;

use crate::dialogue::{Served, datagram, peer, serving};

/// Nobody is told that it was ignored: that is how loops begin (CVE-2024-2169).
#[test]
fn data_oack_error_and_rubbish_are_never_answered() {
    serving("f", 2000).talk(
        r#"
        0    > DATA 1 hello
             = ignored not-for-servers
        1    > OACK blksize=512
             = ignored not-for-servers
        2    > ERROR 1 file not found
             = ignored stray
        3    > ACK 1
             = ignored stray
        4    > ""
             = ignored malformed
        5    > "\0"
             = ignored malformed
        6    > "\0\0"
             = ignored malformed
        7    > "\0\x07whatever"
             = ignored malformed
        8    > "\x01\0f\0octet\0"
             = ignored malformed
        9    > "\0\x04\0"
             = ignored malformed
        10   > "\0\x05\0"
             = ignored malformed
        11   > "\0\x03\0"
             = ignored malformed
        12   > "\0\x01f"
             = ignored malformed
        13   > "\0\x01f\0"
             = ignored malformed
        14   > "\0\x01\0octet\0"
             = ignored malformed
        15   > "GET / HTTP/1.1\r\n\r\n"
             = ignored malformed
        16   > "\0\x02f\0"
             = ignored malformed
        ever nothing
        "#,
    );
}

/// A source port of 0 is none (RFC 768): no answer can get there, and the kernel refuses it with the same error as a window
/// that the network card cannot cut, so that one forged datagram would have every window sent block by block from there on.
#[test]
fn nobody_is_answered_who_has_no_port() {
    serving("f", 2000).talk(
        r"
        0   nowhere> RRQ f octet blksize=1024
                   = ignored malformed
        1   nowhere> RRQ g octet
                   = ignored malformed
        2   nowhere> WRQ f octet
                   = ignored malformed
        3   nowhere> ACK 0
                   = ignored malformed
        ever nothing
        ",
    );
}

/// Neither does any of it disturb a transfer under way.
#[test]
fn rubbish_in_a_transfer_is_ignored() {
    serving("f", 2000).talk(
        r#"
        0    > RRQ f octet
             < DATA 1
        10   > DATA 1 hello
             = ignored not-for-servers
        20   > OACK blksize=512
             = ignored not-for-servers
        30   > "\0\x09"
             = ignored malformed
        50   > ACK 1
             < DATA 2
        "#,
    );
}

/// A request that is turned down ends the transfer of its port like any other: the machine has gone on.
#[test]
fn a_refused_request_ends_the_transfer_of_its_port() {
    for (request, answer, word) in [
        ("WRQ f octet", "2 read-only server", "refused"),
        ("RRQ f mail", "4 unknown mode", "refused"),
        ("RRQ g octet", "1 file not found", "not-found"),
    ] {
        serving("f", 2000).talk(&format!(
            "0   > RRQ f octet
                 < DATA 1
             10  > {request}
                 < ERROR {answer}
                 = aborted
                 = {word}
            ever nothing"
        ));
    }
}

/// A request shorter than a third of its ERROR was made up to be answered.
#[test]
fn a_short_request_is_not_amplified() {
    serving("f", 10).talk(
        r#"
        0    > "\0\x01g\0o"
             = ignored too-short
        1    > "\0\x02g\0o\0"
             = ignored too-short
        2    > "\0\x01g\0octet\0"
             < ERROR 1 file not found
             = not-found
        "#,
    );
}

/// Sends `requests` at the times given in milliseconds, and never a word more. Datagrams and bytes that
/// come back.
fn sent_to_silence(server: &mut Server, requests: &[(u64, &str)]) -> (usize, usize) {
    let (mut count, mut bytes) = (0, 0);
    let mut out = Vec::new();
    let mut drain = |server: &mut Server, now| {
        while server.poll_transmit(now, 64, &mut out).is_some() {
            count += 1;
            bytes += out.len();
        }
    };
    let run_to = |server: &mut Server, until, drain: &mut dyn FnMut(&mut Server, Instant)| {
        while let Some(now) = server.poll_timeout().filter(|&next| next < until) {
            server.handle_timeout(now);
            drain(server, now);
        }
    };
    for (at, request) in requests {
        let now = Instant::from_millis(*at);
        run_to(server, now, &mut drain);
        server.handle_datagram(now, peer("a"), &datagram(request));
        drain(server, now);
    }
    run_to(server, Instant::from_millis(3_600_000), &mut drain);
    (count, bytes)
}

/// With options: what a source gets before its first ACK stays within three times what it sent.
#[test]
fn three_bytes_for_one_with_options() {
    for request in [
        "RRQ f octet tsize=0",
        "RRQ f octet windowsize=65535",
        "RRQ f octet blksize=65464",
        "RRQ f octet timeout=1",
        "RRQ f octet tsize=0 blksize=65464 windowsize=65535 timeout=255",
        "RRQ a/long/way/to/the/file/that/is/called/f octet tsize=0",
    ] {
        for repeats in [1, 2, 5] {
            let requests: Vec<_> = (0..repeats).map(|i| (i * 3000, request)).collect();
            let asked = datagram(request).len() * requests.len();
            let served = serving("f", 1_000_000);
            let (count, bytes) = sent_to_silence(&mut served.server(), &requests);
            assert!(count >= requests.len(), "each request is answered");
            assert!(bytes <= 3 * asked, "{request}: {bytes} bytes for {asked}");
        }
    }
}

/// Without: one DATA for each request, none by the timer.
#[test]
fn one_data_for_each_request_without_options() {
    for (requests, sent) in [
        (&[(0, "RRQ f octet")][..], 1),
        (&[(0, "RRQ f octet"), (400, "RRQ f octet")], 2),
        (&[(0, "RRQ f octet"), (14_000, "RRQ f octet")], 2),
        (&[(0, "RRQ f octet"), (400, "RRQ f octet x-a=b")], 2),
        (&[(0, "RRQ f octet"), (400, "RRQ f netascii")], 2),
    ] {
        let mut server = serving("f", 1_000_000).server();
        let (count, _) = sent_to_silence(&mut server, requests);
        assert_eq!(count, sent, "{requests:?}");
    }
}

/// Whoever has acknowledged nothing is forgotten after 15 s, and by then the timer has long been silent.
#[test]
fn a_silent_source_is_forgotten() {
    serving("f", 2000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        15000 = timed-out
        ever  nothing
        ",
    );
}

/// The client repeats its RRQ for as long as it likes.
#[test]
fn each_rrq_keeps_the_transfer_for_15_s_more() {
    serving("f", 2000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        14000 > RRQ f octet
              < DATA 1
        28000 > ACK 1
              < DATA 2
        ",
    );
}

// ACKs can be forged as well.

#[test]
fn a_second_ack_of_what_was_never_sent_ends_the_transfer() {
    serving("f", 20_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        10     > ACK 4
               = ignored never-sent
        20     > ACK 0
               < DATA 1..4
        30     > ACK 8
               = ignored never-sent
        40     > ACK 4
               < DATA 5..8
        130    < DATA 8
        310    < DATA 5
        670    < DATA 8
        1390   < DATA 5
        60040  = timed-out
        ever   nothing
        ",
    );
}

/// There is no block 0 without options. An ACK of it proves nothing, keeps nothing alive and brings nothing.
#[test]
fn ack_0_without_options_is_an_ack_of_what_was_never_sent() {
    serving("f", 500).talk(
        r"
        0     > RRQ f octet
              < DATA 1 (500)
        1000  > RRQ f octet
              < DATA 1 (500)
        2000  > RRQ f octet
              < DATA 1 (500)
        16000 > ACK 0
              = ignored never-sent
        17000 = timed-out
        ever  nothing
        ",
    );
    serving("f", 2000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        10    > ACK 0
              = ignored never-sent
        20    > ACK 0
              = dropped
        ever  nothing
        ",
    );
}

/// Four times what was acknowledged, here nothing, two windows and 64 KiB: 111,360 bytes.
#[test]
fn a_transfer_that_gets_nowhere_ends() {
    serving("f", 30_000).talk(
        r"
        0     > RRQ f octet blksize=1432 windowsize=16
              < OACK blksize=1432 windowsize=16
        1     > ACK 0
              < DATA 1..16           # 22,976 bytes
        2     > ACK 0
              < DATA 1..16
        3     > ACK 0
              < DATA 1..16
        5     > ACK 0
              < DATA 1..16
        9     > ACK 0
              < DATA 1..13
              = dropped
        10    > ACK 0
              = ignored stray
        ever  nothing
        ",
    );
    // With one window acknowledged, 203,008 bytes.
    serving("f", 60_000).talk(
        r"
        0     > RRQ f octet blksize=1432 windowsize=16
              < OACK blksize=1432 windowsize=16
        1     > ACK 0
              < DATA 1..16
        2     > ACK 16
              < DATA 17..32
        3     > ACK 16
              < DATA 17..32
        4     > ACK 16
              < DATA 17..32
        6     > ACK 16
              < DATA 17..32
        10    > ACK 16
              < DATA 17..32
        18    > ACK 16
              < DATA 17..32
        34    > ACK 16
              < DATA 17..32
        66    > ACK 16
              < DATA 17..29
              = dropped
        ever  nothing
        ",
    );
}

/// So much, and no more, is drawn by who forges ACK 0 as often as he likes, and however far away he seems to be.
#[test]
fn forged_acks_draw_no_more_than_the_bound() {
    let rrq = "RRQ f octet blksize=1432 windowsize=16";
    for round_trip in [1, 5, 50, 250] {
        let mut said = vec![(0, rrq)];
        said.extend((0..6000).map(|i| (round_trip + 10 * i, "ACK 0")));
        let (_, bytes) = sent_to_silence(&mut serving("f", 1_000_000).server(), &said);
        assert!(bytes > 3 * 22_976, "{bytes} show nothing");
        assert!(
            bytes <= 111_360,
            "{bytes} for a round trip of {round_trip} ms"
        );
    }
}

/// An honest client that says nothing for 20 s (it erases its flash) does not come near the bound.
#[test]
fn a_transfer_survives_twenty_seconds_of_silence() {
    serving("f", 90_000).talk(
        r"
        0       > RRQ f octet blksize=1432 windowsize=16
                < OACK blksize=1432 windowsize=16
        50      > ACK 0
                < DATA 1..16
        100     > ACK 16
                < DATA 17..32
        150     > ACK 32
                < DATA 33..48
        300     < DATA 32
        500     < DATA 33..48
        900     < DATA 32
        1300    < DATA 33..36        # and now spread over a round trip
        1312.5  < DATA 37..40
        1325    < DATA 41..44
        1337.5  < DATA 45..48
        2137.5  < DATA 32
        2937.5  < DATA 33..39        # in parts, each with its echo
                < DATA 32
        4537.5  < DATA 32
        6137.5  < DATA 33..36
                < DATA 32
        9337.5  < DATA 32
        12537.5 < DATA 33..36
                < DATA 32
        16537.5 < DATA 32
        20150   > ACK 48
                < DATA 49..56
                < DATA 48
        20200   > ACK 56
                < DATA 57..63 (1216)
        20250   > ACK 63
                = complete
        ever    nothing
        ",
    );
}

/// Thirty machines behind one public prefix wait half a second for each block of 64 KB, by our own doing. Nothing of that is
/// counted as lost, and each has its turn.
#[test]
fn what_the_guard_holds_back_is_not_lost() {
    let served = serving("f", 20_000_000).mtu(65_535);
    let mut server = served.server();
    let mut out = Vec::new();
    let mut awaited = Vec::new();
    let machine = |port| {
        let mut from = peer("a");
        from.address.set_port(port);
        from
    };
    let mut now = Instant::ZERO;
    for port in 1..=30 {
        let rrq = datagram("RRQ f octet blksize=65464 windowsize=2");
        server.handle_datagram(now, machine(port), &rrq);
        awaited.push((now, port, 0));
    }
    while now < Instant::from_millis(30_000) {
        // Both blocks of a window have come: a round trip of 50 ms later the ACK.
        while let Some(transmit) = server.poll_transmit(now, 64, &mut out) {
            let block = u16::from_be_bytes([out[2], out[3]]);
            if out[1] == 3 && block % 2 == 0 {
                let arrival = now + Duration::from_millis(50);
                awaited.push((arrival, transmit.peer.address.port(), block));
            }
        }
        awaited.sort_unstable();
        let next = server.poll_timeout().into_iter();
        now = next.chain(awaited.first().map(|ack| ack.0)).min().unwrap();
        server.handle_timeout(now);
        while let Some(&(at, port, block)) = awaited.first().filter(|ack| ack.0 <= now) {
            awaited.remove(0);
            assert!(at <= now);
            server.handle_datagram(now, machine(port), &datagram(&format!("ACK {block}")));
        }
    }
    for port in 1..=30 {
        server.handle_datagram(now, machine(port), &datagram("ERROR 0 enough"));
        let figures = server.poll_event().unwrap().transfer.unwrap();
        assert!(
            figures.bytes > 5_000_000,
            "a fair share is 6.1 MB: {figures:?}"
        );
        assert_eq!(figures.resent, 0, "{figures:?}");
    }
}

/// A site that boots from across the Internet and whose name somebody has used gets its file, if not as fast: 62.5 kB/s
/// for all of a /24.
#[test]
fn port_unreachable_leaves_its_prefix_little_for_a_minute() {
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

/// Whoever is told that a host cannot be reached has not heard from that host.
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
    // In one's own house there is nobody to reflect at.
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

/// Three ACKs on the heels of the request are guessed as easily as one, and so is all of a file that one window
/// holds.
#[test]
fn no_guess_keeps_port_unreachable_from_being_heard() {
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

/// Nor does it help the spoofer to end the transfer before the message is there.
#[test]
fn a_transfer_that_is_over_can_be_complained_about() {
    for end in [
        "ERROR 0 enough\n = complete",
        "ACK 2\n = complete",
        "ACK 9\n = ignored never-sent\n 3 > ACK 9\n = dropped",
        "RRQ g octet\n < ERROR 1 file not found\n = last-ack-missing\n = not-found",
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

/// A machine that was switched off says the same; so does whoever wants the transfer to end and guesses its port (RFC
/// 5927). Nothing more is sent before it says something itself.
#[test]
fn a_transfer_well_under_way_waits_for_a_sign_of_life() {
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
        // It was true; and nobody else is concerned.
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

/// A machine that has gone on to the kernel that it was sent, and its last ACK was lost. Nothing but the timer sends to
/// it from there on.
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

/// Each with a word of its own, and nothing is sent from it any more.
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

/// 2,048 of one /24; the neighbours of somebody else are not concerned, and whoever proves itself does not
/// count any more.
#[test]
fn unproven_transfers_of_a_prefix_are_bounded() {
    let mut server = serving("f", 2000).server();
    let mut ask = |name: &str, port, what| {
        let mut from = peer(name);
        from.address.set_port(port);
        server.handle_datagram(Instant::ZERO, from, &datagram(what));
        let mut out = Vec::new();
        server.poll_transmit(Instant::ZERO, 1, &mut out).is_some()
    };
    assert!((1..=2048).all(|port| ask("a", port, "RRQ f octet tsize=0")));
    assert!(!ask("a", 3000, "RRQ f octet tsize=0"));
    assert!(ask("c", 3000, "RRQ f octet tsize=0"));
    assert!(ask("a", 1, "ACK 0"));
    assert!(ask("a", 3001, "RRQ f octet tsize=0"));
    assert!(!ask("a", 3002, "RRQ f octet tsize=0"));
}

// The table.

fn two_sessions() -> Served {
    serving("f", 2000).max_sessions(2)
}

#[test]
fn the_oldest_unproven_makes_room() {
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
fn a_proven_one_stays() {
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
fn past_the_bound_a_request_is_dropped_silently() {
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

/// A finished transfer takes nobody's place.
#[test]
fn a_tombstone_makes_room_first() {
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
