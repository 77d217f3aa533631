//! One connection: reads requests and writes responses.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::limits::ConnectionLimits;
use super::request::{HttpRequest, MAX_HEAD, Method, RequestError};
use super::response::{Body, Response};
use super::site::Site;
use crate::proto::Instant;

/// Bytes per write: the unit that [`ConnectionLimits::write_timeout`] is about.
const CHUNK: usize = 64 << 10;

/// Most bytes read and discarded after the last response. If a connection is closed with unread
/// bytes, the kernel resets it, and the client may not receive that response.
const MAX_DISCARDED: u64 = 64 << 10;

/// Since when the next request has been awaited; `None` while one is being answered.
pub(super) type AwaitedSince = Rc<Cell<Option<Instant>>>;

/// Answers the requests on `stream`.
pub(super) async fn serve(
    stream: TcpStream,
    site: Rc<Site>,
    limits: ConnectionLimits,
    awaited_since: AwaitedSince,
) {
    let local = match stream.local_addr() {
        Ok(address) => (address.ip().to_canonical(), address.port()).into(),
        Err(_) => return,
    };
    // Head and body are sent by separate writes; neither should wait for the other's ACK.
    let _ = stream.set_nodelay(true);
    let mut connection = Connection {
        stream,
        site,
        limits,
        awaited_since,
        local,
        received: Vec::new(),
    };
    loop {
        match connection.serve_one().await {
            Next::Request => {}
            Next::Close => return connection.close().await,
            Next::Reset => return connection.reset(),
        }
    }
}

/// What follows a response.
enum Next {
    /// Another request.
    Request,
    /// An orderly close.
    Close,
    /// A reset: the client is gone, or does not read the response.
    Reset,
}

struct Connection {
    stream: TcpStream,
    site: Rc<Site>,
    limits: ConnectionLimits,
    awaited_since: AwaitedSince,
    /// The local address of the connection.
    local: SocketAddr,
    /// Bytes received and not yet parsed.
    received: Vec<u8>,
}

impl Connection {
    async fn serve_one(&mut self) -> Next {
        self.awaited_since.set(Some(self.site.clock.now()));
        let request = timeout(self.limits.request_timeout, self.next_request()).await;
        self.awaited_since.set(None);
        let request = match request {
            Ok(Ok(Some(request))) => request,
            Ok(Ok(None)) => return Next::Reset,
            Ok(Err(error)) => return self.refuse(error).await,
            Err(_) if self.received.is_empty() => return Next::Close,
            Err(_) => return self.refuse(RequestError(408)).await,
        };
        let response = Response::new(&self.site, &request, self.local).await;
        let keep_alive = request.keep_alive && !response.closes();
        match self.send(&response, request.method, keep_alive).await {
            Some(()) if keep_alive => Next::Request,
            Some(()) => Next::Close,
            None => Next::Reset,
        }
    }

    /// Reads the next request; `None` if the client has closed the connection.
    async fn next_request(&mut self) -> Result<Option<HttpRequest>, RequestError> {
        loop {
            if let Some((request, len)) = HttpRequest::parse(&self.received)? {
                self.received.drain(..len);
                return Ok(Some(request));
            }
            let free = MAX_HEAD - self.received.len();
            let mut stream = (&mut self.stream).take(free as u64);
            match stream.read_buf(&mut self.received).await {
                Ok(0) | Err(_) => return Ok(None),
                Ok(_) => {}
            }
        }
    }

    async fn refuse(&mut self, error: RequestError) -> Next {
        let response = Response::error(error.0);
        match self.send(&response, Method::Get, false).await {
            Some(()) => Next::Close,
            None => Next::Reset,
        }
    }

    /// Sends a response; `None` if the client does not read it.
    async fn send(&mut self, response: &Response, method: Method, keep_alive: bool) -> Option<()> {
        let head = response.head(keep_alive);
        self.write(head.as_bytes()).await?;
        if method == Method::Head {
            return Some(());
        }
        match &response.body {
            Body::Text(text) => self.write(text.as_bytes()).await,
            Body::File(file, range) => {
                let site = Rc::clone(&self.site);
                self.write(&site.catalog.bytes(*file)[range.clone()]).await
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Option<()> {
        for chunk in bytes.chunks(CHUNK) {
            let written = timeout(self.limits.write_timeout, self.stream.write_all(chunk)).await;
            written.ok()?.ok()?;
        }
        Some(())
    }

    /// Closes the sending side, and waits a while for the client to close its own.
    async fn close(&mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        self.awaited_since.set(Some(self.site.clock.now()));
        let mut rest = (&mut self.stream).take(MAX_DISCARDED);
        let discard = async {
            let mut bytes = [0; 1024];
            while let Ok(1..) = rest.read(&mut bytes).await {}
        };
        let _ = timeout(self.limits.eviction_age, discard).await;
    }

    /// Makes the kernel discard what the client has not read.
    fn reset(&self) {
        let _ = self.stream.set_zero_linger();
    }
}
