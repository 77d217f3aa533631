//! A client that lives by its [`Habits`].
//!
//! It is as strict as the strictest of them: an option that was not asked for, or raised, fails it
//! (EDK2), a size that is wrong too, and so does any ERROR.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bootstone::proto::Instant;
use bootstone::wire::options::{decimal, put_option};
use bootstone::wire::{Mode, Options, Packet, Request};

use super::habits::{Habits, OutOfTurn};
use super::{Client, File, nearest};

/// ERROR 8: the options do not suit.
const OPTION_NEGOTIATION: u16 = 8;

/// See the [module](self).
pub(crate) struct Firmware {
    habits: &'static Habits,
    file: File,
    phase: Phase,
    /// Its TID.
    port: u16,
    /// Asks for windows of another size than its habits say.
    asks_windowsize: Option<u16>,
    blksize: u16,
    windowsize: u16,
    /// The first block that is missing.
    next: u64,
    /// Blocks behind it that are there.
    placed: BTreeSet<u64>,
    /// Blocks since the last ACK.
    unacknowledged: u16,
    /// The last good block at the time of the last ACK of a block out of turn.
    reported: Option<u64>,
    /// The block of its last ACK.
    last_ack: u64,
    /// How often it has said what it said last, counted from 0, and when.
    attempt: u32,
    said: Option<Instant>,
    rtt: Option<Duration>,
    /// Blocks that its reader has not read; an ACK that waits for it; the end of its pause.
    unread: usize,
    held_back: bool,
    reads_at: Option<Instant>,
    outgoing: VecDeque<(u16, Vec<u8>)>,
    /// ACKs that leave late.
    late: VecDeque<(Instant, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Off,
    Probing,
    Asking,
    Receiving,
    Over(Result<(), &'static str>),
}

impl Firmware {
    pub(crate) fn new(habits: &'static Habits, file: File) -> Firmware {
        Firmware {
            habits,
            file,
            phase: Phase::Off,
            port: 2070,
            asks_windowsize: None,
            blksize: 512,
            windowsize: 1,
            next: 1,
            placed: BTreeSet::new(),
            unacknowledged: 0,
            reported: None,
            last_ack: 0,
            attempt: 0,
            said: None,
            rtt: None,
            unread: 0,
            held_back: false,
            reads_at: None,
            outgoing: VecDeque::new(),
            late: VecDeque::new(),
        }
    }

    /// The same client, asking for windows of `windowsize` blocks.
    pub(crate) fn with_windowsize(self, windowsize: u16) -> Firmware {
        Firmware {
            asks_windowsize: Some(windowsize),
            ..self
        }
    }

    fn wait(&self) -> Option<Duration> {
        let waits = match self.phase {
            Phase::Receiving => self.habits.ack_waits,
            _ => self.habits.request_waits,
        };
        waits(self.attempt, self.rtt)
    }

    /// What it is waiting for has not come.
    fn on_silence(&mut self, now: Instant) {
        self.attempt += 1;
        if self.wait().is_none() {
            return self.fail("gave up");
        }
        match self.phase {
            Phase::Receiving if self.habits.repeats_last_ack => self.repeat_ack(now),
            Phase::Receiving => self.acknowledge(now),
            _ => self.request(now),
        }
    }

    fn begin(&mut self, now: Instant) {
        self.phase = match self.habits.probes {
            true => Phase::Probing,
            false => Phase::Asking,
        };
        self.request(now);
    }

    fn asked(&self) -> Vec<(&'static str, u64)> {
        let habits = self.habits.options.iter().copied();
        match (self.phase, self.asks_windowsize) {
            (Phase::Probing, _) => vec![("tsize", 0)],
            (_, None) => habits.collect(),
            (_, Some(windowsize)) => habits
                .filter(|(name, _)| *name != "windowsize")
                .chain((windowsize > 1).then_some(("windowsize", windowsize.into())))
                .collect(),
        }
    }

    fn request(&mut self, now: Instant) {
        let mut options = Vec::new();
        for (name, value) in self.asked() {
            put_option(name.as_bytes(), value, &mut options);
        }
        let name = self.file.name.clone();
        self.say(Packet::Rrq(Request {
            filename: name.as_bytes(),
            mode: Mode::Octet,
            options: Options::new(&options),
        }));
        self.said = Some(now);
    }

    fn say(&mut self, packet: Packet<'_>) {
        let mut datagram = Vec::new();
        packet.encode(&mut datagram);
        self.outgoing.push_back((self.port, datagram));
    }

    /// Acknowledges the last good block.
    fn acknowledge(&mut self, now: Instant) {
        self.unacknowledged = 0;
        self.said = Some(now);
        self.held_back = self.habits.reader.is_some_and(|r| self.unread >= r.queue);
        if !self.held_back {
            self.last_ack = self.next - 1;
            self.say_ack(now);
        }
    }

    /// Its last ACK again, whatever it has got since.
    fn repeat_ack(&mut self, now: Instant) {
        self.said = Some(now);
        self.say_ack(now);
    }

    /// Says its ACK, at once or late.
    fn say_ack(&mut self, now: Instant) {
        let mut datagram = Vec::new();
        let block = self.last_ack as u16;
        Packet::Ack { block }.encode(&mut datagram);
        match self.habits.ack_delay {
            Duration::ZERO => self.outgoing.push_back((self.port, datagram)),
            delay => self.late.push_back((now + delay, datagram)),
        }
    }

    fn on_oack(&mut self, now: Instant, options: Options<'_>) {
        match self.phase {
            Phase::Probing => {
                self.take_options(options);
                self.say(Packet::Error {
                    code: OPTION_NEGOTIATION,
                    message: b"user aborted the transfer",
                });
                self.port += 1;
                self.attempt = 0;
                self.phase = Phase::Asking;
                self.request(now);
            }
            Phase::Asking => {
                self.phase = Phase::Receiving;
                self.progressed(now);
                self.take_options(options);
                self.acknowledge(now);
            }
            Phase::Receiving if self.habits.starts_over => {
                self.next = 1;
                self.acknowledge(now);
            }
            Phase::Receiving if self.next == 1 => self.acknowledge(now),
            _ => {}
        }
    }

    /// # Panics
    /// When the server was not allowed to grant that.
    fn take_options(&mut self, options: Options<'_>) {
        for (name, value) in options.iter() {
            let name = std::str::from_utf8(name).unwrap();
            let value = decimal(value).unwrap();
            let asked = self.asked().into_iter().find(|(asked, _)| *asked == name);
            let (_, asked) = asked.expect("an option that was asked for");
            match name {
                "tsize" => assert_eq!(value, self.file.content.len() as u64),
                "timeout" => assert_eq!(value, asked),
                "blksize" => self.blksize = within(value, asked),
                "windowsize" => self.windowsize = within(value, asked),
                _ => unreachable!("asked for by no habits"),
            }
        }
    }

    fn on_data(&mut self, now: Instant, number: u16, payload: &[u8]) {
        if self.phase == Phase::Asking && self.asked().is_empty() {
            self.phase = Phase::Receiving;
        }
        if self.phase != Phase::Receiving {
            return;
        }
        match nearest(number, self.next) {
            Some(block) if block == self.next => self.on_next(now, payload),
            Some(block) => self.on_other(now, block, payload),
            None => {}
        }
    }

    fn on_next(&mut self, now: Instant, payload: &[u8]) {
        self.file.check(self.next, self.blksize, payload);
        self.progressed(now);
        self.next += 1;
        while self.placed.remove(&self.next) {
            self.next += 1;
        }
        self.read(now);
        self.unacknowledged += 1;
        let is_whole = self.next > self.file.last_block(self.blksize);
        if is_whole || self.unacknowledged >= self.windowsize {
            self.acknowledge(now);
        }
        if is_whole && !self.held_back {
            self.phase = Phase::Over(Ok(()));
        }
    }

    fn on_other(&mut self, now: Instant, block: u64, payload: &[u8]) {
        let last_good = self.next - 1;
        let is_answered = match self.habits.out_of_turn {
            OutOfTurn::Placed => {
                if block > self.next {
                    self.file.check(block, self.blksize, payload);
                    self.placed.insert(block);
                }
                true
            }
            OutOfTurn::AnsweredEach => true,
            OutOfTurn::AnsweredOnce => self.reported.replace(last_good) != Some(last_good),
            OutOfTurn::AnsweredIfLast => block == last_good,
            OutOfTurn::GapReported if block > last_good => {
                self.reported.replace(last_good) != Some(last_good)
            }
            OutOfTurn::GapReported | OutOfTurn::GapIgnored => {
                block == last_good && self.unacknowledged == 0
            }
            OutOfTurn::Ignored => false,
        };
        if is_answered {
            self.acknowledge(now);
        } else if self.habits.is_kept_waiting {
            self.said = Some(now);
        }
    }

    /// Something that it waited for has come.
    fn progressed(&mut self, now: Instant) {
        if self.attempt == 0 {
            self.rtt = self.said.map(|said| now - said);
        }
        self.attempt = 0;
        self.said = Some(now);
    }

    /// Its reader reads the block that has come, unless it is busy.
    fn read(&mut self, now: Instant) {
        let Some(reader) = self.habits.reader else {
            return;
        };
        if self.next.is_multiple_of(reader.every) {
            self.reads_at = Some(now + reader.pause);
        }
        if self.reads_at.is_some() {
            self.unread += 1;
        }
    }

    /// Its reader is back.
    fn read_all(&mut self, now: Instant) {
        self.reads_at = None;
        self.unread = 0;
        if self.held_back {
            self.acknowledge(now);
        }
        if self.next > self.file.last_block(self.blksize) {
            self.phase = Phase::Over(Ok(()));
        }
    }

    fn fail(&mut self, why: &'static str) {
        self.phase = Phase::Over(Err(why));
    }

    fn speaks_at(&self) -> Option<Instant> {
        let said = self.said?;
        self.wait().map(|wait| said + wait)
    }
}

impl Client for Firmware {
    fn handle_datagram(&mut self, now: Instant, port: u16, datagram: &[u8]) {
        if port != self.port {
            return;
        }
        match Packet::decode(datagram).expect("the server sends TFTP") {
            Packet::Oack(options) => self.on_oack(now, options),
            Packet::Data { block, payload } => self.on_data(now, block, payload),
            Packet::Error { .. } if self.outcome().is_none() => self.fail("was sent an ERROR"),
            Packet::Error { .. } => {}
            other => panic!("{other:?} from a server"),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.phase == Phase::Off {
            return self.begin(now);
        }
        while let Some((_, datagram)) = self.late.pop_front_if(|(at, _)| *at <= now) {
            self.outgoing.push_back((self.port, datagram));
        }
        if self.reads_at.is_some_and(|at| at <= now) {
            self.read_all(now);
        }
        if self.outcome().is_none() && self.speaks_at().is_some_and(|at| at <= now) {
            self.on_silence(now);
        }
    }

    fn poll_transmit(&mut self) -> Option<(u16, Vec<u8>)> {
        self.outgoing.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Off => Some(Instant::ZERO),
            Phase::Over(_) => self.late.front().map(|(at, _)| *at),
            _ => {
                let late = self.late.front().map(|(at, _)| *at);
                let next = self.speaks_at().into_iter().chain(self.reads_at);
                next.chain(late).min()
            }
        }
    }

    fn name(&self) -> String {
        match self.asks_windowsize {
            Some(windowsize) => format!("{}, window {windowsize}", self.habits.name),
            None => self.habits.name.to_owned(),
        }
    }

    fn outcome(&self) -> Option<Result<(), &'static str>> {
        match self.phase {
            Phase::Over(outcome) => Some(outcome),
            _ => None,
        }
    }
}

fn within(value: u64, asked: u64) -> u16 {
    assert!(
        value <= asked,
        "{value} granted where {asked} was asked for"
    );
    u16::try_from(value).unwrap()
}
