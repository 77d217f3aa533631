//! The DHCP servers, each with the configuration that `bootstone dhcp` writes, and with what the
//! comment in it asks for.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use bootstone::dhcp::{Plan, dnsmasq, dnsmasq_proxy, isc_dhcp, kea};
use serde_json::{Value, json};

use super::network::{SERVER_SIDE, program};

/// Whom a server serves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ipv4,
    Ipv6,
    Proxy,
}

pub(crate) struct Daemon {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    config: String,
    /// `DIR` is its directory, in which `config` is.
    arguments: &'static str,
}

pub(crate) fn all(ipv4: &Plan, ipv6: &Plan) -> Vec<Daemon> {
    const DNSMASQ: &str =
        "dnsmasq --keep-in-foreground --user=root --conf-file=DIR/config --pid-file";
    let dnsmasq_needs = format!("interface={SERVER_SIDE}\nno-ping\ndhcp-leasefile=/dev/null\n");
    let ranges = "port=0\ndhcp-range=192.0.2.100,192.0.2.200,12h\n\
                  dhcp-range=2001:db8::100,2001:db8::1ff,64\n";
    // One dnsmasq can have the lines for both protocols.
    let both = dnsmasq(ipv4) + &dnsmasq(ipv6) + &dnsmasq_needs + ranges;
    let daemon = |name, kind, arguments, config| Daemon {
        name,
        kind,
        config,
        arguments,
    };
    vec![
        daemon("dnsmasq", Kind::Ipv4, DNSMASQ, both.clone()),
        daemon("dnsmasq -6", Kind::Ipv6, DNSMASQ, both),
        daemon(
            "dnsmasq-proxy",
            Kind::Proxy,
            DNSMASQ,
            dnsmasq_proxy(ipv4).unwrap() + &dnsmasq_needs,
        ),
        daemon(
            "kea-dhcp4",
            Kind::Ipv4,
            "kea-dhcp4 -c DIR/config",
            kea_config(&kea(ipv4), &kea4()),
        ),
        daemon(
            "kea-dhcp6",
            Kind::Ipv6,
            "kea-dhcp6 -c DIR/config",
            kea_config(&kea(ipv6), &kea6()),
        ),
        daemon(
            "dhcpd",
            Kind::Ipv4,
            "dhcpd -4 -f -q -cf DIR/config -lf DIR/leases --no-pid server0",
            isc_dhcp(ipv4)
                + "ping-check off;\n\
                   subnet 192.0.2.0 netmask 255.255.255.0 { range 192.0.2.100 192.0.2.200; }\n",
        ),
        daemon(
            "dhcpd -6",
            Kind::Ipv6,
            "dhcpd -6 -f -q -cf DIR/config -lf DIR/leases --no-pid server0",
            isc_dhcp(ipv6) + "subnet6 2001:db8::/64 { range6 2001:db8::100 2001:db8::1ff; }\n",
        ),
    ]
}

/// Adds the fields `needs` to the only section of a configuration.
fn kea_config(config: &str, needs: &Value) -> String {
    let lines = config.lines().filter(|line| !line.starts_with("//"));
    let mut config: Value = serde_json::from_str(&lines.collect::<String>()).unwrap();
    let (_, section) = config.as_object_mut().unwrap().iter_mut().next().unwrap();
    section
        .as_object_mut()
        .unwrap()
        .extend(needs.as_object().unwrap().clone());
    config.to_string()
}

fn kea4() -> Value {
    json!({
        "interfaces-config": { "interfaces": [SERVER_SIDE] },
        "lease-database": { "type": "memfile", "persist": false },
        "subnet4": [{
            "id": 1, "subnet": "192.0.2.0/24", "interface": SERVER_SIDE,
            "pools": [{ "pool": "192.0.2.100 - 192.0.2.200" }],
        }],
    })
}

fn kea6() -> Value {
    json!({
        "interfaces-config": { "interfaces": [SERVER_SIDE] },
        "lease-database": { "type": "memfile", "persist": false },
        "server-id": { "type": "EN", "enterprise-id": 32473, "identifier": "01", "persist": false },
        "subnet6": [{
            "id": 1, "subnet": "2001:db8::/64", "interface": SERVER_SIDE,
            "pools": [{ "pool": "2001:db8::100 - 2001:db8::1ff" }],
        }],
    })
}

/// A server that runs, until it is dropped.
pub(crate) struct Running {
    child: Child,
    _directory: tempfile::TempDir,
}

impl Daemon {
    pub(crate) fn start(&self) -> Running {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::write(path.join("config"), &self.config).unwrap();
        fs::write(path.join("leases"), "").unwrap();
        Running {
            child: spawn(self.arguments, path),
            _directory: directory,
        }
    }
}

fn spawn(arguments: &str, directory: &Path) -> Child {
    let arguments = arguments.replace("DIR", directory.to_str().unwrap());
    let mut words = arguments.split(' ');
    let mut command = program(words.next().unwrap());
    command.args(words).stdin(Stdio::null());
    for variable in ["KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR"] {
        command.env(variable, directory);
    }
    command.spawn().unwrap()
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
