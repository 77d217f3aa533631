//! Paths that take smaller packets than `--mtu`: the block size, and what becomes of the transfer
//! that finds out.
//!
//! The client is in a network namespace of its own, on the other end of the cable or behind a
//! router, and asks for 1468 bytes a block.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::binary::Bootstone;
use crate::namespace::{INTERFACE, PEER, ip};
use crate::processes::run;
use crate::skip::skip;

pub const TESTS: &[crate::Test] = &[
    ("blocks_fit_an_interface_of_1400", interface_of_1400),
    ("blocks_fit_a_tunnel_of_1420", tunnel_of_1420),
    ("blocks_fit_ipv6_of_1280", ipv6_of_1280),
    ("a_transfer_survives_a_router_of_1400", router_of_1400),
    ("a_transfer_survives_a_router_of_1280", router_of_1280),
    ("a_transfer_survives_a_smaller_interface", smaller_interface),
];

/// The server's addresses.
const SERVER: &str = "203.0.113.1";
const SERVER_V6: &str = "2001:db8:1::1";
const HTTP: &str = "127.0.0.1:8080";
/// The file, and its size in bytes.
const FILE: &str = "autoexec.ipxe";
const SIZE: usize = include_bytes!("../../boot-assets/autoexec.ipxe").len();

/// A client that asks for blocks of 1468 bytes.
#[derive(Clone, Copy, Debug)]
enum Client {
    Curl,
    Busybox,
    /// With windows of 16 blocks, which leave in one system call.
    Get,
}

const CLIENTS: [Client; 3] = [Client::Curl, Client::Busybox, Client::Get];

impl Client {
    fn command(self, server: &str, to: &Path) -> Command {
        let to = to.to_str().unwrap();
        let host = match server.contains(':') {
            true => format!("[{server}]"),
            false => server.to_owned(),
        };
        let url = format!("tftp://{host}/{FILE}");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", "client"]);
        match self {
            Client::Curl => command.args(["curl", "-sS", "--tftp-blksize", "1468"]),
            Client::Busybox => command.args(["busybox", "tftp", "-b", "1468", "-g", "-r", FILE]),
            Client::Get => {
                command.args([env!("CARGO_BIN_EXE_bootstone"), "get", "--blksize", "1468"])
            }
        };
        match self {
            Client::Curl => command.args(["-o", to, &url]),
            Client::Busybox => command.args(["-l", to, server]),
            Client::Get => command.args([&url, "-o", to]),
        };
        command
    }

    /// Fetches the file.
    #[track_caller]
    fn fetch(self, server: &str) {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("fetched");
        let ended = run(&mut self.command(server, &to));
        assert!(ended.status.success(), "{self:?}: {ended:?}");
        assert_eq!(std::fs::read(to).unwrap().len(), SIZE, "{self:?}");
    }
}

/// The next transfer in the log is complete, and had blocks of this size.
#[track_caller]
fn assert_complete(bootstone: &Bootstone, blksize: u16) -> Value {
    let line = bootstone.line("transfer");
    assert_eq!(line["outcome"], "complete", "{line}");
    assert_eq!(line["blksize"], blksize, "{line}");
    line
}

fn is_here() -> bool {
    for (name, argument) in [("curl", "--version"), ("busybox", "--help")] {
        if Command::new(name).arg(argument).output().is_err() {
            skip(name);
            return false;
        }
    }
    true
}

/// A server with one worker, which learns from all transfers.
fn start() -> Bootstone {
    let flags = ["--listen", "[::]:69", "--workers", "1", "--http", HTTP];
    Bootstone::start(&flags, &[])
}

/// The server's count of reports that a datagram was too large.
fn oversized() -> u64 {
    let mut stream = TcpStream::connect(HTTP).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let mut lines = response.lines();
    let count = lines.find_map(|line| line.strip_prefix("bootstone_oversized_datagrams_total "));
    count.unwrap().parse().unwrap()
}

/// Makes a network namespace that ends with the test. Its name is known to the test only.
fn add_namespace(name: &str) {
    let folder = Path::new("/run/netns");
    if !folder.join(".here").exists() {
        std::fs::create_dir_all(folder).unwrap();
        // Names that no other test sees; and the interfaces of this network, not the machine's.
        for (kind, at) in [("tmpfs", "/run/netns"), ("sysfs", "/sys")] {
            let mount = Command::new("mount")
                .args(["-t", kind, "none", at])
                .status();
            assert!(mount.unwrap().success());
        }
        std::fs::write(folder.join(".here"), "").unwrap();
    }
    ip(&format!("netns add {name}"));
    ip(&format!("-n {name} link set lo up"));
}

/// Gives an interface in a namespace two addresses, and its MTU.
fn set_up(namespace: &str, interface: &str, mtu: u16, addresses: [&str; 2]) {
    let ip = |words: &str| ip(&format!("{namespace}{words}"));
    ip(&format!("link set {interface} mtu {mtu}"));
    ip(&format!("link set {interface} up"));
    ip(&format!("address add {}/24 dev {interface}", addresses[0]));
    ip(&format!(
        "address add {}/64 dev {interface} nodad",
        addresses[1]
    ));
}

