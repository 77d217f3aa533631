//! Datagrams that other servers handle wrongly, through real sockets: what comes from the same port
//! before, amid and after a transfer, and where the answers come from.

use bootstone::proto::stats::Outcome;

use crate::content;
use crate::programs::{Download, Program, has_ipv6};
use crate::raw_client::RawClient;
use crate::server::{ServerReport, TestServer};

const OACK_1428: &[u8] = b"\0\x06blksize\x001428\0";

/// Nothing of this is to be answered, whatever goes on. (An ERROR or ACK may say something to a
/// transfer.)
const GARBAGE: [&[u8]; 13] = [
    b"",
    b"\0",
    b"\0\0",
    b"\0\x01",
    b"\0\x01no mode\0",
    b"\0\x03",
    b"\0\x03\0\x01a block of DATA",
    b"\0\x04\0",
    b"\0\x06blksize\x001428\0",
    b"\0\x07\0\x01",
    b"\x01\0size-513\0octet\0",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"GET / HTTP/1.1\r\nHost: bootstone\r\n\r\n",
];

/// flyGoTFTP: a repeated last ACK black-holes the port until a restart.
#[test]
fn after_a_repeated_last_ack_the_port_can_ask_again() {
    let server = TestServer::files();
    let client = RawClient::to(server.address());
    assert!(client.fetch("size-513") == content::bytes(513));
    for _ in 0..3 {
        client.send(RawClient::ack(2));
    }
    assert!(client.fetch("size-1024") == content::bytes(1024));
    let [first, second] = server.reports().try_into().unwrap();
    first.assert_complete("size-513", 513);
    second.assert_complete("size-1024", 1024);
    assert_eq!(first.peer, second.peer);
}

/// lpxelinux: the next file from the same port, a fraction of a millisecond after the last ACK.
#[test]
fn many_files_in_a_row_from_one_port() {
    let server = TestServer::files();
    let client = RawClient::to(server.address());
    for size in [513, 1, 0, 511, 5120].repeat(20) {
        let name = content::name_of_size(size);
        assert!(client.fetch(&name) == content::bytes(size));
    }
    assert_eq!(server.reports().len(), 100);
}

/// A client that requests the same file again gets it at the second request at the latest; the
/// first one may be a late duplicate.
#[test]
fn the_same_file_twice_from_one_port() {
    let server = TestServer::files();
    let client = RawClient::to(server.address());
    assert!(client.fetch("size-513") == content::bytes(513));
    client.send(RawClient::request("size-513", &[]));
    assert!(client.fetch("size-513") == content::bytes(513));
    let [first, second] = server.reports().try_into().unwrap();
    first.assert_complete("size-513", 513);
    assert_eq!(
        (second.file.as_str(), second.outcome),
        ("size-513", Outcome::Complete)
    );
}

/// rs-tftpd answers a repeated RRQ with ERROR 4, which ends the transfer of the client that sent
/// it.
#[test]
fn a_repeated_request_is_answered_alike_before_the_first_ack_and_not_at_all_after_it() {
    let server = TestServer::files();
    let client = RawClient::to(server.address());
    let request = RawClient::request("size-14280", &[("blksize", "1428")]);
    for _ in 0..3 {
        client.send(&request);
        assert_eq!(client.receive(), OACK_1428);
    }
    client.send(RawClient::ack(0));
    assert_eq!(client.data().0, 1);
    client.send(&request);
    server.settle();
    assert_eq!(client.pending().len(), 0);
    client.send(RawClient::ack(1));
    assert!(client.take(1, 1428) == content::bytes(14_280)[1428..]);
    let [report] = server.reports().try_into().unwrap();
    // The OACK twice more, and nothing else.
    report.assert_complete_with("size-14280", 14_280, 2);
}

/// The payloads of blocks 1 to `last`, each of which has to come once `acknowledge` was called for the
/// one before.
fn in_lock_step(client: &RawClient, last: u16, mut acknowledge: impl FnMut(u16)) -> Vec<u8> {
    let mut file = Vec::new();
    for block in 1..=last {
        let (number, payload) = client.data();
        assert_eq!(number, block);
        file.extend(payload);
        acknowledge(block);
    }
    file
}

