//! The program from start to end: it serves the embedded files, and a signal ends it.

use bootstone::catalog::Catalog;
use bootstone::embedded;
use rustix::process::Signal;
use serde_json::Value;

use crate::binary::Bootstone;
use crate::programs::{Download, Program};
use crate::raw_client::RawClient;

const SUMS: &str = "SHA256SUMS";

/// What the binary serves: the library beside it was built from the same files.
fn catalog() -> Catalog {
    embedded::catalog(&embedded::manifest())
}

fn sums() -> Vec<u8> {
    let catalog = catalog();
    let file = catalog.find(SUMS.as_bytes()).unwrap();
    catalog.bytes(file).to_vec()
}

/// A transfer in progress: the first block of `SHA256SUMS` has arrived.
fn in_progress(bootstone: &Bootstone) -> (RawClient, Vec<u8>) {
    let client = RawClient::to(bootstone.address());
    client.send(RawClient::request(SUMS, &[("blksize", "8")]));
    assert_eq!(client.receive(), b"\0\x06blksize\x008\0");
    client.send(RawClient::ack(0));
    let (number, payload) = client.data();
    assert_eq!(number, 1);
    (client, payload)
}

/// Its line in the log.
fn transfer_of<'a>(lines: &'a [Value], client: &RawClient) -> Option<&'a Value> {
    let port = client.address().port();
    let mut lines = lines.iter().filter(|line| line["message"] == "transfer");
    lines.find(|line| line["peer"] == format!("127.0.0.1:{port}"))
}

#[test]
fn curl_fetches_every_embedded_file() {
    if !Program::Curl.is_here() {
        return;
    }
    let bootstone = Bootstone::serving(&[]);
    for (_, entry) in catalog().iter() {
        let download = Download {
            blksize: Some(1468),
            ..Download::new(bootstone.address(), &entry.name)
        };
        let fetched = Program::Curl.fetch(&download);
        assert!(fetched.is_success, "{}: {:?}", entry.name, fetched.ended);
        assert!(fetched.bytes == *entry.bytes, "{}", entry.name);
        let line = bootstone.line("transfer");
        assert_eq!(line["file"], entry.name);
        assert_eq!(line["outcome"], "complete");
        assert_eq!(line["bytes"], entry.bytes.len());
        assert_eq!(line["blksize"], 1468);
        // The timer waits for 200 ms at least.
        let most = line["ms"].as_f64().unwrap() / 200.0;
        assert!(line["resent"].as_f64().unwrap() <= most, "{line}");
    }
}

/// The machine was busy for longer than the timer waits. The ACK has arrived in the meantime, so nothing is resent.
#[test]
fn an_ack_that_has_arrived_comes_before_the_timer() {
    let bootstone = Bootstone::serving(&["--workers", "1"]);
    let (client, mut received) = in_progress(&bootstone);
    bootstone.stop();
    client.send(RawClient::ack(1));
    // Another server's timer has the same time, and shows that it has passed.
    let other = Bootstone::serving(&["--workers", "1"]);
    let (other_client, first) = in_progress(&other);
    assert_eq!(other_client.receive_again()[4..], first);
    bootstone.signal(Signal::CONT);
    received.extend(client.take(1, 8));
    assert_eq!(received, sums());
    assert_eq!(bootstone.line("transfer")["resent"], 0);
}

#[test]
fn a_server_without_a_boot_program_warns_at_its_start() {
    let bootstone = Bootstone::serving(&[]);
    bootstone.signal(Signal::TERM);
    let (_, lines) = bootstone.last_lines();
    let is_note = |text: &str| text.contains("program that firmware can boot");
    let warns =
        |line: &Value| line["level"] == "WARN" && line["message"].as_str().is_some_and(is_note);
    assert_eq!(
        lines.iter().any(warns),
        !embedded::manifest().has_boot_program()
    );
}

#[test]
fn an_idle_server_ends_at_once() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        // Less than the drain timeout: or else `wait` fails.
        let bootstone = Bootstone::serving(&["--drain-timeout", "3600"]);
        bootstone.signal(signal);
        let (status, mut lines) = bootstone.last_lines();
        assert_eq!(status.code(), Some(0));
        // Warnings of the start.
        lines.retain(|line| line["level"] != "WARN");
        let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
        assert_eq!(messages, ["draining", "stopped"]);
        assert_eq!(lines[0]["signal"], name);
    }
}

/// Load balancers send new clients for a while after a signal.
#[test]
fn an_idle_server_serves_for_the_minimum_time() {
    let flags = ["--min-drain", "2", "--drain-timeout", "3600"];
    let bootstone = Bootstone::serving(&flags);
    let start = std::time::Instant::now();
    bootstone.signal(Signal::TERM);
    bootstone.line("draining");
    // The first request may end the time of a server that waits only for transfers.
    for _ in 0..2 {
        assert!(RawClient::to(bootstone.address()).fetch(SUMS) == sums());
        assert_eq!(bootstone.line("transfer")["outcome"], "complete");
    }
    let (status, lines) = bootstone.last_lines();
    assert!(start.elapsed().as_secs() >= 2);
    assert_eq!(status.code(), Some(0));
    let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
    assert_eq!(messages, ["boot", "stopped"]);
}

