//! A whole HTTP connection: a client that sends any bytes and half-closes its side.

use std::sync::Arc;

use bootstone::catalog::{Catalog, Entry};
use bootstone::http::request::{HttpRequest, Method};
use bootstone::http::{ConnectionLimits, HttpConfig, Location, Site, serve_in_memory};
use bootstone::manifest::Manifest;
use bootstone::net::Clock;
use bootstone::net::observer::SharedObserver;
use bootstone::net::status::StatusRequester;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

/// Bytes of the pipe between client and server: fewer than any response.
const PIPE: usize = 64;

/// Plays a connection, as the fuzzer does. The first byte is the size of the client's segments.
pub(crate) fn play(input: &[u8]) {
    let (segment, sent) = match input {
        [] => return,
        [first, rest @ ..] => (usize::from(*first) + 1, rest),
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().build().unwrap();
    let (client, server) = duplex(PIPE);
    let (failures, _failed) = mpsc::unbounded_channel();
    let config = HttpConfig {
        limits: ConnectionLimits::default(),
        report: |_, _| {},
        observer: SharedObserver::new(Clock::start()),
        failures,
    };
    let received = LocalSet::new().block_on(&runtime, async {
        let serve = serve_in_memory(site(), &config, server);
        tokio::join!(serve, converse(client, sent, segment)).1
    });
    check(sent, &received);
}

fn site() -> Site {
    let entry = Entry::new("a", b"content\n".repeat(40));
    let catalog = Arc::new(Catalog::new(vec![entry]));
    let status = StatusRequester::new(Clock::start());
    let (_, draining) = watch::channel(false);
    Site::new(
        catalog,
        Manifest::new(Vec::new()),
        Location::default(),
        69,
        status,
        draining,
    )
}

/// Sends `bytes` in segments, and returns what is received meanwhile and afterwards.
async fn converse(client: DuplexStream, bytes: &[u8], segment: usize) -> Vec<u8> {
    let (mut reading, mut writing) = split(client);
    let mut received = Vec::new();
    let send = async {
        for part in bytes.chunks(segment) {
            // The server may have closed the connection.
            if writing.write_all(part).await.is_err() {
                return;
            }
        }
        let _ = writing.shutdown().await;
    };
    let (_, read) = tokio::join!(send, reading.read_to_end(&mut received));
    read.unwrap();
    received
}

/// Compares the responses with the requests: one whole response for each, in their order, and none
/// after one that closes the connection.
fn check(mut sent: &[u8], mut received: &[u8]) {
    loop {
        let (has_body, is_last) = match HttpRequest::parse(sent) {
            Ok(None) => break,
            Ok(Some((request, len))) => {
                sent = &sent[len..];
                (request.method != Method::Head, !request.keep_alive)
            }
            Err(_) => {
                while let [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] = sent {
                    sent = rest;
                }
                (!sent.starts_with(b"HEAD "), true)
            }
        };
        let closes = take_response(&mut received, has_body);
        assert!(closes || !is_last, "the connection should have been closed");
        if closes {
            break;
        }
    }
    let rest = String::from_utf8_lossy(received);
    assert!(rest.is_empty(), "more than the responses: {rest:?}");
}

/// Takes a response from the start of `received`. Returns whether it closes the connection.
fn take_response(received: &mut &[u8], has_body: bool) -> bool {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = response.parse(received).expect("a valid response");
    let httparse::Status::Complete(head) = parsed else {
        panic!("no whole response: {:?}", String::from_utf8_lossy(received));
    };
    let field = |name: &str| {
        let found = response.headers.iter().find(|field| field.name == name);
        found.map(|field| std::str::from_utf8(field.value).unwrap())
    };
    let len = match response.code {
        Some(304) => 0,
        _ if !has_body => 0,
        _ => field("Content-Length").unwrap().parse().unwrap(),
    };
    assert!(field("Date").is_some());
    assert!(received.len() >= head + len, "the body is not complete");
    let closes = field("Connection") == Some("close");
    *received = &received[head + len..];
    closes
}
