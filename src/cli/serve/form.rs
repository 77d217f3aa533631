//! `ADDR:PORT` as operators write it, with one of both left out.

use super::table::names_of;
use crate::cli::host::{TFTP_PORT, is_ipv6};

/// The value of `--listen` with its port. Port 69 need not be given.
///
/// # Errors
/// It is a port without an address, with a message.
pub(super) fn listen_form(text: &str) -> Result<String, String> {
    check_address("listen", text)?;
    Ok(match has_port(text) {
        true => text.to_owned(),
        false => format!("{}:{TFTP_PORT}", in_brackets(text)),
    })
}

/// Checks that the value of `--http` has an address and a port. HTTP has no usual port here.
///
/// # Errors
/// One of both is missing, with a message.
pub(super) fn http_form(text: String) -> Result<String, String> {
    check_address("http", &text)?;
    match has_port(&text) {
        true => Ok(text),
        false => {
            let names = names_of("http");
            let example = in_brackets(&text);
            Err(format!(
                "{names} {text}: the port is missing. Write {example}:8080"
            ))
        }
    }
}

fn check_address(field: &str, text: &str) -> Result<(), String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    let names = names_of(field);
    Err(format!(
        "{names} {text}: the address is missing. Write [::]:{port} for every address, or \
         127.0.0.1:{port}"
    ))
}

fn has_port(text: &str) -> bool {
    match text.starts_with('[') {
        true => text.contains("]:"),
        false => text.contains(':') && !is_ipv6(text),
    }
}

fn in_brackets(text: &str) -> String {
    match is_ipv6(text) {
        true => format!("[{text}]"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_tftp_is_the_default() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1:69"),
            ("192.0.2.1:70", "192.0.2.1:70"),
            ("boot.example.net", "boot.example.net:69"),
            ("::1", "[::1]:69"),
            ("[::1]", "[::1]:69"),
            ("[::1]:70", "[::1]:70"),
            ("fe80::1%eth0", "[fe80::1%eth0]:69"),
            ("[fe80::1%eth0]:70", "[fe80::1%eth0]:70"),
            ("::", "[::]:69"),
        ] {
            assert_eq!(listen_form(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        for text in ["8080", ":8080"] {
            for result in [listen_form(text), http_form(text.to_owned())] {
                let message = result.unwrap_err();
                assert!(
                    message.contains("the address is missing. Write [::]:8080 "),
                    "{message}"
                );
            }
        }
        for (text, example) in [("127.0.0.1", "127.0.0.1:8080"), ("::1", "[::1]:8080")] {
            let message = http_form(text.to_owned()).unwrap_err();
            assert!(
                message.ends_with(&format!("is missing. Write {example}")),
                "{message}"
            );
        }
        assert!(http_form("[::]:8080".to_owned()).is_ok());
    }
}
