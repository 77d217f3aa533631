//! What must hold whatever unvalidated clients send, and when.
//!
//! A [`Checker`] drives a [`Server`] as a driver does and keeps books of its own, from nothing but what goes
//! over the wire and what is told to the operator. It panics at the first thing that must not be. The
//! fuzzer drives it, and so do the tests.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bootstone::catalog::{Catalog, FileId};
use bootstone::proto::config::ServerConfig;
use bootstone::proto::observer::RequestStep;
use bootstone::proto::report::{Report, Requested};
use bootstone::proto::server::{Server, Transmit, Unreachable};
use bootstone::proto::stats::{Figures, Ignored, Outcome};
use bootstone::proto::{Instant, Peer};
use bootstone::wire::{Mode, Options, Packet, Request};

/// A server and what it owes to whom.
pub(crate) struct Checker {
    pub(crate) server: Server,
    pub(crate) now: Instant,
    catalog: Arc<Catalog>,
    /// Datagrams that the driver takes at a time.
    segments: usize,
    config: ServerConfig,
    /// The transfers that are under way, as far as can be seen.
    books: HashMap<Peer, Book>,
    /// ERRORs that may be sent, each with the most that it may have in bytes.
    errors: Vec<(Peer, usize)>,
    /// Who may be sent something next: who has asked or acknowledged since the last sending.
    spoke: HashSet<Peer>,
    told: Told,
    /// Transfers that the observer knows to be in progress.
    started: usize,
    out: Vec<u8>,
}

/// One transfer.
pub(crate) struct Book {
    peer: Peer,
    catalog: Arc<Catalog>,
    file: FileId,
    /// What goes over the wire, if it is not the file as it is.
    netascii: Option<Vec<u8>>,
    /// The names and values of the request.
    asked: Vec<(Vec<u8>, Vec<u8>)>,
    /// The OACK, once it was seen.
    oack: Option<Vec<u8>>,
    blksize: u32,
    windowsize: u32,
    /// The first block that is not acknowledged, and one more than the highest that was sent; 0 is the OACK.
    una: u32,
    sent: u32,
    /// ACKs that were news.
    acks: u32,
    /// ACKs of what was never sent.
    wild_acks: u32,
    request_bytes: usize,
    /// The most bytes for its requests, until the first ACK, if there is no OACK.
    most_answered: usize,
    unvalidated_bytes: usize,
    bytes: u64,
    /// When the request came.
    begun: Instant,
    /// ICMP says so, and it has not said anything since.
    is_unreachable: bool,
}

/// What the reports add up to.
#[derive(Default)]
struct Told {
    outcomes: [u64; Outcome::ALL.len()],
    bytes: u64,
    resent: u64,
}

impl Checker {
    pub(crate) fn new(catalog: Arc<Catalog>, config: ServerConfig, segments: usize) -> Checker {
        Checker {
            server: Server::new(catalog.clone(), config),
            catalog,
            now: Instant::ZERO,
            segments,
            config,
            books: HashMap::new(),
            errors: Vec::new(),
            spoke: HashSet::new(),
            told: Told::default(),
            started: 0,
            out: Vec::new(),
        }
    }

    /// The transfer of a peer, if it has one.
    pub(crate) fn book(&self, peer: Peer) -> Option<&Book> {
        self.books.get(&peer)
    }

    /// Transfers that are complete.
    pub(crate) fn complete(&self) -> u64 {
        self.told.outcomes[Outcome::Complete as usize]
    }

