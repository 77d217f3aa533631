//! What unvalidated clients cost in memory, counted by an allocator of the test's own thread.

use std::time::Duration;

use allocation_counter::measure;
use bootstone::proto::config::ServerConfig;

use crate::attacker::{Line, ack, public, rrq};

/// SECURITY.md promises it: a session costs at most so many bytes, its place in every table included.
const SESSION: u64 = 512;

/// The accounts of prefixes: 28,000 of them, and what a hash table of that many adds.
const PREFIXES: u64 = 3 << 20;

/// Sources in as many prefixes as there are.
fn source(n: u32) -> bootstone::proto::Peer {
    public(n as u16, (n >> 16) as u8, 1000)
}

/// A full table, the client that fills it, with what an ACK adds; and not a byte more, however often it is filled anew.
#[test]
fn a_full_table_has_its_price_and_no_more() {
    let config = ServerConfig::default();
    let most = config.max_sessions as u64 * SESSION + PREFIXES;
    let mut line = None;
    let used = measure(|| {
        let mut flooded = Line::new(100_000, config);
        for n in 0..100_000 {
            flooded.hear(source(n), &rrq("tsize=0"), &mut |_, _| ());
            if n % 3 == 0 {
                flooded.hear(source(n), &ack(0), &mut |_, _| ());
            }
            flooded.reports.clear();
            let pause = Duration::from_micros(20);
            flooded.wait_until(flooded.now + pause, &mut |_, _| ());
        }
        assert_eq!(flooded.server.sessions(), config.max_sessions);
        line = Some(flooded);
    });
    drop(line);
    let file = 100_000;
    assert!(
        used.bytes_max < most + file,
        "{} bytes at most",
        used.bytes_max
    );
}

/// Attackers without a session cost nothing that stays: whatever they send, as much as they like.
#[test]
fn what_is_refused_or_ignored_leaves_little_behind() {
    let mut line = Line::new(1000, ServerConfig::default());
    let used = measure(|| {
        for n in 0..50_000 {
            for rubbish in [
                &b"\0\x01missing\0octet\0"[..],
                b"\0\x02f\0octet\0",
                b"\0\x03\0\x01x",
                b"\0\x04\0\x01",
                b"\0\x05\0\0x\0",
                b"\0\x06a\0b\0",
                b"\xff",
            ] {
                line.hear(source(n * 7), rubbish, &mut |_, _| ());
            }
            line.reports.clear();
            line.now = line.now + Duration::from_micros(100);
        }
    });
    assert_eq!(line.server.sessions(), 0);
    let left = u64::try_from(used.bytes_current).unwrap();
    assert!(left < PREFIXES, "{left} bytes left");
}

/// The stale alarms of a session that is woken early again and again do not pile up.
#[test]
fn timers_do_not_pile_up() {
    let config = ServerConfig {
        max_sessions: 64,
        ..ServerConfig::default()
    };
    let mut line = Line::new(100, config);
    let round = |line: &mut Line| {
        for port in 0..64 {
            let peer = public(1, 1, 2000 + port);
            line.hear(peer, &rrq("tsize=0"), &mut |_, _| ());
            line.hear(peer, &ack(0), &mut |_, _| ());
            line.hear(peer, &ack(1), &mut |_, _| ());
        }
        line.reports.clear();
        line.wait_until(line.now + Duration::from_millis(1), &mut |_, _| ());
    };
    for _ in 0..100 {
        round(&mut line);
    }
    let used = measure(|| (0..20_000).for_each(|_| round(&mut line)));
    assert!(used.bytes_current < 64 * SESSION as i64, "{used:?}");
}

/// After the handshake nothing is allocated any more: not for an ACK, not for a DATA, not by the timer.
#[test]
fn a_transfer_under_way_allocates_nothing() {
    for (options, every, pipeline) in [
        ("", 1, 1),
        ("blksize=1468", 50, 1),
        ("blksize=1468", 50, 16),
        ("blksize=1468 windowsize=16", 1, 16),
        ("blksize=1468 windowsize=16", 50, 16),
    ] {
        let config = ServerConfig {
            pipeline,
            ..ServerConfig::default()
        };
        let mut line = Line::new(1_000_000, config);
        let peer = public(1, 1, 2000);
        let mut highest = 0;
        let see = |highest: &mut u16, datagram: &[u8]| {
            if let [0, 3, high, low, ..] = *datagram {
                *highest = (*highest).max(u16::from_be_bytes([high, low]));
            }
        };
        line.hear(peer, &rrq(options), &mut |_, d| see(&mut highest, d));
        let mut follow = |line: &mut Line, acks: u32| {
            for turn in 0..acks {
                let lost = turn % 10 == 9;
                let wait = Duration::from_millis(if lost { 1000 } else { every });
                line.wait_until(line.now + wait, &mut |_, d| see(&mut highest, d));
                let [high, low] = highest.to_be_bytes();
                line.hear(peer, &[0, 4, high, low], &mut |_, d| see(&mut highest, d));
            }
        };
        // The largest burst makes its space once.
        follow(&mut line, 15);
        let used = measure(|| follow(&mut line, 20));
        assert_eq!(used.count_total, 0, "{options} {used:?}");
        assert!(line.reports.is_empty());
    }
}
