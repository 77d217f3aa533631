//! `verify http://…`: against the program, and against servers that are wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use bootstone::embedded;

use crate::run::{Run, bootstone};
use crate::served::Program;
use crate::verify::{published, report, sums, verify_named};

fn start(directory: &std::path::Path) -> Program {
    let located = [("FLY_REGION", "ams"), ("FLY_MACHINE_ID", "148e")];
    Program::spawn(bootstone(directory, &[]).envs(located))
}

#[test]
fn the_program_over_http() {
    let directory = tempfile::tempdir().unwrap();
    let program = start(directory.path());
    let url = format!("http://{}", program.http);
    let run = Run::of(&["verify", &url, "--format", "json", "--wait", "10"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let report = report(&run);
    let host = &report["hosts"][0];
    let manifest = embedded::manifest();
    let source = format!(
        "the files embedded in bootstone {}",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(report["compared_with"]["source"], source);
    for (field, expected) in [
        ("host", url.as_str()),
        ("address", &program.http.to_string()),
        ("protocol", "http"),
        ("content_id", &manifest.content_id().to_string()),
        ("version", env!("CARGO_PKG_VERSION")),
        ("region", "ams"),
        ("machine", "148e"),
    ] {
        assert_eq!(host[field], expected, "{field}");
    }
    assert!(host["rtt_us"].is_u64());
    let table = Run::of(&["verify", &url]).out;
    let heads = ["VERSION", "REGION", "MACHINE"];
    assert!(heads.iter().all(|head| table.contains(head)), "{table}");
    let row = [env!("CARGO_PKG_VERSION"), "ams", "148e"];
    assert!(row.iter().all(|cell| table.contains(cell)), "{table}");
}

/// What a server answers to a request for this path.
type Answer = dyn Fn(&str) -> Vec<u8> + Send + Sync;

/// A server that sends `answer` on each connection, and then closes it.
fn serving(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> SocketAddr {
    let answer: Arc<Answer> = Arc::new(answer);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let mut head = BufReader::new(&stream);
                let mut line = String::new();
                let mut request = String::new();
                while head.read_line(&mut line).is_ok_and(|len| len > 2) {
                    request += &line;
                    line.clear();
                }
                assert!(request.contains("\r\nConnection: close\r\n"), "{request}");
                let path = request.split(' ').nth(1).unwrap().to_owned();
                let _ = stream.write_all(&answer(&path));
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            });
        }
    });
    address
}

fn body(path: &str) -> Option<Vec<u8>> {
    match path {
        "/SHA256SUMS" => Some(sums().into_bytes()),
        "/a" | "/b" => Some(published(&path[1..])),
        _ => None,
    }
}

/// A response with these fields, and the body of the path.
fn response(path: &str, fields: &str) -> Vec<u8> {
    match body(path) {
        None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        Some(body) => {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
            [head.as_bytes(), &body].concat()
        }
    }
}

fn with_length(path: &str) -> String {
    let len = body(path).map_or(0, |body| body.len());
    format!("Content-Length: {len}\r\n")
}

/// The exit code, and the verdicts on the list, on `a` and on `b`.
fn verdicts(server: SocketAddr) -> (i32, Vec<String>, String) {
    let url = format!("http://{server}");
    let more = [
        "--format",
        "json",
        "--timeout",
        "1",
        "--max-size",
        "1000000",
    ];
    let run = verify_named(&[&url], &more);
    let report = report(&run);
    let checks = report["checks"].as_array().unwrap();
    let verdict = |check: &serde_json::Value| check["verdict"].as_str().unwrap().to_owned();
    (run.code, checks.iter().map(verdict).collect(), run.out)
}

#[test]
fn another_server_with_or_without_a_length() {
    for server in [
        serving(|path| response(path, &with_length(path))),
        serving(|path| response(path, "")),
        // More than was announced is not read.
        serving(|path| [response(path, &with_length(path)), b"more".to_vec()].concat()),
    ] {
        let (code, verdicts, out) = verdicts(server);
        assert_eq!((code, verdicts), (0, vec!["ok".to_owned(); 3]), "{out}");
    }
}

