//! The notation of the dialogues: lines to datagrams, and back.

use std::ops::Range;

use bootstone::proto::Instant;

pub(super) fn parsed<T: std::str::FromStr>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("cannot read {text:?}"))
}

/// `DATA 1..3 …` stands for three datagrams; what follows is about the last of them.
pub(super) fn expanded(what: &str) -> Vec<String> {
    let range = what.strip_prefix("DATA ").and_then(|rest| {
        let (range, rest) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
        let (first, last) = range.split_once("..")?;
        Some((parsed::<u16>(first), parsed::<u16>(last), rest))
    });
    let Some((first, last, rest)) = range else {
        return vec![what.to_owned()];
    };
    // The name of the file is about all of them.
    let of = rest.split_at(rest.find(" (").unwrap_or(rest.len())).0;
    let mut all: Vec<_> = (first..last).map(|n| format!("DATA {n}{of}")).collect();
    all.push(format!("DATA {last}{rest}"));
    all
}

/// The bytes of a client's datagram: `RRQ NAME [MODE [OPTION=VALUE…]]`, `WRQ …`, `ACK N`,
/// `DATA N TEXT`, `ERROR CODE TEXT`, `OACK OPTION=VALUE…`, or bytes in quotes.
pub(crate) fn datagram(what: &str) -> Vec<u8> {
    if let Some(raw) = what.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
        return unescaped(raw);
    }
    let (kind, rest) = what.split_once(' ').unwrap_or((what, ""));
    let (number, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let strings = |opcode: u8| {
        let words = rest.split([' ', '=']).map(unescaped);
        words.fold(vec![0, opcode], |all, word| [all, word, vec![0]].concat())
    };
    let numbered = |opcode: u8| {
        let number: u16 = parsed(number);
        [&[0, opcode], &number.to_be_bytes()[..], &unescaped(text)].concat()
    };
    match kind {
        "RRQ" => strings(1),
        "WRQ" => strings(2),
        "DATA" => numbered(3),
        "ACK" => numbered(4),
        "ERROR" => [numbered(5), vec![0]].concat(),
        "OACK" => strings(6),
        _ => panic!("no datagram: {what:?}"),
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        bytes.push(match (char, char == '\\') {
            (plain, false) => plain as u8,
            (_, true) => match rest.next() {
                Some('x') => {
                    let hex: String = rest.by_ref().take(2).collect();
                    u8::from_str_radix(&hex, 16).unwrap_or_else(|_| panic!("bad \\x in {text:?}"))
                }
                Some('0') => 0,
                Some('r') => b'\r',
                Some('n') => b'\n',
                Some(other) => other as u8,
                None => panic!("a \\ at the end of {text:?}"),
            },
        });
    }
    bytes
}

pub(super) fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\x00", "\\0")
}

pub(super) fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", escaped(bytes))
}

pub(super) fn millis(at: Instant) -> f64 {
    at.as_micros() as f64 / 1000.0
}

/// What went over the wire, as a script. DATA in sequence at one time is one line.
pub(super) fn as_script(log: &[(Instant, String)]) -> String {
    let mut lines: Vec<Line> = Vec::new();
    for (at, what) in log {
        let line = Line::new(*at, what);
        match lines.last_mut().filter(|last| last.is_followed_by(&line)) {
            Some(last) => {
                (last.blocks, last.rest) = (last.blocks.start..line.blocks.end, line.rest)
            }
            None => lines.push(line),
        }
    }
    let mut before = None;
    let mut script = String::new();
    for line in lines {
        let is_same_time = before.replace(line.at) == Some(line.at);
        let time = if is_same_time {
            String::new()
        } else {
            millis(line.at).to_string()
        };
        script += &format!("{time:>8} {}\n", line.what());
    }
    script
}

/// A line of such a script.
struct Line<'a> {
    at: Instant,
    /// What stands in front of the blocks; or all of the line, if it has none.
    head: &'a str,
    blocks: Range<u32>,
    rest: &'a str,
}

impl<'a> Line<'a> {
    fn new(at: Instant, what: &'a str) -> Line<'a> {
        let read = || {
            let (head, tail) = what.split_at(what.find("< DATA ")? + "< DATA ".len());
            let (number, rest) = tail.split_at(tail.find(' ').unwrap_or(tail.len()));
            let first: u32 = number.parse().ok()?;
            let blocks = first..first + 1;
            Some(Line {
                at,
                head,
                blocks,
                rest,
            })
        };
        let whole = Line {
            at,
            head: what,
            blocks: 0..0,
            rest: "",
        };
        read().unwrap_or(whole)
    }

    fn is_followed_by(&self, next: &Line) -> bool {
        let is_in_sequence = !self.blocks.is_empty() && next.blocks.start == self.blocks.end;
        is_in_sequence && self.at == next.at && self.head == next.head && self.rest.is_empty()
    }

    fn what(&self) -> String {
        let Line {
            head, blocks, rest, ..
        } = self;
        match blocks.len() {
            0 => head.to_string(),
            1 => format!("{head}{}{rest}", blocks.start),
            _ => format!("{head}{}..{}{rest}", blocks.start, blocks.end - 1),
        }
    }
}
