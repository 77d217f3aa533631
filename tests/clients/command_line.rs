//! Settings of the program: errors, and the precedence of options and variables.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::Stdio;

use rustix::process::Signal;

use crate::binary::{Bootstone, command, ends};
use crate::processes::Running;
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
    refused(
        &["--mtuu", "1500"],
        &[],
        &[
            "serve has no option --mtuu",
            "nearest is --mtu",
            "bootstone serve --help",
        ],
    );
    refused(&["--listen"], &[], &["--listen takes a value", "--help"]);
    refused(
        &["serve", "now"],
        &[],
        &["serve does not take \"now\"", "--help"],
    );
}

#[test]
fn an_unknown_command_is_answered_by_the_list_of_commands() {
    let commands = "serve, get, verify, list, dhcp, health, help and version";
    refused(
        &["frobnicate"],
        &[],
        &["no command \"frobnicate\"", commands],
    );
    let help = ends(&["help"], &[]).output;
    for command in commands
        .split([',', ' '])
        .filter(|word| !["and", "help", "version"].contains(word))
    {
        assert!(help.contains(command), "{command}: {help}");
    }
}

#[test]
fn values_out_of_range() {
    let mtu = "--mtu takes 576 to 65535, not";
    refused(&["--mtu", "100"], &[], &[mtu, "\"100\""]);
    refused(&["--mtu", "70000"], &[], &[mtu, "\"70000\""]);
    refused(&["--mtu", "wide"], &[], &[mtu, "\"wide\""]);
    refused(&["--mtu="], &[], &[mtu, "\"\""]);
    let windowsize = "--max-windowsize takes 1 to 64, not";
    refused(&["--max-windowsize", "0"], &[], &[windowsize, "\"0\""]);
    refused(&["--max-windowsize=65"], &[], &[windowsize, "\"65\""]);
    let drain = "--drain-timeout takes 0 to 86400, not";
    refused(
        &["--drain-timeout", "-1"],
        &[],
        &[drain, "\"-1\"", "--help"],
    );
    refused(&["--drain-timeout", "86401"], &[], &[drain, "\"86401\""]);
    refused(
        &["--log-format", "xml"],
        &[],
        &["--log-format takes \"text\" or \"json\", not \"xml\""],
    );
    refused(
        &["--mtu", "1400", "--mtu", "1500"],
        &[],
        &["--mtu can be given only once"],
    );
    let url = "tftp://127.0.0.1/a";
    refused(
        &["get", url, "--max-size", "1k"],
        &[],
        &["--max-size takes a number", "\"1k\""],
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
    for (name, value, expected) in [
        (
            "BOOTSTONE_MTU",
            "100",
            "BOOTSTONE_MTU takes 576 to 65535, not \"100\"",
        ),
        (
            "BOOTSTONE_MTU",
            "wide",
            "BOOTSTONE_MTU takes 576 to 65535, not \"wide\"",
        ),
        (
            "BOOTSTONE_MAX_WINDOWSIZE",
            "65",
            "BOOTSTONE_MAX_WINDOWSIZE takes 1 to 64",
        ),
        (
            "BOOTSTONE_DRAIN_TIMEOUT",
            "soon",
            "BOOTSTONE_DRAIN_TIMEOUT takes 0 to 86400",
        ),
        (
            "BOOTSTONE_LOG_FORMAT",
            "xml",
            "BOOTSTONE_LOG_FORMAT takes \"text\" or \"json\"",
        ),
    ] {
        refused(&[], &[(name, value)], &[expected]);
    }
    refused(
        &[],
        &[("BOOTSTONE_LISTEN", "nowhere")],
        &["BOOTSTONE_LISTEN", "nowhere", "0.0.0.0:69"],
    );
}

#[test]
fn an_address_or_a_port_that_is_missing_is_named() {
    for (arguments, expected) in [
        (
            ["--http", "8080"],
            "8080: the address is missing. Write [::]:8080",
        ),
        (
            ["--listen", "6969"],
            "6969: the address is missing. Write [::]:6969",
        ),
        (
            ["--http", "127.0.0.1"],
            "127.0.0.1: the port is missing. Write 127.0.0.1:8080",
        ),
        (
            ["--http", "::1"],
            "::1: the port is missing. Write [::1]:8080",
        ),
    ] {
        refused(&arguments, &[], &[arguments[0], expected]);
    }
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
        &["--max-windowsize=2"],
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
    for arguments in [&["--version"][..], &["-V"], &["version"]] {
        let ended = ends(arguments, &[]);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        let version = concat!("bootstone ", env!("CARGO_PKG_VERSION"));
        assert!(ended.output.starts_with(version), "{ended:?}");
    }
    let general = ends(&["--help"], &[]).output;
    for arguments in [&["-h"][..], &["help"], &["help", "help"]] {
        let ended = ends(arguments, &[]);
        assert_eq!((ended.status.code(), &ended.output), (Some(0), &general));
    }
    for command in ["serve", "get", "verify", "list", "dhcp", "health"] {
        let help = ends(&[command, "--help"], &[]).output;
        assert!(
            help.starts_with(&format!("Usage: bootstone {command}")),
            "{help}"
        );
        for arguments in [["help", command], [command, "-h"]] {
            assert_eq!(ends(&arguments, &[]).output, help, "{arguments:?}");
        }
    }
}

/// The rows of `--print-config`: name, value, source.
fn configuration(arguments: &[&str], variables: &[(&str, &str)]) -> Vec<[String; 3]> {
    let ended = ends(&[arguments, &["--print-config"]].concat(), variables);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let rows = ended.output.lines().map(|line| {
        let mut cells = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty());
        [(); 3].map(|()| cells.next().unwrap().to_owned())
    });
    rows.collect()
}

