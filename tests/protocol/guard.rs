//! What the server answers at all, and how much of it, before an address is validated.

use std::time::Duration;

use bootstone::proto::Instant;
use bootstone::proto::server::Server;

use crate::dialogue::{datagram, peer, serving};

/// The sender is not told that it was ignored: two servers that tell each other never stop
/// (CVE-2024-2169).
#[test]
fn data_oack_error_and_rubbish_are_never_answered() {
    serving("f", 2000).talk(
        r#"
        0    > DATA 1 hello
             = ignored not-for-servers
        1    > OACK blksize=512
             = ignored not-for-servers
        2    > ERROR 1 File not found
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
        15   > "GET / HTTP/1.1\r\n\r\n"
             = ignored malformed
        16   > "\0\x02f\0"
             = ignored malformed
        ever nothing
        "#,
    );
}

/// Source port 0 means none (RFC 768): no answer can get there. The kernel refuses to send to it,
/// with the same error as for a window that the network card cannot segment, so a forged datagram
/// would turn segmentation off for all clients.
#[test]
fn a_source_without_a_port_is_not_answered() {
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

/// None of it disturbs a transfer under way.
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

/// A request that is refused ends the transfer of its port like any other: the machine has gone on.
#[test]
fn a_refused_request_ends_the_transfer_of_its_port() {
    for (request, answer, word) in [
        ("WRQ f octet", "2 Access violation", "refused"),
        ("RRQ f mail", "4 Illegal TFTP operation", "refused"),
        ("RRQ g octet", "1 File not found", "not-found"),
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

/// No client sends a request shorter than a third of its ERROR.
#[test]
fn a_short_request_is_not_amplified() {
    serving("f", 10).talk(
        r#"
        0    > "\0\x01g\0o"
             = ignored too-short
        1    > "\0\x02g\0o\0"
             = ignored too-short
        2    > "\0\x01g\0octet\0"
             < ERROR 1 File not found
             = not-found
        "#,
    );
}

/// Sends `requests` at the times given in milliseconds, and nothing after that. How many transmits
/// and bytes come back.
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

/// Until its first ACK a source gets at most three times the bytes that it sent.
#[test]
fn with_options_the_amplification_factor_is_at_most_three() {
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

/// And none by the timer.
#[test]
fn without_options_each_request_gets_one_data() {
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

/// By then the timer has long been silent.
#[test]
fn a_source_without_an_ack_is_discarded_after_15_s() {
    serving("f", 2000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        15000 = timed-out
        ever  nothing
        ",
    );
}

/// The client may repeat its RRQ for as long as it likes.
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

/// Thirty machines behind one public prefix wait half a second for each block of 64 KB, because the
/// guard delays them. None of these blocks counts as lost, and each machine has its turn. PXELINUX
/// has no window, and repeats its ACK after 110 ms, while the guard still holds the next block.
#[test]
fn what_the_guard_delays_is_not_lost() {
    for (windowsize, repeats) in [(2, &[0][..]), (1, &[0, 110])] {
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
            let rrq = format!("RRQ f octet blksize=65464 windowsize={windowsize}");
            server.handle_datagram(now, machine(port), &datagram(&rrq));
            awaited.push((now, port, 0));
        }
        while now < Instant::from_millis(30_000) {
            // The last block of a window has come: the ACK follows a round trip of 50 ms later.
            while let Some(transmit) = server.poll_transmit(now, 64, &mut out) {
                let block = u16::from_be_bytes([out[2], out[3]]);
                if out[1] == 3 && block.is_multiple_of(windowsize) {
                    let port = transmit.peer.address.port();
                    let arrival = |after: u64| now + Duration::from_millis(50 + after);
                    awaited.extend(repeats.iter().map(|&after| (arrival(after), port, block)));
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
            assert_eq!((figures.resent, figures.recoveries), (0, 0), "{figures:?}");
        }
    }
}

/// 2,048 for each /24. Other prefixes are not concerned, and a transfer to a validated address does
/// not count.
#[test]
fn unvalidated_transfers_of_a_prefix_are_bounded() {
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
