//! Every format to the letter, and read by the server that it is for.

use std::fs;
use std::path::Path;

use bootstone::dhcp::{Plan, dnsmasq, dnsmasq_proxy, isc_dhcp, kea, openwrt};
use bootstone::manifest::{Kind, Machine, Manifest};

use crate::catalogs::{debian_12, one_efi, plan, record, release, with_http};
use crate::servers::accepts;

/// Two architectures and a BIOS, with HTTP Boot.
fn usual(server: &str, http: &str) -> Plan {
    let mut records = debian_12().records().to_vec();
    records.push(record("ipxe-arm64.efi", Kind::Efi(Machine::Arm64), None));
    with_http(&Manifest::new(records), server, http)
}

fn ipv4() -> Plan {
    usual("192.0.2.1", "http://192.0.2.1:8080")
}

fn ipv6() -> Plan {
    usual("2001:db8::1", "http://[2001:db8::1]:8080")
}

/// Every plan that a server has to take, beside [`ipv4`] and [`ipv6`].
fn others(server: &str) -> Vec<Plan> {
    vec![
        with_http(&release(), server, "http://boot.example.com"),
        plan(&one_efi("ipxe.efi"), server),
    ]
}

#[track_caller]
fn compare(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/dhcp/golden")
        .join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, text).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(text, expected, "{name}: BLESS=1 writes what is right");
    let longest = text.lines().map(str::len).max().unwrap();
    assert!(longest <= 120, "{name} has a line of {longest} bytes");
}

#[test]
fn for_dnsmasq() {
    compare("dnsmasq.conf", &dnsmasq(&ipv4()));
    compare("dnsmasq6.conf", &dnsmasq(&ipv6()));
    let mut plans = vec![ipv4(), ipv6()];
    plans.extend(others("192.0.2.1"));
    plans.extend(others("2001:db8::1"));
    for plan in plans {
        accepts("dnsmasq", &["--test", "-C", "FILE"], &dnsmasq(&plan));
    }
    let both = dnsmasq(&ipv4()) + &dnsmasq(&ipv6());
    accepts("dnsmasq", &["--test", "-C", "FILE"], &both);
}

#[test]
fn for_a_dnsmasq_beside_another_dhcp_server() {
    compare("dnsmasq-proxy.conf", &dnsmasq_proxy(&ipv4()).unwrap());
    for plan in [ipv4()].into_iter().chain(others("192.0.2.1")) {
        accepts(
            "dnsmasq",
            &["--test", "-C", "FILE"],
            &dnsmasq_proxy(&plan).unwrap(),
        );
    }
}

#[test]
fn for_kea() {
    compare("kea-dhcp4.conf", &kea(&ipv4()));
    compare("kea-dhcp6.conf", &kea(&ipv6()));
    for plan in [ipv4()].into_iter().chain(others("192.0.2.1")) {
        accepts("kea-dhcp4", &["-t", "FILE"], &kea(&plan));
    }
    for plan in [ipv6()].into_iter().chain(others("2001:db8::1")) {
        accepts("kea-dhcp6", &["-t", "FILE"], &kea(&plan));
    }
}

/// The parser of Kea is not needed to read it: below the comment it is JSON.
#[test]
fn for_kea_it_is_json() {
    let text = kea(&ipv4());
    let json = text.lines().filter(|line| !line.starts_with("//"));
    let json: serde_json::Value = serde_json::from_str(&json.collect::<String>()).unwrap();
    let classes = &json["Dhcp4"]["client-classes"];
    assert_eq!(
        classes[0]["boot-file-name"],
        "tftp://192.0.2.1/autoexec.ipxe"
    );
    assert_eq!(classes[1]["boot-file-name"], "ipxe.efi");
}

#[test]
fn for_isc_dhcp() {
    compare("dhcpd.conf", &isc_dhcp(&ipv4()));
    compare("dhcpd6.conf", &isc_dhcp(&ipv6()));
    for plan in [ipv4()].into_iter().chain(others("192.0.2.1")) {
        let text = isc_dhcp(&plan) + "subnet 192.0.2.0 netmask 255.255.255.0 { }\n";
        accepts("dhcpd", &["-t", "-cf", "FILE"], &text);
    }
    for plan in [ipv6()].into_iter().chain(others("2001:db8::1")) {
        let text = isc_dhcp(&plan) + "subnet6 2001:db8::/64 { }\n";
        accepts("dhcpd", &["-t", "-6", "-cf", "FILE"], &text);
    }
}

/// OpenWrt's start script makes lines for dnsmasq of the sections, as [`made_by_openwrt`] does.
#[test]
fn for_openwrt() {
    let text = openwrt(&ipv4()).unwrap();
    compare("openwrt", &text);
    let made = made_by_openwrt(&text);
    let theirs = |line: &&str| !line.starts_with('#');
    let mut expected: Vec<String> = dnsmasq(&ipv4())
        .lines()
        .filter(theirs)
        .map(str::to_owned)
        .collect();
    for line in &mut expected {
        // There a `boot` section names a server in any case, and its options have its tags.
        if line.contains(",http:") {
            line.push_str(",,192.0.2.1");
        }
        if let Some(rest) = line.strip_prefix("dhcp-option-force=tag:") {
            *line = format!("dhcp-option-force={}", rest.replace(",60", ",tag:!ipxe,60"));
        }
    }
    expected.sort();
    let mut sorted = made.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    accepts("dnsmasq", &["--test", "-C", "FILE"], &made.join("\n"));
}

fn made_by_openwrt(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for section in text.split("\n\n") {
        let option = |name: &str| {
            let starts = [format!("option {name} '"), format!("list {name} '")];
            let value = |line: &str| {
                let rest = starts
                    .iter()
                    .find_map(|start| line.trim().strip_prefix(start));
                rest.and_then(|rest| rest.strip_suffix('\''))
                    .map(str::to_owned)
            };
            section.lines().find_map(value)
        };
        let tag = option("networkid").unwrap();
        let kind = section.lines().find(|line| line.starts_with("config "));
        lines.push(match kind.unwrap() {
            "config userclass" => {
                format!("dhcp-userclass=set:{tag},{}", option("userclass").unwrap())
            }
            "config match" => format!("dhcp-match=set:{tag},{}", option("match").unwrap()),
            "config boot" => {
                let (file, server) = (
                    option("filename").unwrap(),
                    option("serveraddress").unwrap(),
                );
                assert!(option("servername").is_some());
                format!("dhcp-boot=tag:{tag},{file},,{server}")
            }
            other => panic!("{other}"),
        });
        if let Some(value) = option("dhcp_option") {
            assert_eq!(option("force").unwrap(), "1");
            lines.push(format!("dhcp-option-force={tag},{value}"));
        }
    }
    lines
}
