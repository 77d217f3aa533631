//! How a transfer ends, as a value and in words.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// A whole file, received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes of the file.
    pub size: u64,
    /// What the server granted, or 512.
    pub blksize: u16,
    /// What the server granted, or 1.
    pub windowsize: u16,
    /// Who sent it: the address that was asked, its port chosen by the server.
    pub server: SocketAddr,
    /// From the first RRQ to the last block.
    pub elapsed: Duration,
    /// Times that our own timer ran out.
    pub resends: u32,
}

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// ERROR 1.
    NotFound {
        /// The server's words, escaped.
        message: String,
    },
    /// Any other ERROR, at the start or in mid-transfer.
    Refused {
        /// See [`ErrorCode`](crate::wire::ErrorCode).
        code: u16,
        /// The server's words, escaped.
        message: String,
    },
    /// Nothing was heard from the address that was asked.
    Silent {
        /// But this one sent something: a server that answers from the wrong address.
        elsewhere: Option<SocketAddr>,
    },
    /// It began, and then nothing more came.
    Stalled {
        /// Bytes received until then.
        received: u64,
        /// Bytes announced.
        tsize: Option<u64>,
    },
    /// The file is not as long as the server had announced.
    WrongSize {
        /// Bytes received: all of them, or more than announced.
        received: u64,
        /// Bytes announced.
        tsize: u64,
    },
    /// More than [`Config::max_size`](super::Config::max_size).
    TooLarge {
        /// The limit, in bytes.
        max_size: u64,
    },
    /// An answer that the RFCs do not allow; the server was told so.
    BadAnswer(&'static str),
    /// The owner has had enough.
    Aborted,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::NotFound { message } => write!(f, "the server has no such file: {message}"),
            FetchError::Refused { code, message } => write!(f, "ERROR {code}: {message}"),
            FetchError::Silent { elsewhere: None } => f.write_str("nothing answered"),
            FetchError::Silent {
                elsewhere: Some(from),
            } => write!(f, "nothing answered, though something came from {from}"),
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
