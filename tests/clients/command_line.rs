//! Settings of the program: errors, and the precedence of options and variables.

use std::fs::File;
use std::net::UdpSocket;

use rustix::process::Signal;

use crate::binary::{Bootstone, command, ends};
use crate::programs::has_ipv6;
use crate::raw_client::RawClient;

/// Asserts that the program fails, and that its message contains these texts.
#[track_caller]
fn refused(arguments: &[&str], variables: &[(&str, &str)], expected: &[&str]) {
    let ended = ends(arguments, variables);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.output.starts_with("bootstone: "), "{ended:?}");
    for text in expected {
        assert!(ended.output.contains(text), "`{text}` is not in {ended:?}");
    }
}

#[test]
fn unknown_options() {
    refused(&["--mtuu", "1500"], &[], &["--mtuu", "--help"]);
    refused(&["frobnicate"], &[], &["frobnicate", "--help"]);
    refused(&["--listen"], &[], &["--listen", "--help"]);
}

#[test]
fn values_out_of_range() {
    refused(&["--mtu", "100"], &[], &["--mtu", "100", "576 to 65535"]);
    refused(
        &["--mtu", "70000"],
        &[],
        &["--mtu", "70000", "576 to 65535"],
    );
    refused(
        &["--max-windowsize", "0"],
        &[],
        &["--max-windowsize", "'0'", "1 to 64"],
    );
    refused(
        &["--max-windowsize", "65"],
        &[],
        &["--max-windowsize", "'65'", "1 to 64"],
    );
    refused(
        &["--drain-timeout", "-1"],
        &[],
        &["--drain-timeout", "-1", "--help"],
    );
    refused(
        &["--log-format", "xml"],
        &[],
        &["xml", "\"text\" or \"json\""],
    );
}

/// A minimum that is longer than the maximum.
#[test]
fn a_minimum_drain_above_the_drain_timeout() {
    refused(
        &["--min-drain", "31"],
        &[],
        &["--min-drain", "31 s", "30 s", "Raise --drain-timeout"],
    );
    refused(
        &["--drain-timeout", "5"],
        &[("BOOTSTONE_MIN_DRAIN", "6")],
        &["BOOTSTONE_MIN_DRAIN", "6 s", "5 s"],
    );
}

/// The message names the variable.
#[test]
fn variables_are_checked_like_options() {
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
        &["BOOTSTONE_LOG_FORMAT=xml", "\"text\" or \"json\""],
    );
    refused(
        &[],
        &[("BOOTSTONE_LISTEN", "nowhere")],
        &["BOOTSTONE_LISTEN", "nowhere", "0.0.0.0:69"],
    );
}

#[test]
fn addresses_that_cannot_be_bound() {
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
}

#[test]
fn a_port_that_is_taken() {
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    refused(
        &["--listen", &taken],
        &[],
        &[&taken, "another server uses it", "choose another port"],
    );
    drop(holder);
}

/// Asserts the OACK to a request for the largest values.
#[track_caller]
fn grants(flags: &[&str], variables: &[(&str, &str)], expected: &[u8]) {
    let flags = [&["--listen", "127.0.0.1:0"], flags].concat();
    let bootstone = Bootstone::start(&flags, variables);
    let client = RawClient::to(bootstone.address());
    client.send(RawClient::request(
        "SHA256SUMS",
        &[("blksize", "65464"), ("windowsize", "64")],
    ));
    assert_eq!(
        String::from_utf8(client.receive()),
        String::from_utf8(expected.to_vec())
    );
}

#[test]
fn an_option_precedes_its_variable_and_that_the_default() {
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
fn listen_precedes_its_variable() {
    let bootstone = Bootstone::start(&[], &[("BOOTSTONE_LISTEN", "127.0.0.2:0, 127.0.0.3:0")]);
    let hosts: Vec<String> = bootstone
        .addresses()
        .iter()
        .map(|a| a.ip().to_string())
        .collect();
    assert_eq!(hosts, ["127.0.0.2", "127.0.0.3"]);
    for address in bootstone.addresses() {
        let client = RawClient::to(*address);
        client.send(RawClient::request("nothing", &[]));
        assert_eq!(client.receive()[..4], [0, 5, 0, 1]);
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
        let client = RawClient::to(bootstone.address());
        client.send(RawClient::request("SHA256SUMS", &[("blksize", "65464")]));
        assert_eq!(client.receive(), b"\0\x06blksize\x001448\0");
    }
}

#[test]
fn other_variables_are_read() {
    let variables = [
        ("BOOTSTONE_DRAIN_TIMEOUT", "0"),
        ("BOOTSTONE_LOG_FORMAT", "text"),
    ];
    // Its log format is given by a flag, or `start` could not read it.
    let bootstone = Bootstone::start(&["--listen", "127.0.0.1:0"], &variables);
    let client = RawClient::to(bootstone.address());
    client.send(RawClient::request("SHA256SUMS", &[("blksize", "8")]));
    assert_eq!(client.receive(), b"\0\x06blksize\x008\0");
    bootstone.signal(Signal::TERM);
    assert_eq!(bootstone.last_lines().0.code(), Some(0));
}

/// The environment's names are defaults.
#[test]
fn the_start_line_says_where_the_server_is() {
    let fly = [("FLY_REGION", "ams"), ("FLY_MACHINE_ID", "148e")];
    let listen = ["--listen", "127.0.0.1:0"];
    let bootstone = Bootstone::start(&listen, &fly);
    assert_eq!(bootstone.first_line()["region"], "ams");
    assert_eq!(bootstone.first_line()["machine"], "148e");
    let given = [&listen[..], &["--region", "hall 3"]].concat();
    let bootstone = Bootstone::start(&given, &fly);
    assert_eq!(bootstone.first_line()["region"], "hall 3");
    let bootstone = Bootstone::start(&listen, &[("BOOTSTONE_REGION", "hall 4")]);
    assert_eq!(bootstone.first_line()["region"], "hall 4");
    assert_eq!(bootstone.first_line().get("machine"), None);
}

#[test]
fn version_and_help() {
    for arguments in [&["--version"], &["-V"], &["--help"]] {
        let ended = ends(arguments, &[]);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    }
    let version = ends(&["--version"], &[]).output;
    assert!(
        version.starts_with(concat!("bootstone ", env!("CARGO_PKG_VERSION"))),
        "{version}"
    );
}

/// A full disk or a closed pipe is an exit code, not a panic.
#[test]
fn an_output_that_cannot_be_written() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for arguments in [&["--version"][..], &["--help"], &["list"]] {
        let ended = command(arguments, &[]).stdout(full()).output().unwrap();
        let output = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{output}");
        assert!(
            output.starts_with("bootstone: cannot write to standard output"),
            "{output}"
        );
    }
    let mut wrong = command(&["frobnicate"], &[]);
    assert_eq!(wrong.stderr(full()).status().unwrap().code(), Some(2));
}
