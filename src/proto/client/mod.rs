//! The client as a value: [`Fetch`] reads one file from one server.
//!
//! `get` and `verify` use it, and the simulation as the remote end.
//!
//! **After every call of `handle_…`, call [`poll_transmit`](Fetch::poll_transmit) until it returns
//! `None`, check [`outcome`](Fetch::outcome), and call `handle_…` again with the next datagram, or
//! at [`poll_timeout`](Fetch::poll_timeout) at the latest.**
//!
//! [`handle_datagram`](Fetch::handle_datagram) returns the bytes of the file in order and once, as
//! a slice of the datagram. Out-of-order blocks are dropped, because the server sends them again
//! (RFC 7440 §4). So a transfer needs no memory for blocks.

mod negotiation;
mod outcome;
mod retransmit;

pub use negotiation::FetchOptions;
pub use outcome::{FetchError, Received};

use std::net::SocketAddr;

use super::Instant;
use crate::wire::{ErrorCode, Options, Packet};
use negotiation::Granted;
use retransmit::RetransmitTimer;

/// Longest part of a server's message that is shown, in bytes.
const MAX_MESSAGE: usize = 200;

/// One transfer.
#[derive(Debug)]
pub struct Fetch {
    options: FetchOptions,
    /// The server's address. The first answer sets its port, the server's TID.
    server: SocketAddr,
    phase: Phase,
    granted: Granted,
    /// Blocks received in order.
    blocks: u64,
    /// Bytes received in order.
    size: u64,
    /// Blocks received in order since the last ACK.
    unacknowledged: u16,
    /// When an out-of-order block was last answered, if no block in order has arrived since.
    out_of_order_acked: Option<Instant>,
    timer: RetransmitTimer,
    started: Instant,
    resends: u32,
    /// Another address that has sent a datagram.
    other_address: Option<SocketAddr>,
    /// The next datagram to send. One is enough: a later ACK covers an earlier one.
    outgoing: Option<Outgoing>,
}

#[derive(Debug)]
enum Phase {
    Requesting,
    Receiving,
    Finished(Result<Received, FetchError>),
}

#[derive(Clone, Copy, Debug)]
enum Outgoing {
    Request,
    /// Of the last block in order.
    Ack,
    Error(ErrorCode, &'static str),
}

impl Fetch {
    /// Starts a transfer; the first `poll_transmit` returns the RRQ.
    pub fn new(now: Instant, server: SocketAddr, options: FetchOptions) -> Fetch {
        Fetch {
            options,
            server,
            phase: Phase::Requesting,
            granted: Granted::default(),
            blocks: 0,
            size: 0,
            unacknowledged: 0,
            out_of_order_acked: None,
            timer: RetransmitTimer::new(now),
            started: now,
            resends: 0,
            other_address: None,
            outgoing: Some(Outgoing::Request),
        }
    }

