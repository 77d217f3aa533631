//! Attempts in the sandbox, and their results.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

use crate::attempts::{FORBIDDEN, INSIDE, NEEDED, PANICS, READS, SPAWNS, SURVIVED, VARIABLE};
use crate::skip::report;

pub(crate) const TESTS: &[crate::Test] = &[
    (
        "a_forbidden_call_ends_the_process_and_is_named",
        a_forbidden_call_ends_the_process_and_is_named,
    ),
    ("what_the_server_needs_works", what_the_server_needs_works),
    (
        "a_violation_ends_the_process_even_if_its_signal_is_blocked",
        a_violation_ends_the_process_even_if_its_signal_is_blocked,
    ),
    ("no_program_can_be_started", no_program_can_be_started),
    ("no_file_can_be_read", no_file_can_be_read),
    (
        "a_panic_on_any_thread_ends_the_process",
        a_panic_on_any_thread_ends_the_process,
    ),
    (
        "root_becomes_a_user_without_privileges",
        root_becomes_a_user_without_privileges,
    ),
    (
        "a_user_loses_its_capabilities",
        a_user_loses_its_capabilities,
    ),
    ("the_user_can_be_chosen", the_user_can_be_chosen),
    (
        "without_filters_another_thread_is_a_warning",
        without_filters_another_thread_is_a_warning,
    ),
    (
        "without_filters_privileges_are_dropped_all_the_same",
        without_filters_privileges_are_dropped_all_the_same,
    ),
    (
        "a_missing_mechanism_is_reported",
        a_missing_mechanism_is_reported,
    ),
    (
        "a_failure_is_an_error_with_advice",
        a_failure_is_an_error_with_advice,
    ),
    (
        "landlock_works_without_seccomp",
        landlock_works_without_seccomp,
    ),
    ("an_inherited_file_is_closed", an_inherited_file_is_closed),
];

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// [`is_root`], for a test that is skipped otherwise.
pub(crate) fn has_root() -> bool {
    if !is_root() {
        report("root");
    }
    is_root()
}

fn start(attempt: &str) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .env(VARIABLE, attempt)
        .env("RUST_BACKTRACE", "1")
        .stdin(Stdio::null());
    child
}

