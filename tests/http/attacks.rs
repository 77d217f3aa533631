//! Hostile clients: whatever they do, a health check is answered within a second.

use std::net::SocketAddr;
use std::time::Duration;

use bootstone::http::ConnectionLimits;

use super::client::Client;
use super::site::start;

const GET_LARGE: &str = "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";

/// Asserts that a health check on a new connection is answered within a second.
#[track_caller]
fn check_health(server: SocketAddr) {
    let mut client = Client::new(server);
    let stream = client.stream.get_mut();
    stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    assert_eq!(client.get("/healthz").status, 200);
}

/// Starts a server with the limits of the program, but fewer connections, so that the tests need
/// fewer file descriptors.
fn server() -> SocketAddr {
    let limits = ConnectionLimits {
        connections: 64,
        downloads: 32,
        ..ConnectionLimits::default()
    };
    let server = start(limits, 0);
    let address = server.address;
    // The server runs until the end of the test program.
    std::mem::forget(server);
    address
}

#[test]
fn silent_connections() {
    let server = server();
    let silent = (0..200).map(|_| {
        check_health(server);
        Client::new(server)
    });
    let silent: Vec<Client> = silent.collect();
    check_health(server);
    drop(silent);
}

#[test]
fn clients_that_pipeline_and_never_read() {
    check_health_beside(150, &GET_LARGE.repeat(100));
}

#[test]
fn clients_that_pipeline_texts_and_never_read() {
    check_health_beside(100, &"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200));
}

/// Health checks are answered while so many clients send `requests` and read no response.
fn check_health_beside(clients: usize, requests: &str) {
    let server = server();
    let stalled = (0..clients).map(|_| {
        let mut client = Client::new(server);
        client.send(requests);
        check_health(server);
        client
    });
    let stalled: Vec<Client> = stalled.collect();
    check_health(server);
    drop(stalled);
}

#[test]
fn unfinished_requests() {
    let server = server();
    let mut slow: Vec<Client> = Vec::new();
    for _ in 0..200 {
        let mut client = Client::new(server);
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX-a: b");
        slow.push(client);
        // Those that are still open send another byte. The others have been evicted.
        for client in &mut slow {
            let _ = std::io::Write::write(client.stream.get_mut(), b"b");
        }
        check_health(server);
    }
}

#[test]
fn connections_that_are_closed_at_once() {
    let server = server();
    for _ in 0..1000 {
        drop(Client::new(server));
    }
    check_health(server);
}

/// A driver that does not respond: 503, also within a second.
#[test]
fn a_stuck_driver() {
    let server = start(ConnectionLimits::default(), 1);
    let mut client = Client::new(server.address);
    let stream = client.stream.get_mut();
    stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    assert_eq!(client.get("/healthz").status, 503);
}
