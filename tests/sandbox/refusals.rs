//! Deeds in the sandbox, and what came of them.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

use crate::attempts::{FORBIDDEN, INSIDE, NEEDED, PANICS, READS, SPAWNS, SURVIVED, VARIABLE};

pub(crate) const TESTS: &[crate::Test] = &[
    (
        "what_is_forbidden_ends_the_process_and_is_named",
        what_is_forbidden_ends_the_process_and_is_named,
    ),
    ("what_is_needed_works", what_is_needed_works),
    (
        "a_violation_ends_the_process_even_where_it_cannot_be_told",
        a_violation_ends_the_process_even_where_it_cannot_be_told,
    ),
    ("no_program_can_be_started", no_program_can_be_started),
    ("no_file_can_be_read", no_file_can_be_read),
    (
        "a_panic_anywhere_ends_the_process",
        a_panic_anywhere_ends_the_process,
    ),
    (
        "root_becomes_nobody_without_rights",
        root_becomes_nobody_without_rights,
    ),
    (
        "a_user_loses_its_capabilities",
        a_user_loses_its_capabilities,
    ),
    ("who_to_become_can_be_chosen", who_to_become_can_be_chosen),
    (
        "without_the_filters_rights_are_dropped_all_the_same",
        without_the_filters_rights_are_dropped_all_the_same,
    ),
    ("what_is_missing_is_said", what_is_missing_is_said),
    (
        "what_cannot_be_had_is_an_error_with_a_way_out",
        what_cannot_be_had_is_an_error_with_a_way_out,
    ),
    ("landlock_holds_by_itself", landlock_holds_by_itself),
];

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn start(deed: &str) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .env(VARIABLE, deed)
        .env("RUST_BACKTRACE", "1")
        .stdin(Stdio::null());
    child
}

fn outcome(deed: &str) -> Output {
    start(deed).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn what_is_forbidden_ends_the_process_and_is_named() {
    for (deed, call, _) in FORBIDDEN {
        let output = outcome(deed);
        let (said, complained) = (said(&output), complained(&output));
        assert!(said.contains(INSIDE), "{deed}: {complained}");
        assert!(!said.contains(SURVIVED), "{deed} and gets away with it");
        assert_eq!(
            output.status.signal(),
            Some(libc::SIGABRT),
            "{deed}: {complained}"
        );
        let named = |call| complained.contains(&format!("the sandbox stopped {call} (call "));
        assert!(call.split('|').any(named), "{deed}: {complained}");
    }
    assert!(!std::path::Path::new("/tmp/bootstone-was-here").exists());
}

fn what_is_needed_works() {
    for (deed, _) in NEEDED {
        let output = outcome(deed);
        assert!(
            said(&output).ends_with(&format!("{SURVIVED}\n")),
            "{deed}: {}",
            complained(&output)
        );
        assert!(output.status.success(), "{deed}");
    }
}

fn a_violation_ends_the_process_even_where_it_cannot_be_told() {
    let mut child = start("a violation with its signal blocked")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with(INSIDE));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGSYS));
}

fn a_panic_anywhere_ends_the_process() {
    for (deed, _) in PANICS {
        let output = outcome(deed);
        let complained = complained(&output);
        assert_eq!(
            output.status.signal(),
            Some(libc::SIGABRT),
            "{deed}: {complained}"
        );
        assert!(!said(&output).contains(SURVIVED), "{deed} and lives on");
        assert!(
            complained.contains("on purpose") && !complained.contains("stopped"),
            "{deed}: {complained}"
        );
    }
}

fn no_program_can_be_started() {
    let output = outcome(SPAWNS.0);
    let signal = output.status.signal();
    assert!(
        matches!(signal, Some(libc::SIGSYS | libc::SIGABRT)),
        "{}",
        complained(&output)
    );
    assert!(!said(&output).contains(SURVIVED));
}

fn no_file_can_be_read() {
    let output = outcome(READS.0);
    if cfg!(target_env = "gnu") {
        assert!(
            said(&output).contains("Err(Unsupported)"),
            "{}",
            said(&output)
        );
    } else {
        assert!(
            complained(&output).contains("the sandbox stopped open"),
            "{}",
            complained(&output)
        );
    }
    assert!(!said(&output).contains("Ok("), "{}", said(&output));
}

