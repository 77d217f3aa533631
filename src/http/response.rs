//! Responses: the answer to each path, and the head of a response.

use std::fmt::Write;
use std::net::SocketAddr;
use std::ops::Range;

use super::preconditions::{Selection, evaluate};
use super::request::{HttpRequest, Method};
use super::service::Service;
use super::site::Site;
use super::{metrics, page};
use crate::catalog::FileId;
use crate::json::Value;
use crate::manifest::{HEALTH_NAME, Kind, METRICS_NAME, SIGNATURE_NAME, VERSION_NAME};
use crate::proto::report::Requested;
use crate::proto::stats::Outcome;

// No boot file has one of these names: see `RESERVED_NAMES`.
const HEALTH: &[u8] = HEALTH_NAME.as_bytes();
const METRICS: &[u8] = METRICS_NAME.as_bytes();
const VERSION: &[u8] = VERSION_NAME.as_bytes();

/// For responses that are valid only at this moment.
const NO_STORE: (&str, &str) = ("Cache-Control", "no-store");

/// For files, which a rollout may change: caches have to revalidate them.
const NO_CACHE: (&str, &str) = ("Cache-Control", "no-cache");

const TEXT: &str = "text/plain; charset=utf-8";

/// Longest part of a path that is logged, in bytes.
const MAX_LOGGED_PATH: usize = 256;

/// A response, without the fields that the connection adds.
#[derive(Debug)]
pub(super) struct Response {
    status: u16,
    /// Media type of the body.
    content_type: &'static str,
    fields: Vec<(&'static str, String)>,
    pub(super) body: Body,
    /// The file, or the path that has none; `None` for the pages of the server itself.
    requested: Option<Requested>,
}

/// The body of a response.
#[derive(Debug)]
pub(super) enum Body {
    Text(String),
    /// A range of a file.
    File(FileId, Range<usize>),
}

impl Response {
    /// The response to `request`, which was sent to the address `local`.
    pub(super) async fn new(
        service: &Service,
        request: &HttpRequest,
        local: SocketAddr,
    ) -> Response {
        if !request.path.starts_with(b"/") {
            return Response::error(400);
        }
        if request.method == Method::Other {
            return Response::error(405)
                .with("Allow", "GET, HEAD")
                .of_path(&request.path);
        }
        let site = &service.site;
        match &resolve(&request.path)[..] {
            b"" => {
                let minutes = service.observer.history();
                Response::page(page::html(site, &minutes, &request.host, local))
            }
            HEALTH => Response::health(site).await,
            METRICS => {
                let mut status = site.status.lock().await;
                let text = metrics::text(service, status.snapshot().await);
                // The version of Prometheus's text format.
                Response::text(200, "text/plain; version=0.0.4; charset=utf-8", text)
            }
            VERSION => Response::version(site),
            name => match site.catalog.find_exactly(name) {
                Some(file) => Response {
                    requested: Some(Requested::File(file)),
                    ..Response::file(site, request, file)
                },
                None => Response::error(404).of_path(&request.path),
            },
        }
    }

    /// An error response.
    pub(super) fn error(status: u16) -> Response {
        Response::text(status, TEXT, format!("{status} {}\n", reason(status)))
    }

    /// True if no request may follow, because its start in the stream is unknown.
    pub(super) fn closes(&self) -> bool {
        matches!(self.status, 400 | 405 | 408 | 431 | 505)
    }