    /// A datagram comes in. What it makes the server send waits for [`send`](Self::send).
    pub(crate) fn hear(&mut self, from: Peer, datagram: &[u8]) {
        let before = self.server.stats().clone();
        self.server.handle_datagram(self.now, from, datagram);
        let reports = self.reports();
        let after = self.server.stats();
        let ignored = Ignored::ALL
            .into_iter()
            .filter(|&reason| after.ignored(reason) > before.ignored(reason));
        let ignored: Vec<_> = ignored.collect();
        assert!(ignored.len() <= 1, "one datagram is ignored once");
        let ignored = ignored.first().copied();
        self.close(&reports);
        let own = reports.iter().find(|r| r.peer == from);
        match Packet::decode(datagram) {
            Ok(Packet::Rrq(request)) => {
                self.on_request(from, request, datagram.len(), ignored, &reports);
            }
            Ok(Packet::Wrq(_)) => {
                assert!(!self.books.contains_key(&from), "a WRQ is the end");
                self.expect_error(from, datagram.len(), ignored);
            }
            Ok(Packet::Ack { block }) => self.on_ack(from, block, ignored, own),
            Ok(Packet::Error { .. }) => {
                assert!(!self.books.contains_key(&from), "an ERROR is the end");
                let stray = own.is_none();
                assert_eq!(ignored, stray.then_some(Ignored::Stray));
            }
            Ok(Packet::Data { .. } | Packet::Oack(_)) => {
                assert_eq!(ignored, Some(Ignored::NotForServers));
                assert!(reports.is_empty());
            }
            Err(_) => {
                assert_eq!(ignored, Some(Ignored::Malformed));
                assert!(reports.is_empty());
            }
        }
    }

    /// An ICMP message about a peer comes in.
    pub(crate) fn hear_unreachable(&mut self, peer: Peer, what: Unreachable) {
        let had_one = self.books.contains_key(&peer);
        self.server.handle_unreachable(self.now, peer, what);
        let reports = self.reports();
        self.close(&reports);
        if let Some(book) = self.books.get_mut(&peer) {
            // Well under way: it waits.
            assert!(reports.is_empty() && book.acks >= 3);
            assert!(self.now - book.begun >= Duration::from_secs(1));
            book.is_unreachable = true;
        } else {
            assert_eq!(reports.len(), usize::from(had_one));
        }
    }

    /// The program ends.
    pub(crate) fn abort_all(&mut self) {
        let open = self.books.len();
        self.server.abort_all(self.now);
        let reports = self.reports();
        self.close(&reports);
        assert_eq!(reports.len(), open);
        assert!(reports.iter().all(|r| r.outcome == Outcome::Dropped));
        assert!(self.books.is_empty() && self.server.is_idle());
        self.send();
    }

    /// Takes what the server wants to send. Calls `sent` for each datagram.
    pub(crate) fn send_to(&mut self, mut sent: impl FnMut(Peer, &[u8])) {
        let mut out = std::mem::take(&mut self.out);
        while let Some(transmit) = self.server.poll_transmit(self.now, self.segments, &mut out) {
            self.check_burst(transmit, &out);
            for datagram in out.chunks(transmit.segment) {
                self.on_sent(transmit.peer, datagram);
                sent(transmit.peer, datagram);
            }
            // A transfer that has sent too much ends here.
            let reports = self.reports();
            self.close(&reports);
        }
        let reports = self.reports();
        self.close(&reports);
        self.out = out;
        assert!(self.errors.is_empty(), "an ERROR that was never sent");
        self.spoke.clear();
        self.check_accounts();
    }

    /// The same, and no one looks.
    pub(crate) fn send(&mut self) {
        self.send_to(|_, _| ());
    }

    /// Lets time pass, with every timer at its time.
    pub(crate) fn wait_until(&mut self, until: Instant) {
        while let Some(due) = self.server.poll_timeout().filter(|&due| due <= until) {
            self.now = self.now.max(due);
            self.timer();
        }
        self.now = self.now.max(until);
    }

    /// Lets all time pass: in the end nothing may be left.
    pub(crate) fn wait_for_ever(&mut self) {
        for _ in 0..50_000 {
            let Some(due) = self.server.poll_timeout() else {
                assert!(self.books.is_empty(), "a transfer without a timer");
                assert!(self.server.is_idle());
                assert_eq!(self.server.sessions(), 0);
                return;
            };
            self.now = self.now.max(due);
            self.timer();
        }
        panic!("the timers never end");
    }