/// A client on the cable.
fn client_on_the_link(mtu: u16) {
    add_namespace("client");
    ip(&format!("link set {PEER} netns client"));
    set_up("", INTERFACE, mtu, [SERVER, SERVER_V6]);
    // It takes more than it is sent, as a client behind a tunnel does.
    set_up("-n client ", PEER, 1500, ["203.0.113.9", "2001:db8:1::9"]);
}

/// A client behind a router, whose second interface has this MTU.
fn client_behind_a_router(mtu: u16) {
    add_namespace("router");
    add_namespace("client");
    ip(&format!("link set {PEER} netns router"));
    ip("-n router link add router1 type veth peer name client0 netns client");
    set_up("", INTERFACE, 1500, [SERVER, SERVER_V6]);
    set_up("-n router ", PEER, 1500, ["203.0.113.2", "2001:db8:1::2"]);
    set_up(
        "-n router ",
        "router1",
        mtu,
        ["198.51.100.2", "2001:db8:2::2"],
    );
    set_up(
        "-n client ",
        "client0",
        1500,
        ["198.51.100.9", "2001:db8:2::9"],
    );
    for (namespace, v4, v6) in [
        ("", "203.0.113.2", "2001:db8:1::2"),
        ("-n client ", "198.51.100.2", "2001:db8:2::2"),
    ] {
        ip(&format!("{namespace}route add default via {v4}"));
        ip(&format!("{namespace}-6 route add default via {v6}"));
    }
    let mut forward = Command::new("ip");
    forward.args(["netns", "exec", "router", "sh", "-c"]);
    let script = "for file in ipv4/ip_forward ipv6/conf/all/forwarding; do \
                  printf 1 > /proc/sys/net/$file; done";
    assert!(forward.arg(script).status().unwrap().success());
}

/// The first transfer has whole blocks already.
#[track_caller]
fn fits_from_the_start(server: &str, blksize: u16) {
    if !is_here() {
        return;
    }
    let bootstone = start();
    for client in CLIENTS {
        client.fetch(server);
        assert_complete(&bootstone, blksize);
    }
    assert_eq!(oversized(), 0);
}

/// The first transfer finds out, and gets the file all the same. The next one has smaller blocks.
#[track_caller]
fn survives(server: &str, mtu: u16, [first, second]: [u16; 2], prepare: [fn(); 2]) {
    if !is_here() {
        return;
    }
    let [before_start, after_start] = prepare;
    for client in CLIENTS {
        before_start();
        let bootstone = start();
        after_start();
        client.fetch(server);
        let line = bootstone.line_with("larger than the path");
        assert_eq!(
            (&line["level"], &line["mtu"]),
            (&"WARN".into(), &mtu.into())
        );
        assert_complete(&bootstone, first);
        assert!(oversized() > 0);
        client.fetch(server);
        let line = assert_complete(&bootstone, second);
        assert_eq!(line["resent"], 0, "{line}");
    }
}

fn interface_of_1400() {
    client_on_the_link(1400);
    fits_from_the_start(SERVER, 1368);
    fits_from_the_start(SERVER_V6, 1348);
}

/// As WireGuard does: another interface than the one to the Internet.
fn tunnel_of_1420() {
    client_behind_a_router(1500);
    ip("link add tunnel0 type veth peer name tunnel1 netns client");
    set_up("", "tunnel0", 1420, ["10.8.0.1", "fd08::1"]);
    set_up("-n client ", "tunnel1", 1420, ["10.8.0.2", "fd08::2"]);
    fits_from_the_start("10.8.0.1", 1388);
    fits_from_the_start("fd08::1", 1368);
    // Those of the other interface keep theirs.
    fits_from_the_start(SERVER, 1468);
}

fn ipv6_of_1280() {
    client_on_the_link(1280);
    fits_from_the_start(SERVER_V6, 1228);
    fits_from_the_start(SERVER, 1248);
}

fn router_of_1400() {
    client_behind_a_router(1400);
    survives(SERVER, 1400, [1468, 1368], [|| {}, || {}]);
}

fn router_of_1280() {
    client_behind_a_router(1280);
    survives(SERVER_V6, 1280, [1448, 1228], [|| {}, || {}]);
}

/// The interface gets another MTU once the server runs: the kernel refuses to send whole blocks.
fn smaller_interface() {
    client_on_the_link(1500);
    let restore = || ip(&format!("link set {INTERFACE} mtu 1500"));
    let lower = || ip(&format!("link set {INTERFACE} mtu 1400"));
    survives(SERVER, 1400, [1468, 1368], [restore, lower]);
    survives(SERVER_V6, 1400, [1448, 1348], [restore, lower]);
}
