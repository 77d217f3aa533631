//! The driver: the only loop between a socket, a [`Server`] and a timer.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Sleep, sleep_until};

use super::Clock;
use super::icmp::QueuedError;
use super::observer::SharedObserver;
use super::socket::{Batch, Socket, is_too_big};
use super::status::StatusResponder;
use crate::catalog::Catalog;
use crate::proto::report::Report;
use crate::proto::server::{Server, SmallMtu, TooBig, Transmit};
use crate::proto::{Instant, Peer};

/// Most consecutive receive errors before the driver fails. Peers can cause fewer, by ICMP.
const MAX_CONSECUTIVE_ERRORS: u32 = 10_000;

/// Most batches that are handled before a timeout that is due: about two thousand receive buffers. A
/// flood of datagrams must not stop the timers.
const BATCHES_BEFORE_TIMEOUT: u32 = 64;

/// Attempts to send a datagram; each has its reason at [`Driver::send`].
const SEND_ATTEMPTS: u32 = 4;

/// What the error queue says after a failed send.
#[derive(Default)]
struct SendErrors {
    /// The peer cannot be reached.
    is_peer_unreachable: bool,
    /// The datagram is larger than this MTU of the interface.
    mtu: Option<u16>,
}

/// The number of drivers that have a transfer in progress. The program may end when it is 0. Until
/// then every socket stays open and answers: if one of the sockets that share a port were closed,
/// the kernel would deliver the datagrams of other sockets' peers to the wrong drivers.
pub type ActiveDrivers = watch::Sender<usize>;

/// A socket, the server behind it, and their timer.
pub struct Driver<R> {
    socket: Socket,
    server: Server,
    clock: Clock,
    /// Called for every transfer that has ended.
    report: R,
    /// Told of every transfer, also of those that are not reported.
    observer: Arc<SharedObserver>,
    /// Buffer for outgoing datagrams.
    out: Vec<u8>,
    /// Receive errors since the last datagram.
    errors: u32,
    /// This driver is counted in [`ActiveDrivers`].
    is_active: bool,
}

impl<R: FnMut(&Catalog, &Report)> Driver<R> {
    /// Creates a driver; nothing happens before [`run`](Self::run).
    pub fn new(
        socket: Socket,
        server: Server,
        clock: Clock,
        report: R,
        observer: Arc<SharedObserver>,
    ) -> Driver<R> {
        Driver {
            socket,
            server,
            clock,
            report,
            observer,
            out: Vec::new(),
            errors: 0,
            is_active: false,
        }
    }

    /// Serves until the future is dropped, and replies to the requests on `status`.
    ///
    /// # Errors
    /// The socket cannot be read any more.
    pub async fn run(
        mut self,
        active: ActiveDrivers,
        mut status: StatusResponder,
    ) -> io::Result<Infallible> {
        let mut batch = Batch::default();
        let mut timer = std::pin::pin!(sleep_until(self.clock.at(Instant::ZERO)));
        loop {
            self.set(timer.as_mut());
            let busy_poll = self.server.has_one_transfer();
            let may_have_more = tokio::select! {
                biased;
                () = status.next_request() => {
                    self.reply(&status);
                    true
                }
                received = self.socket.receive(&mut batch, busy_poll) => {
                    self.handle_received(received, &batch)?
                }
                () = &mut timer, if self.server.poll_timeout().is_some() => true,
            };
            self.handle_timeout(&mut batch, may_have_more)?;
            // Before anything is sent: whatever a peer can know of has been logged, and the end of
            // the program waits for it.
            self.count_if_active(&active);
            self.report_events();
            self.transmit().await;
            self.report_events();
            self.uncount_if_idle(&active);
        }
    }

    fn reply(&mut self, status: &StatusResponder) {
        if status.is_shutdown() {
            self.server.abort_all(self.clock.now());
            self.report_events();
        }
        status.reply(&self.server);
    }

    /// Handles the timeout, if it is due, after the datagrams that have arrived: if the machine was
    /// busy, the ACK that the timer waits for may be among them.
    fn handle_timeout(&mut self, batch: &mut Batch, mut may_have_more: bool) -> io::Result<()> {
        let now = self.clock.now();
        if self.server.poll_timeout().is_none_or(|due| due > now) {
            return Ok(());
        }
        for _ in 0..BATCHES_BEFORE_TIMEOUT {
            if !may_have_more {
                break;
            }
            let Some(received) = self.socket.receive_now(batch) else {
                break;
            };
            may_have_more = self.handle_received(received, batch)?;
        }
        self.server.handle_timeout(self.clock.now());
        Ok(())
    }