    /// The timer, whether it is due or not.
    pub(crate) fn timer(&mut self) {
        self.server.handle_timeout(self.now);
        let reports = self.reports();
        self.close(&reports);
        // The timer may send to any host who has a transfer.
        self.spoke.extend(self.books.keys());
        self.send();
        let next = self.server.poll_timeout();
        assert!(next.is_none_or(|next| next > self.now), "a busy loop");
    }

    fn on_request(
        &mut self,
        from: Peer,
        request: Request<'_>,
        len: usize,
        ignored: Option<Ignored>,
        reports: &[Report],
    ) {
        let file = self.server.catalog().find(request.filename);
        let netascii = match request.mode {
            Mode::Octet => Some(false),
            Mode::Netascii => Some(true),
            Mode::Other(_) => None,
        };
        let (Some(file), Some(netascii)) = (file, netascii) else {
            assert!(!self.books.contains_key(&from), "refused, but not over");
            return self.expect_error(from, len, ignored);
        };
        if let Some(reason) = ignored {
            let silent = [
                Ignored::Duplicate,
                Ignored::PrefixBudget,
                Ignored::TotalBudget,
                Ignored::TableFull,
            ];
            assert!(silent.contains(&reason), "{reason:?} for an RRQ");
            let is_told = |report: &Report| {
                let (outcome, transfer) = (report.outcome, report.transfer);
                report.peer == from && outcome == Outcome::Dropped && transfer.is_none()
            };
            return assert_eq!(reports.iter().any(is_told), reason != Ignored::Duplicate);
        }
        self.spoke.insert(from);
        let catalog = &self.catalog;
        let now = self.now;
        let begun = || Book::new(now, from, catalog.clone(), file, netascii, request.options);
        let book = self.books.entry(from).or_insert_with(begun);
        assert_eq!(
            book.acks, 0,
            "an RRQ in mid-transfer was taken for a repeat"
        );
        book.request_bytes += len;
        book.most_answered += (3 * len).max(book.first_block());
    }

    fn expect_error(&mut self, from: Peer, request: usize, ignored: Option<Ignored>) {
        match ignored {
            None => self.errors.push((from, 3 * request)),
            Some(reason) => assert!(!matches!(reason, Ignored::Stray | Ignored::Malformed)),
        }
    }

    fn on_ack(&mut self, from: Peer, number: u16, ignored: Option<Ignored>, own: Option<&Report>) {
        let outcome = own.map(|report| report.outcome);
        let Some(book) = self.books.get_mut(&from) else {
            // It has just ended with this ACK, or was none.
            return match outcome {
                Some(Outcome::Complete | Outcome::Dropped) => assert_eq!(ignored, None),
                _ => assert_eq!((ignored, outcome), (Some(Ignored::Stray), None)),
            };
        };
        assert_eq!(outcome, None);
        self.spoke.insert(from);
        let reading = book.read(number);
        book.is_unreachable &= reading == Reading::NeverSent;
        match reading {
            Reading::News(una) => {
                assert_eq!(ignored, None, "an ACK of what was sent");
                book.una = una;
                book.acks += 1;
                assert!(
                    una <= book.last(),
                    "acknowledged to the end, and not complete"
                );
            }
            Reading::Old => assert_eq!(ignored, None),
            Reading::NeverSent => {
                assert_eq!(ignored, Some(Ignored::NeverSent));
                // Before the first true ACK it may be for an earlier transfer of the same port.
                book.wild_acks += u32::from(book.acks > 0);
                assert!(book.wild_acks <= 1, "one is forgiven");
            }
        }
    }

    fn check_burst(&self, transmit: Transmit, out: &[u8]) {
        assert!(!out.is_empty() && out.len() <= 65_507);
        assert!((4..=out.len()).contains(&transmit.segment));
        assert!(out.len().div_ceil(transmit.segment) <= self.segments);
    }

