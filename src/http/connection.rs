//! One connection: reads requests and writes responses.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::request::{HttpRequest, MAX_HEAD, Method, RequestError};
use super::response::{Body, Response};
use super::service::{PendingDownload, Registration};
use crate::proto::stats::Outcome;

/// Bytes per write: the unit that `ConnectionLimits::write_timeout` is about.
const CHUNK: usize = 64 << 10;

/// Most bytes read and discarded after the last response. If a connection is closed with unread
/// bytes, the kernel resets it, and the client may not receive that response.
const MAX_DISCARDED: u64 = 64 << 10;

/// The byte stream of a connection: TCP, or a pipe in memory for tests.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// The address of this end; `None` if the connection is broken.
    fn local_address(&self) -> Option<SocketAddr>;

    /// Makes the kernel send the end of each write at once: head and body are sent by separate
    /// writes, and neither should wait for the other's ACK.
    fn set_nodelay(&self);

    /// Makes the kernel discard what the client has not read, when the stream is dropped.
    fn reset(&self);
}

impl Stream for TcpStream {
    fn local_address(&self) -> Option<SocketAddr> {
        self.local_addr().ok()
    }

    fn set_nodelay(&self) {
        let _ = self.set_nodelay(true);
    }

    fn reset(&self) {
        let _ = self.set_zero_linger();
    }
}

impl Stream for DuplexStream {
    fn local_address(&self) -> Option<SocketAddr> {
        Some((Ipv4Addr::LOCALHOST, 80).into())
    }

    fn set_nodelay(&self) {}

    fn reset(&self) {}
}

/// Answers the requests of `peer` on `stream`, whose own address is `local`.
pub(super) async fn serve<S: Stream>(
    stream: S,
    local: SocketAddr,
    peer: SocketAddr,
    registration: Registration,
) {
    let canonical = |address: SocketAddr| (address.ip().to_canonical(), address.port()).into();
    Stream::set_nodelay(&stream);
    let mut connection = Connection {
        stream,
        registration,
        local: canonical(local),
        peer: canonical(peer),
        received: Vec::new(),
        is_writing: false,
    };
    loop {
        match connection.serve_one().await {
            // One request per turn: a client that pipelines requests does not delay the others.
            Next::Request => yield_now().await,
            Next::Close => return connection.close().await,
            Next::Closed => return drop(connection.stream.shutdown().await),
            Next::Reset => return connection.stream.reset(),
        }
    }
}

/// What follows a response.
enum Next {
    /// Another request.
    Request,
    /// An orderly close.
    Close,
    /// An orderly close: the client has closed its sending side, and may still be reading.
    Closed,
    /// A reset: the client is gone, or does not read the response.
    Reset,
}

/// Why there is no further request.
enum NoRequest {
    /// The client has closed its sending side.
    Closed,
    /// The connection is broken.
    Broken,
    /// The request is invalid.
    Invalid(RequestError),
}

struct Connection<S: Stream> {
    stream: S,
    registration: Registration,
    /// The local address of the connection.
    local: SocketAddr,
    /// The client's address.
    peer: SocketAddr,
    /// Bytes received and not yet parsed.
    received: Vec<u8>,
    /// A response is being written: what the client has not read of it is incomplete.
    is_writing: bool,
}

impl<S: Stream> Drop for Connection<S> {
    /// Ends a response that was evicted: the kernel would keep it until the client has read it.
    fn drop(&mut self) {
        if self.is_writing {
            self.stream.reset();
        }
    }
}

impl<S: Stream> Connection<S> {
    async fn serve_one(&mut self) -> Next {
        let limits = self.registration.service.limits;
        self.restart();
        let request = timeout(limits.request_timeout, self.next_request()).await;
        self.restart();
        match request {
            Ok(Ok(request)) => self.answer(&request).await,
            Ok(Err(NoRequest::Closed)) => Next::Closed,
            Ok(Err(NoRequest::Broken)) => Next::Reset,
            Ok(Err(NoRequest::Invalid(error))) => self.refuse(error).await,
            Err(_) if self.received.is_empty() => Next::Close,
            Err(_) => self.refuse(RequestError(408)).await,
        }
    }

    /// Notes that a request or a response begins.
    fn restart(&self) {
        self.registration
            .activity
            .restart(self.registration.service.now());
    }