    /// Handles a datagram and returns the next bytes of the file; empty if it contains none.
    ///
    /// A datagram from another address gets no answer. RFC 1350 §4 asks for ERROR 5, but a source
    /// address is easily forged, and the ERROR would be sent to a third party.
    pub fn handle_datagram<'d>(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &'d [u8],
    ) -> &'d [u8] {
        if !self.is_server(from) {
            self.other_address = Some(from);
            return &[];
        }
        match Packet::decode(datagram) {
            Ok(Packet::Data { block, payload }) => return self.on_data(now, from, block, payload),
            Ok(Packet::Oack(options)) => self.on_oack(now, from, options),
            Ok(Packet::Error { code, message }) => self.on_error(code, message),
            _ => {}
        }
        &[]
    }

    /// Handles the timeout: repeats a datagram that may have been lost, or gives up.
    pub fn handle_timeout(&mut self, now: Instant) {
        let (repeat, error) = match self.phase {
            Phase::Requesting => (Outgoing::Request, self.silent()),
            Phase::Receiving => (Outgoing::Ack, self.stalled()),
            Phase::Finished(_) => return,
        };
        if now >= self.gives_up_at() {
            self.phase = Phase::Finished(Err(error));
        } else if now >= self.timer.resend_at {
            self.resends += 1;
            self.timer.on_timeout(now);
            self.outgoing = Some(repeat);
        }
    }

    /// Clears `out`, writes the next datagram into it and returns its destination; `None` if there
    /// is nothing to send.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> Option<SocketAddr> {
        out.clear();
        match self.outgoing.take()? {
            Outgoing::Request => self.options.encode_rrq(out),
            Outgoing::Ack => {
                // A new window starts with the next block (RFC 7440 §4).
                self.unacknowledged = 0;
                let block = number(self.blocks);
                Packet::Ack { block }.encode(out);
            }
            Outgoing::Error(code, message) => {
                let (code, message) = (code as u16, message.as_bytes());
                Packet::Error { code, message }.encode(out);
            }
        }
        Some(self.server)
    }

    /// When [`handle_timeout`](Fetch::handle_timeout) is due; `None` once the transfer has
    /// finished.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Finished(_) => None,
            _ => Some(self.gives_up_at().min(self.timer.resend_at)),
        }
    }

    /// The outcome, once the transfer has finished.
    ///
    /// A caller may go on passing datagrams for a while: if the last ACK was lost, it is sent again
    /// ("dallying", RFC 1350 §6). Without that the server repeats its last blocks a few times.
    pub fn outcome(&self) -> Option<&Result<Received, FetchError>> {
        match &self.phase {
            Phase::Finished(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// The size in bytes, once the server has announced it.
    pub fn tsize(&self) -> Option<u64> {
        self.granted.tsize
    }

    /// Aborts the transfer with an ERROR to the server, which would otherwise go on sending.
    pub fn abort(&mut self) {
        self.fail(FetchError::Aborted, ErrorCode::NotDefined, "aborted");
    }

    /// True for the server's address and, after the first answer, the port of that answer. A
    /// single-port server answers from the requested port, other servers from a new one.
    fn is_server(&self, from: SocketAddr) -> bool {
        let port = matches!(self.phase, Phase::Requesting) || from.port() == self.server.port();
        from.ip() == self.server.ip() && port
    }

    fn on_oack(&mut self, now: Instant, from: SocketAddr, options: Options<'_>) {
        match self.phase {
            Phase::Requesting => self.on_first_oack(now, from, options),
            Phase::Receiving if self.blocks == 0 => self.repeat_ack(now),
            _ => {}
        }
    }

    fn on_first_oack(&mut self, now: Instant, from: SocketAddr, options: Options<'_>) {
        self.receive_from(from);
        match self.options.read_oack(options) {
            Ok(granted) => self.granted = granted,
            Err(what) => {
                let error = FetchError::BadAnswer(what);
                return self.fail(error, ErrorCode::OptionNegotiation, "not as asked for");
            }
        }
        if !self.is_wrong_size(false) {
            self.timer.on_progress(now);
            self.acknowledge(now);
        }
    }

    fn on_data<'d>(
        &mut self,
        now: Instant,
        from: SocketAddr,
        block: u16,
        payload: &'d [u8],
    ) -> &'d [u8] {
        let in_order = block == number(self.blocks + 1);
        match self.phase {
            // The server ignores options.
            Phase::Requesting if in_order => self.receive_from(from),
            Phase::Receiving if in_order => {}
            Phase::Receiving => {
                self.on_out_of_order(now, block);
                return &[];
            }
            Phase::Finished(Ok(_)) if block == number(self.blocks) => {
                self.acknowledge(now);
                return &[];
            }
            _ => return &[],
        }
        self.on_next_block(now, payload)
    }

    /// Handles the next block in order. A block that is not full is the last one.
    fn on_next_block<'d>(&mut self, now: Instant, payload: &'d [u8]) -> &'d [u8] {
        let blksize = usize::from(self.granted.blksize);
        if payload.len() > blksize {
            let error = FetchError::BadAnswer("the server sent a larger block than agreed on");
            self.fail(error, ErrorCode::IllegalOperation, "block too large");
            return &[];
        }
        let last = payload.len() < blksize;
        self.size += payload.len() as u64;
        if self.is_wrong_size(last) {
            return &[];
        }
        self.blocks += 1;
        self.unacknowledged += 1;
        self.out_of_order_acked = None;
        self.timer.on_progress(now);
        if last || self.unacknowledged >= self.granted.windowsize {
            self.acknowledge(now);
        }
        if last {
            self.phase = Phase::Finished(Ok(self.received(now)));
        }
        payload
    }

    /// Fails the transfer if the size is too large or, at the end, differs from the announced one.
    fn is_wrong_size(&mut self, last: bool) -> bool {
        let (received, max_size) = (self.size, self.options.max_size);
        let announced = self.granted.tsize.unwrap_or(received);
        if received > announced || last && received < announced {
            let tsize = announced;
            let error = FetchError::WrongSize { received, tsize };
            self.fail(error, ErrorCode::NotDefined, "not of the size announced");
            return true;
        }
        // If the announced size is too large, the transfer fails at once.
        let too_large = announced > max_size;
        if too_large {
            let error = FetchError::TooLarge { max_size };
            self.fail(error, ErrorCode::NotDefined, "file too large");
        }
        too_large
    }

    /// Handles a block that is not the next one.
    ///
    /// A later block shows that a block was lost. A duplicate shows that our ACK was lost, if no
    /// block has arrived since that ACK. The duplicate of the block that was acknowledged last, in
    /// the middle of a window, is the server's probe for the blocks received by now. Any other
    /// duplicate is late, and an ACK would make the server go back.
    fn on_out_of_order(&mut self, now: Instant, block: u16) {
        let is_later = block.wrapping_sub(number(self.blocks)) < 1 << 15;
        let acknowledged = self.blocks - u64::from(self.unacknowledged);
        let is_probe = self.unacknowledged == 0 || block == number(acknowledged);
        if block != number(self.blocks) && is_later || is_probe {
            self.repeat_ack(now);
        }
    }

    /// Repeats the last ACK, at most once per round trip. A server starts a new window for every
    /// such ACK, so an ACK for each block after a gap would repeat the same window many times. EDK2
    /// does that: one lost block of 119 has caused 3,647 resent blocks.
    fn repeat_ack(&mut self, now: Instant) {
        let interval = self.timer.round_trip();
        if self
            .out_of_order_acked
            .is_none_or(|last| now >= last + interval)
        {
            self.out_of_order_acked = Some(now);
            self.acknowledge(now);
            self.timer.sent = None;
        }
    }

    fn acknowledge(&mut self, now: Instant) {
        self.timer.sent = Some(now);
        self.outgoing = Some(Outgoing::Ack);
    }

    fn on_error(&mut self, code: u16, message: &[u8]) {
        if let Phase::Finished(_) = self.phase {
            return;
        }
        let message = &message[..message.len().min(MAX_MESSAGE)];
        let message = message.escape_ascii().to_string();
        self.outgoing = None;
        self.phase = Phase::Finished(Err(match code {
            1 => FetchError::NotFound { message },
            _ => FetchError::Refused { code, message },
        }));
    }

    fn fail(&mut self, error: FetchError, code: ErrorCode, message: &'static str) {
        if let Phase::Finished(_) = self.phase {
            return;
        }
        self.outgoing = Some(Outgoing::Error(code, message));
        self.phase = Phase::Finished(Err(error));
    }

    fn receive_from(&mut self, server: SocketAddr) {
        self.server = server;
        self.phase = Phase::Receiving;
    }

    fn gives_up_at(&self) -> Instant {
        self.timer.progress + self.options.stall_timeout
    }

    fn silent(&self) -> FetchError {
        FetchError::Silent {
            other_address: self.other_address,
        }
    }

    fn stalled(&self) -> FetchError {
        FetchError::Stalled {
            received: self.size,
            tsize: self.granted.tsize,
        }
    }

    fn received(&self, now: Instant) -> Received {
        Received {
            size: self.size,
            blksize: self.granted.blksize,
            windowsize: self.granted.windowsize,
            server: self.server,
            elapsed: now - self.started,
            resends: self.resends,
        }
    }
}

