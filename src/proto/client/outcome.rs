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
