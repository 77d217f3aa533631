//! Connections: requests, timeouts and the number of connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use bootstone::http::ConnectionLimits;

use super::client::Client;
use super::site::{LARGE, SHORT, no_limits, start};

#[test]
fn requests_in_one_segment_are_answered_in_their_order() {
    let server = start(no_limits(), 0);
    let mut client = Client::new(server.address);
    let get = |path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send(&[get("/healthz"), get("/nothing"), get("/undionly.kpxe")].concat());
    assert_eq!(client.response(true).text(), "ok\n");
    assert_eq!(client.response(true).status, 404);
    assert!(client.response(true).text().starts_with("undionly"));
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let server = start(no_limits(), 0);
    let mut client = Client::new(server.address);
    client.stream.get_mut().set_nodelay(true).unwrap();
    for byte in "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".split_inclusive(|_| true) {
        client.send(byte);
    }
    assert_eq!(client.response(true).status, 200);
}

#[test]
fn connection_close_is_honoured() {
    let server = start(no_limits(), 0);
    for request in [
        "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /healthz HTTP/1.0\r\n\r\n",
    ] {
        let mut client = Client::new(server.address);
        client.send(request);
        let response = client.response(true);
        assert_eq!(response.status, 200);
        assert_eq!(response.field("Connection"), "close");
        client.expect_end();
    }
}

#[test]
fn a_body_is_never_taken_for_a_request() {
    let server = start(no_limits(), 0);
    let smuggled = "GET /SHA256SUMS HTTP/1.1\r\nHost: a\r\n\r\n";
    for (method, status) in [("GET", 200), ("POST", 405)] {
        for framing in [
            format!("Content-Length: {}", smuggled.len()),
            "Content-Length: 0\r\nContent-Length: 5".to_owned(),
            "Transfer-Encoding: chunked".to_owned(),
        ] {
            let mut client = Client::new(server.address);
            client.send(&format!(
                "{method} /healthz HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{smuggled}"
            ));
            let response = client.response(true);
            assert_eq!(response.status, status, "{method} {framing}");
            assert_eq!(response.field("Connection"), "close");
            client.stream.get_mut().shutdown(Shutdown::Write).unwrap();
            client.expect_end();
        }
    }
}

#[test]
fn other_methods_are_not_allowed() {
    let server = start(no_limits(), 0);
    for method in ["PUT", "POST", "DELETE", "OPTIONS", "CONNECT", "get"] {
        let mut client = Client::new(server.address);
        let response = client.ask(method, "/ipxe.efi", "");
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.field("Allow"), "GET, HEAD");
    }
}

#[test]
fn an_invalid_request_closes_the_connection() {
    let server = start(no_limits(), 0);
    let many = "a: b\r\n".repeat(65);
    let long = "a".repeat(9000);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(),
            400,
        ),
        ("GET ipxe.efi HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("\0\0\0\0".to_owned(), 400),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n".to_owned(), 505),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431),
        (format!("GET /{long} HTTP/1.1\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: a\r\na: {long}"), 431),
    ] {
        let mut client = Client::new(server.address);
        client.send(&request);
        let response = client.response(true);
        assert_eq!(response.status, status, "{request}");
        assert_eq!(response.field("Connection"), "close");
        client.stream.get_mut().shutdown(Shutdown::Write).unwrap();
        client.expect_end();
    }
}

#[test]
fn a_slow_or_silent_client_times_out() {
    let limits = ConnectionLimits {
        request_timeout: SHORT,
        ..no_limits()
    };
    let server = start(limits, 0);
    let mut silent = Client::new(server.address);
    let mut slow = Client::new(server.address);
    slow.send("GET /healthz HTTP/1.1\r\nHost: a\r\n");
    // A field line now and then, as slowloris does: the timeout is for the whole request.
    while slow.is_silent_for(SHORT / 10) {
        let _ = slow.stream.get_mut().write_all(b"X-a: b\r\n");
    }
    assert_eq!(slow.response(true).status, 408);
    silent.expect_end();
    // The timeout starts again with each request.
    let mut kept = Client::new(server.address);
    assert_eq!(kept.get("/healthz").status, 200);
    assert_eq!(kept.get("/healthz").status, 200);
    kept.expect_end();
}

#[test]
fn the_connection_that_has_been_idle_longest_is_evicted() {
    let limits = ConnectionLimits {
        connections: 3,
        downloads: 2,
        ..no_limits()
    };
    let server = start(limits, 0);
    let mut slow: Vec<Client> = (0..3)
        .map(|_| {
            let mut client = Client::new(server.address);
            assert_eq!(client.get("/nothing").status, 404);
            client.send("GET / HTTP/1.1\r\nX-slow");
            client
        })
        .collect();
    let mut client = Client::new(server.address);
    assert_eq!(client.get("/healthz").status, 200);
    slow[0].expect_end();
    assert!(slow[2].is_silent_for(SHORT / 10), "one was enough");
}

