//! Bootstone, over paths with known faults.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crate::canary::{FILE, NAME, report, verify_as};
use crate::nat::{self, Rewrites};
use crate::relay::{Conditions, Path, Running};
use crate::server::{Behaviour, bootstone_serving, socket_on};

fn bootstone() -> SocketAddr {
    bootstone_serving(&[(NAME, &FILE)])
}

/// A relay to Bootstone with the same conditions both ways.
fn relay(way: Conditions) -> Running {
    let path = Path {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        server: bootstone(),
        up: way,
        down: way,
        seed: 7,
    };
    Running::start(path).unwrap()
}

#[test]
fn every_client_gets_the_whole_file_from_bootstone() {
    let server = bootstone();
    let trials = verify_as("all", server);
    trials.are_whole();
    for (model, blksize, windowsize) in [
        ("edk2", 1468, 4),
        ("ipxe", 1432, 1),
        ("grub", 1024, 1),
        ("pxelinux", 1408, 1),
        ("uboot", 1468, 1),
        ("shim", 512, 4),
        ("strict", 1428, 16),
    ] {
        let trial = trials.of(model);
        let granted = (trial.number("blksize"), trial.number("windowsize"));
        assert_eq!(granted, (blksize, windowsize), "{model}");
        assert_eq!(trial.text("answered_from"), server.to_string(), "{model}");
        assert_eq!(trial.number("longest_datagram"), blksize + 4, "{model}");
        assert_eq!(trial.number("fragmented_datagrams"), 0, "{model}");
        assert!(trial.text("model").len() > 10, "{model}");
    }
    let port = |model| trials.of(model).number("local_port");
    assert!((25_300..25_364).contains(&port("grub")), "{}", port("grub"));
    assert!((1024..4096).contains(&port("uboot")), "{}", port("uboot"));
}

#[test]
fn the_table_has_a_row_for_each_client() {
    let server = bootstone();
    let run = report("edk2,grub", server, &[]);
    assert_eq!(run.code, 0, "{}", run.err);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines[0], format!("{server}, {NAME}"));
    assert!(
        lines[2].starts_with("as ") && lines[2].ends_with("answered from"),
        "{}",
        run.out
    );
    for (line, model, block) in [(lines[3], "edk2", "1468/4"), (lines[4], "grub", "1024")] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let of_line = (words[0], words[1], words[4], words[8]);
        assert_eq!(of_line, (model, "✓", block, server.to_string().as_str()));
    }
    assert_eq!(lines.last(), Some(&"2 of 2 ok"));
}

#[test]
fn a_wrong_file_differs_and_a_missing_one_is_missing() {
    let mut wrong = FILE.clone();
    wrong[150_000] ^= 1;
    let trials = verify_as("ipxe", bootstone_serving(&[(NAME, &wrong)]));
    assert_eq!(
        (trials.code, trials.of("ipxe").text("verdict")),
        (1, "differs")
    );
    let trials = verify_as("edk2,grub", bootstone_serving(&[]));
    assert_eq!(trials.code, 1);
    trials.of("edk2").says("missing", &["PXE-E23"]);
    trials.of("grub").says("missing", &["error: "]);
}

#[test]
fn with_wait_it_is_repeated_until_every_client_has_the_file() {
    let server = Behaviour {
        missing_at_first: Some(Arc::new(AtomicUsize::new(3))),
        ..Behaviour::with(&[(NAME, &FILE)])
    };
    let server = server.start();
    let run = report("ipxe,pxelinux", server, &["--wait", "60"]);
    assert_eq!(run.code, 0, "{}", run.out);
    assert!(run.out.ends_with("2 of 2 ok\n"), "{}", run.out);
}