    /// Handles a batch or a receive error. True if more may have arrived.
    fn handle_received(&mut self, received: io::Result<()>, batch: &Batch) -> io::Result<bool> {
        match received {
            Ok(()) => {
                self.handle_batch(batch);
                Ok(batch.is_full())
            }
            Err(error) => self.handle_receive_error(error).map(|()| true),
        }
    }

    fn handle_batch(&mut self, batch: &Batch) {
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
            self.send(transmit).await;
        }
    }

    /// Sends `out`. If it cannot be sent at all, it is lost, and the protocol recovers.
    ///
    /// - The first error may have been an ICMP message about another peer: the driver tries again.
    /// - The kernel says which size an interface takes only of a single datagram: the third attempt
    ///   sends one.
    /// - Once that is known, all may be fragmented.
    async fn send(&mut self, mut transmit: Transmit) {
        for attempt in 1..=SEND_ATTEMPTS {
            let is_single = attempt == 3 && !transmit.may_fragment;
            let most = if is_single {
                transmit.segment
            } else {
                usize::MAX
            };
            let bytes = &self.out[..most.min(self.out.len())];
            let Err(error) = self.socket.send(&transmit, bytes).await else {
                return;
            };
            let errors = self.handle_queued(Some(transmit.peer));
            if errors.is_peer_unreachable || attempt > 1 && !is_too_big(&error) {
                return;
            }
            if let Some(mtu) = errors.mtu {
                let now = self.clock.now();
                let source = TooBig::Interface;
                self.server.handle_too_big(now, transmit.peer, mtu, source);
                transmit.may_fragment = true;
            }
        }
    }

    /// Handles a receive error, which is most likely an ICMP message about a peer.
    fn handle_receive_error(&mut self, error: io::Error) -> io::Result<()> {
        self.handle_queued(None);
        self.errors += 1;
        match self.errors < MAX_CONSECUTIVE_ERRORS {
            true => Ok(()),
            false => Err(error),
        }
    }

    /// Passes all queued ICMP messages to the server. `peer` is the one that could not be sent to.
    fn handle_queued(&mut self, peer: Option<Peer>) -> SendErrors {
        let now = self.clock.now();
        let mut errors = SendErrors::default();
        while let Some(error) = self.socket.next_error() {
            match error {
                QueuedError::Unreachable(address, what) => {
                    errors.is_peer_unreachable |= peer.is_some_and(|peer| peer.address == address);
                    self.server.handle_unreachable(now, address.into(), what);
                }
                QueuedError::TooBigForPath(address, mtu, quoted) => {
                    let quoted = TooBig::Path(quoted.bytes());
                    self.server.handle_too_big(now, address.into(), mtu, quoted);
                }
                QueuedError::TooBigForInterface(mtu) => errors.mtu = Some(mtu),
            }
        }
        errors
    }

    fn report_events(&mut self) {
        let events = self.server.request_events();
        if !events.is_empty() {
            self.observer.record(&mut events.drain(..));
        }
        while let Some(report) = self.server.poll_event() {
            (self.report)(self.server.catalog(), &report);
        }
        if let Some(SmallMtu { network, mtu }) = self.server.take_small_mtu() {
            tracing::warn!(
                %network,
                mtu,
                "datagrams were larger than the path to a client takes whole: new transfers to its \
                 network use smaller blocks for ten minutes; see --mtu"
            );
        }
        if self.server.take_table_full() {
            tracing::warn!(
                sessions = self.server.sessions(),
                "the session table is full: the sessions without progress for longest are evicted; \
                 see --max-sessions"
            );
        }
    }

    fn count_if_active(&mut self, active: &ActiveDrivers) {
        if !self.is_active && !self.server.is_idle() {
            self.is_active = true;
            active.send_modify(|count| *count += 1);
        }
    }

    fn uncount_if_idle(&mut self, active: &ActiveDrivers) {
        if self.is_active && self.server.is_idle() {
            self.is_active = false;
            active.send_modify(|count| *count -= 1);
        }
    }

    /// Sets the timer to the server's next deadline, unless it is set to that already.
    fn set(&self, timer: std::pin::Pin<&mut Sleep>) {
        if let Some(deadline) = self.server.poll_timeout() {
            let deadline = self.clock.at(deadline);
            if timer.deadline() != deadline {
                timer.reset(deadline);
            }
        }
    }
}