    fn on_sent(&mut self, to: Peer, datagram: &[u8]) {
        let packet = Packet::decode(datagram).expect("what is sent is TFTP");
        if let Packet::Error { .. } = packet {
            let due = self.errors.iter().position(|(peer, _)| *peer == to);
            let (_, most) = self
                .errors
                .remove(due.expect("no one asked for this ERROR"));
            assert!(datagram.len() <= most, "an ERROR that amplifies");
            return;
        }
        assert!(self.spoke.contains(&to), "unasked");
        let pipeline = u32::from(self.config.pipeline);
        let book = self.books.get_mut(&to);
        let book = book.expect("nothing is sent from a transfer that is over");
        assert_eq!(book.peer, to, "from another address than was asked");
        match packet {
            Packet::Oack(options) => book.on_oack(datagram, options, self.config),
            Packet::Data { block, payload } => book.on_data(block, payload, pipeline),
            _ => panic!("a server sends no {packet:?}"),
        }
        assert!(!book.is_unreachable, "to whom nothing gets");
        book.pay(self.now, pipeline, datagram.len());
    }

    fn reports(&mut self) -> Vec<Report> {
        let reports: Vec<_> = std::iter::from_fn(|| self.server.poll_event()).collect();
        for report in &reports {
            self.told.outcomes[report.outcome as usize] += 1;
            if let Some(figures) = report.transfer {
                self.told.bytes += figures.bytes;
                self.told.resent += u64::from(figures.resent);
            }
            assert_eq!(report.left_out, 0, "so few reports leave none out");
        }
        self.compare_events(&reports);
        reports
    }

    /// The observer is told the same as the log, and of the first ACK of each transfer before.
    fn compare_events(&mut self, reports: &[Report]) {
        let mut ended = Vec::new();
        for event in self.server.request_events().drain(..) {
            match event.step {
                RequestStep::Started => self.started += 1,
                RequestStep::Ended(end) => {
                    self.started -= usize::from(end.was_started);
                    ended.push((event.source, end.outcome, end.bytes, end.was_started));
                }
            }
        }
        let told = reports.iter().map(|report| {
            let figures = report.transfer;
            (
                report.peer.address.ip(),
                report.outcome,
                figures.map_or(0, |figures| figures.bytes),
                figures.is_some_and(|figures| figures.is_validated),
            )
        });
        assert_eq!(ended, told.collect::<Vec<_>>());
        assert_eq!(self.started, self.server.validated());
    }

    /// Takes the transfers that have ended out of the books.
    fn close(&mut self, reports: &[Report]) {
        for report in reports {
            let Some(figures) = report.transfer else {
                let words = [Outcome::NotFound, Outcome::Refused, Outcome::Dropped];
                assert!(words.contains(&report.outcome));
                continue;
            };
            assert!(matches!(report.file, Requested::File(_)));
            let book = self.books.remove(&report.peer);
            let book = book.expect("a transfer that ends has begun, and ends once");
            book.check_end(report.outcome, figures);
            self.spoke.remove(&report.peer);
        }
    }

    fn check_accounts(&self) {
        let stats = self.server.stats();
        for outcome in Outcome::ALL {
            let told = self.told.outcomes[outcome as usize];
            assert_eq!(stats.outcome(outcome), told, "{outcome:?}");
        }
        assert_eq!(
            (stats.bytes, stats.resent),
            (self.told.bytes, self.told.resent)
        );
        assert!(self.server.sessions() <= self.config.max_sessions.max(1));
        assert!(self.server.sessions() >= self.books.len());
        let under_way = self.books.values().any(|book| book.acks > 0);
        assert_eq!(self.server.is_idle(), !under_way);
        if !self.books.is_empty() {
            assert!(self.server.poll_timeout().is_some(), "no timer");
        }
    }
}

/// What an ACK says, in the words of the books.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    News(u32),
    Old,
    NeverSent,
}