    async fn next_request(&mut self) -> Result<HttpRequest, NoRequest> {
        loop {
            let parsed = HttpRequest::parse(&self.received).map_err(NoRequest::Invalid)?;
            if let Some((request, len)) = parsed {
                self.received.drain(..len);
                return Ok(request);
            }
            let free = MAX_HEAD - self.received.len();
            let mut stream = (&mut self.stream).take(free as u64);
            match stream.read_buf(&mut self.received).await {
                Ok(0) => return Err(NoRequest::Closed),
                Ok(_) => {}
                Err(_) => return Err(NoRequest::Broken),
            }
        }
    }

    async fn answer(&mut self, request: &HttpRequest) -> Next {
        let service = Rc::clone(&self.registration.service);
        let started = service.now();
        let mut response = Response::new(&service, request, self.local).await;
        let is_file = matches!(response.body, Body::File(..)) && request.method == Method::Get;
        // It is held until the response has been sent.
        let slot = match is_file {
            true => self.registration.download_slot().await,
            false => None,
        };
        let is_transfer = slot.is_some();
        if is_file && !is_transfer {
            response = response.unavailable();
        }
        let keep_alive = request.keep_alive && !response.closes();
        let mut pending = response.requested().map(|file| {
            let (peer, status) = (self.peer, response.status());
            PendingDownload::new(&service, started, peer, file, status, is_transfer)
        });
        let sent = self
            .send(&response, request.method, keep_alive, &mut pending)
            .await;
        if let Some(pending) = pending {
            pending.finish(sent.err().unwrap_or(response.outcome(request.method)));
        }
        match sent {
            Ok(()) if keep_alive => Next::Request,
            Ok(()) => Next::Close,
            Err(_) => Next::Reset,
        }
    }

    async fn refuse(&mut self, error: RequestError) -> Next {
        let response = Response::error(error.0);
        let method = Method::of_head(&self.received);
        match self.send(&response, method, false, &mut None).await {
            Ok(()) => Next::Close,
            Err(_) => Next::Reset,
        }
    }

    /// Sends a response; fails if the client does not read it.
    async fn send(
        &mut self,
        response: &Response,
        method: Method,
        keep_alive: bool,
        pending: &mut Option<PendingDownload>,
    ) -> Result<(), Outcome> {
        let service = Rc::clone(&self.registration.service);
        service.downloads.count_response(response.status());
        self.is_writing = true;
        let head = response.head(keep_alive);
        self.write(head.as_bytes(), &mut None).await?;
        match &response.body {
            _ if method == Method::Head => {}
            Body::Text(text) => self.write(text.as_bytes(), &mut None).await?,
            Body::File(file, range) => {
                let bytes = &service.site.catalog.bytes(*file)[range.clone()];
                self.write(bytes, pending).await?;
            }
        }
        self.is_writing = false;
        Ok(())
    }

    async fn write(
        &mut self,
        bytes: &[u8],
        pending: &mut Option<PendingDownload>,
    ) -> Result<(), Outcome> {
        let limit = self.registration.service.limits.write_timeout;
        for chunk in bytes.chunks(CHUNK) {
            let written = timeout(limit, self.write_chunk(chunk, pending)).await;
            let written = written.map_err(|_| Outcome::TimedOut)?;
            written.map_err(|_| Outcome::Aborted)?;
        }
        Ok(())
    }

    async fn write_chunk(
        &mut self,
        mut chunk: &[u8],
        pending: &mut Option<PendingDownload>,
    ) -> io::Result<()> {
        while !chunk.is_empty() {
            let len = match self.stream.write(chunk).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                len => len,
            };
            self.registration
                .activity
                .progress(self.registration.service.now(), len);
            if let Some(pending) = pending {
                pending.add_bytes(len);
            }
            chunk = &chunk[len..];
        }
        Ok(())
    }

    /// Closes the sending side, and waits a while for the client to close its own.
    async fn close(&mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        self.restart();
        let mut rest = (&mut self.stream).take(MAX_DISCARDED);
        let discard = async {
            let mut bytes = [0; 1024];
            while let Ok(1..) = rest.read(&mut bytes).await {}
        };
        let _ = timeout(self.registration.service.limits.eviction_age, discard).await;
    }
}
