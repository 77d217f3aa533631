//! Real machines in front of Bootstone: SeaBIOS and OVMF under QEMU, by Debian's iPXE, to a file of 1 MiB and a line on
//! the serial console.
//!
//! Everything runs in a network of its own ([`inside`]), in anonymous namespaces that end with their first process:
//! a bridge, a tap for each machine, dnsmasq for DHCP with the lines of `bootstone dhcp`, and Bootstone as root on port 69. What a machine
//! received is put together from the capture at its network card, and compared with what was embedded; what the server's log
//! and counters say is compared with what the machine is known to do.
//!
//! `cargo test --test boot -- --ignored --nocapture`, as root. What is not installed is named, and the test skipped; with
//! `BOOTSTONE_REQUIRE_CLIENTS=1` that is a failure. `BLESS=1` writes the times into `docs/performance.md`.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; it starts programs, and reads what they wrote"
)]

mod capture;
mod dhcp;
mod image;
mod inside;
mod left;
mod machine;
mod missing;
mod network;
mod qemu;
mod running;
mod server;
mod times;

/// The long, lossy path of the bench.
#[path = "../../bench/src/relay/mod.rs"]
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a room of another package, of which this needs a part"
)]
mod relay;

use std::process::ExitCode;

type Test = (&'static str, fn());

const TESTS: [Test; 2] = [
    (
        "a_run_that_is_killed_leaves_nothing",
        left::a_run_that_is_killed_leaves_nothing,
    ),
    ("real_firmware_boots", inside::real_firmware_boots),
];

/// Not the usual one: this very executable is what runs in the network of its own.
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, work] = &words[..]
        && word == inside::WORD
    {
        inside::run(work.as_ref());
        return ExitCode::SUCCESS;
    }
    let is_asked_for = words
        .iter()
        .any(|word| word == "--ignored" || word == "--include-ignored");
    let names: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let chosen = TESTS.iter().filter(|(name, _)| {
        names.is_empty() || names.iter().any(|part| name.contains(part.as_str()))
    });
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    for (name, test) in chosen {
        if !is_asked_for {
            println!("test {name} ... ignored, machines take a minute or two to boot");
            ignored += 1;
            continue;
        }
        let good = std::panic::catch_unwind(test).is_ok();
        println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
        *if good { &mut passed } else { &mut failed } += 1;
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored");
    ExitCode::from(u8::from(failed > 0))
}
