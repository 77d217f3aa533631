//! Why a model's fetch failed, and what its firmware shows then.

use std::fmt;

use super::Model;

/// The longest part of a server's message that is shown, in bytes.
const MAX_MESSAGE: usize = 200;

/// Why the fetch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing answered the request.
    Silent(RequestKind),
    /// The transfer began, and then nothing new arrived until the client gave up.
    Stalled,
    /// The server sent an ERROR.
    Refused {
        /// The request that it answers, or that began the transfer.
        request: RequestKind,
        /// See [`ErrorCode`](crate::wire::ErrorCode).
        code: u16,
        /// The server's message, escaped.
        message: String,
    },
    /// The server answered the size probe with DATA: it ignores options.
    NoOack,
    /// The OACK has something that the client does not accept.
    BadOack(&'static str),
    /// ICMP "port unreachable".
    Unreachable,
    /// The file is longer than this many bytes.
    TooLarge(u64),
}

/// A request of the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// For the size alone.
    Probe,
    /// For the file.
    File,
}

impl Fault {
    /// The fault of an ERROR.
    pub(super) fn refused(request: RequestKind, code: u16, message: &[u8]) -> Fault {
        let message = &message[..message.len().min(MAX_MESSAGE)];
        Fault::Refused {
            request,
            code,
            message: message.escape_ascii().to_string(),
        }
    }

    /// What the firmware of this model shows for this fault; `None` if no firmware has such a
    /// message.
    pub fn screen(&self, model: &Model, file: &str) -> Option<String> {
        let screens = &model.screens;
        let (text, code, message) = match self {
            Fault::Silent(_) => (screens.silent, 0, ""),
            Fault::Stalled => (screens.stalled, 0, ""),
            Fault::Refused { code, message, .. } => {
                let special = screens.errors.iter().find(|(of, _)| of == code);
                let text = special.map_or(screens.other_error, |(_, text)| text);
                (text, *code, message.as_str())
            }
            Fault::NoOack => (screens.no_oack, 0, ""),
            Fault::BadOack(_) => (screens.bad_oack, 0, ""),
            Fault::Unreachable => (screens.unreachable, 0, ""),
            Fault::TooLarge(_) => return None,
        };
        let text = text
            .replace("{file}", file)
            .replace("{code}", &code.to_string())
            .replace("{message}", message);
        (!text.is_empty()).then_some(text)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Silent(request) => write!(f, "no answer to the request for {request}"),
            Fault::Stalled => f.write_str("the transfer began, and then nothing new arrived"),
            Fault::Refused {
                request,
                code,
                message,
            } => write!(
                f,
                "the server sent ERROR {code} ({message}) to the request for {request}"
            ),
            Fault::NoOack => {
                f.write_str("the server ignores options: it answered the size probe with DATA")
            }
            Fault::BadOack(what) => f.write_str(what),
            Fault::Unreachable => {
                f.write_str("no server listens on this port (ICMP port unreachable)")
            }
            Fault::TooLarge(max) => write!(f, "the file is longer than {max} bytes"),
        }
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestKind::Probe => "the size",
            RequestKind::File => "the file",
        })
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::super::models;
    use super::*;

    #[test]
    fn every_fault_has_the_text_of_its_firmware() {
        let missing = Fault::refused(RequestKind::File, 1, b"File not found\x1b");
        let denied = Fault::refused(RequestKind::File, 2, b"denied");
        let silent = Fault::Silent(RequestKind::File);
        for (model, fault, expected) in [
            (&models::EDK2, &silent, "PXE-E18"),
            (&models::EDK2, &Fault::Stalled, "PXE-E18"),
            (&models::EDK2, &missing, "PXE-E23"),
            (&models::EDK2, &Fault::NoOack, "PXE-E99"),
            (&models::EDK2, &Fault::Unreachable, "PXE-E99"),
            (&models::EDK2, &Fault::BadOack("x"), "PXE-E23"),
            (&models::IPXE, &missing, "No such file or directory"),
            (&models::IPXE, &denied, "Permission denied"),
            (&models::IPXE, &silent, "Connection timed out"),
            (&models::GRUB, &missing, r"error: File not found\x1b."),
            (&models::GRUB, &silent, "time out opening `a.efi'"),
            (&models::GRUB, &Fault::Stalled, "timeout reading `a.efi'"),
            (&models::PXELINUX, &silent, "PXE-E32"),
            (&models::UBOOT, &denied, "TFTP error: 'denied' (2)"),
            (&models::SHIM, &denied, "TFTP error 2: denied"),
            (&models::STRICT, &denied, "ERROR 2: denied"),
        ] {
            let screen = fault.screen(model, "a.efi").unwrap();
            assert!(screen.contains(expected), "{}: {screen}", model.name);
        }
        assert_eq!(Fault::TooLarge(7).screen(&models::EDK2, "a"), None);
    }
}
