//! Addresses to listen on.

use std::net::{SocketAddr, UdpSocket};

use crate::binary::{Bootstone, ends};
use crate::namespace::{INTERFACE, add_address};
use crate::processes::DEADLINE;
use crate::raw_client::RawClient;

pub const TESTS: &[crate::Test] = &[
    ("a_late_address_is_a_warning", a_late_address_is_a_warning),
    ("doubles_are_dropped", doubles_are_dropped),
    (
        "addresses_of_many_machines_are_refused",
        addresses_of_many_machines_are_refused,
    ),
    (
        "two_addresses_asked_from_one_port",
        two_addresses_asked_from_one_port,
    ),
    ("zones_in_every_command", zones_in_every_command),
];

/// The address comes up after the program, as with a DHCP client or a VPN.
fn a_late_address_is_a_warning() {
    for (address, prefix) in [("192.0.2.7", "24"), ("2001:db8::7", "64")] {
        let socket = SocketAddr::new(address.parse().unwrap(), 69).to_string();
        let http = SocketAddr::new(address.parse().unwrap(), 8080).to_string();
        let flags = ["--listen", &socket, "--http", &http, "--workers", "2"];
        let bootstone = Bootstone::start(&flags, &[]);
        for late in [&socket, &http] {
            let line = bootstone.line_with("does not have the address");
            assert_eq!(line["level"], "WARN");
            let message = line["message"].as_str().unwrap();
            assert!(message.contains(late.as_str()), "{message}");
        }
        add_address(&format!("{address}/{prefix}"));
        for _ in 0..4 {
            RawClient::to(bootstone.address()).fetch("SHA256SUMS");
        }
        std::net::TcpStream::connect(&http).unwrap();
    }
}

/// The kernel would call our own sockets another server's.
fn doubles_are_dropped() {
    add_address("192.0.2.7/24");
    for (listen, expected) in [
        (&["0.0.0.0:69", "[::]:69"][..], &["[::]:69"][..]),
        (&["[::]:69", "0.0.0.0:69", "192.0.2.7:69"], &["[::]:69"]),
        (&["192.0.2.7:69", "192.0.2.7:69"], &["192.0.2.7:69"]),
        (&["0.0.0.0:69", "[::1]:69"], &["0.0.0.0:69", "[::1]:69"]),
        (
            &["both.test:69", "127.0.0.1:69"],
            &["127.0.0.1:69", "[::1]:69"],
        ),
        (&["both.test:69", "[::]:69"], &["[::]:69"]),
    ] {
        let flags: Vec<&str> = listen.iter().flat_map(|it| ["--listen", it]).collect();
        let bootstone = Bootstone::start(&flags, &[]);
        let mut addresses: Vec<String> = bootstone.addresses().iter().map(<_>::to_string).collect();
        addresses.sort();
        assert_eq!(addresses, expected, "{listen:?}");
        for address in expected {
            let address: SocketAddr = address.parse().unwrap();
            let asked = match address.ip().is_unspecified() {
                true => "192.0.2.7:69".parse().unwrap(),
                false => address,
            };
            RawClient::to(asked).fetch("SHA256SUMS");
        }
    }
}

fn addresses_of_many_machines_are_refused() {
    add_address("192.0.2.7/24");
    for option in ["--listen", "--http"] {
        for (address, kind) in [
            ("224.0.0.1:6969", "a multicast address"),
            ("[ff02::1]:6969", "a multicast address"),
            ("255.255.255.255:6969", "a broadcast address"),
            ("192.0.2.255:6969", "a broadcast address"),
        ] {
            let ended = ends(&[option, address], &[]);
            assert_eq!(ended.status.code(), Some(2), "{ended:?}");
            for text in [option, address, kind] {
                assert!(ended.output.contains(text), "`{text}` is not in {ended:?}");
            }
        }
    }
}

/// A ROM with a fixed port asks one address, and the next program asks the other one from the same
/// port: each answer leaves from the address that was asked, and the transfers are two.
fn two_addresses_asked_from_one_port() {
    let addresses = ["192.0.2.7", "192.0.2.8", "2001:db8::7", "2001:db8::8"];
    for address in addresses {
        add_address(&format!(
            "{address}/{}",
            if address.contains(':') { 64 } else { 24 }
        ));
    }
    let bootstone = Bootstone::start(&["--workers", "2"], &[]);
    for (client, asked) in [
        ("192.0.2.7:2070", &addresses[..2]),
        ("[2001:db8::7]:2070", &addresses[2..]),
    ] {
        let client = UdpSocket::bind(client).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        let asked: Vec<SocketAddr> = asked
            .iter()
            .map(|address| SocketAddr::new(address.parse().unwrap(), 69))
            .collect();
        // One after the other, both transfers under way at once.
        let request = RawClient::request("SHA256SUMS", &[("blksize", "8")]);
        for step in [&request[..], &RawClient::ack(0), &RawClient::ack(1)] {
            for address in &asked {
                client.send_to(step, address).unwrap();
                let mut datagram = [0; 600];
                let (_, from) = client.recv_from(&mut datagram).unwrap();
                assert_eq!(from, *address, "{datagram:?}");
            }
        }
        for address in &asked {
            client.send_to(b"\0\x05\0\0enough\0", address).unwrap();
        }
        for _ in &asked {
            assert_eq!(bootstone.line("transfer")["outcome"], "aborted");
        }
    }
}

/// The link-local address of an interface, as people write it and as URLs do.
fn zones_in_every_command() {
    add_address("fe80::7/64");
    let plain = format!("fe80::7%{INTERFACE}");
    let flags = [
        "--listen",
        &format!("[{plain}]:69"),
        "--http",
        &format!("[{plain}]:8080"),
    ];
    let specific = Bootstone::start(&flags, &[]);
    use_zone(&plain);
    drop(specific);
    let all = Bootstone::start(&[], &[]);
    use_zone(&plain);
    // The peer is logged with its zone.
    let peer = all.line("transfer")["peer"].as_str().unwrap().to_owned();
    assert!(peer.starts_with("[fe80::7%"), "{peer}");

    let ended = ends(&["--listen", "[fe80::7]:69"], &[]);
    assert!(ended.output.contains("%eth0"), "{ended:?}");
    let ended = ends(&["--listen", "[fe80::7%none]:69"], &[]);
    assert!(ended.output.contains("interface"), "{ended:?}");
}

fn use_zone(plain: &str) {
    let escaped = plain.replace('%', "%25");
    for url in [
        format!("tftp://[{plain}]/SHA256SUMS"),
        format!("tftp://[{escaped}]:69/SHA256SUMS"),
    ] {
        let ended = ends(&["get", &url, "-o", "-"], &[]);
        assert!(ended.status.success(), "{url}: {ended:?}");
    }
    for host in [plain, &format!("[{plain}]"), &format!("[{plain}]:69")] {
        let ended = ends(&["verify", host], &[]);
        assert!(ended.status.success(), "{host}: {ended:?}");
    }
}