/// RFC 1123 §4.2.3.1: two ACKs of a block do not make two of the next.
#[test]
fn every_ack_twice_and_every_block_once() {
    let server = TestServer::files();
    let client = RawClient::to(server.address());
    client.send(RawClient::request("size-14680", &[]));
    let file = in_lock_step(&client, 29, |block| {
        client.send(RawClient::ack(block));
        client.send(RawClient::ack(block));
    });
    assert!(file == content::bytes(14_680));
    server.settle();
    assert_eq!(client.pending().len(), 0);
    let [report] = server.reports().try_into().unwrap();
    report.assert_complete("size-14680", 14_680);
}

/// Replies from another address are lost on a client behind a firewall, and on `connect`ed sockets
/// like these.
#[test]
fn replies_leave_from_the_address_that_was_asked() {
    let wildcards = if has_ipv6() {
        &["0.0.0.0", "::"][..]
    } else {
        &["0.0.0.0"]
    };
    for wildcard in wildcards {
        let server = TestServer::on(wildcard, content::catalog());
        for host in ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.9.9.9"] {
            let client = RawClient::to(server.at(host));
            assert!(client.fetch("size-5120") == content::bytes(5120));
            client.send(RawClient::request("nothing", &[]));
            assert_eq!(client.receive()[..4], [0, 5, 0, 1]);
        }
        let reports = server.reports();
        assert_eq!(reports.len(), 8, "{reports:?}");
    }
}

#[test]
fn curl_asks_another_address_of_the_wildcard() {
    if !Program::Curl.is_here() {
        return;
    }
    let server = TestServer::on("0.0.0.0", content::catalog());
    let fetched = Program::Curl.fetch(&Download::new(server.at("127.0.0.3"), "size-5120"));
    assert!(fetched.is_success, "{:?}", fetched.ended);
    assert!(fetched.bytes == content::bytes(5120));
}

#[test]
fn garbage_is_never_answered() {
    let server = TestServer::files();
    let client = RawClient::to(server.address());
    for garbage in GARBAGE {
        client.send(garbage);
    }
    for stray in [
        &RawClient::ack(0)[..],
        &RawClient::ack(7),
        b"\0\x05\0\0closed\0",
        b"\0\x05",
    ] {
        client.send(stray);
    }
    server.settle();
    assert_eq!(client.pending(), [b""; 0]);
    assert!(client.fetch("size-513") == content::bytes(513));
    let [report] = server.reports().try_into().unwrap();
    report.assert_complete("size-513", 513);
}

/// flyGoTFTP's library dies of one datagram of more than 516 bytes; others leak memory.
#[test]
fn garbage_during_a_transfer_is_ignored() {
    let long = [600, 2047, 2048, 2049, 9000, 65_507].map(|length| vec![0xff; length]);
    let server = TestServer::files();
    let client = RawClient::to(server.address());
    client.send(RawClient::request("size-14680", &[]));
    let file = in_lock_step(&client, 29, |block| {
        for garbage in GARBAGE.into_iter().chain(long.iter().map(Vec::as_slice)) {
            client.send(garbage);
        }
        client.send(RawClient::ack(block));
    });
    assert!(file == content::bytes(14_680));
    server.settle();
    assert_eq!(client.pending().len(), 0);
    let [report] = server.reports().try_into().unwrap();
    report.assert_complete("size-14680", 14_680);
}

/// Windows sends ACKs of five bytes. What follows the first four means nothing, however long it is.
#[test]
fn acks_may_be_longer() {
    let server = TestServer::files();
    let client = RawClient::to(server.address());
    client.send(RawClient::request("size-5120", &[]));
    let lengths = [4, 5, 6, 46, 516, 600, 2048, 2049, 9000, 65_507, 5];
    let file = in_lock_step(&client, 11, |block| {
        let mut ack = RawClient::ack(block).to_vec();
        ack.resize(lengths[usize::from(block) - 1], 0);
        client.send(ack);
    });
    assert!(file == content::bytes(5120));
    let [report] = server.reports().try_into().unwrap();
    report.assert_complete("size-5120", 5120);
}