impl Book {
    fn new(
        now: Instant,
        peer: Peer,
        catalog: Arc<Catalog>,
        file: FileId,
        netascii: bool,
        options: Options<'_>,
    ) -> Book {
        let pairs = options.iter().map(|(n, v)| (n.to_vec(), v.to_vec()));
        Book {
            peer,
            netascii: netascii.then(|| translated(catalog.bytes(file))),
            catalog,
            file,
            asked: pairs.collect(),
            oack: None,
            blksize: 512,
            windowsize: 1,
            // Until an OACK says otherwise.
            una: 1,
            sent: 1,
            acks: 0,
            wild_acks: 0,
            request_bytes: 0,
            most_answered: 0,
            unvalidated_bytes: 0,
            bytes: 0,
            begun: now,
            is_unreachable: false,
        }
    }

    /// The file as it goes over the wire.
    fn content(&self) -> &[u8] {
        match &self.netascii {
            Some(translated) => translated,
            None => self.catalog.bytes(self.file),
        }
    }

    /// The length of the first DATA without options.
    fn first_block(&self) -> usize {
        self.content().len().min(512) + 4
    }

    /// Number of the last block.
    pub(crate) fn last(&self) -> u32 {
        self.content().len() as u32 / self.blksize + 1
    }

    /// The highest block that was sent, modulo 2¹⁶: what an honest client acknowledges next.
    pub(crate) fn highest(&self) -> u16 {
        self.sent.wrapping_sub(1) as u16
    }

    /// The block that was acknowledged last, modulo 2¹⁶.
    pub(crate) fn acknowledged(&self) -> u16 {
        self.una.wrapping_sub(1) as u16
    }

    /// Bytes of the file that were acknowledged.
    fn acknowledged_bytes(&self) -> u64 {
        let bytes = u64::from(self.una.saturating_sub(1)) * u64::from(self.blksize);
        bytes.min(self.content().len() as u64)
    }

    fn read(&self, number: u16) -> Reading {
        // All blocks that the number could mean, the ones in flight first.
        if let Some(block) = (self.una..self.sent).find(|&block| block as u16 == number) {
            return Reading::News(block + 1);
        }
        let mut acknowledged = self.una.saturating_sub(1 << 15)..self.una;
        // Before the first there is nothing that could be acknowledged again.
        match self.acks > 0 && acknowledged.any(|block| block as u16 == number) {
            true => Reading::Old,
            false => Reading::NeverSent,
        }
    }

    fn on_oack(&mut self, datagram: &[u8], options: Options<'_>, config: ServerConfig) {
        assert_eq!(self.acks, 0, "a late OACK resets GRUB");
        if let Some(oack) = &self.oack {
            return assert_eq!(oack, datagram, "the same request, another OACK");
        }
        for (name, value) in options.iter() {
            let is_it = |(asked, _): &&(Vec<u8>, Vec<u8>)| asked.eq_ignore_ascii_case(name);
            let granted = number(value).expect("a number");
            let mut asked = self
                .asked
                .iter()
                .filter(is_it)
                .map(|(_, asked)| number(asked));
            match name {
                b"tsize" => assert_eq!(granted, self.content().len() as u64),
                b"timeout" => assert!(asked.any(|asked| asked == Some(granted))),
                _ => assert!(asked.any(|asked| asked.is_some_and(|asked| granted <= asked))),
            }
            match name {
                b"blksize" => self.blksize = granted as u32,
                b"windowsize" => self.windowsize = granted as u32,
                b"tsize" | b"timeout" => {}
                _ => panic!("an option that no one knows"),
            }
        }
        let headers = match self.peer.address.ip().to_canonical().is_ipv4() {
            true => 32,
            false => 52,
        };
        let most = u32::from(config.limits.mtu)
            .saturating_sub(headers)
            .max(512);
        assert!((8..=most).contains(&self.blksize), "fragments");
        assert!((1..=u32::from(config.limits.max_windowsize.max(1))).contains(&self.windowsize));
        self.oack = Some(datagram.to_vec());
        (self.una, self.sent) = (0, 1);
    }

