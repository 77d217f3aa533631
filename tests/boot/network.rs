//! The network of this process: a bridge, and a tap for each machine.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::Command;

use crate::machine::MACHINES;

pub(crate) const BRIDGE: &str = "br0";
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const SERVER_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Makes it. Nobody takes it down: it goes with its last process.
pub(crate) fn build() {
    ip("link set lo up");
    ip(&format!("link add {BRIDGE} type bridge forward_delay 0"));
    ip(&format!("address add {SERVER}/24 dev {BRIDGE}"));
    ip(&format!("address add {SERVER_6}/64 dev {BRIDGE} nodad"));
    ip(&format!("link set {BRIDGE} up"));
    for machine in &MACHINES {
        let tap = machine.tap();
        ip(&format!("tuntap add {tap} mode tap"));
        ip(&format!("link set {tap} master {BRIDGE} up"));
        if machine.is_far() {
            ip(&format!("address add {}/24 dev {BRIDGE}", machine.server()));
        }
    }
}

fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status().unwrap();
    assert!(status.success(), "ip {words}: {status}");
}
