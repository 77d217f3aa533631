//! Paths, files and ranges.

use bootstone::manifest::Digest;

use super::client::{Client, Response};
use super::site::{ODD_NAME, content, manifest, no_limits, start};

const TEXT: &str = "text/plain; charset=utf-8";

#[test]
fn every_route() {
    let server = start(no_limits(), 0);
    let mut client = Client::new(server.address);
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/healthz", TEXT),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/SHA256SUMS", TEXT),
        ("/ipxe.efi", "application/efi"),
        ("/1.21.1/snponly.efi", "application/efi"),
        ("/undionly.kpxe", "application/octet-stream"),
        ("/undionly.kpxe.sha256", TEXT),
        ("/1.21.1/snponly.efi.sha256", TEXT),
        ("/a%26b%20%3C'c'%3e%20%2541.ipxe", TEXT),
        ("/ipxe.efi?from=here", "application/efi"),
        (
            "http://boot.example.com/ipxe%2Eefi?from=here",
            "application/efi",
        ),
    ] {
        let response = client.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.field("Content-Type"), content_type, "{path}");
        assert_eq!(response.field("X-Content-Type-Options"), "nosniff");
        assert!(!response.has("Set-Cookie"));
    }
}

#[test]
fn the_version_is_a_flat_object() {
    let server = start(no_limits(), 0);
    let response = Client::new(server.address).get("/version");
    assert_eq!(response.field("Content-Type"), "application/json");
    assert_eq!(response.field("Cache-Control"), "no-store");
    let version: serde_json::Value = serde_json::from_str(response.text()).unwrap();
    let expected = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "content_id": manifest().content_id().to_string(),
        "files": manifest().records().len(),
        "signed": false,
        "region": "<fra>",
        "machine": "<148e>",
    });
    assert_eq!(version, expected);
}

#[test]
fn the_files_are_complete() {
    let server = start(no_limits(), 0);
    let mut client = Client::new(server.address);
    for record in manifest().records() {
        let path = format!("/{}", record.name)
            .replace('%', "%25")
            .replace(' ', "%20");
        if record.name == "healthz" {
            assert_eq!(client.get(&path).text(), "ok\n", "no file hides health");
            continue;
        }
        let response = client.get(&path);
        assert_eq!(Digest::of(&response.body), record.sha256, "{path}");
        let tag = format!("\"{}\"", record.sha256);
        assert_eq!(response.field("ETag"), tag);
        let sum = client.get(&format!("{path}.sha256"));
        assert_eq!(sum.text(), record.sum());
        let tag = format!("\"{}\"", Digest::of(&sum.body));
        assert_eq!(sum.field("ETag"), tag);
    }
    assert_eq!(client.get("/SHA256SUMS").text(), manifest().sums());
    assert!(manifest().sums().contains(ODD_NAME));
}

#[test]
fn head_is_get_without_the_body() {
    let server = start(no_limits(), 0);
    let mut client = Client::new(server.address);
    for path in ["/", "/healthz", "/metrics", "/SHA256SUMS", "/ipxe.efi"] {
        let get = client.get(path);
        let head = client.ask("HEAD", path, "");
        assert_eq!(head.status, get.status);
        let fields = |response: &Response| {
            let mut fields = response.fields.clone();
            fields.retain(|(name, _)| name != "Date");
            fields
        };
        assert_eq!(fields(&head), fields(&get), "{path}");
        let len = get.body.len().to_string();
        assert_eq!(head.field("Content-Length"), len);
    }
    let head = client.ask("HEAD", "/nothing", "");
    assert_eq!(head.status, 404);
    let whole = client.ask("HEAD", "/ipxe.efi", "Range: bytes=0-9\r\n");
    assert_eq!(whole.status, 200, "a range is for GET only");
    assert_eq!(whole.field("Content-Length"), "100000");
    assert_eq!(client.get("/ipxe.efi").body, content("ipxe.efi"));
}

