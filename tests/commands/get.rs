//! `get` against servers that are correct, or not.

use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use bootstone::manifest::Digest;
use bootstone::wire::Packet;

use crate::run::{Run, bootstone, content};
use crate::server::{Behaviour, LONG, bootstone_serving, socket_on};

#[test]
fn a_file_from_a_server_with_a_new_port() {
    let bytes = content(100_000);
    let server = Behaviour::with(&[("ipxe.efi", &bytes)]).start();
    let run = Run::get(server, "ipxe.efi", &[]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(run.file("ipxe.efi"), bytes);
    assert_eq!(run.names(), ["ipxe.efi"]);
    assert_eq!(run.out, format!("{}  ipxe.efi\n", Digest::of(&bytes)));
    assert!(
        run.err.starts_with("100000 bytes from 127.0.0.1:"),
        "{}",
        run.err
    );
    assert!(
        run.err.contains("blksize 1428, windowsize 1, 0 resends"),
        "{}",
        run.err
    );
}

#[test]
fn a_file_from_bootstone() {
    let bytes = content(3_000_000);
    let server = bootstone_serving(&[("2.0.0/ipxe.efi", &bytes)]);
    for more in [
        &[][..],
        &["--windowsize", "1"],
        &["--blksize", "8192"],
        &["--blksize", "512"],
    ] {
        let run = Run::get(server, "2.0.0/ipxe.efi", more);
        assert_eq!(run.code, 0, "{}", run.err);
        assert!(run.file("ipxe.efi") == bytes, "{}", run.err);
    }
}

#[test]
fn a_server_that_ignores_options() {
    let bytes = content(512 * 5);
    let behaviour = Behaviour {
        ignores_options: true,
        ..Behaviour::with(&[("a/b", &bytes)])
    };
    let run = Run::get(behaviour.start(), "a/b;mode=octet", &["-o", "c"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(run.file("c"), bytes);
    assert!(run.err.contains("blksize 512, windowsize 1"), "{}", run.err);
}

#[test]
fn standard_output() {
    let server = Behaviour::with(&[("f", b"some text\n")]).start();
    let run = Run::get(server, "f", &["-o", "-"]);
    assert_eq!((run.code, run.out.as_str()), (0, "some text\n"));
    assert!(run.names().is_empty());
    let sha256 = Digest::of(b"some text\n");
    assert!(run.err.contains(&format!("{sha256}  -")), "{}", run.err);
}

#[test]
fn a_failed_transfer_keeps_the_old_file() {
    let behaviour = Behaviour {
        fails_after: Some(2),
        ..Behaviour::with(&[("f", &content(10_000))])
    };
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("f"), "old").unwrap();
    let url = format!("tftp://{}/f", behaviour.start());
    let output = bootstone(directory.path(), &["get", &url])
        .output()
        .unwrap();
    let run = Run::after(directory, output);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("ERROR 0: disk on fire"), "{}", run.err);
    assert_eq!(run.names(), ["f"]);
    assert_eq!(run.file("f"), b"old");
}

#[test]
fn each_failure_has_its_message() {
    let files = Behaviour::with(&[("f", &content(10_000))]);
    Run::get(files.clone().start(), "g", &[]).failed(2, r"no such file: no such file \x1b[2J");
    let short = Behaviour {
        tsize: Some(10_001),
        ..files.clone()
    };
    Run::get(short.start(), "f", &[]).failed(1, "10001 bytes announced, only received: 10000");
    let long = Behaviour {
        tsize: Some(9_999),
        ..files.clone()
    };
    Run::get(long.start(), "f", &[]).failed(1, "9999 bytes announced, more received: 10000");
    let raising = Behaviour {
        raises_blksize: true,
        ..files.clone()
    };
    Run::get(raising.start(), "f", &[]).failed(2, "other than asked for");
    let endless = Behaviour {
        endless: true,
        ..files.clone()
    };
    Run::get(endless.start(), "f", &["--max-size", "1000000"]).failed(2, "more than 1000000 bytes");
    let stalling = Behaviour {
        stalls_after: Some(3),
        ..files
    };
    let run = Run::get(stalling.start(), "f", &["--timeout", "1"]);
    run.failed(2, "nothing more came after 4284 of 10000 bytes");
}

#[test]
fn no_answer_a_closed_port_and_a_wrong_address_differ() {
    let silent = Behaviour {
        silent: Some(""),
        ..Behaviour::default()
    };
    Run::get(silent.start(), "f", &["--timeout", "1"])
        .failed(2, "nothing answered. Check the port");
    if cfg!(target_os = "linux") {
        let closed = socket_on("127.0.0.1").local_addr().unwrap();
        Run::get(closed, "f", &[]).failed(2, "no server listens on this port");
        let wrong_address = Behaviour {
            answers_from: Some("127.0.0.2"),
            ..Behaviour::with(&[("f", b"x")])
        };
        let run = Run::get(wrong_address.start(), "f", &["--timeout", "1"]);
        run.failed(2, "a datagram came from 127.0.0.2:");
    }
}

#[test]
fn invalid_arguments_are_refused() {
    Run::of(&["get", "http://h/f"]).failed(2, "tftp://HOST[:PORT]/NAME");
    Run::of(&["get", "tftp://h.invalid/f"]).failed(2, "h.invalid has no address");
    Run::of(&["get", "tftp://127.0.0.1/f", "--blksize", "7"]).failed(2, "8 to 65464");
    Run::of(&["get", "tftp://127.0.0.1/f", "-o", "no/such/f"])
        .failed(2, "Choose another file with -o");
    Run::of(&["get", "tftp://127.0.0.1/d/"]).failed(2, "choose one with -o");
}

#[cfg(unix)]
#[test]
fn a_signal_aborts_the_transfer_and_leaves_no_file() {
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        let (sender, datagrams) = channel();
        let behaviour = Behaviour {
            stalls_after: Some(2),
            received: Some(sender),
            ..Behaviour::with(&[("f", &content(10_000))])
        };
        let directory = tempfile::tempdir().unwrap();
        let url = format!("tftp://{}/f", behaviour.start());
        let mut command = bootstone(directory.path(), &["get", &url]);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        wait_for(&datagrams, Packet::Ack { block: 2 });
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        let kill = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let (code, message) = (0, &b"aborted"[..]);
        wait_for(&datagrams, Packet::Error { code, message });
        let run = Run::after(directory, child.wait_with_output().unwrap());
        run.failed(2, &format!("SIG{signal}: interrupted"));
    }
}

