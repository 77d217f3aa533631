//! DHCP servers that read a configuration.

use std::process::Command;

use crate::skip::skip;

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
