//! The program in networks as operators have them: addresses that come late, no IPv6, several
//! addresses on one interface, subnets' broadcast addresses, zones, sites with public addresses.
//!
//! Each test runs in a process of its own, in a network namespace of its own, which ends with it:
//! this executable, started again by `unshare --net` with the name of the test. So it has its own
//! `main`. It needs root and iproute2. Without them every test is skipped; with
//! `BOOTSTONE_REQUIRE_CLIENTS=1` that is a failure.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test that cannot go on has failed; it starts programs and reads what they wrote"
)]

mod addresses;
mod families;
mod mtu;
mod namespace;
mod sites;
mod variables;

#[allow(dead_code, reason = "shared by several test targets")]
#[path = "../clients/binary.rs"]
mod binary;
#[allow(dead_code, reason = "shared by several test targets")]
#[path = "../clients/processes.rs"]
mod processes;
#[allow(dead_code, reason = "shared by several test targets")]
#[path = "../clients/raw_client.rs"]
mod raw_client;
#[allow(dead_code, reason = "shared by several test targets")]
#[path = "../support/skip.rs"]
mod skip;

use std::process::ExitCode;

type Test = (&'static str, fn());

const TESTS: &[&[Test]] = &[
    addresses::TESTS,
    families::TESTS,
    mtu::TESTS,
    sites::TESTS,
    variables::TESTS,
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match &words[..] {
        [word, name] if word == namespace::INSIDE => {
            let test = all().find(|(test, _)| test == name).unwrap().1;
            namespace::build();
            test();
            return ExitCode::SUCCESS;
        }
        [word, program @ ..] if word == families::WITHOUT_IPV6 => families::exec(program),
        _ => {}
    }
    // None of these takes long: with --ignored there is nothing to do.
    let none = words.iter().any(|word| word == "--ignored");
    let names: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let chosen = all().filter(|(name, _)| {
        !none && (names.is_empty() || names.iter().any(|part| name.contains(part.as_str())))
    });
    let (mut passed, mut failed) = (0, 0);
    for (name, _) in chosen {
        let good = std::panic::catch_unwind(|| namespace::run(name)).is_ok_and(|good| good);
        println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
        *if good { &mut passed } else { &mut failed } += 1;
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored");
    ExitCode::from(u8::from(failed > 0))
}

fn all() -> impl Iterator<Item = Test> {
    TESTS.iter().copied().flatten().copied()
}