#[test]
fn unknown_paths() {
    let server = start(no_limits(), 0);
    let mut client = Client::new(server.address);
    for path in [
        "/nothing",
        "/IPXE.EFI",
        "/x/ipxe.efi",
        "/ipxe.efi%00",
        "/ipxe.efi%0d%0aSet-Cookie:%20a=b",
        "/1.21.1",
        "/1.21.1/",
        "/1.21.1\\snponly.efi",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "/%ff",
    ] {
        let response = client.get(path);
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.text(), "404 Not Found\n", "nothing of the name");
        assert!(!response.has("Set-Cookie"));
    }
}

#[test]
fn slashes_and_dots_are_resolved() {
    let server = start(no_limits(), 0);
    let mut client = Client::new(server.address);
    for path in [
        "//ipxe.efi",
        "/./ipxe.efi",
        "/ipxe.efi/",
        "/../ipxe.efi",
        "/1.21.1/../ipxe.efi",
        "/%2e/ipxe.efi",
        "//1.21.1/.//snponly.efi",
    ] {
        let response = client.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert!(response.body == content("ipxe.efi"), "{path}");
    }
    assert_eq!(client.get("//healthz").text(), "ok\n");
}

#[test]
fn every_response_has_a_date() {
    let server = start(no_limits(), 0);
    let mut client = Client::new(server.address);
    for path in ["/", "/healthz", "/ipxe.efi", "/nothing"] {
        let response = client.get(path);
        // IMF-fixdate (RFC 9110 §5.6.7): Sun, 06 Nov 1994 08:49:37 GMT
        let date = response.field("Date");
        let shape: String = date
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        let (day, rest) = shape.split_at(3);
        assert!("Mon Tue Wed Thu Fri Sat Sun".contains(day), "{date}");
        assert!(rest.starts_with(", 00 "), "{date}");
        assert!(rest.ends_with(" 0000 00:00:00 GMT"), "{date}");
    }
}

#[test]
fn ranges_of_a_file() {
    let server = start(no_limits(), 0);
    let mut client = Client::new(server.address);
    let whole = content("ipxe.efi");
    for (range, first, last) in [
        ("0-0", 0, 0),
        ("500-1499", 500, 1499),
        ("99990-", 99_990, 99_999),
        ("-5", 99_995, 99_999),
        ("99999-2000000", 99_999, 99_999),
    ] {
        let response = client.ask("GET", "/ipxe.efi", &format!("Range: bytes={range}\r\n"));
        assert_eq!(response.status, 206, "{range}");
        let content_range = format!("bytes {first}-{last}/100000");
        assert_eq!(response.field("Content-Range"), content_range);
        assert_eq!(response.field("Content-Type"), "application/efi");
        assert_eq!(response.body, whole[first..=last]);
    }
    let beyond = client.ask("GET", "/ipxe.efi", "Range: bytes=100000-\r\n");
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.field("Content-Range"), "bytes */100000");
    let several = client.ask("GET", "/ipxe.efi", "Range: bytes=0-1,5-6\r\n");
    assert_eq!((several.status, several.body), (200, whole));
}

#[test]
fn a_download_continues_only_with_the_same_version() {
    let server = start(no_limits(), 0);
    let mut client = Client::new(server.address);
    let whole = content("ipxe.efi");
    let tag = client.ask("HEAD", "/ipxe.efi", "").field("ETag").to_owned();
    let mut ask =
        |fields: String| client.ask("GET", "/ipxe.efi", &format!("{fields}Range: bytes=9-\r\n"));
    let same = ask(format!("If-Match: {tag}\r\n"));
    assert_eq!((same.status, &same.body[..]), (206, &whole[9..]));
    let other = ask("If-Match: \"other\"\r\n".to_owned());
    assert_eq!((other.status, other.field("ETag")), (412, &tag[..]));
    let same = ask(format!("If-Range: {tag}\r\n"));
    assert_eq!((same.status, &same.body[..]), (206, &whole[9..]));
    let other = ask("If-Range: \"other\"\r\n".to_owned());
    assert_eq!((other.status, other.body), (200, whole));
    let known = ask(format!("If-None-Match: \"other\", W/{tag}\r\n"));
    assert_eq!((known.status, known.field("ETag")), (304, &tag[..]));
    assert!(!known.has("Content-Length"));
    let unknown = ask("If-None-Match: \"other\"\r\n".to_owned());
    assert_eq!(unknown.status, 206);
}