#[test]
fn the_configuration_is_printed_with_where_each_value_comes_from() {
    let variables = [
        ("BOOTSTONE_MTU", "1400"),
        ("BOOTSTONE_PIPELINE", "8"),
        ("BOOTSTONE_USER", "7:8"),
    ];
    let options = [
        "--mtu=1300",
        "--listen",
        "127.0.0.1:69",
        "--listen=[::1]:69",
    ];
    let rows = configuration(&options, &variables);
    for expected in [
        ["listen", "127.0.0.1:69,[::1]:69", "option --listen"],
        ["mtu", "1300", "option --mtu"],
        ["pipeline", "8", "variable BOOTSTONE_PIPELINE"],
        ["max-windowsize", "16", "default"],
        ["user", "7:8", "variable BOOTSTONE_USER"],
        ["http", "none", "default"],
        ["no-sandbox", "false", "default"],
    ] {
        assert!(
            rows.contains(&expected.map(str::to_owned)),
            "{expected:?}: {rows:?}"
        );
    }
    let workers = rows.iter().find(|row| row[0] == "workers").unwrap();
    assert!(workers[1].parse::<u16>().is_ok(), "{workers:?}");
}

/// Each either in a field of its own, or among the others.
#[test]
fn the_start_line_has_every_setting() {
    let options = [
        "--listen",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--mtu",
        "1300",
        "--log-format=text",
    ];
    let mut running = Running::start(command(&options, &[]).stdout(Stdio::piped()));
    let mut line = String::new();
    let output = running.child.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    for [name, value, _] in configuration(&options, &[]) {
        let is_field = line.contains(&format!(" {name}="));
        let is_listed = line.contains(&format!("\"{name}={value} "))
            || line.contains(&format!(" {name}={value} "))
            || line.contains(&format!(" {name}={value}\""));
        assert!(
            is_field || is_listed || value == "false",
            "{name}={value}: {line}"
        );
    }
    assert!(line.contains("mtu=1300"), "{line}");
}

#[test]
fn unknown_variables_are_warnings() {
    let unknown = [("BOOTSTONE_MTUU", "1400"), ("BOOTSTONES", "x")];
    let warning = "BOOTSTONE_MTUU is not a setting and has no effect. The nearest is BOOTSTONE_MTU";
    let bootstone = Bootstone::start(&["--listen", "127.0.0.1:0"], &unknown);
    bootstone.signal(Signal::TERM);
    let lines = bootstone.last_lines().1;
    let warnings: Vec<_> = lines
        .iter()
        .filter(|line| line["level"] == "WARN")
        .collect();
    assert!(
        warnings.iter().any(|line| line["message"] == warning),
        "{warnings:?}"
    );
    assert!(
        !warnings
            .iter()
            .any(|line| line["message"].to_string().contains("BOOTSTONES"))
    );

    let printed = ends(&["--print-config"], &unknown);
    assert_eq!(printed.status.code(), Some(0), "{printed:?}");
    assert!(
        printed
            .output
            .contains(&format!("bootstone: warning: {warning}")),
        "{printed:?}"
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