/// The block number on the wire, which rolls over from 65535 to 0.
fn number(block: u64) -> u16 {
    block as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SERVER: &str = "192.0.2.1:69";
    const TID: &str = "192.0.2.1:40001";

    /// A dialogue at literal times: datagrams received, and datagrams sent.
    struct Dialogue {
        fetch: Fetch,
        file: Vec<u8>,
    }

    fn small(blksize: u16, windowsize: u16) -> FetchOptions {
        FetchOptions {
            blksize: Some(blksize),
            windowsize: Some(windowsize),
            max_size: 1 << 40,
            ..FetchOptions::new("f")
        }
    }

    fn bare() -> FetchOptions {
        FetchOptions {
            blksize: None,
            windowsize: None,
            tsize: false,
            ..FetchOptions::new("f")
        }
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn data(block: u16, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Packet::Data { block, payload }.encode(&mut out);
        out
    }

    fn ack(block: u16) -> Vec<u8> {
        let mut out = Vec::new();
        Packet::Ack { block }.encode(&mut out);
        out
    }

    impl Dialogue {
        /// Begins at 0 and takes the RRQ away.
        fn new(options: FetchOptions) -> Dialogue {
            let fetch = Fetch::new(at(0), address(SERVER), options);
            let file = Vec::new();
            let mut dialogue = Dialogue { fetch, file };
            assert!(dialogue.sent().is_some());
            dialogue
        }

        /// The same, and then at 100 ms this OACK from a new port.
        fn granted(options: FetchOptions, oack: &[u8]) -> Dialogue {
            let mut dialogue = Dialogue::new(options);
            let oack = [b"\0\x06", oack].concat();
            assert_eq!(dialogue.receives(100, TID, &oack), Some(ack(0)));
            dialogue
        }

        /// What goes out now, and nothing after it.
        fn sent(&mut self) -> Option<Vec<u8>> {
            let mut out = Vec::new();
            let to = self.fetch.poll_transmit(&mut out);
            assert_eq!(to.is_some(), !out.is_empty());
            assert_eq!(self.fetch.poll_transmit(&mut Vec::new()), None);
            to.map(|_| out)
        }

        fn receives(&mut self, millis: u64, from: &str, datagram: &[u8]) -> Option<Vec<u8>> {
            let bytes = self
                .fetch
                .handle_datagram(at(millis), address(from), datagram);
            self.file.extend_from_slice(bytes);
            self.sent()
        }

        /// A block from the port of the transfer.
        fn block(&mut self, millis: u64, block: u16, payload: &[u8]) -> Option<Vec<u8>> {
            self.receives(millis, TID, &data(block, payload))
        }

        /// Lets the timer run out, which must be due at `millis`.
        #[track_caller]
        fn timeout(&mut self, millis: u64) -> Option<Vec<u8>> {
            assert_eq!(self.fetch.poll_timeout(), Some(at(millis)));
            self.fetch.handle_timeout(at(millis));
            self.sent()
        }

        #[track_caller]
        fn error(&self) -> FetchError {
            assert_eq!(self.fetch.poll_timeout(), None);
            self.fetch.outcome().unwrap().clone().unwrap_err()
        }

        #[track_caller]
        fn received(&self) -> Received {
            assert_eq!(self.fetch.poll_timeout(), None);
            (*self.fetch.outcome().unwrap()).clone().unwrap()
        }
    }

    #[test]
    fn the_rrq_holds_the_requested_options() {
        let mut out = Vec::new();
        let options = FetchOptions {
            timeout: Some(3),
            ..small(1428, 16)
        };
        let mut fetch = Fetch::new(at(0), address(SERVER), options);
        assert_eq!(fetch.poll_transmit(&mut out), Some(address(SERVER)));
        assert_eq!(
            out,
            b"\0\x01f\0octet\0tsize\x000\0blksize\x001428\0windowsize\x0016\0timeout\x003\0"
        );
        Fetch::new(at(0), address(SERVER), bare()).poll_transmit(&mut out);
        assert_eq!(out, b"\0\x01f\0octet\0");
    }

    #[test]
    fn one_port_and_a_window() {
        let mut d = Dialogue::new(small(8, 2));
        let oack = b"\0\x06tsize\x0020\0blksize\x008\0windowsize\x002\0";
        assert_eq!(d.receives(100, SERVER, oack), Some(ack(0)));
        assert_eq!(d.fetch.tsize(), Some(20));
        assert_eq!(d.receives(200, SERVER, &data(1, b"01234567")), None);
        assert_eq!(d.receives(201, SERVER, &data(2, b"89abcdef")), Some(ack(2)));
        assert_eq!(d.receives(300, SERVER, &data(3, b"ghij")), Some(ack(3)));
        assert_eq!(d.file, b"0123456789abcdefghij");
        let expected = Received {
            size: 20,
            blksize: 8,
            windowsize: 2,
            server: address(SERVER),
            elapsed: Duration::from_millis(300),
            resends: 0,
        };
        assert_eq!(d.received(), expected);
    }

    #[test]
    fn the_first_answer_sets_the_port() {
        let mut d = Dialogue::granted(small(8, 1), b"blksize\x008\0");
        assert_eq!(d.receives(110, SERVER, &data(1, b"evil")), None);
        assert_eq!(d.receives(111, "192.0.2.2:40001", &data(1, b"evil")), None);
        assert_eq!(d.receives(112, SERVER, b"\0\x05\0\0no\0"), None);
        assert_eq!(d.block(120, 1, b"good"), Some(ack(1)));
        assert_eq!(d.received().server, address(TID));
        assert_eq!(d.file, b"good");
    }

    #[test]
    fn a_server_without_options_answers_with_data() {
        let mut d = Dialogue::new(FetchOptions::new("f"));
        assert_eq!(d.block(50, 2, &[7; 512]), None);
        assert_eq!(d.block(60, 1, &[7; 512]), Some(ack(1)));
        assert_eq!(d.block(70, 2, b""), Some(ack(2)));
        let received = d.received();
        assert_eq!(
            (received.size, received.blksize, received.windowsize),
            (512, 512, 1)
        );
    }

    #[test]
    fn an_empty_file() {
        let mut d = Dialogue::granted(small(8, 4), b"tsize\x000\0blksize\x008\0");
        assert_eq!(d.block(200, 1, b""), Some(ack(1)));
        assert_eq!(d.received().size, 0);
    }

    #[test]
    fn an_unanswered_rrq_is_repeated_with_backoff_until_the_stall_timeout() {
        let mut d = Dialogue::new(bare());
        for millis in [1000, 3000, 7000] {
            assert_eq!(d.timeout(millis).unwrap(), b"\0\x01f\0octet\0");
        }
        assert_eq!(d.timeout(10_000), None);
        assert_eq!(
            d.error(),
            FetchError::Silent {
                other_address: None
            }
        );
    }

    #[test]
    fn an_answer_from_another_address_is_reported() {
        let mut d = Dialogue::new(bare());
        assert_eq!(d.receives(50, "192.0.2.7:69", &data(1, b"x")), None);
        for millis in [1000, 3000, 7000, 10_000] {
            d.timeout(millis);
        }
        let other_address = Some(address("192.0.2.7:69"));
        assert_eq!(d.error(), FetchError::Silent { other_address });
    }

    #[test]
    fn errors_are_distinguished_and_escaped() {
        let mut d = Dialogue::new(bare());
        assert_eq!(d.receives(50, TID, b"\0\x05\0\x01no \x1b[31m\0"), None);
        let message = r"no \x1b[31m".to_owned();
        assert_eq!(d.error(), FetchError::NotFound { message });
        let mut d = Dialogue::granted(small(8, 1), b"blksize\x008\0");
        assert_eq!(d.block(200, 1, b"12345678"), Some(ack(1)));
        assert_eq!(d.receives(300, TID, b"\0\x05\0\0going down"), None);
        let message = "going down".to_owned();
        assert_eq!(d.error(), FetchError::Refused { code: 0, message });
    }

    #[test]
    fn an_oack_with_options_not_requested_is_refused() {
        for oack in [
            &b"blksize\x009\0"[..],
            b"blksize\x007\0",
            b"blksize\x0065544\0",
            b"blksize\0eight\0",
            b"windowsize\x003\0",
            b"windowsize\x000\0",
            b"timeout\x005\0",
            b"multicast\x001\0",
        ] {
            let mut d = Dialogue::new(small(8, 2));
            let answer = d.receives(100, TID, &[b"\0\x06", oack].concat());
            assert_eq!(answer.unwrap(), b"\0\x05\0\x08not as asked for\0");
            assert!(matches!(d.error(), FetchError::BadAnswer(_)), "{oack:?}");
            assert_eq!(d.block(200, 1, b"x"), None, "and nothing after it");
        }
        let mut d = Dialogue::new(bare());
        d.receives(100, TID, b"\0\x06tsize\x0012\0");
        assert!(matches!(d.error(), FetchError::BadAnswer(_)));
    }

    #[test]
    fn an_oack_may_return_the_requested_timeout_only_unchanged() {
        let options = FetchOptions {
            timeout: Some(3),
            ..small(8, 1)
        };
        Dialogue::granted(options.clone(), b"timeout\x003\0blksize\x008\0");
        let mut d = Dialogue::new(options);
        let answer = d.receives(100, TID, b"\0\x06timeout\x004\0");
        assert_eq!(answer.unwrap(), b"\0\x05\0\x08not as asked for\0");
    }

    #[test]
    fn a_lost_ack_of_the_oack_is_sent_again() {
        let mut d = Dialogue::granted(small(8, 2), b"blksize\x008\0windowsize\x002\0");
        let oack = b"\0\x06blksize\x008\0windowsize\x002\0";
        assert_eq!(d.receives(1100, TID, oack), Some(ack(0)));
        assert_eq!(d.block(1200, 1, b"12345678"), None);
        assert_eq!(
            d.receives(1201, TID, oack),
            None,
            "a late one changes nothing"
        );
    }

    #[test]
    fn a_gap_is_answered_once_a_round_trip() {
        let mut d = Dialogue::granted(small(8, 4), b"blksize\x008\0windowsize\x004\0");
        assert_eq!(d.block(200, 1, b"aaaaaaaa"), None);
        assert_eq!(d.block(201, 3, b"cccccccc"), Some(ack(1)));
        assert_eq!(d.block(202, 4, b"dddddddd"), None);
        // The resent window, whose first block is lost as well.
        assert_eq!(d.block(301, 3, b"cccccccc"), Some(ack(1)));
        assert_eq!(d.block(302, 4, b"dddddddd"), None);
        assert_eq!(d.block(303, 5, b"eeeeeeee"), None);
        for (millis, block) in [(401, 2), (402, 3), (403, 4)] {
            assert_eq!(d.block(millis, block, &[0; 8]), None);
        }
        assert_eq!(d.block(404, 5, b"eeeeeeee"), Some(ack(5)));
        assert_eq!(d.file.len(), 40);
    }

    #[test]
    fn a_window_sent_again_is_acknowledged_once() {
        let mut d = Dialogue::granted(small(8, 2), b"blksize\x008\0windowsize\x002\0");
        assert_eq!(d.block(200, 1, b"aaaaaaaa"), None);
        assert_eq!(d.block(201, 2, b"bbbbbbbb"), Some(ack(2)));
        assert_eq!(d.block(450, 1, b"aaaaaaaa"), Some(ack(2)));
        assert_eq!(d.block(451, 2, b"bbbbbbbb"), None);
        assert_eq!(d.block(550, 3, b"cccccccc"), None);
        assert_eq!(
            d.block(551, 1, b"aaaaaaaa"),
            None,
            "a late duplicate within a window is ignored"
        );
        assert_eq!(
            d.block(552, 2, b"bbbbbbbb"),
            Some(ack(3)),
            "the probe is answered"
        );
        assert_eq!(d.block(553, 4, b"dddddddd"), None);
        assert_eq!(d.block(554, 5, b"eeeeeeee"), Some(ack(5)));
        assert_eq!(d.file, b"aaaaaaaabbbbbbbbccccccccddddddddeeeeeeee");
    }

    #[test]
    fn in_lock_step_every_duplicate_is_acknowledged() {
        let mut d = Dialogue::granted(small(8, 1), b"blksize\x008\0");
        assert_eq!(d.block(200, 1, b"aaaaaaaa"), Some(ack(1)));
        for millis in [400, 800, 1600] {
            assert_eq!(d.block(millis, 1, b"aaaaaaaa"), Some(ack(1)));
        }
    }

    #[test]
    fn an_unanswered_ack_is_repeated_after_four_round_trips() {
        let mut d = Dialogue::granted(small(8, 2), b"blksize\x008\0windowsize\x002\0");
        assert_eq!(d.block(200, 1, b"aaaaaaaa"), None);
        // 100 ms each way and back: four of them, doubled, within 4 s.
        for millis in [600, 1400, 3000, 6200] {
            assert_eq!(d.timeout(millis), Some(ack(1)));
        }
        assert_eq!(d.block(6300, 2, b"bbbbbbbb"), None, "a new window");
        assert_eq!(d.timeout(6700), Some(ack(2)), "and the first wait again");
        assert_eq!(d.fetch.resends, 5);
    }

    #[test]
    fn the_timeout_is_at_least_250_ms() {
        let mut d = Dialogue::new(bare());
        assert_eq!(d.block(1, 1, &[0; 512]), Some(ack(1)));
        assert_eq!(d.timeout(251), Some(ack(1)));
    }

    #[test]
    fn a_server_that_stops_sending_is_stalled() {
        let mut d = Dialogue::granted(small(8, 1), b"tsize\x0020\0blksize\x008\0");
        assert_eq!(d.block(200, 1, b"12345678"), Some(ack(1)));
        for millis in [600, 1400, 3000, 6200] {
            assert_eq!(d.timeout(millis), Some(ack(1)));
        }
        assert_eq!(d.timeout(10_200), None);
        let (received, tsize) = (8, Some(20));
        assert_eq!(d.error(), FetchError::Stalled { received, tsize });
    }

    #[test]
    fn a_file_shorter_or_longer_than_announced_is_an_error() {
        for (last, received) in [(&b"123"[..], 11), (b"12345678", 16)] {
            let mut d = Dialogue::granted(small(8, 1), b"tsize\x0012\0blksize\x008\0");
            assert_eq!(d.block(200, 1, b"12345678"), Some(ack(1)));
            let answer = d.block(300, 2, last).unwrap();
            assert!(answer.starts_with(b"\0\x05\0\0"));
            let tsize = 12;
            assert_eq!(d.error(), FetchError::WrongSize { received, tsize });
            assert_eq!(d.file, b"12345678");
        }
    }

    #[test]
    fn a_file_larger_than_max_size_is_refused() {
        let options = FetchOptions {
            max_size: 20,
            ..small(8, 1)
        };
        let mut d = Dialogue::granted(options.clone(), b"blksize\x008\0");
        assert_eq!(d.block(200, 1, &[0; 8]), Some(ack(1)));
        assert_eq!(d.block(300, 2, &[0; 8]), Some(ack(2)));
        assert!(d.block(400, 3, &[0; 8]).unwrap().starts_with(b"\0\x05"));
        assert_eq!(d.error(), FetchError::TooLarge { max_size: 20 });

        let mut d = Dialogue::new(options);
        let answer = d.receives(100, TID, b"\0\x06tsize\x0021\0").unwrap();
        assert_eq!(answer, b"\0\x05\0\0file too large\0");
        assert_eq!(d.error(), FetchError::TooLarge { max_size: 20 });
    }

    #[test]
    fn a_file_of_exactly_max_size_is_received() {
        let options = FetchOptions {
            max_size: 11,
            ..small(8, 1)
        };
        let mut d = Dialogue::granted(options, b"tsize\x0011\0blksize\x008\0");
        assert_eq!(d.block(200, 1, b"12345678"), Some(ack(1)));
        assert_eq!(d.block(300, 2, b"end"), Some(ack(2)));
        assert_eq!(d.received().size, 11);
    }

    #[test]
    fn a_block_larger_than_negotiated_is_an_error() {
        let mut d = Dialogue::granted(small(8, 1), b"blksize\x008\0");
        let answer = d.block(200, 1, b"123456789").unwrap();
        assert_eq!(answer, b"\0\x05\0\x04block too large\0");
        assert!(matches!(d.error(), FetchError::BadAnswer(_)));
    }

    #[test]
    fn garbage_and_requests_are_ignored() {
        let mut d = Dialogue::granted(small(8, 1), b"blksize\x008\0");
        for datagram in [
            &b""[..],
            b"\0",
            b"\0\x03\0",
            b"\xff\xff",
            b"\0\x01f\0octet\0",
        ] {
            assert_eq!(d.receives(150, TID, datagram), None);
        }
        assert_eq!(d.receives(150, TID, &ack(1)), None);
        assert_eq!(d.block(200, 1, b"good"), Some(ack(1)));
    }

    #[test]
    fn a_repeated_last_block_is_acknowledged_again() {
        let mut d = Dialogue::granted(small(8, 1), b"blksize\x008\0");
        assert_eq!(d.block(200, 1, b"12345678"), Some(ack(1)));
        assert_eq!(d.block(300, 2, b"end"), Some(ack(2)));
        assert_eq!(d.block(500, 2, b"end"), Some(ack(2)));
        assert_eq!(d.block(501, 1, b"12345678"), None);
        assert_eq!(d.receives(502, TID, b"\0\x05\0\0late\0"), None);
        assert_eq!(d.received().size, 11);
        assert_eq!(d.file, b"12345678end");
    }

    #[test]
    fn an_aborted_transfer_tells_the_server() {
        let mut d = Dialogue::granted(small(8, 1), b"blksize\x008\0");
        d.fetch.abort();
        assert_eq!(d.sent().unwrap(), b"\0\x05\0\0aborted\0");
        assert_eq!(d.error(), FetchError::Aborted);
        assert_eq!(d.block(200, 1, b"late"), None);
    }

    /// 32 MiB and more in blocks of 512: numbers begin anew at 0, twice.
    #[test]
    fn block_numbers_roll_over_to_0() {
        let mut d = Dialogue::new(bare());
        let blocks = 2 * 65536 + 5;
        for block in 1..=blocks {
            let payload = &[0; 512][..if block == blocks { 3 } else { 512 }];
            assert_eq!(
                d.block(block, number(block), payload),
                Some(ack(number(block)))
            );
            d.file.clear();
        }
        assert_eq!(d.received().size, 512 * (blocks - 1) + 3);
    }

    #[test]
    fn a_gap_at_the_roll_over_is_still_a_gap() {
        let mut d = Dialogue::granted(small(8, 4), b"blksize\x008\0windowsize\x004\0");
        for block in 1..=65534u16 {
            d.block(200, block, &[0; 8]);
        }
        assert_eq!(d.block(201, 0, &[0; 8]), Some(ack(65534)));
        assert_eq!(d.block(300, 65535, &[0; 8]), None);
        assert_eq!(d.block(301, 0, &[0; 8]), None);
    }
}
