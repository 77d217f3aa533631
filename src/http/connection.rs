//! One connection: requests in, answers out, until somebody has had enough.

use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::{Answer, Body};
use super::request::{LONGEST_HEAD, Method, Refused, Request};
use super::{Awaited, Limits, Site};

/// What is written at once: the unit that [`Limits::piece_time`] is about.
const PIECE: usize = 64 << 10;

/// Read and thrown away at most, after an answer that no request may follow: closing a connection with bytes
/// unread would reset it, and the client might never see the answer.
const LINGER_BYTES: u64 = 64 << 10;

/// Answers the requests on `stream`.
pub(super) async fn talk(stream: TcpStream, site: Rc<Site>, limits: Limits, awaited: Awaited) {
    let local = match stream.local_addr() {
        Ok(address) => (address.ip().to_canonical(), address.port()).into(),
        Err(_) => return,
    };
    // Heads and bodies leave in writes of their own; neither shall wait for the other's ACK.
    let _ = stream.set_nodelay(true);
    let mut talk = Talk {
        stream,
        site,
        limits,
        awaited,
        local,
        received: Vec::new(),
    };
    loop {
        match talk.serve_one().await {
            Next::Request => {}
            Next::Goodbye => return talk.close().await,
            Next::Nothing => return talk.reset(),
        }
    }
}

/// What follows an answer.
enum Next {
    /// Another request.
    Request,
    /// The end, in good order.
    Goodbye,
    /// The client is gone, or does not take what it asked for.
    Nothing,
}

struct Talk {
    stream: TcpStream,
    site: Rc<Site>,
    limits: Limits,
    awaited: Awaited,
    /// The address of ours that the client has reached.
    local: SocketAddr,
    /// Not yet understood.
    received: Vec<u8>,
}

impl Talk {
    async fn serve_one(&mut self) -> Next {
        self.awaited.set(Some(self.site.clock.now()));
        let request = timeout(self.limits.request_time, self.next_request()).await;
        self.awaited.set(None);
        let request = match request {
            Ok(Ok(Some(request))) => request,
            Ok(Ok(None)) => return Next::Nothing,
            Ok(Err(refused)) => return self.refuse(refused).await,
            Err(_) if self.received.is_empty() => return Next::Goodbye,
            Err(_) => return self.refuse(Refused(408)).await,
        };
        let answer = Answer::new(&self.site, &request, self.local).await;
        let keep_alive = request.keep_alive && !answer.closes();
        match self.send(&answer, request.method, keep_alive).await {
            Some(()) if keep_alive => Next::Request,
            Some(()) => Next::Goodbye,
            None => Next::Nothing,
        }
    }

    /// Nothing when the client has gone.
    async fn next_request(&mut self) -> Result<Option<Request>, Refused> {
        loop {
            if let Some((request, len)) = Request::parse(&self.received)? {
                self.received.drain(..len);
                return Ok(Some(request));
            }
            let room = LONGEST_HEAD - self.received.len();
            let mut stream = (&mut self.stream).take(room as u64);
            match stream.read_buf(&mut self.received).await {
                Ok(0) | Err(_) => return Ok(None),
                Ok(_) => {}
            }
        }
    }

    async fn refuse(&mut self, refused: Refused) -> Next {
        let answer = Answer::error(refused.0);
        match self.send(&answer, Method::Get, false).await {
            Some(()) => Next::Goodbye,
            None => Next::Nothing,
        }
    }

    /// Nothing when the client does not take it.
    async fn send(&mut self, answer: &Answer, method: Method, keep_alive: bool) -> Option<()> {
        let head = answer.head(keep_alive);
        self.write(head.as_bytes()).await?;
        if method == Method::Head {
            return Some(());
        }
        match &answer.body {
            Body::Text(text) => self.write(text.as_bytes()).await,
            Body::Part(file, range) => {
                let site = Rc::clone(&self.site);
                self.write(&site.catalog.bytes(*file)[range.clone()]).await
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Option<()> {
        for piece in bytes.chunks(PIECE) {
            let written = timeout(self.limits.piece_time, self.stream.write_all(piece)).await;
            written.ok()?.ok()?;
        }
        Some(())
    }

    /// Says that nothing more will come, and waits a while for the client to say so too.
    async fn close(&mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        self.awaited.set(Some(self.site.clock.now()));
        let mut rest = (&mut self.stream).take(LINGER_BYTES);
        let drain = async {
            let mut bytes = [0; 1024];
            while let Ok(1..) = rest.read(&mut bytes).await {}
        };
        let _ = timeout(self.limits.crowded_time, drain).await;
    }

    /// Has the kernel forget what the client does not take.
    fn reset(&self) {
        let _ = self.stream.set_zero_linger();
    }
}
