//! The command.

use std::process::{Command, Output};

fn dhcp(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstone"));
    command.arg("dhcp").args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn mistakes_are_named() {
    for (arguments, part) in [
        (&["--server", "0.0.0.0"][..], "stands for every address"),
        (&["--server", "::"], "stands for every address"),
        (&["--server", "255.255.255.255"], "broadcast"),
        (&["--server", "224.0.0.1"], "multicast"),
        (&["--server", "127.0.0.1"], "loopback"),
        (&["--server", "name.invalid"], "cannot resolve name.invalid"),
        (
            &["--server", "192.0.2.1", "--format", "bind"],
            "dnsmasq-proxy",
        ),
        (&[], "--server"),
    ] {
        let said = said(&dhcp(arguments));
        assert!(said.contains(part), "{part} in {said}");
    }
}
