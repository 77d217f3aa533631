//! Parsing of requests (RFC 9112) without a body.

use httparse::{EMPTY_HEADER, Header, Status};
use percent_encoding::percent_decode;

/// Longest head of a request in bytes. Browsers send 1 kB, firmware 200 bytes.
pub const MAX_HEAD: usize = 8 << 10;

/// Most header fields in a request.
const MAX_FIELDS: usize = 64;

/// A parsed request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The path of the target, percent-decoded, without a query: `/ipxe.efi`.
    pub path: Vec<u8>,
    /// The Host field: the client's name for this server.
    pub host: String,
    /// The client may send another request.
    pub keep_alive: bool,
    /// The field If-Match. Several fields of one name are joined to one list.
    pub if_match: Option<String>,
    /// The field If-None-Match.
    pub if_none_match: Option<String>,
    /// The field If-Range.
    pub if_range: Option<String>,
    /// The field Range.
    pub range: Option<String>,
}

/// The request method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// HEAD.
    Head,
    /// Any other method, which is not allowed.
    Other,
}

impl Method {
    /// The method of an invalid request, as far as it can be told. Empty lines before it are
    /// ignored, as the parser does.
    pub(super) fn of_head(mut head: &[u8]) -> Method {
        while let [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] = head {
            head = rest;
        }
        match head.starts_with(b"HEAD ") {
            true => Method::Head,
            false => Method::Other,
        }
    }
}

/// Why a request is invalid, as the status code of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestError(
    /// The status code.
    pub u16,
);

impl HttpRequest {
    /// Parses the request at the start of `bytes`. Returns the request and its length; `None` if it
    /// is not complete.
    ///
    /// # Errors
    /// The bytes are not a valid request, whatever follows.
    pub fn parse(bytes: &[u8]) -> Result<Option<(HttpRequest, usize)>, RequestError> {
        let mut fields = [EMPTY_HEADER; MAX_FIELDS];
        let mut parsed = httparse::Request::new(&mut fields);
        match parsed.parse(bytes) {
            Ok(Status::Complete(len)) if len <= MAX_HEAD => {
                let request = HttpRequest::from_parsed(&parsed)?;
                Ok(Some((request, len)))
            }
            Ok(Status::Partial) if bytes.len() < MAX_HEAD => Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => Err(RequestError(431)),
            Err(httparse::Error::Version) => Err(RequestError(505)),
            Err(_) => Err(RequestError(400)),
        }
    }

    fn from_parsed(parsed: &httparse::Request<'_, '_>) -> Result<HttpRequest, RequestError> {
        let fields = &parsed.headers[..];
        let is_http_1_1 = parsed.version == Some(1);
        let connection = field(fields, "connection").unwrap_or_default();
        let has_token = |word: &str| list(&connection).any(|item| item.eq_ignore_ascii_case(word));
        // The end of a body is not determined, so no request may follow one.
        let has_body = ["content-length", "transfer-encoding"]
            .into_iter()
            .any(|name| field(fields, name).is_some_and(|value| value != "0"));
        Ok(HttpRequest {
            method: match parsed.method {
                Some("GET") => Method::Get,
                Some("HEAD") => Method::Head,
                _ => Method::Other,
            },
            path: path(parsed.path.unwrap_or_default()),
            host: host(fields, is_http_1_1)?,
            keep_alive: !has_body
                && !has_token("close")
                && (is_http_1_1 || has_token("keep-alive")),
            if_match: field(fields, "if-match"),
            if_none_match: field(fields, "if-none-match"),
            if_range: field(fields, "if-range"),
            range: field(fields, "range"),
        })
    }
}

