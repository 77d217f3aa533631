//! The only loop: socket ↔ [`Server`] ↔ one timer ↔ shutdown.

use std::io;

use tokio::sync::watch;
use tokio::time::{Sleep, sleep_until};

use super::Clock;
use super::socket::{Batch, Socket};
use crate::catalog::Catalog;
use crate::proto::Instant;
use crate::proto::report::Report;
use crate::proto::server::Server;

/// Where the program is in its life. Told to every driver by a [`watch`] channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Until told otherwise.
    Serving,
    /// Requests are still answered, and the first moment without a transfer is the last.
    Draining,
}

/// Everything that one loop owns.
pub struct Driver<R> {
    socket: Socket,
    server: Server,
    clock: Clock,
    /// Told of every transfer that has ended.
    report: R,
    /// The datagrams on their way out.
    out: Vec<u8>,
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
        }
    }

    /// Serves until `life` says [`Life::Draining`] and no transfer is under way.
    ///
    /// # Errors
    /// The socket cannot be read any more. What concerns one peer only is no error.
    pub async fn run(mut self, mut life: watch::Receiver<Life>) -> io::Result<()> {
        let mut batch = Batch::default();
        let mut timer = std::pin::pin!(sleep_until(self.clock.at(Instant::ZERO)));
        while !(self.server.is_idle() && *life.borrow() == Life::Draining) {
            self.set(timer.as_mut());
            tokio::select! {
                biased;
                _ = life.changed() => {}
                () = &mut timer, if self.server.poll_timeout().is_some() => {
                    self.server.handle_timeout(self.clock.now());
                }
                received = self.socket.receive(&mut batch) => {
                    received?;
                    self.take(&batch);
                }
            }
            self.transmit().await;
            self.tell();
        }
        Ok(())
    }

    fn take(&mut self, batch: &Batch) {
        let now = self.clock.now();
        for (peer, datagram) in batch.datagrams() {
            self.server.handle_datagram(now, peer, datagram);
        }
    }

    async fn transmit(&mut self) {
        loop {
            let (now, segments) = (self.clock.now(), self.socket.segments());
            let Some(transmit) = self.server.poll_transmit(now, segments, &mut self.out) else {
                return;
            };
            // A datagram that cannot be sent is a lost one: the protocol lives with that.
            let _ = self.socket.send(&transmit, &self.out).await;
        }
    }

    fn tell(&mut self) {
        while let Some(report) = self.server.poll_event() {
            (self.report)(self.server.catalog(), &report);
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
