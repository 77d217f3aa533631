//! The network of this process: a bridge and a tap for each machine, and a router where one is.

use std::process::Command;

use crate::machine::Machine;
use crate::machines;

/// All interfaces begin with it.
pub(crate) const PREFIX: &str = "boot-";

/// Makes it. It ends with the last process in it.
pub(crate) fn build() {
    ip("link set lo up");
    for machine in machines::all() {
        for words in commands(machine) {
            ip(&words);
        }
    }
}

fn commands(machine: &Machine) -> Vec<String> {
    let (bridge, tap, router) = (machine.bridge(), machine.tap(), machine.router());
    let mut commands = vec![
        format!("link add {bridge} type bridge forward_delay 0"),
        format!("address add {}/24 dev {bridge}", machine.server()),
        format!("address add {}/64 dev {bridge} nodad", machine.server_6()),
        format!("link set {bridge} up"),
        format!("tuntap add {tap} mode tap"),
        format!("link set {tap} master {bridge} up"),
    ];
    if machine.is_behind_proxy() {
        // The router is at the other end of a cable that is plugged into the bridge.
        let plug = format!("{PREFIX}plug{}", machine.number);
        commands.extend([
            format!("link add {router} type veth peer name {plug}"),
            format!("address add {}/24 dev {router}", machine.router_address()),
            format!("link set {router} up"),
            format!("link set {plug} master {bridge} up"),
        ]);
    }
    commands
}

fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status().unwrap();
    assert!(status.success(), "ip {words}: {status}");
}
