//! Other servers, whose faults are known.

use std::process::Command;

use crate::canary::{FILE, NAME, directory, trials, verify_as};
use crate::run::Run;
use crate::servers::Other;
use crate::skip::skip;

#[test]
fn dnsmasq_grants_no_windows() {
    let Some(server) = Other::Dnsmasq.start() else {
        return;
    };
    let trials = verify_as("all", server.address());
    trials.are_whole();
    trials
        .of("edk2")
        .says("ok", &["windowsize=4 was granted as 1"]);
    let from = trials.of("edk2").text("answered_from").to_owned();
    assert!(
        from.starts_with("127.69.1.1:") && !from.ends_with(":69"),
        "{from}"
    );
    assert_eq!(trials.of("edk2").number("blocks_in_flight"), 1);
    assert_eq!(trials.of("ipxe").number("blksize"), 1432);
}

#[test]
fn tftpd_hpa_grants_no_windows() {
    let Some(server) = Other::TftpdHpa.start() else {
        return;
    };
    let trials = verify_as("all", server.address());
    trials.are_whole();
    trials
        .of("strict")
        .says("ok", &["windowsize=16 was granted as 1"]);
}

#[test]
fn atftpd_refuses_small_blocks() {
    let Some(server) = Other::Atftpd.start() else {
        return;
    };
    let trials = verify_as("edk2,ipxe,grub,pxelinux,uboot,shim", server.address());
    trials.are_whole();
    assert_eq!(trials.of("edk2").number("windowsize"), 4);
    let trials = verify_as("strict", server.address());
    trials
        .of("strict")
        .says("refused", &["ERROR 8", "refuses blksize=8", "RFC 2347"]);
    assert_eq!(trials.code, 2);
}

#[test]
fn the_crate_tftpd_ends_a_transfer_for_a_repeated_request() {
    let Some(server) = Other::RsTftpdSinglePort.start() else {
        return;
    };
    let trials = verify_as("edk2,grub,uboot", server.address());
    trials.are_whole();
    let from = trials.of("edk2").text("answered_from");
    assert_eq!(from, server.address().to_string());
    let trials = verify_as("strict", server.address());
    let parts = ["ERROR 4", "a late copy of the request had arrived"];
    trials.of("strict").says("refused", &parts);
    assert_eq!(trials.code, 2);
}

/// In a network of its own, whose loopback interface has an MTU of 1000: the kernel splits larger
/// datagrams.
#[test]
fn fragments_are_counted() {
    let program = Other::RsTftpdSinglePort.program();
    let (Some(program), true) = (program, rustix::process::geteuid().is_root()) else {
        return skip("the crate tftpd (bench/servers installs it), or root (namespaces)");
    };
    let directory = directory();
    std::fs::write(directory.path().join(NAME), &*FILE).unwrap();
    let script = "ip link set lo mtu 1000 up && { \"$0\" -i 127.0.0.1 -p 6969 -r -d . >/dev/null 2>&1 & } \
         && exec \"$1\" verify --sums sums --as edk2,shim --format json --wait 60 127.0.0.1:6969";
    let mut command = Command::new("unshare");
    command.args([
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        script,
    ]);
    command.arg(program).arg(env!("CARGO_BIN_EXE_bootstone"));
    let output = command.current_dir(directory.path()).output().unwrap();
    let trials = trials(&Run::after(directory, output));
    trials.are_whole();
    let edk2 = trials.of("edk2");
    edk2.says("ok", &["datagrams came in fragments of at most"]);
    assert!(edk2.number("fragmented_datagrams") >= 136, "{edk2:?}");
    assert!(
        (500..=1000).contains(&edk2.number("largest_fragment")),
        "{edk2:?}"
    );
    assert_eq!(trials.of("shim").number("fragmented_datagrams"), 0);
}
