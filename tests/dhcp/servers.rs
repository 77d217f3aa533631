//! DHCP servers that read a configuration.

use std::io::Write as _;
use std::process::Command;

/// Lets a program read a configuration, whose path replaces the argument `FILE`.
///
/// A program that is not installed is named on standard error, or fails the test where it is
/// required.
#[track_caller]
pub(crate) fn accepts(program: &str, arguments: &[&str], config: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    std::fs::write(&file, config).unwrap();
    let arguments = arguments.iter().map(|argument| match *argument {
        "FILE" => file.to_str().unwrap(),
        other => other,
    });
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .output();
    match output {
        Ok(output) => assert!(output.status.success(), "{output:?}\n{config}"),
        Err(error) => skip(&format!("{program}: {error}")),
    }
}

/// Says on standard error why a part of a test is skipped, or fails it where nothing may be
/// missing.
#[track_caller]
pub(crate) fn skip(why: &str) {
    let is_required = std::env::var("BOOTSTONE_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
    assert!(!is_required, "{why}");
    let test = std::thread::current();
    let test = test.name().unwrap_or_default();
    // The harness captures what `eprintln!` writes, but not this.
    let _ = writeln!(std::io::stderr(), "{test}: skipped in part: {why}");
}
