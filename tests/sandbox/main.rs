//! The sandbox from both sides: what must not work in it stops the process, what the server needs works.
//!
//! The sandbox is entered by a process that has one thread, so each case is a process of its own: this very
//! executable, started again with the name of a deed in its environment. It has its own `main` for that (the
//! usual one starts threads first).

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test: it stops where it is surprised, and does what the server must not"
)]

mod attempts;
mod program;
mod refusals;

use std::process::ExitCode;

type Test = (&'static str, fn());

const TESTS: &[&[Test]] = &[refusals::TESTS, program::TESTS];

fn main() -> ExitCode {
    if let Ok(deed) = std::env::var(attempts::VARIABLE) {
        return attempts::run(&deed);
    }
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    // None of these takes long: with --ignored there is nothing to do.
    let none = wanted.iter().any(|word| word == "--ignored");
    let names: Vec<&String> = wanted
        .iter()
        .filter(|word| !word.starts_with('-'))
        .collect();
    let chosen = TESTS.iter().copied().flatten().filter(|(name, _)| {
        !none && (names.is_empty() || names.iter().any(|part| name.contains(part.as_str())))
    });
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in chosen {
        let good = std::panic::catch_unwind(test).is_ok();
        println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
        *if good { &mut passed } else { &mut failed } += 1;
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored");
    ExitCode::from(u8::from(failed > 0))
}
