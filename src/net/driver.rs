//! The only loop: socket ↔ [`Server`] ↔ one timer.

use std::convert::Infallible;
use std::io;

use tokio::sync::watch;
use tokio::time::{Sleep, sleep_until};

use super::Clock;
use super::socket::{Batch, Socket};
use super::status::Line;
use crate::catalog::Catalog;
use crate::proto::report::Report;
use crate::proto::server::Server;
use crate::proto::{Instant, Peer};

/// So many failures to receive, and nothing received in between, are more than peers can cause.
const ERRORS_IN_A_ROW: u32 = 10_000;

/// How many loops have a transfer under way. Whoever wants the program to end waits for none: until then every
/// socket stays open and answers, because closing one of those that share a port would make the kernel
/// hand the peers of the others to the wrong loops.
pub type Busy = watch::Sender<usize>;

/// Everything that one loop owns.
pub struct Driver<R> {
    socket: Socket,
    server: Server,
    clock: Clock,
    /// Told of every transfer that has ended.
    report: R,
    /// The datagrams on their way out.
    out: Vec<u8>,
    /// Failures to receive since something was received.
    errors: u32,
    /// Counted in [`Busy`].
    is_busy: bool,
}

impl<R: FnMut(&Catalog, &Report)> Driver<R> {
    /// Brings the parts together; nothing happens before [`run`](Self::run).
    pub fn new(socket: Socket, server: Server, clock: Clock, report: R) -> Driver<R> {
        Driver {
            socket,
            server,
            clock,
            report,
            out: Vec::new(),
            errors: 0,
            is_busy: false,
        }
    }

    /// Serves for as long as it is let, and answers what is asked on `line`.
    ///
    /// # Errors
    /// The socket cannot be read any more.
    pub async fn run(mut self, busy: Busy, mut line: Line) -> io::Result<Infallible> {
        let mut batch = Batch::default();
        let mut timer = std::pin::pin!(sleep_until(self.clock.at(Instant::ZERO)));
        loop {
            self.set(timer.as_mut());
            tokio::select! {
                biased;
                () = line.ring() => self.answer(&line),
                () = &mut timer, if self.server.poll_timeout().is_some() => {
                    self.server.handle_timeout(self.clock.now());
                }
                received = self.socket.receive(&mut batch, self.server.is_for_one()) => match received {
                    Ok(()) => self.take(&batch),
                    Err(error) => self.hear_of_errors(error)?,
                },
            }
            // Before anything leaves: what a peer can know of, the log knows and the end of the program waits for.
            self.count_in(&busy);
            self.tell();
            self.transmit().await;
            self.tell();
            self.count_out(&busy);
        }
    }

    fn answer(&mut self, line: &Line) {
        if line.is_last() {
            self.server.cut_off(self.clock.now());
            self.tell();
        }
        line.answer(&self.server);
    }

    fn take(&mut self, batch: &Batch) {
        self.errors = 0;
        let now = self.clock.now();
        for (peer, datagram) in batch.datagrams() {
            self.server.handle_datagram(now, peer, datagram);
        }
    }

    async fn transmit(&mut self) {
        while self.server.wants_to_transmit() {
            let (now, segments) = (self.clock.now(), self.socket.segments());
            let Some(transmit) = self.server.poll_transmit(now, segments, &mut self.out) else {
                return;
            };
            let is_sent = self.socket.send(&transmit, &self.out).await.is_ok();
            if !is_sent && !self.hear_of_unreachable(Some(transmit.peer)) {
                // It may have been an ICMP message about somebody else that came first: once more. A datagram
                // that cannot be sent at all is a lost one, and the protocol lives with that.
                let _ = self.socket.send(&transmit, &self.out).await;
            }
        }
    }

    /// Receiving has failed, most likely because of what ICMP has said about a peer.
    fn hear_of_errors(&mut self, error: io::Error) -> io::Result<()> {
        self.hear_of_unreachable(None);
        self.errors += 1;
        match self.errors < ERRORS_IN_A_ROW {
            true => Ok(()),
            false => Err(error),
        }
    }

    /// Passes on what ICMP has said. True if something of it was about `whom`.
    fn hear_of_unreachable(&mut self, whom: Option<Peer>) -> bool {
        let now = self.clock.now();
        let mut is_meant = false;
        while let Some((peer, what)) = self.socket.unreachable() {
            is_meant |= whom.is_some_and(|whom| whom.address == peer.address);
            self.server.handle_unreachable(now, peer, what);
        }
        is_meant
    }

    fn tell(&mut self) {
        while let Some(report) = self.server.poll_event() {
            (self.report)(self.server.catalog(), &report);
        }
    }

    fn count_in(&mut self, busy: &Busy) {
        if !self.is_busy && !self.server.is_idle() {
            self.is_busy = true;
            busy.send_modify(|count| *count += 1);
        }
    }

    fn count_out(&mut self, busy: &Busy) {
        if self.is_busy && self.server.is_idle() {
            self.is_busy = false;
            busy.send_modify(|count| *count -= 1);
        }
    }

    /// Sets the timer to the server's next deadline, if it is not there already.
    fn set(&self, timer: std::pin::Pin<&mut Sleep>) {
        if let Some(deadline) = self.server.poll_timeout() {
            let deadline = self.clock.at(deadline);
            if timer.deadline() != deadline {
                timer.reset(deadline);
            }
        }
    }
}
