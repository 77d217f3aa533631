//! What the binary says to wrong settings, and which of them counts.

use std::fs::File;
use std::net::UdpSocket;

use rustix::process::Signal;

use crate::binary::{Bootstone, command, ends};
use crate::hand::Hand;
use crate::programs::has_ipv6;

/// It could not, and says all of this, in which there is a way out.
#[track_caller]
fn refused(arguments: &[&str], variables: &[(&str, &str)], said: &[&str]) {
    let ended = ends(arguments, variables);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.said.starts_with("bootstone: "), "{ended:?}");
    for said in said {
        assert!(ended.said.contains(said), "`{said}` is not in {ended:?}");
    }
}

#[test]
fn flags_that_do_not_exist() {
    refused(&["--mtuu", "1500"], &[], &["--mtuu", "--help"]);
    refused(&["frobnicate"], &[], &["frobnicate", "--help"]);
    refused(&["--listen"], &[], &["--listen", "--help"]);
}

#[test]
fn values_out_of_range() {
    refused(&["--mtu", "100"], &[], &["--mtu", "100", "576 to 65535"]);
    refused(&["--mtu", "70000"], &[], &["--mtu", "70000", "--help"]);
    refused(
        &["--max-windowsize", "0"],
        &[],
        &["--max-windowsize", " 0 ", "1 to 64"],
    );
    refused(
        &["--max-windowsize", "65"],
        &[],
        &["--max-windowsize", " 65 ", "1 to 64"],
    );
    refused(
        &["--drain-timeout", "-1"],
        &[],
        &["--drain-timeout", "-1", "--help"],
    );
    refused(&["--log-format", "xml"], &[], &["xml", "text or json"]);
}

/// The message names what the person has set.
#[test]
fn variables_are_as_strict_as_flags() {
    refused(
        &[],
        &[("BOOTSTONE_MTU", "100")],
        &["BOOTSTONE_MTU", "100", "576 to 65535"],
    );
    refused(
        &[],
        &[("BOOTSTONE_MTU", "wide")],
        &["BOOTSTONE_MTU=wide", "--help"],
    );
    refused(
        &[],
        &[("BOOTSTONE_MAX_WINDOWSIZE", "65")],
        &["BOOTSTONE_MAX_WINDOWSIZE", "1 to 64"],
    );
    refused(
        &[],
        &[("BOOTSTONE_DRAIN_TIMEOUT", "soon")],
        &["BOOTSTONE_DRAIN_TIMEOUT=soon", "--help"],
    );
    refused(
        &[],
        &[("BOOTSTONE_LOG_FORMAT", "xml")],
        &["BOOTSTONE_LOG_FORMAT=xml", "text or json"],
    );
    refused(
        &[],
        &[("BOOTSTONE_LISTEN", "nowhere")],
        &["BOOTSTONE_LISTEN", "nowhere", "0.0.0.0:69"],
    );
}

#[test]
fn addresses_that_cannot_be() {
    refused(
        &["--listen", "nowhere"],
        &[],
        &["--listen", "nowhere", "0.0.0.0:69"],
    );
    refused(
        &["--listen", "127.0.0.1:99999"],
        &[],
        &["127.0.0.1:99999", "0.0.0.0:69"],
    );
    // Of TEST-NET-3, which no machine has.
    refused(
        &["--listen", "203.0.113.9:0"],
        &[],
        &["203.0.113.9:0", "no such address"],
    );
}

#[test]
fn a_port_that_is_taken() {
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    refused(
        &["--listen", &taken],
        &[],
        &[&taken, "another server has it", "choose another port"],
    );
    drop(holder);
}

/// The OACK to a request for more than anybody grants.
#[track_caller]
fn grants(flags: &[&str], variables: &[(&str, &str)], expected: &[u8]) {
    let flags = [&["--listen", "127.0.0.1:0"], flags].concat();
    let bootstone = Bootstone::start(&flags, variables);
    let hand = Hand::to(bootstone.address());
    hand.say(Hand::request(
        "SHA256SUMS",
        &[("blksize", "65464"), ("windowsize", "64")],
    ));
    assert_eq!(
        String::from_utf8(hand.hear()),
        String::from_utf8(expected.to_vec())
    );
}

