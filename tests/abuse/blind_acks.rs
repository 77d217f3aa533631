//! Blind ACK attacks: with one port there is no secret in an ACK. What an attacker draws with blind ACKs, per byte
//! and at most. `docs/security-measurements.md` shows the figures.

use std::time::Duration;

use bootstone::proto::config::ServerConfig;
use bootstone::proto::negotiate::NegotiationLimits;
use bootstone::proto::stats::Outcome;

use crate::attacker::{Line, Traffic, ack, public, rrq};

const MIB: usize = 1 << 20;

/// What an attacker who acknowledges nothing but the first answer draws at most: nine windows in 6 s, one every 1.8 s
/// of a minute after that, four blocks by the timer, and the OACK.
const AT_MOST_FOR_NOTHING: u64 = (39 * 16 + 5) * 1472;

/// And one who guesses ACKs all the time: the file four times.
const AT_MOST: u64 = 4 * MIB as u64 + AT_MOST_FOR_NOTHING;

/// The datagrams that one forged request and one blind first ACK draw at most, with a window of 16 and without.
const AT_MOST_FOR_ONE: [u64; 2] = [22, 6];

/// How the attacker guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    /// Nothing: only the request.
    Silent,
    /// ACK 0, or ACK 1 without options, once.
    Once,
    /// The same again and again, every 10 ms.
    TheSame,
    /// 0, 1, 2, … every 10 ms.
    Count,
    /// What an honest client would acknowledge, every 50 ms: the spoofer knows the server well.
    Best,
}

#[derive(Clone, Copy)]
struct Drawn {
    sent: Traffic,
    drawn: Traffic,
    outcome: Outcome,
}

/// One request in the name of another host, and guesses for as long as there is anything to draw.
fn draw(options: &str, guess: Guess, pipeline: u16) -> Drawn {
    let config = ServerConfig {
        pipeline,
        ..ServerConfig::default()
    };
    let mut line = Line::new(MIB, config);
    let victim = public(1, 1, 4000);
    let (mut sent, mut drawn) = (Traffic::default(), Traffic::default());
    let first = u16::from(options.is_empty());
    // The highest DATA, which is what an honest client acknowledges.
    let mut highest = 0;
    let mut next = first;
    let see = |drawn: &mut Traffic, highest: &mut u16, datagram: &[u8]| {
        drawn.count(datagram.len());
        if let [0, 3, high, low, ..] = *datagram {
            *highest = (*highest).max(u16::from_be_bytes([high, low]));
        }
    };
    let request = rrq(options);
    sent.count(request.len());
    line.hear(victim, &request, &mut |_, d| {
        see(&mut drawn, &mut highest, d)
    });
    let every = Duration::from_millis(if guess == Guess::Best { 50 } else { 10 });
    while line.reports.is_empty() {
        line.wait_until(line.now + every, &mut |_, d| {
            see(&mut drawn, &mut highest, d)
        });
        let number = match guess {
            Guess::Silent => continue,
            Guess::Once if next > first => continue,
            Guess::Once | Guess::TheSame => first,
            Guess::Count => next,
            Guess::Best => highest,
        };
        next = next.saturating_add(1);
        sent.count(4);
        line.hear(victim, &ack(number), &mut |_, d| {
            see(&mut drawn, &mut highest, d)
        });
    }
    line.wait_until(line.now + Duration::from_secs(600), &mut |_, d| {
        see(&mut drawn, &mut highest, d)
    });
    assert_eq!(line.reports.len(), 1);
    let outcome = line.reports[0].outcome;
    Drawn {
        sent,
        drawn,
        outcome,
    }
}

const TERMS: [&str; 4] = [
    "",
    "blksize=1468",
    "blksize=512 windowsize=16",
    "blksize=1468 windowsize=16",
];

const GUESSES: [Guess; 5] = [
    Guess::Silent,
    Guess::Once,
    Guess::TheSame,
    Guess::Count,
    Guess::Best,
];

