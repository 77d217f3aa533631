//! What must hold of any bytes, the client that made them up.

use bootstone::catalog::{Catalog, Entry};
use bootstone::http::preconditions::{Selection, evaluate};
use bootstone::http::request::{self, MAX_HEAD, Method};
use bootstone::manifest::{Manifest, parse_sums, parse_versions};
use bootstone::wire::options::decimal;
use bootstone::wire::{Options, Packet, Request};

/// A datagram: what was understood of it says the same once it is written down.
pub(crate) fn packet(bytes: &[u8]) {
    let Ok(packet) = Packet::decode(bytes) else {
        return;
    };
    let mut first = Vec::new();
    packet.encode(&mut first);
    let again = Packet::decode(&first).expect("what we write can be read");
    assert_same(packet, again);
    let mut second = Vec::new();
    again.encode(&mut second);
    assert_eq!(first, second, "written twice, differently");
    assert!(
        first.len() <= bytes.len() + 3,
        "writing adds nothing but missing NULs"
    );
}

/// Equal but for rubbish behind the options.
fn assert_same(a: Packet<'_>, b: Packet<'_>) {
    match (a, b) {
        (Packet::Rrq(a), Packet::Rrq(b)) | (Packet::Wrq(a), Packet::Wrq(b)) => {
            let shape = |r: &Request<'_>| (r.filename.to_vec(), format!("{:?}", r.mode));
            assert_eq!(shape(&a), shape(&b));
            assert!(a.options.iter().eq(b.options.iter()));
            // A name may be empty: the server answers it with "File not found".
            assert!(!a.filename.contains(&0));
        }
        (Packet::Oack(a), Packet::Oack(b)) => assert!(a.iter().eq(b.iter())),
        (a, b) => assert_eq!(a, b),
    }
}

/// The option part of a request.
pub(crate) fn options(bytes: &[u8]) {
    let options = Options::new(bytes);
    let mut length = 0;
    for (name, value) in options.iter() {
        assert!(!name.is_empty() && !name.contains(&0) && !value.contains(&0));
        length += name.len() + value.len() + 2;
        if let Some(number) = decimal(value) {
            let digits = value.iter().skip_while(|&&digit| digit == b'0');
            let digits: Vec<u8> = digits.copied().collect();
            let written = number.to_string();
            assert!(written.as_bytes() == digits || number == 0 && digits.is_empty());
        }
    }
    assert!(length <= bytes.len() + 1, "a last NUL may be missing");
    assert_eq!(options.is_empty(), length == 0);
}

/// A requested name: found or not, and never anything but what its last part says.
pub(crate) fn name(bytes: &[u8]) {
    let names = [
        "ipxe.efi",
        "2.0.0/ipxe.efi",
        "2.0.0/snp only.efi",
        "UNDIONLY.kpxe",
        "a/b/c",
        "A/B/C",
    ];
    let catalog = Catalog::new(names.map(|name| Entry::new(name, name.as_bytes())).to_vec());
    let Some(file) = catalog.find(bytes) else {
        return;
    };
    let found = catalog.entry(file).name.as_bytes();
    assert_eq!(catalog.bytes(file), found);
    assert_eq!(
        catalog.find(found),
        Some(file),
        "a file is found by its own name"
    );
    let last = found
        .rsplit(|&b| b == b'/')
        .next()
        .expect("there is a last part");
    let is_asked = bytes
        .windows(last.len())
        .any(|part| part.eq_ignore_ascii_case(last));
    assert!(is_asked, "no one asked for this one");
}

/// The manifest in the binary, and published hashes.
pub(crate) fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(manifest) = Manifest::parse(text) {
        let written = manifest.to_text();
        assert_eq!(Manifest::parse(&written), Ok(manifest));
    }
    let _ = parse_versions(text);
    if let Ok(sums) = parse_sums(text) {
        let line = |(name, digest): &(String, _)| format!("{digest}  {name}\n");
        let written: String = sums.iter().map(line).collect();
        // Only an escaped line can carry a line end.
        let is_plain = |name: &str| !name.contains(['\n', '\r']);
        if sums.iter().all(|(name, _)| is_plain(name)) {
            assert_eq!(parse_sums(&written), Ok(sums));
        }
    }
}

/// What the HTTP listener receives: requests one after the other, each taken when its last byte is there and not
/// before.
pub(crate) fn http(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some((request, len))) = request::HttpRequest::parse(rest) {
        assert!((1..=rest.len().min(MAX_HEAD)).contains(&len));
        let again = request::HttpRequest::parse(&rest[..len]);
        assert_eq!(again, Ok(Some((request.clone(), len))));
        for part in [0, len / 2, len - 1] {
            assert_eq!(request::HttpRequest::parse(&rest[..part]), Ok(None));
        }
        assert!(request.path.len() <= len);
        for size in [0, 1, 1000] {
            answer(&request, size);
        }
        rest = &rest[len..];
    }
}

/// What is sent of a file of `size` bytes lies in it, and was asked for.
fn answer(request: &request::HttpRequest, size: usize) {
    let asks_part = request.range.is_some() && request.method == Method::Get;
    match evaluate(request, "\"a1\"", size) {
        Selection::Whole => {}
        Selection::Range(range) => assert!(asks_part && !range.is_empty() && range.end <= size),
        Selection::RangeNotSatisfiable => assert!(asks_part),
        Selection::NotModified => assert!(request.if_none_match.is_some()),
        Selection::PreconditionFailed => assert!(request.if_match.is_some()),
    }
}
