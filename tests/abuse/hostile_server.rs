//! A client among servers that may say anything: what must hold of [`Fetch`] whatever comes in.

use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bootstone::proto::Instant;
use bootstone::proto::client::{Fetch, FetchError, FetchOptions};
use bootstone::wire::Packet;

const MOST_STEPS: usize = 400;

#[derive(Arbitrary, Debug)]
struct Script {
    blksize: Option<u8>,
    windowsize: Option<u8>,
    timeout: Option<u8>,
    tsize: bool,
    max_size: u16,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
enum Step {
    /// The block whose turn it is, full or not.
    Next {
        full: bool,
    },
    /// So many full ones.
    Run {
        blocks: u8,
    },
    Data {
        ahead: i8,
        len: u8,
    },
    Oack {
        blksize: Option<u8>,
        windowsize: Option<u8>,
        tsize: Option<u16>,
        timeout: Option<u8>,
    },
    Error {
        code: u16,
    },
    Raw(Vec<u8>),
    /// The next datagram comes from another host.
    Elsewhere,
    /// Or from another port of the server.
    OtherPort,
    Wait {
        millis: u16,
    },
    Timer,
    Abort,
}

/// Plays whatever `bytes` stand for, up to the client's end.
pub(crate) fn play(bytes: &[u8]) {
    if let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(bytes)) {
        Stage::new(&script).play(&script.steps);
    }
}

struct Stage {
    fetch: Fetch,
    now: Instant,
    max_size: u64,
    /// What it has handed out, in blocks and bytes.
    blocks: u64,
    received: u64,
    /// From where the next datagram comes.
    from: SocketAddr,
    /// It may send so many datagrams.
    turns: u32,
    requests: u32,
}

fn server() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 69))
}

impl Stage {
    fn new(script: &Script) -> Stage {
        let options = FetchOptions {
            blksize: script.blksize.map(|size| u16::from(size).max(8)),
            windowsize: script.windowsize.map(|size| u16::from(size).max(1)),
            timeout: script.timeout.map(|seconds| seconds.max(1)),
            tsize: script.tsize,
            max_size: script.max_size.into(),
            ..FetchOptions::new("f")
        };
        Stage {
            fetch: Fetch::new(Instant::ZERO, server(), options),
            now: Instant::ZERO,
            max_size: script.max_size.into(),
            blocks: 0,
            received: 0,
            from: server(),
            turns: 1,
            requests: 0,
        }
    }

    fn play(mut self, steps: &[Step]) {
        self.drain();
        for step in steps.iter().take(MOST_STEPS) {
            self.step(step);
            self.drain();
        }
        self.run_out();
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Next { full } => self.data(1, if full { self.blksize() } else { 3 }),
            Step::Run { blocks } => {
                for _ in 0..blocks {
                    self.data(1, self.blksize());
                    self.drain();
                }
            }
            Step::Data { ahead, len } => self.data(i64::from(ahead), len.into()),
            Step::Oack {
                blksize,
                windowsize,
                tsize,
                timeout,
            } => {
                let mut oack = b"\0\x06".to_vec();
                for (name, value) in [
                    ("blksize", blksize.map(u64::from)),
                    ("windowsize", windowsize.map(u64::from)),
                    ("tsize", tsize.map(u64::from)),
                    ("timeout", timeout.map(u64::from)),
                ] {
                    if let Some(value) = value {
                        oack.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
                    }
                }
                self.hear(&oack);
            }
            Step::Error { code } => {
                self.hear(&[b"\0\x05", &code.to_be_bytes()[..], b"no\x1b[2J\0"].concat());
            }
            Step::Raw(ref bytes) => self.hear(bytes),
            Step::Elsewhere => self.from = SocketAddr::from(([198, 51, 100, 1], 69)),
            Step::OtherPort => self.from.set_port(self.from.port() ^ 0x4000),
            Step::Wait { millis } => self.now = self.now + Duration::from_millis(millis.into()),
            Step::Timer => self.timer(),
            Step::Abort => {
                self.turns += 1;
                self.fetch.abort();
            }
        }
    }

    fn blksize(&self) -> usize {
        match self.fetch.outcome() {
            Some(Ok(received)) => received.blksize.into(),
            // Whatever was agreed, this is not larger for most of the scripts.
            _ => 512,
        }
    }

    fn data(&mut self, ahead: i64, len: usize) {
        let number = (self.blocks as i64).wrapping_add(ahead) as u16;
        let payload = vec![number as u8; len];
        let mut data = Vec::new();
        Packet::Data {
            block: number,
            payload: &payload,
        }
        .encode(&mut data);
        self.hear(&data);
    }

    fn hear(&mut self, datagram: &[u8]) {
        let was_over = self.fetch.outcome().cloned();
        let from = std::mem::replace(&mut self.from, server());
        let bytes = self.fetch.handle_datagram(self.now, from, datagram);
        self.turns += 1;
        if !bytes.is_empty() {
            assert!(was_over.is_none(), "bytes after the end");
            assert_eq!(from.ip(), server().ip(), "bytes of an unvalidated client");
            let Ok(Packet::Data { block, payload }) = Packet::decode(datagram) else {
                panic!("bytes that were not in a DATA");
            };
            assert_eq!((block, payload), ((self.blocks + 1) as u16, bytes));
        }
        self.received += bytes.len() as u64;
        assert!(self.received <= self.max_size, "more than was wanted");
        let took_an_empty_one = matches!(self.fetch.outcome(), Some(Ok(_))) && was_over.is_none();
        self.blocks += u64::from(!bytes.is_empty() || took_an_empty_one);
        if let Some(before) = was_over {
            assert_eq!(self.fetch.outcome(), Some(&before), "ended twice");
        }
        self.check_end();
    }

    fn timer(&mut self) {
        if let Some(due) = self.fetch.poll_timeout() {
            self.now = self.now.max(due);
        }
        self.fetch.handle_timeout(self.now);
        self.turns += 1;
        let next = self.fetch.poll_timeout();
        assert!(next.is_none_or(|next| next > self.now), "a busy loop");
    }

    fn drain(&mut self) {
        let mut out = Vec::new();
        while let Some(to) = self.fetch.poll_transmit(&mut out) {
            self.turns = self.turns.checked_sub(1).expect("two datagrams for one");
            assert_eq!(to.ip(), server().ip());
            match Packet::decode(&out).expect("what is sent is TFTP") {
                Packet::Rrq(_) => self.requests += 1,
                Packet::Ack { block } => assert_eq!(block, self.blocks as u16),
                Packet::Error { code, .. } => assert!([0, 4, 8].contains(&code)),
                other => panic!("a client sends no {other:?}"),
            }
        }
        assert_eq!(
            self.fetch.poll_timeout().is_none(),
            self.fetch.outcome().is_some()
        );
    }

    fn check_end(&self) {
        match self.fetch.outcome() {
            Some(Ok(received)) => {
                assert_eq!(received.size, self.received);
                assert!(
                    self.fetch
                        .tsize()
                        .is_none_or(|tsize| tsize == received.size)
                );
            }
            Some(Err(FetchError::NotFound { message } | FetchError::Refused { message, .. })) => {
                assert!(message.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            }
            _ => {}
        }
    }

    /// Nothing comes any more: it gives up in time.
    fn run_out(&mut self) {
        let start = self.now;
        for _ in 0..100 {
            if self.fetch.outcome().is_some() {
                assert!(self.now - start <= Duration::from_secs(10));
                return;
            }
            self.timer();
            self.drain();
        }
        panic!("it never gives up");
    }
}
