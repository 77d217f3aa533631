//! The HTTP client of `verify`: one GET on one connection, plain HTTP/1.1.
//!
//! It does not follow redirects and does not read transfer codings. The length of the head and of
//! the body, and the time between two reads, are limited.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use httparse::{EMPTY_HEADER, Header, Status};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::net::Clock;

/// Characters that need no escape in a path; `/` separates its segments.
const IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b'~');

/// Longest head of a response in bytes.
const MAX_HEAD: usize = 16 << 10;

/// Most header fields in a response.
const MAX_FIELDS: usize = 100;

/// Bytes per read.
const CHUNK: usize = 16 << 10;

/// What to fetch, and within which limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpGet<'a> {
    pub(crate) address: SocketAddr,
    /// The server's name and port, for the field Host.
    pub(crate) authority: &'a str,
    /// The name of the file, without a slash in front.
    pub(crate) name: &'a str,
    /// Longest body in bytes.
    pub(crate) max_size: u64,
    /// Longest time between two reads, and for the connection.
    pub(crate) stall_timeout: Duration,
}

/// Why a file was not received.
#[derive(Debug)]
pub(crate) enum HttpFailure {
    /// The connection cannot be opened, or is broken before the response.
    Network(io::Error),
    /// Nothing arrived in time, neither a connection nor a response.
    Silent,
    /// Status 404.
    NotFound,
    /// A status other than 200 and 404.
    Status(u16),
    /// The body stopped.
    Truncated {
        /// Bytes received before that.
        received: u64,
        /// The field Content-Length.
        length: Option<u64>,
    },
    /// The body is longer than [`HttpGet::max_size`].
    TooLarge(u64),
    /// The response is not one that this client reads.
    BadAnswer(&'static str),
}

impl std::fmt::Display for HttpFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            HttpFailure::Network(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                f.write_str("no server listens on this port (TCP reset)")
            }
            HttpFailure::Network(error) => write!(f, "the network reports an error: {error}"),
            HttpFailure::Silent => f.write_str("nothing answered"),
            HttpFailure::NotFound => f.write_str("the server has no such file: status 404"),
            HttpFailure::Status(status) => write!(f, "status {status}"),
            HttpFailure::Truncated { received, length } => match length {
                Some(length) => write!(f, "nothing more came after {received} of {length} bytes"),
                None => write!(f, "nothing more came after {received} bytes"),
            },
            HttpFailure::TooLarge(max_size) => write!(f, "more than {max_size} bytes"),
            HttpFailure::BadAnswer(what) => f.write_str(what),
        }
    }
}

impl HttpGet<'_> {
    /// Fetches the file. `output` receives its bytes in order. `connected` is set to the time that
    /// the connection took, which is a round trip.
    ///
    /// # Errors
    /// The file is not complete; the bytes that `output` received must be discarded.
    pub(crate) async fn run(
        &self,
        clock: Clock,
        connected: &mut Option<Duration>,
        output: impl FnMut(&[u8]),
    ) -> Result<(), HttpFailure> {
        let started = clock.now();
        let stream = timeout(self.stall_timeout, TcpStream::connect(self.address)).await;
        let stream = stream.map_err(|_| HttpFailure::Silent)?;
        let mut response = Incoming {
            stream: stream.map_err(HttpFailure::Network)?,
            stall_timeout: self.stall_timeout,
            received: Vec::new(),
        };
        *connected = Some(clock.now() - started);
        let request = format!(
            "GET /{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bootstone/{}\r\nConnection: close\r\n\r\n",
            utf8_percent_encode(self.name, IN_PATHS),
            self.authority,
            env!("CARGO_PKG_VERSION"),
        );
        let written = timeout(
            self.stall_timeout,
            response.stream.write_all(request.as_bytes()),
        );
        let written = written.await.map_err(|_| HttpFailure::Silent)?;
        written.map_err(HttpFailure::Network)?;
        let length = response.read_head().await?;
        if length.is_some_and(|length| length > self.max_size) {
            return Err(HttpFailure::TooLarge(self.max_size));
        }
        response.read_body(length, self.max_size, output).await
    }
}

