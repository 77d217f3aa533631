//! What is answered: which path leads where, and the head of a response.

use std::fmt::Write;
use std::net::SocketAddr;
use std::ops::Range;

use super::preconditions::{Wanted, wanted};
use super::request::{Method, Request};
use super::{Site, metrics, page};
use crate::catalog::FileId;
use crate::manifest::Kind;

/// For answers that hold for the moment only.
const NO_STORE: (&str, &str) = ("Cache-Control", "no-store");

/// For all that a rollout changes: keep it, and ask whether it is still the same.
const NO_CACHE: (&str, &str) = ("Cache-Control", "no-cache");

const TEXT: &str = "text/plain; charset=utf-8";

/// A response, but for what the connection adds.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    /// Type of the body.
    content_type: &'static str,
    fields: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

/// What follows the head.
#[derive(Debug)]
pub(super) enum Body {
    Text(String),
    /// These bytes of a file.
    Part(FileId, Range<usize>),
}

impl Answer {
    /// Answers `request`, which has come to the address `local` of ours.
    pub(super) async fn new(site: &Site, request: &Request, local: SocketAddr) -> Answer {
        if request.method == Method::Other {
            return Answer::error(405).with("Allow", "GET, HEAD");
        }
        match &request.path[..] {
            b"/" => Answer::page(page::html(site, &request.host, local)),
            b"/healthz" => Answer::health(site).await,
            b"/metrics" => {
                let mut pulse = site.pulse.lock().await;
                let text = metrics::text(site, pulse.take().await);
                // The version of Prometheus's text format, not ours.
                Answer::text(200, "text/plain; version=0.0.4; charset=utf-8", text)
            }
            [b'/', name @ ..] => match site.catalog.find_exactly(name) {
                Some(file) => Answer::file(site, request, file),
                None => Answer::error(404),
            },
            _ => Answer::error(400),
        }
    }

    /// An answer that says no.
    pub(super) fn error(status: u16) -> Answer {
        Answer::text(status, TEXT, format!("{status} {}\n", reason(status)))
    }

    /// No request may follow: where the next one begins is not known.
    pub(super) fn closes(&self) -> bool {
        matches!(self.status, 400 | 405 | 408 | 431 | 505)
    }

    async fn health(site: &Site) -> Answer {
        if *site.draining.borrow() {
            return Answer::text(503, TEXT, "draining\n".to_owned());
        }
        let mut pulse = site.pulse.lock().await;
        let tally = pulse.take().await;
        match tally.drivers - tally.answered {
            0 => Answer::text(200, TEXT, "ok\n".to_owned()),
            silent => {
                let text = format!("{silent} of {} loops do not answer\n", tally.drivers);
                Answer::text(503, TEXT, text)
            }
        }
    }

    fn page(html: String) -> Answer {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
        Answer::text(200, "text/html; charset=utf-8", html)
            .with("Content-Security-Policy", policy)
            .with("Referrer-Policy", "no-referrer")
    }

    fn text(status: u16, content_type: &'static str, text: String) -> Answer {
        let answer = Answer {
            status,
            content_type,
            fields: Vec::new(),
            body: Body::Text(text),
        };
        answer.with(NO_STORE.0, NO_STORE.1)
    }

    fn file(site: &Site, request: &Request, file: FileId) -> Answer {
        let len = site.catalog.bytes(file).len();
        let tag = format!("\"{}\"", site.hash(file));
        let (status, range) = match wanted(request, &tag, len) {
            Wanted::Whole => (200, 0..len),
            Wanted::Part(range) => (206, range),
            Wanted::NotModified => (304, 0..0),
            Wanted::AnotherVersion => return Answer::error(412).with("ETag", tag),
            Wanted::BeyondTheEnd => {
                return Answer::error(416).with("Content-Range", format!("bytes */{len}"));
            }
        };
        let answer = Answer {
            status,
            content_type: content_type(site, file),
            fields: Vec::new(),
            body: Body::Part(file, range.clone()),
        };
        let answer = answer
            .with("ETag", tag)
            .with("Accept-Ranges", "bytes")
            .with(NO_CACHE.0, NO_CACHE.1);
        match status {
            206 => {
                let (first, last) = (range.start, range.end - 1);
                answer.with("Content-Range", format!("bytes {first}-{last}/{len}"))
            }
            _ => answer,
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.fields.push((name, value.into()));
        self
    }

    /// The status line and the header fields.
    pub(super) fn head(&self, keep_alive: bool) -> String {
        let status = self.status;
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
        let mut field = |name: &str, value: &str| {
            let _ = write!(head, "{name}: {value}\r\n");
        };
        for (name, value) in &self.fields {
            field(name, value);
        }
        field("X-Content-Type-Options", "nosniff");
        // 304 has no body, and its length would be that of a 200.
        if status != 304 {
            field("Content-Type", self.content_type);
            field("Content-Length", &self.body.len().to_string());
        }
        field(
            "Connection",
            if keep_alive { "keep-alive" } else { "close" },
        );
        head + "\r\n"
    }
}

impl Body {
    fn len(&self) -> usize {
        match self {
            Body::Text(text) => text.len(),
            Body::Part(_, range) => range.len(),
        }
    }
}

/// UEFI HTTP Boot looks at it before it looks at the name.
fn content_type(site: &Site, file: FileId) -> &'static str {
    match site.record(file).map(|record| record.kind) {
        Some(Kind::Efi(_)) => "application/efi",
        Some(Kind::IpxeScript) | None => TEXT,
        Some(Kind::Bios | Kind::Kernel | Kind::Other) => "application/octet-stream",
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        412 => "Precondition Failed",
        416 => "Range Not Satisfiable",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        // Held by the tests: no other is sent.
        _ => "Unknown",
    }
}