#[test]
fn a_raised_option_and_no_options_fail_those_that_mind() {
    let raising = Behaviour {
        raises_blksize: true,
        ..Behaviour::with(&[(NAME, &FILE)])
    };
    let trials = verify_as("edk2", raising.start());
    let parts = ["PXE-E23", "larger block or window size than requested"];
    trials.of("edk2").says("refused", &parts);
    let plain = Behaviour {
        ignores_options: true,
        ..Behaviour::with(&[(NAME, &FILE)])
    };
    let trials = verify_as("edk2,ipxe,shim,strict,grub", plain.start());
    trials
        .of("edk2")
        .says("refused", &["PXE-E99", "ignores options"]);
    trials.of("ipxe").says("ok", &["ignores options"]);
    trials.of("shim").says("ok", &[]);
    trials.of("strict").says("ok", &["ignores options"]);
    trials.of("grub").says("silent", &["time out opening"]);
    assert_eq!(trials.code, 2);
}

#[test]
fn a_closed_port_and_an_answer_from_elsewhere() {
    let closed = socket_on("127.0.0.1").local_addr().unwrap();
    let trials = verify_as("edk2,strict", closed);
    trials
        .of("edk2")
        .says("silent", &["PXE-E99", "port unreachable"]);
    trials.of("strict").says("silent", &["port unreachable"]);
    let elsewhere = Behaviour {
        answers_from: Some("127.0.0.7"),
        ..Behaviour::with(&[(NAME, &FILE)])
    };
    let trials = verify_as("ipxe", elsewhere.start());
    trials
        .of("ipxe")
        .says("silent", &["Connection timed out", "127.0.0.7:"]);
    assert!(trials.of("ipxe").number("repeated_requests") >= 4);
}

#[test]
fn a_path_with_an_mtu_of_1400_stops_those_with_larger_blocks() {
    let relay = relay(Conditions {
        mtu: 1400,
        ..Conditions::default()
    });
    let trials = verify_as("edk2,ipxe,grub,shim,strict", relay.address());
    for (model, screen, size) in [
        ("edk2", "PXE-E18", "1500"),
        ("ipxe", "Connection timed out", "1464"),
        ("strict", "no new block", "1460"),
    ] {
        let size = format!("packets of {size} bytes do not get through, and those of 544 do");
        trials.of(model).says("truncated", &[screen, &size, "MTU"]);
    }
    trials.of("grub").says("ok", &[]);
    trials.of("shim").says("ok", &[]);
    assert_eq!(trials.code, 1);
}

#[test]
fn a_path_that_rewrites_the_port() {
    let server = bootstone();
    let asked = nat::start(server, Rewrites::Always);
    let trials = verify_as("edk2,pxelinux,strict", asked);
    trials.are_whole();
    assert_ne!(trials.of("edk2").text("answered_from"), asked.to_string());

    let asked = nat::start(server, Rewrites::After(9));
    let trials = verify_as("edk2,ipxe,pxelinux", asked);
    for (model, screen) in [("edk2", "PXE-E18"), ("ipxe", "Connection timed out")] {
        let parts = [screen, "port changed from", "in mid-transfer"];
        trials.of(model).says("truncated", &parts);
        assert!(
            trials
                .of(model)
                .text("ignored_from")
                .starts_with("127.0.0.1:")
        );
    }
    // It accepts any port.
    trials.of("pxelinux").says("ok", &[]);
}

#[test]
fn a_path_that_loses_datagrams_shows_repeated_blocks() {
    let relay = relay(Conditions {
        delay: Duration::from_millis(25),
        loss: 0.05,
        ..Conditions::default()
    });
    let trials = verify_as("all", relay.address());
    trials.are_whole();
    let sum = |field| -> u64 { trials.trials.iter().map(|trial| trial.number(field)).sum() };
    assert!(sum("repeated_blocks") > 0, "{:?}", trials.trials);
    for model in ["edk2", "ipxe", "grub", "strict"] {
        let trial = trials.of(model);
        let rtt = trial.number("rtt_us");
        assert!((50_000..500_000).contains(&rtt), "{model}: {rtt}");
    }
}

#[test]
fn pipelining_is_seen_over_a_long_path() {
    let relay = relay(Conditions {
        delay: Duration::from_millis(50),
        ..Conditions::default()
    });
    let trials = verify_as("edk2,ipxe", relay.address());
    trials.are_whole();
    for model in ["edk2", "ipxe"] {
        let in_flight = trials.of(model).number("blocks_in_flight");
        assert!((9..=128).contains(&in_flight), "{model}: {in_flight}");
    }
}
