//! The DHCP servers themselves, with what `bootstone dhcp` writes: each machine is sent to its
//! file.
//!
//! They run in a network namespace of their own, on one end of a pair of interfaces. The other end
//! asks as firmware, as iPXE and as HTTP Boot do.

mod client4;
mod client6;
mod daemons;
mod network;

use std::process::Command;

use bootstone::dhcp::{BootTarget, Plan};

use crate::catalogs::{release, with_http};
use crate::skip::skip;

/// Set for the process in the network of its own.
const INSIDE: &str = "BOOTSTONE_TEST_DHCP_INSIDE";

/// How a machine introduces itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Firmware,
    HttpBoot,
    Ipxe,
}

impl Client {
    fn of(target: &BootTarget) -> Client {
        match target.is_http {
            true => Client::HttpBoot,
            false => Client::Firmware,
        }
    }

    fn vendor_class(self, code: u16) -> String {
        match self {
            Client::HttpBoot => format!("HTTPClient:Arch:{code:05}:UNDI:003001"),
            Client::Firmware | Client::Ipxe => format!("PXEClient:Arch:{code:05}:UNDI:003016"),
        }
    }

    fn user_class(self) -> Option<&'static str> {
        (self == Client::Ipxe).then_some("iPXE")
    }
}

/// Every machine of the plan as firmware, and two of them as iPXE: code, client, file.
fn machines(plan: &Plan) -> Vec<(u16, Client, &str)> {
    let mut machines = Vec::new();
    for target in &plan.targets {
        let of_target = |code: &u16| (*code, Client::of(target), target.file.as_str());
        machines.extend(target.codes.iter().map(of_target));
    }
    let script = plan.script.as_deref().unwrap();
    machines.extend([0, 7].map(|code| (code, Client::Ipxe, script)));
    machines
}

#[test]
fn every_server_sends_each_machine_to_its_file() {
    let missing = network::missing();
    if !missing.is_empty() {
        skip(&missing.join(", "));
        return;
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    command.args([
        "unshare",
        "--net",
        "--pid",
        "--mount-proc",
        "--fork",
        "--kill-child",
    ]);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", "live::inside", "--ignored", "--nocapture"]);
    let output = command.env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
#[ignore = "another test starts it in a network of its own"]
fn inside() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    network::build();
    let http = "http://boot.example.com:8080";
    let ipv4 = with_http(&release(), "192.0.2.9", http);
    let ipv6 = with_http(&release(), "2001:db8::9", http);
    for daemon in daemons::all(&ipv4, &ipv6) {
        let running = daemon.start();
        match daemon.kind {
            daemons::Kind::Ipv4 => client4::check(&ipv4, daemon.name),
            daemons::Kind::Ipv6 => client6::check(&ipv6, daemon.name),
            daemons::Kind::Proxy => client4::check_proxy(&ipv4, daemon.name),
        }
        drop(running);
    }
}