/// The value of a field. Several fields of one name are joined to one list (RFC 9110 §5.3).
fn field(fields: &[Header<'_>], name: &str) -> Option<String> {
    let same = fields.iter().filter(|f| f.name.eq_ignore_ascii_case(name));
    let values: Vec<_> = same.map(|f| String::from_utf8_lossy(f.value)).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// The items of a comma-separated list.
pub(super) fn list(value: &str) -> impl Iterator<Item = &str> {
    let items = value.split(',').map(|item| item.trim_matches([' ', '\t']));
    items.filter(|item| !item.is_empty())
}

/// The Host field. HTTP/1.1 requires exactly one (RFC 9112 §3.2).
fn host(fields: &[Header<'_>], is_required: bool) -> Result<String, RequestError> {
    let mut hosts = fields
        .iter()
        .filter(|f| f.name.eq_ignore_ascii_case("host"));
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Ok(String::from_utf8_lossy(host.value).into_owned()),
        (None, None) if !is_required => Ok(String::new()),
        _ => Err(RequestError(400)),
    }
}

/// The path of a target in origin form (`/ipxe.efi?query`) or absolute form
/// (`http://host/ipxe.efi`), which a server has to accept too (RFC 9112 §3.2.2).
fn path(target: &str) -> Vec<u8> {
    let target = target.split(['?', '#']).next().unwrap_or_default();
    let path = match target.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => {
            rest.find('/').map_or("/", |slash| &rest[slash..])
        }
        _ => target,
    };
    percent_decode(path.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn parse(text: &str) -> HttpRequest {
        let (request, len) = HttpRequest::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(len, text.len());
        request
    }

    #[test]
    fn a_request_of_uefi_firmware() {
        let request = parse(
            "HEAD /2.0.0/ipxe.efi HTTP/1.1\r\nHost: 192.0.2.1:8080\r\nAccept: */*\r\nUser-Agent: UefiHttpBoot/1.0\r\n\r\n",
        );
        let expected = HttpRequest {
            method: Method::Head,
            path: b"/2.0.0/ipxe.efi".to_vec(),
            host: "192.0.2.1:8080".to_owned(),
            keep_alive: true,
            ..HttpRequest::default()
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn a_request_is_parsed_once_it_is_complete() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for len in 0..text.len() {
            assert_eq!(HttpRequest::parse(&text[..len]), Ok(None));
        }
        let two = [&text[..], b"GET /next"].concat();
        let (_, len) = HttpRequest::parse(&two).unwrap().unwrap();
        assert_eq!(len, text.len());
    }

    #[test]
    fn targets() {
        let path = |target| {
            let request = parse(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            String::from_utf8(request.path).unwrap()
        };
        assert_eq!(path("/a%20b%2Fc?d=e"), "/a b/c");
        assert_eq!(path("http://example.com/a"), "/a");
        assert_eq!(path("HTTP://example.com"), "/");
        assert_eq!(path("/%zz%"), "/%zz%");
        assert_eq!(path("/../etc/passwd"), "/../etc/passwd");
        assert_eq!(path("*"), "*");
    }

    #[test]
    fn keep_alive_follows_version_connection_field_and_body() {
        let keep_alive = |rest: &str| parse(&format!("GET / HTTP/{rest}\r\n\r\n")).keep_alive;
        assert!(keep_alive("1.1\r\nHost: a"));
        assert!(!keep_alive("1.1\r\nHost: a\r\nConnection: x, Close"));
        assert!(!keep_alive("1.0"));
        assert!(keep_alive("1.0\r\nConnection: Keep-Alive"));
        assert!(keep_alive("1.1\r\nHost: a\r\nContent-Length: 0"));
        assert!(!keep_alive("1.1\r\nHost: a\r\nContent-Length: 5"));
        assert!(!keep_alive(
            "1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5"
        ));
        assert!(!keep_alive("1.1\r\nHost: a\r\nTransfer-Encoding: chunked"));
    }

    #[test]
    fn invalid_requests() {
        let status = |text: &str| HttpRequest::parse(text.as_bytes()).unwrap_err().0;
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"), 400);
        assert_eq!(status("\x16\x03\x01\x02"), 400);
        assert_eq!(status("GET / HTTP/2.0\r\n"), 505);
        let many = "a: b\r\n".repeat(MAX_FIELDS + 1);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\n{many}\r\n")), 431);
        let long = "a".repeat(MAX_HEAD);
        assert_eq!(status(&format!("GET /{long}")), 431);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\na: {long}\r\n\r\n")), 431);
    }

    #[test]
    fn fields_of_one_name_are_joined() {
        let request = parse(
            "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"a\"\r\nif-none-match: \"b\"\r\n\r\n",
        );
        assert_eq!(request.if_none_match.as_deref(), Some("\"a\", \"b\""));
        assert_eq!(list(" a,, b\t,").collect::<Vec<_>>(), ["a", "b"]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = HttpRequest::parse(&bytes);
            let head = [b"GET ".as_slice(), &bytes, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
            let _ = HttpRequest::parse(&head);
        }
    }
}
