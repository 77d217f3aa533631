//! Other servers, whose faults are known.

use crate::canary::verify_as;
use crate::servers::Other;

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
