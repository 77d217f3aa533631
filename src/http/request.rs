//! A request, as far as it matters here: RFC 9112, without bodies.

use httparse::{EMPTY_HEADER, Header, Status};
use percent_encoding::percent_decode;

/// Longest head of a request in bytes. Browsers send 1 kB, firmware 200 bytes.
pub const LONGEST_HEAD: usize = 8 << 10;

/// Most header fields in a request.
const MOST_FIELDS: usize = 64;

/// What a client wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// The path of the target, percent-decoded, without a query: `/ipxe.efi`.
    pub path: Vec<u8>,
    /// As the client calls this server.
    pub host: String,
    /// The client may send another request.
    pub keep_alive: bool,
    /// The field If-Match, as it came; several are one list.
    pub if_match: Option<String>,
    /// If-None-Match.
    pub if_none_match: Option<String>,
    /// If-Range.
    pub if_range: Option<String>,
    /// Range.
    pub range: Option<String>,
}

/// What to do with the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// The file.
    #[default]
    Get,
    /// What GET would say of it.
    Head,
    /// Nothing that is served here.
    Other,
}

/// What is no request, by its status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(
    /// The code.
    pub u16,
);

impl Request {
    /// Takes a request from the front of `bytes`: the request and its length, or nothing as long as
    /// it is not complete.
    ///
    /// # Errors
    /// Whatever follows, this is no request.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, Refused> {
        let mut fields = [EMPTY_HEADER; MOST_FIELDS];
        let mut parsed = httparse::Request::new(&mut fields);
        match parsed.parse(bytes) {
            Ok(Status::Complete(len)) if len <= LONGEST_HEAD => {
                let request = Request::understand(&parsed)?;
                Ok(Some((request, len)))
            }
            Ok(Status::Partial) if bytes.len() < LONGEST_HEAD => Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => Err(Refused(431)),
            Err(httparse::Error::Version) => Err(Refused(505)),
            Err(_) => Err(Refused(400)),
        }
    }

    fn understand(parsed: &httparse::Request<'_, '_>) -> Result<Request, Refused> {
        let fields = &parsed.headers[..];
        let is_http_1_1 = parsed.version == Some(1);
        let connection = field(fields, "connection").unwrap_or_default();
        let says = |word: &str| list(&connection).any(|item| item.eq_ignore_ascii_case(word));
        // Where a body ends is never looked for: whatever follows it would be taken for a request.
        let has_body = ["content-length", "transfer-encoding"]
            .into_iter()
            .any(|name| field(fields, name).is_some_and(|value| value != "0"));
        Ok(Request {
            method: match parsed.method {
                Some("GET") => Method::Get,
                Some("HEAD") => Method::Head,
                _ => Method::Other,
            },
            path: path(parsed.path.unwrap_or_default()),
            host: host(fields, is_http_1_1)?,
            keep_alive: !has_body && !says("close") && (is_http_1_1 || says("keep-alive")),
            if_match: field(fields, "if-match"),
            if_none_match: field(fields, "if-none-match"),
            if_range: field(fields, "if-range"),
            range: field(fields, "range"),
        })
    }
}

/// The value of a field; several of one name are one list (RFC 9110 §5.3).
fn field(fields: &[Header<'_>], name: &str) -> Option<String> {
    let same = fields.iter().filter(|f| f.name.eq_ignore_ascii_case(name));
    let values: Vec<_> = same.map(|f| String::from_utf8_lossy(f.value)).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// The items of a list.
pub(super) fn list(value: &str) -> impl Iterator<Item = &str> {
    let items = value.split(',').map(|item| item.trim_matches([' ', '\t']));
    items.filter(|item| !item.is_empty())
}

/// HTTP/1.1 wants exactly one Host (RFC 9112 §3.2).
fn host(fields: &[Header<'_>], is_wanted: bool) -> Result<String, Refused> {
    let mut hosts = fields
        .iter()
        .filter(|f| f.name.eq_ignore_ascii_case("host"));
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Ok(String::from_utf8_lossy(host.value).into_owned()),
        (None, None) if !is_wanted => Ok(String::new()),
        _ => Err(Refused(400)),
    }
}

/// The path of a target, be it `/ipxe.efi?query` or `http://host/ipxe.efi`, which a server has to take as well
/// (RFC 9112 §3.2.2).
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
    fn parse(text: &str) -> Request {
        let (request, len) = Request::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(len, text.len());
        request
    }

    #[test]
    fn what_firmware_sends() {
        let request = parse(
            "HEAD /2.0.0/ipxe.efi HTTP/1.1\r\nHost: 192.0.2.1:8080\r\nAccept: */*\r\nUser-Agent: UefiHttpBoot/1.0\r\n\r\n",
        );
        let expected = Request {
            method: Method::Head,
            path: b"/2.0.0/ipxe.efi".to_vec(),
            host: "192.0.2.1:8080".to_owned(),
            keep_alive: true,
            ..Request::default()
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn a_request_is_taken_when_its_last_byte_is_there() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for len in 0..text.len() {
            assert_eq!(Request::parse(&text[..len]), Ok(None));
        }
        let two = [&text[..], b"GET /next"].concat();
        let (_, len) = Request::parse(&two).unwrap().unwrap();
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
    fn who_may_send_another_request() {
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
    fn what_is_no_request() {
        let refused = |text: &str| Request::parse(text.as_bytes()).unwrap_err().0;
        assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
        assert_eq!(refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), 400);
        assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"), 400);
        assert_eq!(refused("\x16\x03\x01\x02"), 400);
        assert_eq!(refused("GET / HTTP/2.0\r\n"), 505);
        let many = "a: b\r\n".repeat(MOST_FIELDS + 1);
        assert_eq!(refused(&format!("GET / HTTP/1.1\r\n{many}\r\n")), 431);
        let long = "a".repeat(LONGEST_HEAD);
        assert_eq!(refused(&format!("GET /{long}")), 431);
        assert_eq!(
            refused(&format!("GET / HTTP/1.1\r\na: {long}\r\n\r\n")),
            431
        );
    }

    #[test]
    fn fields_of_one_name_are_one_list() {
        let request = parse(
            "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"a\"\r\nif-none-match: \"b\"\r\n\r\n",
        );
        assert_eq!(request.if_none_match.as_deref(), Some("\"a\", \"b\""));
        assert_eq!(list(" a,, b\t,").collect::<Vec<_>>(), ["a", "b"]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::parse(&bytes);
            let head = [b"GET ".as_slice(), &bytes, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
            let _ = Request::parse(&head);
        }
    }
}
