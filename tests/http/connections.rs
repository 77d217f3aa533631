//! Who may send what, for how long, and how many at once.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use bootstone::http::Limits;

use super::client::Client;
use super::site::{LARGE, SHORT, open, wide};

#[test]
fn requests_in_one_segment_are_answered_in_their_order() {
    let door = open(wide(), 0);
    let mut client = Client::new(door.address);
    let get = |path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send(&[get("/healthz"), get("/nothing"), get("/undionly.kpxe")].concat());
    assert_eq!(client.response(true).text(), "ok\n");
    assert_eq!(client.response(true).status, 404);
    assert!(client.response(true).text().starts_with("undionly"));
}

#[test]
fn a_request_in_single_bytes_is_a_request() {
    let door = open(wide(), 0);
    let mut client = Client::new(door.address);
    client.stream.get_mut().set_nodelay(true).unwrap();
    for byte in "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".split_inclusive(|_| true) {
        client.send(byte);
    }
    assert_eq!(client.response(true).status, 200);
}

#[test]
fn who_says_close_is_closed() {
    let door = open(wide(), 0);
    for request in [
        "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /healthz HTTP/1.0\r\n\r\n",
    ] {
        let mut client = Client::new(door.address);
        client.send(request);
        let response = client.response(true);
        assert_eq!(response.status, 200);
        assert_eq!(response.field("Connection"), "close");
        client.expect_end();
    }
}

#[test]
fn a_body_is_never_taken_for_a_request() {
    let door = open(wide(), 0);
    let smuggled = "GET /SHA256SUMS HTTP/1.1\r\nHost: a\r\n\r\n";
    for (method, status) in [("GET", 200), ("POST", 405)] {
        for framing in [
            format!("Content-Length: {}", smuggled.len()),
            "Content-Length: 0\r\nContent-Length: 5".to_owned(),
            "Transfer-Encoding: chunked".to_owned(),
        ] {
            let mut client = Client::new(door.address);
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
fn methods_that_are_not_served() {
    let door = open(wide(), 0);
    for method in ["PUT", "POST", "DELETE", "OPTIONS", "CONNECT", "get"] {
        let mut client = Client::new(door.address);
        let response = client.ask(method, "/ipxe.efi", "");
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.field("Allow"), "GET, HEAD");
    }
}

#[test]
fn what_is_no_request_is_refused_and_closed() {
    let door = open(wide(), 0);
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
        let mut client = Client::new(door.address);
        client.send(&request);
        let response = client.response(true);
        assert_eq!(response.status, status, "{request}");
        assert_eq!(response.field("Connection"), "close");
        client.stream.get_mut().shutdown(Shutdown::Write).unwrap();
        client.expect_end();
    }
}

#[test]
fn who_sends_slowly_is_given_up_and_who_sends_nothing_too() {
    let limits = Limits {
        request_time: SHORT,
        ..wide()
    };
    let door = open(limits, 0);
    let mut silent = Client::new(door.address);
    let mut slow = Client::new(door.address);
    slow.send("GET /healthz HTTP/1.1\r\nHost: a\r\n");
    // A field line now and then, as slowloris does: the time is for the whole request.
    while slow.is_silent_for(SHORT / 10) {
        let _ = slow.stream.get_mut().write_all(b"X-a: b\r\n");
    }
    assert_eq!(slow.response(true).status, 408);
    silent.expect_end();
    // The time begins anew with each request.
    let mut kept = Client::new(door.address);
    assert_eq!(kept.get("/healthz").status, 200);
    assert_eq!(kept.get("/healthz").status, 200);
    kept.expect_end();
}

#[test]
fn the_connection_waited_for_longest_makes_room() {
    let limits = Limits {
        connections: 3,
        crowded_time: SHORT,
        ..wide()
    };
    let door = open(limits, 0);
    let mut slow: Vec<Client> = (0..3)
        .map(|_| {
            let mut client = Client::new(door.address);
            assert_eq!(client.get("/nothing").status, 404);
            client.send("GET / HTTP/1.1\r\nX-slow");
            client
        })
        .collect();
    let mut client = Client::new(door.address);
    assert_eq!(client.get("/healthz").status, 200);
    slow[0].expect_end();
    assert!(slow[2].is_silent_for(SHORT / 10), "one was enough");
}

#[test]
fn nobody_makes_room_before_time_or_in_mid_answer() {
    let limits = Limits {
        connections: 2,
        crowded_time: SHORT,
        ..wide()
    };
    let door = open(limits, 0);
    let mut busy: Vec<Client> = (0..2)
        .map(|_| {
            let mut client = Client::new(door.address);
            client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
            // The answer has begun, and does not go on before it is read.
            client.stream.read_exact(&mut [0; 20]).unwrap();
            client
        })
        .collect();
    let mut waiting = Client::new(door.address);
    waiting.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(waiting.is_silent_for(3 * SHORT), "both are busy");
    let mut rest = Vec::new();
    let mut first = busy.remove(0);
    first
        .stream
        .by_ref()
        .take(LARGE as u64)
        .read_to_end(&mut rest)
        .unwrap();
    assert!(rest.len() == LARGE, "nothing was cut off");
    drop(first);
    assert_eq!(waiting.response(true).status, 200);
}

#[test]
fn who_reads_nothing_is_given_up() {
    let limits = Limits {
        connections: 1,
        piece_time: SHORT,
        ..wide()
    };
    let door = open(limits, 0);
    let mut stalled = Client::new(door.address);
    stalled.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    stalled.stream.read_exact(&mut [0; 20]).unwrap();
    let mut next = Client::new(door.address);
    assert_eq!(next.get("/healthz").status, 200, "the only place is free");
    let mut rest = Vec::new();
    match stalled.stream.read_to_end(&mut rest) {
        Ok(_) => assert!(rest.len() < LARGE),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

#[test]
fn a_hundred_connections_that_say_nothing_do_not_keep_health_away() {
    let limits = Limits {
        crowded_time: Duration::from_millis(20),
        ..wide()
    };
    let door = open(limits, 0);
    let silent: Vec<Client> = (0..100).map(|_| Client::new(door.address)).collect();
    let mut client = Client::new(door.address);
    assert_eq!(client.get("/healthz").status, 200);
    drop(silent);
}