/// A transfer that begins within the minimum time may go on after it.
#[test]
fn a_transfer_is_finished_after_the_minimum_time() {
    let flags = ["--min-drain", "1", "--drain-timeout", "3600"];
    let bootstone = Bootstone::serving(&flags);
    let start = std::time::Instant::now();
    bootstone.signal(Signal::TERM);
    bootstone.line("draining");
    let (client, mut file) = in_progress(&bootstone);
    while start.elapsed().as_millis() < 1200 {
        assert!(client.pending().is_empty());
        std::thread::yield_now();
    }
    // Requests are answered while it is in progress.
    assert!(RawClient::to(bootstone.address()).fetch(SUMS) == sums());
    client.send(RawClient::ack(1));
    file.extend(client.take(1, 8));
    assert!(file == sums());
    assert_eq!(bootstone.last_lines().0.code(), Some(0));
}

#[test]
fn a_transfer_in_progress_is_finished_and_a_new_one_is_answered() {
    let bootstone = Bootstone::serving(&["--drain-timeout", "3600"]);
    let (client, mut file) = in_progress(&bootstone);
    bootstone.signal(Signal::TERM);
    bootstone.line("draining");

    let other = RawClient::to(bootstone.address());
    assert!(other.fetch(SUMS) == sums());
    other.send(RawClient::request("nothing", &[]));
    assert_eq!(other.receive()[..4], [0, 5, 0, 1]);

    client.send(RawClient::ack(1));
    file.extend(client.take(1, 8));
    assert!(file == sums());
    let (status, lines) = bootstone.last_lines();
    assert_eq!(status.code(), Some(0));
    for client in [&client, &other] {
        assert_eq!(transfer_of(&lines, client).unwrap()["outcome"], "complete");
    }
    assert_eq!(lines.last().unwrap()["message"], "stopped");
}

/// While one socket has a transfer to finish, the others still answer.
#[test]
fn every_socket_answers_until_all_are_idle() {
    let listen = ["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"];
    let bootstone = Bootstone::start(&listen, &[]);
    let (client, mut file) = in_progress(&bootstone);
    bootstone.signal(Signal::TERM);
    bootstone.line("draining");
    assert!(RawClient::to(bootstone.addresses()[1]).fetch(SUMS) == sums());
    client.send(RawClient::ack(1));
    file.extend(client.take(1, 8));
    assert!(file == sums());
    assert_eq!(bootstone.last_lines().0.code(), Some(0));
}

/// Workers share a port, and the kernel shares out the peers among their sockets. If the first
/// worker to be idle closed its socket, peers of the others would end up with the wrong worker.
#[test]
fn draining_clients_no_peer_to_another_worker() {
    let bootstone = Bootstone::serving(&["--workers", "4", "--drain-timeout", "3600"]);
    let transfers: Vec<_> = (0..16).map(|_| in_progress(&bootstone)).collect();
    bootstone.signal(Signal::TERM);
    bootstone.line("draining");
    for (client, mut file) in transfers {
        client.send(RawClient::ack(1));
        file.extend(client.take(1, 8));
        assert!(file == sums());
    }
    let (status, lines) = bootstone.last_lines();
    assert_eq!(status.code(), Some(0));
    let outcomes: Vec<_> = lines
        .iter()
        .filter_map(|line| line["outcome"].as_str())
        .collect();
    assert_eq!(outcomes, ["complete"; 16]);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let bootstone = Bootstone::serving(&["--drain-timeout", "3600"]);
        let (_client, _) = in_progress(&bootstone);
        assert_ends_at_once(bootstone, second);
    }
}

#[test]
fn a_second_signal_ends_the_minimum_time() {
    let flags = ["--min-drain", "3600", "--drain-timeout", "3600"];
    assert_ends_at_once(Bootstone::serving(&flags), Signal::TERM);
}

#[track_caller]
fn assert_ends_at_once(mut bootstone: Bootstone, second: Signal) {
    bootstone.signal(Signal::TERM);
    bootstone.line("draining");
    bootstone.signal(second);
    assert_ne!(bootstone.wait().code(), Some(0));
    assert!(
        bootstone.wait().code().is_some(),
        "it ended by the signal itself"
    );
    let stderr = bootstone.stderr();
    assert!(stderr.contains("aborting transfers"), "{stderr}");
}

#[test]
fn the_drain_timeout_aborts_transfers() {
    let start = std::time::Instant::now();
    let bootstone = Bootstone::serving(&["--workers", "2", "--drain-timeout", "1"]);
    let clients = [(); 8].map(|()| in_progress(&bootstone).0);
    bootstone.signal(Signal::TERM);
    bootstone.line("drain timeout: aborting transfers");
    assert!(start.elapsed().as_secs() >= 1);
    let (status, lines) = bootstone.last_lines();
    assert_eq!(status.code(), Some(0));
    for client in clients {
        assert_eq!(transfer_of(&lines, &client).unwrap()["outcome"], "dropped");
    }
    assert_eq!(lines.last().unwrap()["message"], "stopped");
}

/// Otherwise a client that sends one per second would keep the program from ending.
#[test]
fn a_transfer_without_an_ack_does_not_delay_the_end() {
    let bootstone = Bootstone::serving(&["--drain-timeout", "3600"]);
    let client = RawClient::to(bootstone.address());
    client.send(RawClient::request(SUMS, &[("blksize", "8")]));
    client.receive();
    bootstone.signal(Signal::TERM);
    let (status, lines) = bootstone.last_lines();
    assert_eq!(status.code(), Some(0));
    assert_eq!(transfer_of(&lines, &client).unwrap()["outcome"], "dropped");
}