struct Incoming {
    stream: TcpStream,
    stall_timeout: Duration,
    /// Bytes received and not yet consumed.
    received: Vec<u8>,
}

impl Incoming {
    /// Receives more bytes; 0 at the end of the stream. `None` if nothing arrives in time.
    async fn receive(&mut self) -> Option<io::Result<usize>> {
        let mut stream = (&mut self.stream).take(CHUNK as u64);
        let read = stream.read_buf(&mut self.received);
        timeout(self.stall_timeout, read).await.ok()
    }

    /// Reads the head of a response with status 200 and returns the length of the body, if the head
    /// has it.
    async fn read_head(&mut self) -> Result<Option<u64>, HttpFailure> {
        loop {
            if let Some((length, head)) = parse_head(&self.received)? {
                self.received.drain(..head);
                return Ok(length);
            }
            match self.receive().await {
                None => return Err(HttpFailure::Silent),
                Some(Ok(0)) => return Err(HttpFailure::BadAnswer("the response has no end")),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(HttpFailure::Network(error)),
            }
        }
    }

    /// Reads `length` bytes, or up to the end of the stream.
    async fn read_body(
        &mut self,
        length: Option<u64>,
        max_size: u64,
        mut output: impl FnMut(&[u8]),
    ) -> Result<(), HttpFailure> {
        let mut received = 0;
        loop {
            let left = length.unwrap_or(u64::MAX) - received;
            let part = usize::try_from(left).unwrap_or(usize::MAX);
            let part = part.min(self.received.len());
            output(&self.received[..part]);
            received += part as u64;
            self.received.clear();
            if received > max_size {
                return Err(HttpFailure::TooLarge(max_size));
            }
            if length == Some(received) {
                return Ok(());
            }
            match self.receive().await {
                Some(Ok(1..)) => {}
                Some(Ok(0)) if length.is_none() => return Ok(()),
                _ => return Err(HttpFailure::Truncated { received, length }),
            }
        }
    }
}

/// The length of the body and of the head; `None` if the head is not complete.
fn parse_head(bytes: &[u8]) -> Result<Option<(Option<u64>, usize)>, HttpFailure> {
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    match parsed.parse(bytes) {
        Ok(Status::Complete(head)) if head <= MAX_HEAD => {
            match parsed.code {
                Some(200) => {}
                Some(404) => return Err(HttpFailure::NotFound),
                other => return Err(HttpFailure::Status(other.unwrap_or(0))),
            }
            Ok(Some((content_length(parsed.headers)?, head)))
        }
        Ok(Status::Partial) if bytes.len() < MAX_HEAD => Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => Err(HttpFailure::BadAnswer(
            "the head of the response is too long",
        )),
        Err(_) => Err(HttpFailure::BadAnswer("not an HTTP response")),
    }
}

/// The field Content-Length, if there is one (RFC 9110 §8.6).
fn content_length(fields: &[Header<'_>]) -> Result<Option<u64>, HttpFailure> {
    let named = |name: &'static str| {
        let fields = fields.iter();
        fields.filter(move |field| field.name.eq_ignore_ascii_case(name))
    };
    if named("transfer-encoding").next().is_some() {
        return Err(HttpFailure::BadAnswer(
            "the response has a transfer coding, which this client does not read",
        ));
    }
    if named("content-encoding").next().is_some() {
        return Err(HttpFailure::BadAnswer(
            "the response is compressed, which was not asked for",
        ));
    }
    let mut lengths = named("content-length");
    let Some(field) = lengths.next() else {
        return Ok(None);
    };
    let digits = std::str::from_utf8(field.value).ok();
    let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|text| text.parse().ok()) {
        Some(length) if lengths.next().is_none() => Ok(Some(length)),
        _ => Err(HttpFailure::BadAnswer(
            "the length of the response is invalid",
        )),
    }
}
