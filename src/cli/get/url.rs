//! URLs of the form `tftp://HOST[:PORT]/NAME[;mode=octet]` (RFC 3617).

use std::str::FromStr;

use crate::cli::host::Host;

/// A file on a server.
#[derive(Debug)]
pub(super) struct Url {
    pub(super) host: Host,
    /// The requested name, percent-decoded, without the leading slash.
    pub(super) filename: Vec<u8>,
}

impl Url {
    /// The part after the last slash, as the name of the local file.
    pub(super) fn basename(&self) -> Result<&str, String> {
        let last = self.filename.rsplit(|&b| b == b'/' || b == b'\\').next();
        match std::str::from_utf8(last.unwrap_or_default()) {
            Ok(name) if !matches!(name, "" | "." | ".." | "-") => Ok(name),
            _ => Err("the URL does not end in a valid file name: choose one with -o".to_owned()),
        }
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Url, String> {
        let malformed = || format!("{text:?} is not tftp://HOST[:PORT]/NAME");
        let scheme = text.get(.."tftp://".len());
        let rest = match scheme {
            Some(scheme) if scheme.eq_ignore_ascii_case("tftp://") => &text[scheme.len()..],
            _ => return Err(malformed()),
        };
        let (host, name) = rest.split_once('/').ok_or_else(malformed)?;
        let filename = percent_decoded(without_mode(name)?).ok_or_else(malformed)?;
        if filename.is_empty() || filename.contains(&0) {
            return Err(malformed());
        }
        let host = host.parse()?;
        Ok(Url { host, filename })
    }
}

/// Removes `;mode=octet`. Other modes are not supported: a boot file is binary.
fn without_mode(name: &str) -> Result<&str, String> {
    match name.rsplit_once(";mode=") {
        Some((name, mode)) if mode.eq_ignore_ascii_case("octet") => Ok(name),
        Some((_, mode)) => Err(format!("mode {mode} is not supported: use octet")),
        None => Ok(name),
    }
}

/// Decodes `%41` to `A`. `None` if a `%` is not followed by two hexadecimal digits.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_name_are_split() {
        for (text, host, name) in [
            (
                "tftp://boot.example.net/ipxe.efi",
                "boot.example.net",
                "ipxe.efi",
            ),
            (
                "TFTP://192.0.2.1:6969/2.0.0/ipxe.efi",
                "192.0.2.1:6969",
                "2.0.0/ipxe.efi",
            ),
            (
                "tftp://[2001:db8::1]:70/a%20b;mode=octet",
                "[2001:db8::1]:70",
                "a b",
            ),
            ("tftp://h//abs", "h", "/abs"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!(url.host.to_string(), host);
            assert_eq!(url.filename, name.as_bytes());
        }
    }

    #[test]
    fn invalid_urls() {
        for text in [
            "ipxe.efi",
            "http://h/f",
            "tftp://h",
            "tftp://h/",
            "tftp:///f",
            "tftp://h:0/f",
            "tftp://h/%4",
            "tftp://h/%+4",
            "tftp://h/%00",
            "tftp://h/f;mode=netascii",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    #[test]
    fn no_name_leaves_the_directory() {
        let basename = |text: &str| text.parse::<Url>().unwrap().basename().map(str::to_owned);
        assert_eq!(basename("tftp://h/a/b.efi").unwrap(), "b.efi");
        assert_eq!(basename("tftp://h/a%2f..%2fb.efi").unwrap(), "b.efi");
        assert_eq!(basename("tftp://h/a%5cb.efi").unwrap(), "b.efi");
        for text in [
            "tftp://h/a/",
            "tftp://h/..",
            "tftp://h/a%2f..",
            "tftp://h/-",
            "tftp://h/%ff",
        ] {
            assert!(basename(text).is_err(), "{text}");
        }
    }
}