fn outcome(attempt: &str) -> Output {
    start(attempt).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn a_forbidden_call_ends_the_process_and_is_named() {
    for (attempt, call, _) in FORBIDDEN {
        let output = outcome(attempt);
        let (stdout, stderr) = (stdout(&output), stderr(&output));
        assert!(stdout.contains(INSIDE), "{attempt}: {stderr}");
        assert!(!stdout.contains(SURVIVED), "{attempt} and is not stopped");
        assert_eq!(
            output.status.signal(),
            Some(libc::SIGABRT),
            "{attempt}: {stderr}"
        );
        let named = |call| stderr.contains(&format!("the sandbox stopped {call} (call "));
        assert!(call.split('|').any(named), "{attempt}: {stderr}");
    }
    assert!(!std::path::Path::new("/tmp/bootstone-was-here").exists());
}

fn what_the_server_needs_works() {
    for (attempt, _) in NEEDED {
        let output = outcome(attempt);
        assert!(
            stdout(&output).ends_with(&format!("{SURVIVED}\n")),
            "{attempt}: {}",
            stderr(&output)
        );
        assert!(output.status.success(), "{attempt}");
    }
}

fn a_violation_ends_the_process_even_if_its_signal_is_blocked() {
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

fn a_panic_on_any_thread_ends_the_process() {
    for (attempt, _) in PANICS {
        let output = outcome(attempt);
        let stderr = stderr(&output);
        assert_eq!(
            output.status.signal(),
            Some(libc::SIGABRT),
            "{attempt}: {stderr}"
        );
        assert!(
            !stdout(&output).contains(SURVIVED),
            "{attempt} and survives"
        );
        assert!(
            stderr.contains("on purpose") && !stderr.contains("stopped"),
            "{attempt}: {stderr}"
        );
    }
}

fn no_program_can_be_started() {
    let output = outcome(SPAWNS.0);
    let signal = output.status.signal();
    assert!(
        matches!(signal, Some(libc::SIGSYS | libc::SIGABRT)),
        "{}",
        stderr(&output)
    );
    assert!(!stdout(&output).contains(SURVIVED));
}

fn no_file_can_be_read() {
    let output = outcome(READS.0);
    if cfg!(target_env = "gnu") {
        assert!(
            stdout(&output).contains("Err(Unsupported)"),
            "{}",
            stdout(&output)
        );
    } else {
        assert!(
            stderr(&output).contains("the sandbox stopped open"),
            "{}",
            stderr(&output)
        );
    }
    assert!(!stdout(&output).contains("Ok("), "{}", stdout(&output));
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

/// Asserts that no privileges are left. Without root the bounding set stays; it grants nothing.
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

fn root_becomes_a_user_without_privileges() {
    let text = stdout(&outcome("plain"));
    assert_powerless(&text, is_root());
    assert_eq!(status(&text, "Seccomp"), "2");
    if is_root() {
        assert_eq!(status(&text, "Uid"), "65532 65532 65532 65532");
        assert_eq!(status(&text, "Gid"), "65532 65532 65532 65532");
    }
}

fn a_user_loses_its_capabilities() {
    if has_root() {
        let text = stdout(&outcome("a user with a capability"));
        assert_eq!(status(&text, "Uid"), "1000 1000 1000 1000");
        assert_powerless(&text, false);
    }
}

fn the_user_can_be_chosen() {
    if has_root() {
        let text = stdout(&outcome("--user 1000:100"));
        assert_eq!(status(&text, "Uid"), "1000 1000 1000 1000");
        assert_eq!(status(&text, "Gid"), "100 100 100 100");
        assert_powerless(&text, true);
        let text = stdout(&outcome("--user 0"));
        assert_eq!(status(&text, "Uid"), "0 0 0 0");
        assert!(text.contains("still root"), "{text}");
        assert_powerless(&text, true);
    }
}

/// As under qemu-user, which has a thread of its own.
fn without_filters_another_thread_is_a_warning() {
    let text = stdout(&outcome("a second thread, with --no-sandbox"));
    assert!(text.contains("keeps the privileges of the start"), "{text}");
    assert_powerless(&text, is_root());
    let text = stdout(&outcome("--no-sandbox"));
    assert!(
        !text.contains("keeps the privileges of the start"),
        "{text}"
    );
}

fn without_filters_privileges_are_dropped_all_the_same() {
    let text = stdout(&outcome("--no-sandbox"));
    assert!(text.contains("NO SANDBOX"), "{text}");
    assert_eq!(status(&text, "Seccomp"), "0");
    assert_powerless(&text, is_root());
}

fn a_missing_mechanism_is_reported() {
    let text = stdout(&outcome("a kernel without Landlock"));
    assert!(
        text.contains("landlock: Missing") && text.contains("this kernel has no Landlock"),
        "{text}"
    );
    assert_eq!(status(&text, "NoNewPrivs"), "1");
}

fn a_failure_is_an_error_with_advice() {
    let always = [
        ("a kernel without seccomp", "--no-sandbox"),
        ("a second thread", "before the first thread"),
    ];
    let as_root = [
        ("a root that may not change its user", "--user 0"),
        ("a user that may not change its groups", "SETGID"),
        ("a user namespace without that number", "--user"),
    ];
    let as_root = as_root.iter().filter(|_| has_root());
    for (attempt, advice) in always.iter().chain(as_root) {
        let output = outcome(attempt);
        assert_eq!(output.status.code(), Some(2), "{attempt}");
        assert!(
            stdout(&output).contains(advice),
            "{attempt}: {}",
            stdout(&output)
        );
        assert!(!stdout(&output).contains(INSIDE), "{attempt}");
    }
    if is_root() {
        let output = outcome("such a root that stays root");
        assert!(stdout(&output).contains(INSIDE), "{}", stdout(&output));
    }
}

fn an_inherited_file_is_closed() {
    let file = std::fs::File::open("/etc/passwd").unwrap();
    let output = start("an inherited file").stdin(file).output().unwrap();
    let text = stdout(&output);
    assert!(text.contains("stdin: Ok(0)"), "{text}{}", stderr(&output));
    let closed = format!("file: Err(Some({}))", libc::EBADF);
    assert!(text.contains(&closed), "{text}");
}

/// With seccomp only simulated, files, TCP ports, and sockets and processes outside are denied by
/// Landlock, if the kernel has it.
fn landlock_works_without_seccomp() {
    let text = stdout(&outcome("Landlock alone"));
    let refusals = text.matches("Err(PermissionDenied)").count();
    let expected = match text
        .split_once("landlock: Version(")
        .map(|(_, rest)| &rest[..1])
    {
        None => 0,
        Some("1" | "2" | "3") => 1,
        Some("4" | "5") => 2,
        Some(_) => 4,
    };
    assert_eq!(refusals, expected, "{text}");
}
