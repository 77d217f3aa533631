//! What the log lines of the program say, and in which form.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use bootstone::embedded;
use rustix::process::Signal;

use crate::binary::{Bootstone, command};
use crate::processes::Running;
use crate::raw_client::RawClient;

/// An RRQ or WRQ in any mode.
fn request(opcode: u8, name: &str, mode: &str) -> Vec<u8> {
    [
        &[0, opcode][..],
        name.as_bytes(),
        b"\0",
        mode.as_bytes(),
        b"\0",
    ]
    .concat()
}

#[test]
fn a_refused_request_has_its_kind_and_its_mode() {
    let bootstone = Bootstone::serving(&[]);
    for (datagram, file, outcome, mode, reason) in [
        (
            request(2, "file-a", "octet"),
            "file-a",
            "refused",
            None,
            Some("write"),
        ),
        (
            request(2, "file-b", "netascii"),
            "file-b",
            "refused",
            Some("netascii"),
            Some("write"),
        ),
        (
            request(1, "file-c", "mail"),
            "file-c",
            "refused",
            Some("mail"),
            Some("mode"),
        ),
        (
            request(1, "file-d", "m\nx"),
            "file-d",
            "refused",
            Some("m\\nx"),
            Some("mode"),
        ),
        (
            request(1, "file-e", "octet"),
            "file-e",
            "not-found",
            None,
            None,
        ),
        (
            request(1, "file-f", "netascii"),
            "file-f",
            "not-found",
            Some("netascii"),
            None,
        ),
    ] {
        let client = RawClient::to(bootstone.address());
        client.send(datagram);
        client.receive();
        let line = bootstone.line("request");
        assert_eq!(
            (&line["file"], &line["outcome"]),
            (&file.into(), &outcome.into())
        );
        assert_eq!(line["mode"].as_str(), mode, "{line}");
        assert_eq!(line["reason"].as_str(), reason, "{line}");
    }
}

/// In netascii a line end of the file takes two bytes on the wire.
#[test]
fn bytes_are_those_of_the_file() {
    let manifest = embedded::manifest();
    let catalog = embedded::catalog(&manifest);
    let sums = catalog.bytes(catalog.find(b"SHA256SUMS").unwrap()).to_vec();
    let lines = sums.iter().filter(|byte| **byte == b'\n').count();
    assert!(lines > 0);
    let bootstone = Bootstone::serving(&[]);
    let client = RawClient::to(bootstone.address());
    client.send(request(1, "SHA256SUMS", "netascii"));
    assert_eq!(client.take(0, 512).len(), sums.len() + lines);
    let line = bootstone.line("transfer");
    assert_eq!(line["mode"], "netascii");
    assert_eq!(line["bytes"], sums.len());
    assert_eq!(line["wire_bytes"], sums.len() + lines);

    assert!(client.fetch("SHA256SUMS") == sums);
    let line = bootstone.line("transfer");
    assert_eq!(line["bytes"], sums.len());
    for absent in ["mode", "wire_bytes", "reason"] {
        assert!(line.get(absent).is_none(), "{line}");
    }
    assert!(line["kb_per_s"].is_u64(), "{line}");
}

/// The first lines of a program whose standard output is a socket, as under systemd.
fn lines_on_a_socket(stream: impl FnOnce(&UnixStream) -> String) -> Vec<String> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let variables = [("JOURNAL_STREAM", stream(&theirs))];
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let mut command = command(&["--listen", "127.0.0.1:0"], &variables);
    command.stdout(OwnedFd::from(theirs));
    let mut running = Running::start(&mut command);
    // It holds the other copy of the program's end, which would keep the lines from ending.
    drop(command);
    let mut output = BufReader::new(ours);
    let mut text = String::new();
    output.read_line(&mut text).unwrap();
    running.signal(Signal::TERM);
    output.read_to_string(&mut text).unwrap();
    assert_eq!(running.wait().code(), Some(0));
    text.lines().map(str::to_owned).collect()
}

/// Device and inode, as systemd.exec(5) describes it.
fn device_and_inode(stream: &UnixStream) -> (u64, u64) {
    let stat = rustix::fs::fstat(stream).unwrap();
    (stat.st_dev, stat.st_ino)
}

#[test]
fn the_journal_gets_priorities_and_no_time() {
    let lines = lines_on_a_socket(|stream| {
        let (device, inode) = device_and_inode(stream);
        format!("{device}:{inode}")
    });
    assert!(
        lines[0].starts_with("<6>INFO serving version="),
        "{lines:?}"
    );
    assert!(
        lines.last().unwrap().starts_with("<6>INFO stopped"),
        "{lines:?}"
    );
    let has_note = !embedded::manifest().has_boot_program();
    assert_eq!(
        lines.iter().any(|line| line.starts_with("<4>WARN ")),
        has_note,
        "{lines:?}"
    );
}

/// A shell in a service passes JOURNAL_STREAM on to a program whose output goes elsewhere.
#[test]
fn another_socket_gets_times() {
    let lines = lines_on_a_socket(|stream| {
        let (device, inode) = device_and_inode(stream);
        format!("{device}:{}", inode + 1)
    });
    let (time, rest) = lines[0].split_once(' ').unwrap();
    assert!(
        time.ends_with('Z') && rest.starts_with(" INFO serving"),
        "{lines:?}"
    );
}