/// async-tftp goes on sending.
#[test]
fn an_error_of_the_client_ends_the_transfer_without_an_answer() {
    let server = TestServer::files();
    let client = RawClient::to(server.address());
    client.send(RawClient::request("size-14280", &[("windowsize", "4")]));
    assert_eq!(client.receive(), b"\0\x06windowsize\x004\0");
    client.send(RawClient::ack(0));
    assert_eq!(
        (1..=4).map(|_| client.data().0).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    client.send(b"\0\x05\0\x03disk full\0");
    client.send(RawClient::ack(4));
    server.settle();
    assert_eq!(client.pending().len(), 0);
    let [report] = server.reports().try_into().unwrap();
    assert_eq!(
        (report.file.as_str(), report.outcome),
        ("size-14280", Outcome::Aborted)
    );
}

/// EDK2: first the length, then an ERROR; then the file, from another port.
#[test]
fn a_probe_and_then_the_file() {
    let server = TestServer::files();
    let client = RawClient::to(server.address());
    client.send(RawClient::request("size-14680", &[("tsize", "0")]));
    assert_eq!(client.receive(), b"\0\x06tsize\x0014680\0");
    client.send(b"\0\x05\0\x08User aborted the transfer\0");
    let client = RawClient::to(server.address());
    let options = [("tsize", "0"), ("blksize", "1468"), ("windowsize", "4")];
    client.send(RawClient::request("size-14680", &options));
    assert_eq!(
        client.receive(),
        b"\0\x06tsize\x0014680\0blksize\x001468\0windowsize\x004\0"
    );
    client.send(RawClient::ack(0));
    let mut file = Vec::new();
    for block in 1..=11 {
        let (number, payload) = client.data();
        assert_eq!(number, block);
        file.extend(payload);
        if block % 4 == 0 || block == 11 {
            client.send(RawClient::ack(block));
        }
    }
    assert!(file == content::bytes(14_680));
    let [probe, report] = server.reports().try_into().unwrap();
    assert_eq!(
        (probe.file.as_str(), probe.outcome),
        ("size-14680", Outcome::Probe)
    );
    report.assert_complete("size-14680", 14_680);
}

/// dnsmasq takes 50, and ignores the rest.
#[test]
fn three_hundred_transfers_at_once() {
    let server = TestServer::files();
    let clients: Vec<RawClient> = (0..300).map(|_| RawClient::to(server.address())).collect();
    for client in &clients {
        client.send(RawClient::request("size-5120", &[("blksize", "1428")]));
        assert_eq!(client.receive(), OACK_1428);
        client.send(RawClient::ack(0));
    }
    for client in &clients {
        assert!(client.take(0, 1428) == content::bytes(5120));
    }
    let reports = server.reports();
    assert_eq!(reports.len(), 300);
    assert!(
        reports
            .iter()
            .all(|report| report.outcome == Outcome::Complete)
    );
}

/// The answers to sockets that are closed come back as ICMP "port unreachable".
#[test]
fn clients_that_vanish_do_not_affect_others() {
    let server = TestServer::files();
    let stays = RawClient::to(server.address());
    stays.send(RawClient::request("size-5120", &[]));
    for _ in 0..50 {
        RawClient::to(server.address()).send(RawClient::request("size-14280", &[]));
    }
    assert!(stays.take(0, 512) == content::bytes(5120));
    let (stayed, vanished): (Vec<ServerReport>, _) = server
        .reports()
        .into_iter()
        .partition(|report| report.peer.port() == stays.address().port());
    let [stayed] = stayed.try_into().unwrap();
    stayed.assert_complete("size-5120", 5120);
    // Some have received their first block; the server still waits for them.
    assert!(
        vanished
            .iter()
            .all(|report| report.outcome == Outcome::Aborted)
    );
}

/// Nothing of the host in them, and the codes that firmware knows.
#[test]
fn errors_have_fixed_texts() {
    let server = TestServer::files();
    let client = RawClient::to(server.address());
    for (asked, answered) in [
        (
            &b"\0\x01../../etc/passwd\0octet\0"[..],
            &b"\0\x05\0\x01File not found\0"[..],
        ),
        (
            b"\0\x02size-513\0octet\0",
            b"\0\x05\0\x02Access violation\0",
        ),
        (
            b"\0\x01size-513\0mail\0",
            b"\0\x05\0\x04Illegal TFTP operation\0",
        ),
    ] {
        client.send(asked);
        assert_eq!(client.receive(), answered);
    }
}