    fn on_data(&mut self, number: u16, payload: &[u8], pipeline: u32) {
        assert!(
            self.oack.is_none() || self.acks > 0,
            "DATA before the OACK is confirmed"
        );
        // The first block with this number that is not acknowledged.
        let block = self.una + u32::from(number.wrapping_sub(self.una as u16));
        let bound = (pipeline / self.windowsize).max(1) * self.windowsize;
        let depth = match bound {
            _ if self.acks < 3 || pipeline == 1 => self.windowsize,
            1 => 1,
            // Two windows after silence.
            bound => bound.max(2 * self.windowsize),
        };
        let end = self.sent.max(self.una + depth);
        assert!(
            block < end,
            "block {block} is not to be sent yet, or any more"
        );
        assert!(block <= self.last(), "there is no block {block}");
        let start = (block as usize - 1) * self.blksize as usize;
        let end = self.content().len().min(start + self.blksize as usize);
        assert_eq!(payload, &self.content()[start..end], "block {block}");
        self.sent = self.sent.max(block + 1);
    }

    /// What may have been sent by now: four blocks for each that was acknowledged, 64, and from there on one flight each
    /// quarter of a second. Until the third ACK, ten windows, one every 1.8 s, and a block each time that the timer
    /// expires.
    fn most_bytes(&self, now: Instant, pipeline: u32) -> u64 {
        let window = u64::from(self.windowsize);
        let passed = now - self.begun;
        let blocks = match self.acks < 3 {
            true => (10 + passed.as_millis() as u64 / 1800) * window + 40,
            false => {
                let flights = 2 * u64::from(pipeline.max(self.windowsize));
                let quarters = (passed.as_millis() / 250) as u64;
                4 * u64::from(self.una) + 64 + 2 * window + 2 * flights + quarters * flights
            }
        };
        blocks * u64::from(self.blksize + 4)
    }

    /// Books `bytes` that were sent.
    fn pay(&mut self, now: Instant, pipeline: u32, bytes: usize) {
        self.bytes += bytes as u64;
        let most = self.most_bytes(now, pipeline);
        assert!(self.bytes <= most, "{} bytes, {most} at most", self.bytes);
        if self.acks > 0 {
            return;
        }
        self.unvalidated_bytes += bytes;
        match self.oack {
            Some(_) => assert!(
                self.unvalidated_bytes <= 3 * self.request_bytes,
                "amplified"
            ),
            // For each request three times its bytes, or one block if that is more.
            None => assert!(
                self.unvalidated_bytes <= self.most_answered,
                "amplified: {} bytes, {} at most",
                self.unvalidated_bytes,
                self.most_answered
            ),
        }
    }

    fn check_end(&self, outcome: Outcome, figures: Figures) {
        let whole = figures.bytes == self.content().len() as u64;
        match outcome {
            // Complete with its last ACK, which is not in the books yet, or by a client's ERROR.
            Outcome::Complete => assert!(self.sent > self.last()),
            Outcome::LastAckMissing => assert!(self.sent > self.last()),
            Outcome::Probe => assert!(self.acks == 0),
            Outcome::Aborted | Outcome::TimedOut | Outcome::Dropped => {}
            Outcome::NotFound | Outcome::Refused => panic!("{outcome:?} is no transfer"),
        }
        let acknowledged = self.acknowledged_bytes();
        assert!(figures.bytes == acknowledged || whole && outcome == Outcome::Complete);
        if let Some(oack) = &self.oack {
            let granted = (u32::from(figures.blksize), u32::from(figures.windowsize));
            assert_eq!(granted, (self.blksize, self.windowsize), "{oack:?}");
        }
        assert!(figures.in_flight >= 1);
        assert!(self.acks > 0 || outcome == Outcome::Complete || figures.rtt.is_none());
        assert!(figures.is_validated == (self.acks > 0) || outcome == Outcome::Complete);
    }
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// A file in netascii, in the simplest way.
fn translated(bytes: &[u8]) -> Vec<u8> {
    let mut translated = Vec::new();
    for &byte in bytes {
        match byte {
            b'\n' => translated.extend_from_slice(b"\r\n"),
            b'\r' => translated.extend_from_slice(b"\r\0"),
            other => translated.push(other),
        }
    }
    translated
}