#[test]
fn limits_are_set_by_flags_then_variables_then_defaults() {
    grants(&[], &[], b"\0\x06blksize\x001468\0windowsize\x0016\0");
    let variables = [("BOOTSTONE_MTU", "1300"), ("BOOTSTONE_MAX_WINDOWSIZE", "4")];
    grants(&[], &variables, b"\0\x06blksize\x001268\0windowsize\x004\0");
    grants(
        &["--mtu", "1420"],
        &variables,
        b"\0\x06blksize\x001388\0windowsize\x004\0",
    );
    grants(
        &["--max-windowsize", "2"],
        &variables,
        b"\0\x06blksize\x001268\0windowsize\x002\0",
    );
    let empty = [("BOOTSTONE_MTU", ""), ("BOOTSTONE_MAX_WINDOWSIZE", "")];
    grants(&[], &empty, b"\0\x06blksize\x001468\0windowsize\x0016\0");
}

#[test]
fn addresses_are_set_by_flags_or_else_by_the_variable() {
    let bootstone = Bootstone::start(&[], &[("BOOTSTONE_LISTEN", "127.0.0.2:0, 127.0.0.3:0")]);
    let hosts: Vec<String> = bootstone
        .addresses()
        .iter()
        .map(|a| a.ip().to_string())
        .collect();
    assert_eq!(hosts, ["127.0.0.2", "127.0.0.3"]);
    for address in bootstone.addresses() {
        let hand = Hand::to(*address);
        hand.say(Hand::request("nothing", &[]));
        assert_eq!(hand.hear()[..4], [0, 5, 0, 1]);
    }

    let listen = ["--listen", "127.0.0.4:0"];
    let bootstone = Bootstone::start(&listen, &[("BOOTSTONE_LISTEN", "nowhere")]);
    assert_eq!(bootstone.address().ip().to_string(), "127.0.0.4");
}

#[test]
fn names_and_ipv6() {
    let bootstone = Bootstone::start(&["--listen", "localhost:0"], &[]);
    assert!(
        bootstone
            .addresses()
            .iter()
            .all(|address| address.ip().is_loopback())
    );
    if has_ipv6() {
        let bootstone = Bootstone::start(&["--listen", "[::1]:0"], &[]);
        let hand = Hand::to(bootstone.address());
        hand.say(Hand::request("SHA256SUMS", &[("blksize", "65464")]));
        assert_eq!(hand.hear(), b"\0\x06blksize\x001448\0");
    }
}

#[test]
fn other_variables_change_lines_and_the_end() {
    let variables = [
        ("BOOTSTONE_DRAIN_TIMEOUT", "0"),
        ("BOOTSTONE_LOG_FORMAT", "text"),
    ];
    // Its log format is given by a flag, or `start` could not read it.
    let bootstone = Bootstone::start(&["--listen", "127.0.0.1:0"], &variables);
    let hand = Hand::to(bootstone.address());
    hand.say(Hand::request("SHA256SUMS", &[("blksize", "8")]));
    assert_eq!(hand.hear(), b"\0\x06blksize\x008\0");
    bootstone.signal(Signal::TERM);
    assert_eq!(bootstone.last_lines().0.code(), Some(0));
}

#[test]
fn version_and_help() {
    for arguments in [&["--version"], &["-V"], &["--help"]] {
        let ended = ends(arguments, &[]);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    }
    let version = ends(&["--version"], &[]).said;
    assert!(
        version.starts_with(concat!("bootstone ", env!("CARGO_PKG_VERSION"))),
        "{version}"
    );
}

/// A disk is full, or whoever was to read is gone: that is a status, not a panic.
#[test]
fn an_output_that_takes_nothing() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for arguments in [&["--version"][..], &["--help"], &["list"]] {
        let ended = command(arguments, &[]).stdout(full()).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(
            said.starts_with("bootstone: cannot write to standard output"),
            "{said}"
        );
    }
    let mut wrong = command(&["frobnicate"], &[]);
    assert_eq!(wrong.stderr(full()).status().unwrap().code(), Some(2));
}