    /// The response in place of this one while too many downloads are in progress.
    pub(super) fn unavailable(self) -> Response {
        Response {
            requested: self.requested,
            ..Response::error(503).with("Retry-After", "5")
        }
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// What is logged as the file, if this is logged as a download.
    pub(super) fn requested(&self) -> Option<Requested> {
        self.requested.clone()
    }

    /// How a request with this response ends, if all of the response is sent.
    pub(super) fn outcome(&self, method: Method) -> Outcome {
        match (self.status, method) {
            (200, Method::Head) => Outcome::Probe,
            (404, _) => Outcome::NotFound,
            (503, _) => Outcome::Dropped,
            (400.., _) => Outcome::Refused,
            _ => Outcome::Complete,
        }
    }

    fn of_path(mut self, path: &[u8]) -> Response {
        let logged = &path[..path.len().min(MAX_LOGGED_PATH)];
        self.requested = Some(Requested::Name(logged.into()));
        self
    }

    async fn health(site: &Site) -> Response {
        if *site.draining.borrow() {
            return Response::text(503, TEXT, "draining\n".to_owned());
        }
        let mut status = site.status.lock().await;
        let snapshot = status.snapshot().await;
        match snapshot.drivers - snapshot.replied {
            0 => Response::text(200, TEXT, "ok\n".to_owned()),
            silent => {
                let text = format!("{silent} of {} drivers do not respond\n", snapshot.drivers);
                Response::text(503, TEXT, text)
            }
        }
    }

    /// What this program is, as JSON without arrays and objects in it.
    fn version(site: &Site) -> Response {
        let location = &site.location;
        let is_signed = site
            .catalog
            .find_exactly(SIGNATURE_NAME.as_bytes())
            .is_some();
        let version = Value::Object(vec![
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("content_id", site.manifest.content_id().to_string().into()),
            ("files", (site.manifest.records().len() as u64).into()),
            ("signed", is_signed.into()),
            ("region", location.region.as_deref().into()),
            ("machine", location.machine.as_deref().into()),
        ]);
        Response::text(200, "application/json", format!("{version:#}\n"))
    }

    fn page(html: String) -> Response {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
        Response::text(200, "text/html; charset=utf-8", html)
            .with("Content-Security-Policy", policy)
            .with("Referrer-Policy", "no-referrer")
    }

    fn text(status: u16, content_type: &'static str, text: String) -> Response {
        let response = Response {
            status,
            content_type,
            fields: Vec::new(),
            body: Body::Text(text),
            requested: None,
        };
        response.with(NO_STORE.0, NO_STORE.1)
    }

    fn file(site: &Site, request: &HttpRequest, file: FileId) -> Response {
        let len = site.catalog.bytes(file).len();
        let tag = format!("\"{}\"", site.hash(file));
        let (status, range) = match evaluate(request, &tag, len) {
            Selection::Whole => (200, 0..len),
            Selection::Range(range) => (206, range),
            Selection::NotModified => (304, 0..0),
            Selection::PreconditionFailed => return Response::error(412).with("ETag", tag),
            Selection::RangeNotSatisfiable => {
                return Response::error(416).with("Content-Range", format!("bytes */{len}"));
            }
        };
        let response = Response {
            status,
            content_type: content_type(site, file),
            fields: Vec::new(),
            body: Body::File(file, range.clone()),
            requested: None,
        };
        let response = response
            .with("ETag", tag)
            .with("Accept-Ranges", "bytes")
            .with(NO_CACHE.0, NO_CACHE.1);
        match status {
            206 => {
                let (first, last) = (range.start, range.end - 1);
                response.with("Content-Range", format!("bytes {first}-{last}/{len}"))
            }
            _ => response,
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Response {
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
        field("Date", &date());
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
            Body::File(_, range) => range.len(),
        }
    }
}

/// The name that a path means (RFC 3986 §5.2.4): without empty segments and `.`; `..` leads one
/// directory up, at the top to the top.
fn resolve(path: &[u8]) -> Vec<u8> {
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|&byte| byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments.join(&b'/')
}

/// The current date, which a server with a clock has to send (RFC 9110 §6.6.1).
#[expect(
    clippy::disallowed_methods,
    reason = "the client is told the date; nothing depends on it"
)]
fn date() -> String {
    httpdate::fmt_http_date(std::time::SystemTime::now())
}

/// The media type of a file. UEFI HTTP Boot looks at it before it looks at the name.
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
        // No other code is sent; the tests check that.
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_and_dots_are_resolved() {
        for (path, name) in [
            ("/", ""),
            ("//", ""),
            ("/a", "a"),
            ("//a", "a"),
            ("/./a", "a"),
            ("/b//./a", "b/a"),
            ("/b/../a", "a"),
            ("/../../a", "a"),
            ("/a/", "a"),
            ("/...", "..."),
            ("/\\a", "\\a"),
        ] {
            assert_eq!(resolve(path.as_bytes()), name.as_bytes(), "{path}");
        }
    }
}