/// The rows of the table: bytes back for each byte, as payload and with IP and UDP headers, and all that
/// one request can draw.
fn table() -> String {
    let mut table = String::from(
        "| request | guesses | back per byte | with headers | drawn in all, bytes | ends |\n|---|---|---|---|---|---|\n",
    );
    for options in TERMS {
        for guess in GUESSES {
            for pipeline in [1, 32] {
                let Drawn {
                    sent,
                    drawn,
                    outcome,
                } = draw(options, guess, pipeline);
                // Pipelining changes nothing for an attacker that does not seem to have a high RTT.
                if pipeline > 1 && guess != Guess::Best {
                    continue;
                }
                let options = if options.is_empty() {
                    "no options"
                } else {
                    options
                };
                let guesses = match guess {
                    Guess::Silent => "none",
                    Guess::Once => "the first ACK",
                    Guess::TheSame => "the first ACK every 10 ms",
                    Guess::Count => "0, 1, 2, … every 10 ms",
                    Guess::Best if pipeline > 1 => "the right ones every 50 ms, pipelined",
                    Guess::Best => "the right ones every 50 ms",
                };
                let per_byte = drawn.bytes as f64 / sent.bytes as f64;
                let with_headers = drawn.on_the_wire() as f64 / sent.on_the_wire() as f64;
                table += &format!(
                    "| {options} | {guesses} | {per_byte:.1} | {with_headers:.1} | {} | {} |\n",
                    drawn.bytes,
                    outcome.as_str()
                );
            }
        }
    }
    table
}

/// What the document says is what happens.
#[test]
fn the_table_in_the_document_is_true() {
    crate::document::check("blind acks", &table());
}

/// However it guesses.
#[test]
fn a_transfer_never_sends_more_than_its_bound() {
    for options in TERMS
        .into_iter()
        .chain(["blksize=8 windowsize=16", "tsize=0"])
    {
        for guess in GUESSES {
            let drawn = draw(options, guess, 32).drawn.bytes;
            let at_most = match guess {
                Guess::Count | Guess::Best => AT_MOST,
                Guess::Silent | Guess::Once | Guess::TheSame => AT_MOST_FOR_NOTHING,
            };
            assert!(drawn <= at_most, "{options} {guess:?}: {drawn}");
        }
    }
}

#[test]
fn one_forged_request_and_one_blind_ack_draw_few_datagrams() {
    let windows: Vec<String> = (2..16).map(|n| format!("windowsize={n}")).collect();
    let windows = windows.iter().map(String::as_str);
    for options in TERMS.into_iter().chain(["tsize=0"]).chain(windows) {
        let drawn = draw(options, Guess::Once, 32).drawn.datagrams;
        let most = AT_MOST_FOR_ONE[usize::from(!options.contains("windowsize"))];
        assert!(drawn <= most, "{options}: {drawn}");
    }
}

/// An attacker that guesses badly ends the transfer: twice a block that was never sent. Before the first true ACK that
/// may be an ACK for an earlier transfer of the same port, and is ignored.
#[test]
fn counting_too_fast_ends_the_transfer() {
    let mut line = Line::new(MIB, ServerConfig::default());
    let victim = public(1, 1, 4000);
    let mut drawn = Traffic::default();
    for number in [1, 2, 3] {
        line.hear(victim, &ack(number), &mut |_, _| ());
    }
    line.hear(victim, &rrq("blksize=1468"), &mut |_, d| {
        drawn.count(d.len())
    });
    for number in 1..100 {
        line.hear(victim, &ack(number), &mut |_, d| drawn.count(d.len()));
    }
    assert_eq!(drawn.datagrams, 1, "the OACK");
    for number in [0, 1, 50, 60] {
        line.hear(victim, &ack(number), &mut |_, d| drawn.count(d.len()));
    }
    line.wait_until(line.now + Duration::from_secs(600), &mut |_, d| {
        drawn.count(d.len())
    });
    assert_eq!(drawn.datagrams, 3, "the OACK and two blocks");
    assert_eq!(line.reports[0].outcome, Outcome::Dropped);
}

/// A larger `--max-windowsize` is a larger first answer to a guess, and the same bound in all.
#[test]
fn a_larger_window_draws_more_at_once() {
    for (windowsize, first) in [(16, 16 * 1472), (64, 64 * 1472)] {
        let config = ServerConfig {
            limits: NegotiationLimits {
                max_windowsize: windowsize,
                ..NegotiationLimits::default()
            },
            ..ServerConfig::default()
        };
        let mut line = Line::new(MIB, config);
        let victim = public(1, 1, 4000);
        let mut drawn = Traffic::default();
        line.hear(victim, &rrq("blksize=1468 windowsize=64"), &mut |_, _| ());
        line.hear(victim, &ack(0), &mut |_, d| drawn.count(d.len()));
        assert_eq!(drawn.bytes, first);
    }
}