#[test]
fn a_download_that_keeps_up_is_not_evicted() {
    let limits = ConnectionLimits {
        connections: 3,
        downloads: 2,
        ..no_limits()
    };
    let server = start(limits, 0);
    let mut reading: Vec<Client> = (0..2).map(|_| begin_download(server.address)).collect();
    for _ in 0..5 {
        assert_eq!(Client::new(server.address).get("/healthz").status, 200);
    }
    let mut waiting = Client::new(server.address);
    waiting.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(waiting.is_silent_for(SHORT), "both downloads are in use");
    let mut first = reading.remove(0);
    assert_eq!(rest_of(&mut first), LARGE, "nothing is missing");
    drop(first);
    assert_eq!(waiting.response(true).body.len(), LARGE);
    assert_eq!(rest_of(&mut reading[0]), LARGE, "nothing is missing");
}

#[test]
fn a_download_that_stalls_is_evicted_for_another() {
    let limits = ConnectionLimits {
        connections: 3,
        downloads: 1,
        eviction_age: Duration::ZERO,
        ..no_limits()
    };
    let server = start(limits, 0);
    let mut stalled = begin_download(server.address);
    let mut next = Client::new(server.address);
    assert_eq!(next.get("/large.bin").body.len(), LARGE);
    assert!(rest_of(&mut stalled) < LARGE);
}

#[test]
fn a_request_waits_for_a_download_for_a_limited_time() {
    let limits = ConnectionLimits {
        downloads: 1,
        queue_timeout: SHORT,
        ..no_limits()
    };
    let server = start(limits, 0);
    let mut reading = begin_download(server.address);
    let response = Client::new(server.address).get("/ipxe.efi");
    assert_eq!(response.status, 503);
    assert_eq!(response.field("Retry-After"), "5");
    assert_eq!(rest_of(&mut reading), LARGE);
}

#[test]
fn a_client_that_does_not_read_is_reset() {
    let limits = ConnectionLimits {
        downloads: 1,
        write_timeout: SHORT,
        ..no_limits()
    };
    let server = start(limits, 0);
    let mut stalled = begin_download(server.address);
    let mut next = Client::new(server.address);
    assert_eq!(
        next.get("/ipxe.efi").status,
        200,
        "the only download is free"
    );
    assert!(rest_of(&mut stalled) < LARGE);
}

#[test]
fn a_half_closed_client_receives_the_whole_file() {
    let server = start(no_limits(), 0);
    for count in [1, 2] {
        let mut client = Client::new(server.address);
        let request = "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
        client.send(&request.repeat(count));
        client.stream.get_mut().shutdown(Shutdown::Write).unwrap();
        for _ in 0..count {
            assert_eq!(client.response(true).body.len(), LARGE);
        }
        client.expect_end();
    }
}

#[test]
fn a_half_closed_client_without_a_whole_request_is_closed() {
    let server = start(no_limits(), 0);
    for part in ["", "GET / HT"] {
        let mut client = Client::new(server.address);
        client.send(part);
        client.stream.get_mut().shutdown(Shutdown::Write).unwrap();
        client.expect_end();
    }
}

#[test]
fn a_refused_head_request_has_no_body() {
    let server = start(no_limits(), 0);
    let long = "a".repeat(9000);
    for (request, status) in [
        ("HEAD / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("\r\nHEAD / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("HEAD / HTTP/3.0\r\nHost: a\r\n\r\n".to_owned(), 505),
        (format!("HEAD /{long} HTTP/1.1\r\n"), 431),
        ("HEAD * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
    ] {
        let mut client = Client::new(server.address);
        client.send(&request);
        client.stream.get_mut().shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.response(false).status, status, "{request}");
        client.expect_end();
    }
}

/// Requests the large file and reads the start of the response, which does not continue before
/// more is read.
fn begin_download(server: SocketAddr) -> Client {
    let mut client = Client::new(server);
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.stream.read_exact(&mut [0; 20]).unwrap();
    client
}

/// The number of bytes that follow, up to that of the large file.
fn rest_of(client: &mut Client) -> usize {
    let mut rest = Vec::new();
    let read = client
        .stream
        .by_ref()
        .take(LARGE as u64)
        .read_to_end(&mut rest);
    if let Err(error) = read {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    rest.len()
}