#[test]
fn what_a_hostile_server_sends_is_refused_or_bounded() {
    let fields =
        |fields: &'static str| move |path: &str| response(path, &(with_length(path) + fields));
    let endless = |_: &str| {
        let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        [head, vec![b'x'; 6_000_000]].concat()
    };
    let long_head = |_: &str| {
        let field = b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
        [b"HTTP/1.1 200 OK\r\n".to_vec(), field.repeat(100_000)].concat()
    };
    let one_line = |_: &str| [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 1_000_000]].concat();
    let short = |path: &str| {
        let mut response = response(path, &with_length(path));
        response.truncate(response.len() - 10);
        response
    };
    for (server, verdict, code, detail) in [
        (
            serving(fields("Transfer-Encoding: chunked\r\n")),
            "error",
            2,
            "transfer coding",
        ),
        (
            serving(fields("Content-Encoding: gzip\r\n")),
            "error",
            2,
            "compressed",
        ),
        (
            serving(fields("Content-Length: 1\r\n")),
            "error",
            2,
            "length of the response is invalid",
        ),
        (
            serving(|path| response(path, "Content-Length: -1\r\n")),
            "error",
            2,
            "length",
        ),
        (
            serving(|path| response(path, "Content-Length: +1\r\n")),
            "error",
            2,
            "length",
        ),
        (
            serving(|path| response(path, "Content-Length: 99999999999999999999\r\n")),
            "error",
            2,
            "length",
        ),
        (
            serving(|path| response(path, "Content-Length: 9999999999\r\n")),
            "differs",
            1,
            "more than ",
        ),
        (serving(endless), "differs", 1, "more than "),
        (
            serving(long_head),
            "error",
            2,
            "the head of the response is too long",
        ),
        (
            serving(one_line),
            "error",
            2,
            "the head of the response is too long",
        ),
        (serving(short), "truncated", 1, "nothing more came after "),
        (
            serving(|_| Vec::new()),
            "error",
            2,
            "the response has no end",
        ),
        (
            serving(|_| b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
            "error",
            2,
            "not an HTTP response",
        ),
        (
            serving(|_| b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n".to_vec()),
            "error",
            2,
            "status 302",
        ),
        (
            serving(|_| b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
            "error",
            2,
            "status 100",
        ),
    ] {
        let (found, verdicts, out) = verdicts(server);
        assert_eq!(
            (found, verdicts),
            (code, vec![verdict.to_owned(); 3]),
            "{detail}: {out}"
        );
        assert!(out.contains(detail), "{detail}: {out}");
    }
}

/// `/version` of any size and form does no harm.
#[test]
fn what_a_hostile_server_says_of_itself_is_escaped_or_ignored() {
    let about = |about: Vec<u8>| {
        serving(move |path| match path {
            "/version" => [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), about.clone()].concat(),
            path => response(path, &with_length(path)),
        })
    };
    for text in [
        "x".repeat(1_000_000),
        "[".repeat(10_000),
        "\u{1b}[2J".to_owned(),
    ] {
        let (code, _, out) = verdicts(about(text.into_bytes()));
        assert_eq!(code, 0, "{out}");
        assert!(out.contains("\"version\": null"), "{out}");
    }
    let server = about(b"{\"version\": \"\\u001b[2J\"}".to_vec());
    let run = verify_named(&[&format!("http://{server}")], &[]);
    assert!(run.out.contains("\\u{1b}[2J"), "{}", run.out);
    assert!(!run.out.contains('\u{1b}'), "{}", run.out);
}

#[test]
fn a_server_that_is_silent_or_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_, verdicts_of, out) = verdicts(listener.local_addr().unwrap());
    assert_eq!(verdicts_of, vec!["silent"; 3], "{out}");
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let (code, verdicts_of, out) = verdicts(closed);
    assert_eq!(
        (code, verdicts_of),
        (2, vec!["refused".to_owned(); 3]),
        "{out}"
    );
    assert!(out.contains("TCP reset"), "{out}");
}
