//! `bootstone health`: the health check of containers.

use std::net::UdpSocket;

use rustix::process::Signal;

use crate::binary::{Bootstone, command, ends};
use crate::processes::Started;
use crate::raw_client::RawClient;

#[test]
fn a_server_that_answers_is_healthy_and_logs_nothing() {
    let http = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    let bootstone = Bootstone::start(&http, &[]);
    let address = bootstone.address().to_string();
    for (arguments, variables) in [
        (&["health", &address][..], &[][..]),
        (&["health"], &[("BOOTSTONE_LISTEN", address.as_str())]),
    ] {
        let ended = ends(arguments, variables);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert_eq!(ended.output, format!("{address} answers\n"));
    }
    // A request for another name has a line, and the checks before it had none.
    let client = RawClient::to(bootstone.address());
    client.send(RawClient::request("healthy", &[]));
    assert_eq!(client.receive()[..4], [0, 5, 0, 1]);
    bootstone.signal(Signal::TERM);
    let (_, lines) = bootstone.last_lines();
    let requests = lines.iter().filter(|line| line["message"] == "request");
    let files: Vec<_> = requests
        .map(|line| line["file"].as_str().unwrap())
        .collect();
    assert_eq!(files, ["healthy"]);
}

/// The server listens on every address, so the check asks that of this machine.
#[test]
fn a_wildcard_stands_for_this_machine() {
    let bootstone = Bootstone::start(&["--listen", "0.0.0.0:0"], &[]);
    let listen = bootstone.address().to_string();
    let ended = ends(
        &["health"],
        &[("BOOTSTONE_LISTEN", &format!("{listen},nowhere"))],
    );
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(
        ended.output,
        format!("127.0.0.1:{} answers\n", bootstone.address().port())
    );
}

#[test]
fn a_server_that_does_not_answer_is_not_healthy() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let checked = Started::new(&mut command(&["health", &address, "--timeout=1"], &[]));
    let ended = checked.end();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.output.contains("nothing answered"), "{ended:?}");
    drop(silent);
    let ended = ends(&["health", &address], &[]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.output.contains("refused"), "{ended:?}");
}

#[test]
fn an_answer_of_another_kind_is_not_healthy() {
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let checked = Started::new(&mut command(&["health", &address], &[]));
    let mut request = [0; 64];
    let (len, peer) = other.recv_from(&mut request).unwrap();
    assert_eq!(request[..len], *b"\0\x01healthz\0octet\0");
    other.send_to(b"\0\x03\0\x01x", peer).unwrap();
    let ended = checked.end();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.output.contains("not an ERROR"), "{ended:?}");
}
