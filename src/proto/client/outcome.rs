//! The outcome of a transfer, as a value and as a message.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// A file that was received completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes of the file.
    pub size: u64,
    /// What the server granted, or 512.
    pub blksize: u16,
    /// What the server granted, or 1.
    pub windowsize: u16,
    /// The server's address, with the port that it has chosen.
    pub server: SocketAddr,
    /// From the first RRQ to the last block.
    pub elapsed: Duration,
    /// Number of times that the client's own timer expired.
    pub resends: u32,
}

/// Why a transfer failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// ERROR 1.
    NotFound {
        /// The server's message, escaped.
        message: String,
    },
    /// Any other ERROR, at the start or during the transfer.
    Refused {
        /// See [`ErrorCode`](crate::wire::ErrorCode).
        code: u16,
        /// The server's message, escaped.
        message: String,
    },
    /// The server has not answered.
    Silent {
        /// Another address that has sent a datagram: the server may answer from a wrong address.
        other_address: Option<SocketAddr>,
    },
    /// The transfer started, and then the server stopped sending.
    Stalled {
        /// Bytes received before that.
        received: u64,
        /// Bytes announced.
        tsize: Option<u64>,
    },
    /// The size of the file is not the one that the server announced.
    WrongSize {
        /// Bytes received: the whole file, or more than announced.
        received: u64,
        /// Bytes announced.
        tsize: u64,
    },
    /// The file is larger than [`FetchOptions::max_size`](super::FetchOptions::max_size).
    TooLarge {
        /// The limit, in bytes.
        max_size: u64,
    },
    /// The server sent an answer that the RFCs do not allow, and was sent an ERROR.
    BadAnswer(&'static str),
    /// The caller has aborted the transfer.
    Aborted,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::NotFound { message } => write!(f, "the server has no such file: {message}"),
            FetchError::Refused { code, message } => write!(f, "ERROR {code}: {message}"),
            FetchError::Silent {
                other_address: None,
            } => f.write_str("nothing answered"),
            FetchError::Silent {
                other_address: Some(from),
            } => write!(f, "nothing answered, but a datagram came from {from}"),
            FetchError::Stalled {
                received,
                tsize: None,
            } => write!(f, "nothing more came after {received} bytes"),
            FetchError::Stalled {
                received,
                tsize: Some(tsize),
            } => write!(f, "nothing more came after {received} of {tsize} bytes"),
            FetchError::WrongSize { received, tsize } => {
                let size = if received > tsize { "more" } else { "only" };
                write!(f, "{tsize} bytes announced, {size} received: {received}")
            }
            FetchError::TooLarge { max_size } => write!(f, "more than {max_size} bytes"),
            FetchError::BadAnswer(what) => f.write_str(what),
            FetchError::Aborted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for FetchError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_what_happened() {
        let message = "no".to_owned();
        let other_address = Some(SocketAddr::from(([192, 0, 2, 7], 69)));
        let (received, tsize) = (8, Some(12));
        for (error, expected) in [
            (
                FetchError::NotFound {
                    message: message.clone(),
                },
                "the server has no such file: no",
            ),
            (FetchError::Refused { code: 2, message }, "ERROR 2: no"),
            (
                FetchError::Silent {
                    other_address: None,
                },
                "nothing answered",
            ),
            (
                FetchError::Silent { other_address },
                "nothing answered, but a datagram came from 192.0.2.7:69",
            ),
            (
                FetchError::Stalled {
                    received,
                    tsize: None,
                },
                "nothing more came after 8 bytes",
            ),
            (
                FetchError::Stalled { received, tsize },
                "nothing more came after 8 of 12 bytes",
            ),
            (wrong_size(11), "12 bytes announced, only received: 11"),
            (wrong_size(16), "12 bytes announced, more received: 16"),
            (FetchError::TooLarge { max_size: 20 }, "more than 20 bytes"),
            (FetchError::BadAnswer("a bad answer"), "a bad answer"),
            (FetchError::Aborted, "interrupted"),
        ] {
            assert_eq!(error.to_string(), expected);
        }
    }

    fn wrong_size(received: u64) -> FetchError {
        let tsize = 12;
        FetchError::WrongSize { received, tsize }
    }
}
