//! Sites with public addresses, and the broadcast addresses of their subnets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use rustix::process::Signal;
use serde_json::Value;

use crate::binary::{Bootstone, ends};
use crate::namespace::{add_address, ip};
use crate::processes::DEADLINE;
use crate::raw_client::RawClient;

pub const TESTS: &[crate::Test] = &[
    (
        "a_subnets_broadcast_address_is_not_answered",
        a_subnets_broadcast_address_is_not_answered,
    ),
    (
        "only_public_networks_are_slowed_down",
        only_public_networks_are_slowed_down,
    ),
    ("a_wrong_network_is_an_error", a_wrong_network_is_an_error),
];

const HTTP: &str = "127.0.0.1:8080";

/// A server on all addresses, with HTTP.
fn start(flags: &[&str]) -> Bootstone {
    Bootstone::start(&[&["--http", HTTP, "--workers", "1"], flags].concat(), &[])
}

/// The value of a series of `/metrics`.
fn metric(series: &str) -> u64 {
    let mut stream = TcpStream::connect(HTTP).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    let value = line.unwrap_or_else(|| panic!("no {series} in {text}"));
    value.trim().parse().unwrap()
}

/// A server that answered would answer every time that a machine asks all.
fn a_subnets_broadcast_address_is_not_answered() {
    add_address("198.51.100.7/24");
    let bootstone = start(&[]);
    let client = UdpSocket::bind("198.51.100.7:0").unwrap();
    client.set_broadcast(true).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let request = RawClient::request("SHA256SUMS", &[]);
    for all in ["198.51.100.255:69", "255.255.255.255:69"] {
        client.send_to(&request, all).unwrap();
    }
    // The answer that comes first is that to the last request.
    client.send_to(&request, "198.51.100.7:69").unwrap();
    let mut datagram = [0; 600];
    let (_, from) = client.recv_from(&mut datagram).unwrap();
    assert_eq!(from.to_string(), "198.51.100.7:69");
    let ignored = metric("bootstone_ignored_datagrams_total{reason=\"broadcast\"}");
    assert_eq!(ignored, 2);
    client
        .send_to(b"\0\x05\0\0enough\0", "198.51.100.7:69")
        .unwrap();
    bootstone.line("transfer");
    bootstone.signal(Signal::TERM);
    let (_, lines) = bootstone.last_lines();
    assert!(lines.iter().all(|line| line["message"] != "transfer"));
}

/// A client that acknowledges a block and closes its port, which the kernel reports. Then a fetch
/// from the same prefix: its line in the log.
fn fetch_after_a_report(bootstone: &Bootstone, client: &str) -> Value {
    let server: SocketAddr = "198.51.100.7:69".parse().unwrap();
    let gone = UdpSocket::bind((client, 0)).unwrap();
    gone.connect(server).unwrap();
    gone.set_read_timeout(Some(DEADLINE)).unwrap();
    gone.send(&RawClient::request("SHA256SUMS", &[("blksize", "8")]))
        .unwrap();
    gone.recv(&mut [0; 600]).unwrap();
    gone.send(&RawClient::ack(0)).unwrap();
    drop(gone);
    assert_eq!(bootstone.line("transfer")["outcome"], "aborted");

    let next = UdpSocket::bind((client, 0)).unwrap();
    next.connect(server).unwrap();
    next.set_read_timeout(Some(DEADLINE)).unwrap();
    next.send(&RawClient::request("autoexec.ipxe", &[]))
        .unwrap();
    loop {
        let mut data = [0; 600];
        let length = next.recv(&mut data).unwrap();
        next.send(&RawClient::ack(u16::from_be_bytes([data[2], data[3]])))
            .unwrap();
        if length < 516 {
            break;
        }
    }
    let line = bootstone.line("transfer");
    assert_eq!(line["outcome"], "complete");
    line
}

/// On a link of the server, of carrier-grade NAT, trusted by the operator; and none of these.
fn only_public_networks_are_slowed_down() {
    add_address("198.51.100.7/24");
    add_address("198.51.100.9/24");
    for client in ["100.64.3.4", "130.60.3.4", "20.1.2.3"] {
        ip(&format!("address add {client}/32 dev lo"));
    }
    for (trust, client, limited) in [
        (&[][..], "198.51.100.9", None),
        (&[], "100.64.3.4", None),
        (
            &["--trust", "203.0.113.0/24", "--trust", "130.60.0.0/16"],
            "130.60.3.4",
            None,
        ),
        (
            &["--trust", "130.60.0.0/16"],
            "20.1.2.3",
            Some("prefix-penalty"),
        ),
        (&[], "130.60.3.4", Some("prefix-penalty")),
    ] {
        let bootstone = start(trust);
        let line = fetch_after_a_report(&bootstone, client);
        assert_eq!(line["limited"].as_str(), limited, "{client}: {line}");
        let counted = metric("bootstone_limited_requests_total{reason=\"prefix-penalty\"}");
        assert_eq!(counted, u64::from(limited.is_some()), "{client}");
    }
    let variables = [("BOOTSTONE_TRUST", "203.0.113.0/24, 130.60.0.0/16")];
    let bootstone = Bootstone::start(&["--http", HTTP], &variables);
    let line = fetch_after_a_report(&bootstone, "130.60.3.4");
    assert_eq!(line["limited"].as_str(), None, "{line}");
}

fn a_wrong_network_is_an_error() {
    for (network, advice) in [
        ("130.60.1.0/16", "130.60.0.0/16"),
        ("130.60.0.0/33", "192.0.2.0/24"),
        ("campus", "192.0.2.0/24"),
    ] {
        let ended = ends(&["--trust", network], &[]);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        for text in ["--trust", "BOOTSTONE_TRUST", network, advice] {
            assert!(ended.output.contains(text), "`{text}` is not in {ended:?}");
        }
    }
}
