//! What went over the wire lately, to be shown when something went wrong.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;

use bootstone::proto::Instant;
use bootstone::wire::Packet;

/// Lines that are kept.
const KEPT: usize = 4000;

/// The last lines of a world's history.
#[derive(Default)]
pub(crate) struct Trace {
    lines: VecDeque<Line>,
}

/// A datagram, or a run of blocks that left together.
struct Line {
    at: Instant,
    peer: SocketAddr,
    way: Way,
    what: What,
    len: usize,
    /// Blocks of the run, how many of them are lost, and how many arrive twice.
    count: u16,
    lost: Vec<u16>,
    twice: u16,
}

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Rrq,
    Oack,
    Data(u16),
    Ack(u16),
    Error(u16),
}

impl Trace {
    /// Notes a datagram of which so many `copies` arrive.
    pub(crate) fn note(
        &mut self,
        at: Instant,
        peer: SocketAddr,
        way: Way,
        datagram: &[u8],
        copies: usize,
    ) {
        let what = What::of(datagram);
        let len = datagram.len();
        if !self.lengthens(at, peer, what, len) {
            if self.lines.len() == KEPT {
                self.lines.pop_front();
            }
            self.lines.push_back(Line {
                at,
                peer,
                way,
                what,
                len,
                count: 0,
                lost: Vec::new(),
                twice: 0,
            });
        }
        if let Some(line) = self.lines.back_mut() {
            if copies == 0 {
                line.lost.push(line.count);
            }
            line.count += 1;
            line.twice += u16::from(copies > 1);
        }
    }

    /// It is the next block of the run noted last.
    fn lengthens(&self, at: Instant, peer: SocketAddr, what: What, len: usize) -> bool {
        let (Some(line), What::Data(block)) = (self.lines.back(), what) else {
            return false;
        };
        let follows = match line.what {
            What::Data(first) => first.wrapping_add(line.count) == block,
            _ => false,
        };
        follows && (line.at, line.peer, line.len) == (at, peer, len)
    }

    pub(crate) fn print(&self) {
        for line in &self.lines {
            eprintln!("{line}");
        }
    }
}

impl What {
    fn of(datagram: &[u8]) -> What {
        match Packet::decode(datagram) {
            Ok(Packet::Data { block, .. }) => What::Data(block),
            Ok(Packet::Ack { block }) => What::Ack(block),
            Ok(Packet::Error { code, .. }) => What::Error(code),
            Ok(Packet::Oack(_)) => What::Oack,
            _ => What::Rrq,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.as_micros() as f64 / 1e6;
        let arrow = match self.way {
            Way::Up => "-->",
            Way::Down => "<--",
        };
        write!(f, "{seconds:12.6} {} {arrow} ", self.peer)?;
        match self.what {
            What::Rrq => f.write_str("RRQ")?,
            What::Oack => f.write_str("OACK")?,
            What::Data(block) if self.count == 1 => write!(f, "DATA {block}")?,
            What::Data(first) => {
                let last = first.wrapping_add(self.count - 1);
                write!(f, "DATA {first} to {last}")?;
            }
            What::Ack(block) => write!(f, "ACK {block}")?,
            What::Error(code) => write!(f, "ERROR {code}")?,
        }
        write!(f, " ({})", self.len)?;
        match (self.what, &self.lost[..]) {
            (_, []) => {}
            (What::Data(first), lost) => {
                let lost: Vec<u16> = lost.iter().map(|n| first.wrapping_add(*n)).collect();
                write!(f, " lost: {lost:?}")?;
            }
            _ => f.write_str(" lost")?,
        }
        match self.twice {
            0 => Ok(()),
            twice => write!(f, " twice: {twice}"),
        }
    }
}