/// A line of /proc/PID/status, its words joined by single spaces.
pub(crate) fn status(text: &str, field: &str) -> String {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let words: Vec<&str> = line
        .unwrap_or_else(|| panic!("no {field} in {text}"))
        .split_whitespace()
        .collect();
    words.join(" ")
}

/// Nothing is left, by the kernel's own account. Without root the bounding set stays: it is no right by itself.
pub(crate) fn assert_powerless(text: &str, root: bool) {
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(text, set), "0000000000000000", "{set}");
    }
    assert_eq!(status(text, "NoNewPrivs"), "1");
    if root {
        assert_eq!(status(text, "CapBnd"), "0000000000000000");
        assert_eq!(status(text, "Groups"), "");
    }
}

fn root_becomes_nobody_without_rights() {
    let text = said(&outcome("plain"));
    assert_powerless(&text, is_root());
    assert_eq!(status(&text, "Seccomp"), "2");
    if is_root() {
        assert_eq!(status(&text, "Uid"), "65532 65532 65532 65532");
        assert_eq!(status(&text, "Gid"), "65532 65532 65532 65532");
    }
}

fn a_user_loses_its_capabilities() {
    if is_root() {
        let text = said(&outcome("a user with a capability"));
        assert_eq!(status(&text, "Uid"), "1000 1000 1000 1000");
        assert_powerless(&text, false);
    }
}

fn who_to_become_can_be_chosen() {
    if is_root() {
        let text = said(&outcome("--user 1000:100"));
        assert_eq!(status(&text, "Uid"), "1000 1000 1000 1000");
        assert_eq!(status(&text, "Gid"), "100 100 100 100");
        assert_powerless(&text, true);
        let text = said(&outcome("--user 0"));
        assert_eq!(status(&text, "Uid"), "0 0 0 0");
        assert!(text.contains("still root"), "{text}");
        assert_powerless(&text, true);
    }
}

fn without_the_filters_rights_are_dropped_all_the_same() {
    let text = said(&outcome("--no-sandbox"));
    assert!(text.contains("NO SANDBOX"), "{text}");
    assert_eq!(status(&text, "Seccomp"), "0");
    assert_powerless(&text, is_root());
}

fn what_is_missing_is_said() {
    let text = said(&outcome("a kernel without Landlock"));
    assert!(
        text.contains("landlock: Missing") && text.contains("this kernel has no Landlock"),
        "{text}"
    );
    assert_eq!(status(&text, "NoNewPrivs"), "1");
}

fn what_cannot_be_had_is_an_error_with_a_way_out() {
    let always = [
        ("a kernel without seccomp", "--no-sandbox"),
        ("a second thread", "before the first thread"),
    ];
    let as_root = [
        ("a root that may not change its user", "--user 0"),
        ("a user that may not change its groups", "SETGID"),
        ("a user namespace without that number", "--user"),
    ];
    let as_root = as_root.iter().filter(|_| is_root());
    for (deed, way_out) in always.iter().chain(as_root) {
        let output = outcome(deed);
        assert_eq!(output.status.code(), Some(2), "{deed}");
        assert!(said(&output).contains(way_out), "{deed}: {}", said(&output));
        assert!(!said(&output).contains(INSIDE), "{deed}");
    }
    if is_root() {
        let output = outcome("such a root that stays root");
        assert!(said(&output).contains(INSIDE), "{}", said(&output));
    }
}

/// With seccomp only pretended: files and TCP ports are out of reach all the same, where the kernel has Landlock.
fn landlock_holds_by_itself() {
    let text = said(&outcome("Landlock alone"));
    let refusals = text.matches("Err(PermissionDenied)").count();
    let expected = match text
        .split_once("landlock: Version(")
        .map(|(_, rest)| &rest[..1])
    {
        None => 0,
        Some("1" | "2" | "3") => 1,
        Some(_) => 2,
    };
    assert_eq!(refusals, expected, "{text}");
}