#[test]
fn the_whole_transfer_is_limited_in_time() {
    let (sender, datagrams) = channel();
    let behaviour = Behaviour {
        endless: true,
        received: Some(sender),
        ..Behaviour::with(&[("f", &content(10_000))])
    };
    let run = Run::get(behaviour.start(), "f", &["--max-time", "1"]);
    run.failed(2, "not complete after 1 s");
    assert!(run.err.contains("--max-time"), "{}", run.err);
    let (code, message) = (0, &b"aborted"[..]);
    wait_for(&datagrams, Packet::Error { code, message });
}

#[cfg(unix)]
#[test]
fn the_line_of_a_name_with_control_characters_is_escaped() {
    let server = Behaviour::with(&[("f", b"some text\n")]).start();
    let sha256 = Digest::of(b"some text\n");
    for (name, escaped) in [("a\nb", r"a\nb"), ("a\\b", r"a\\b"), ("a\rb", r"a\rb")] {
        let run = Run::get(server, "f", &["-o", name]);
        assert_eq!(run.code, 0, "{}", run.err);
        assert_eq!(run.out, format!("\\{sha256}  {escaped}\n"));
        let mut check = Command::new("sha256sum");
        let check = check.current_dir(run.directory.path()).arg("-c");
        let mut check = check
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = check.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, run.out.as_bytes()).unwrap();
        drop(stdin);
        assert!(check.wait().unwrap().success(), "{name:?}");
    }
}

#[cfg(unix)]
#[test]
fn only_the_file_goes_to_standard_output_under_any_name() {
    let server = Behaviour::with(&[("f", b"some text\n")]).start();
    let line = format!("{}  -", Digest::of(b"some text\n"));
    for name in ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"] {
        let run = Run::get(server, "f", &["-o", name]);
        assert_eq!(
            (run.code, run.out.as_str()),
            (0, "some text\n"),
            "{}",
            run.err
        );
        assert!(run.err.contains(&line), "{}", run.err);
    }
    // Standard output is a file.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    let url = format!("tftp://{server}/f");
    for name in ["/dev/stdout", "out"] {
        let out = std::fs::File::create(&path).unwrap();
        let mut command = bootstone(directory.path(), &["get", &url, "-o", name]);
        let output = command.stdout(out).output().unwrap();
        assert!(output.status.success());
        assert_eq!(std::fs::read(&path).unwrap(), b"some text\n");
        assert!(String::from_utf8_lossy(&output.stderr).contains(&line));
    }
}

/// Waits until the server has received `packet`.
#[track_caller]
fn wait_for(datagrams: &Receiver<Vec<u8>>, packet: Packet<'_>) {
    while Packet::decode(&datagrams.recv_timeout(LONG).unwrap()) != Ok(packet) {}
}
