//! Machines with real firmware boot from Bootstone: SeaBIOS, OVMF and AAVMF under QEMU, by Debian's
//! iPXE, shim and GRUB, to a file of 1 MiB and a line on the serial console.
//!
//! The table of machines is in [`machines`]. Everything runs in a network of its own ([`inside`]),
//! in anonymous namespaces that end with their first process. Each machine has a bridge, a tap, a
//! dnsmasq for DHCP with the lines that `bootstone dhcp` prints, and a Bootstone, started as root
//! on port 69. What a machine received is put together from the capture at its network card, and
//! compared with what is embedded. What the server's log and counters say is compared with what the
//! machine is known to ask for.
//!
//! `cargo test --test boot -- --ignored --nocapture`, as root. A machine for which something is
//! missing is skipped, and the missing file is named; with `BOOTSTONE_REQUIRE_CLIENTS=1` that is a
//! failure. Nothing is downloaded: `BOOTSTONE_IPXE12` and `BOOTSTONE_IPXE13` name the directories
//! of Debian 12's and Debian 13's iPXE (`usr/lib/ipxe` of the unpacked package) where another one
//! is installed. `BOOTSTONE_BOOT=TEXT` boots only the machines whose name contains the text.
//! `BLESS=1` writes the times into `docs/performance.md`.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; it starts programs, and reads what they wrote"
)]

mod capture;
mod dhcp;
mod image;
mod inputs;
mod inside;
mod left;
mod machine;
mod machines;
mod network;
mod qemu;
mod replay;
mod running;
mod server;
mod times;

#[allow(dead_code, unreachable_pub, reason = "shared by several test targets")]
#[path = "../support/skip.rs"]
mod skip;

/// The long, lossy path of the bench.
#[path = "../../bench/src/relay/mod.rs"]
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a module of another package, of which this needs a part"
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
            println!("test {name} ... ignored, machines take minutes to boot");
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
