//! The program: its log lines, and systemd.

use std::io::{BufRead, BufReader, Lines};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr as LocalAddr, UnixDatagram};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::refusals::{assert_powerless, has_root, is_root, status};

pub(crate) const TESTS: &[crate::Test] = &[
    (
        "the_first_line_shows_the_sandbox",
        the_first_line_shows_the_sandbox,
    ),
    ("variables_work_like_options", variables_work_like_options),
    ("no_sandbox_is_a_warning", no_sandbox_is_a_warning),
    (
        "systemd_is_notified_of_start_and_stop",
        systemd_is_notified_of_start_and_stop,
    ),
    ("sockets_of_systemd_are_used", sockets_of_systemd_are_used),
    (
        "a_socket_of_systemd_has_all_sessions",
        a_socket_of_systemd_has_all_sessions,
    ),
    (
        "descriptors_that_are_no_sockets_are_warnings",
        descriptors_that_are_no_sockets_are_warnings,
    ),
    (
        "addresses_that_systemd_has_bound_are_not_bound_again",
        addresses_that_systemd_has_bound_are_not_bound_again,
    ),
    (
        "a_socket_that_is_not_udp_is_refused",
        a_socket_that_is_not_udp_is_refused,
    ),
    (
        "the_program_keeps_no_inherited_descriptor",
        the_program_keeps_no_inherited_descriptor,
    ),
    (
        "a_plain_user_is_not_dumpable_either",
        a_plain_user_is_not_dumpable_either,
    ),
];

const PROGRAM: &str = env!("CARGO_BIN_EXE_bootstone");

/// A running server, ended with the test.
struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The first line.
    serving: String,
}

impl Server {
    fn start(command: &mut Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let serving = lines.next().unwrap().unwrap();
        assert!(serving.contains("serving"), "{serving}");
        Server {
            child,
            lines,
            serving,
        }
    }

    fn address(&self) -> SocketAddr {
        let (_, rest) = self.serving.split_once("listen=\"").unwrap();
        rest.split(['"', ',']).next().unwrap().parse().unwrap()
    }

    fn status(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap()
    }

    /// Sends SIGTERM and waits for the end.
    fn end(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve() -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(["--listen", "127.0.0.1:0"])
        .stdin(Stdio::null());
    command
}

/// A whole transfer of one block.
fn fetch(server: SocketAddr) {
    let client = UdpSocket::bind(SocketAddr::new(server.ip(), 0)).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    client
        .send_to(b"\0\x01autoexec.ipxe.sha256\0octet\0", server)
        .unwrap();
    let mut data = [0; 600];
    let (length, _) = client.recv_from(&mut data).unwrap();
    assert!(
        data.starts_with(&[0, 3, 0, 1]) && length < 516,
        "{:?}",
        &data[..length]
    );
    client.send_to(&[0, 4, 0, 1], server).unwrap();
}

fn the_first_line_shows_the_sandbox() {
    let server = Server::start(&mut serve());
    assert!(server.serving.contains("seccomp=on"), "{}", server.serving);
    let landlock = ["landlock=missing", ":files"];
    assert!(
        landlock.iter().any(|text| server.serving.contains(text)),
        "{}",
        server.serving
    );
    let text = server.status();
    assert_powerless(&text, is_root());
    assert_eq!(status(&text, "Seccomp"), "2");
    if is_root() {
        assert!(
            server.serving.contains("user=65532:65532"),
            "{}",
            server.serving
        );
        assert_eq!(status(&text, "Uid"), "65532 65532 65532 65532");
    }
    fetch(server.address());
    server.end();
}

fn variables_work_like_options() {
    if is_root() {
        let server = Server::start(serve().env("BOOTSTONE_USER", "1000:100"));
        assert_eq!(status(&server.status(), "Gid"), "100 100 100 100");
        let server = Server::start(
            serve()
                .args(["--user", "1001"])
                .env("BOOTSTONE_USER", "1000"),
        );
        assert_eq!(status(&server.status(), "Gid"), "1001 1001 1001 1001");
    }
    let server = Server::start(serve().env("BOOTSTONE_NO_SANDBOX", "true"));
    assert_eq!(status(&server.status(), "Seccomp"), "0");
    let refused = serve().env("BOOTSTONE_USER", "daemon").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("UID:GID"));
}

fn no_sandbox_is_a_warning() {
    let mut server = Server::start(serve().arg("--no-sandbox"));
    assert!(
        server.serving.contains("landlock=off seccomp=off"),
        "{}",
        server.serving
    );
    // Other warnings may come before this one: that nothing embedded can boot, for example.
    assert!(
        server
            .lines
            .any(|line| line.unwrap().contains("WARN NO SANDBOX"))
    );
    fetch(server.address());
    server.end();
}

fn systemd_is_notified_of_start_and_stop() {
    let name = format!("bootstone-test-{}", std::process::id());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let places = [
        (
            UnixDatagram::bind(&path).unwrap(),
            path.to_str().unwrap().to_owned(),
        ),
        (
            UnixDatagram::bind_addr(&LocalAddr::from_abstract_name(&name).unwrap()).unwrap(),
            format!("@{name}"),
        ),
    ];
    for (systemd, address) in places {
        systemd
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let server = Server::start(serve().env("NOTIFY_SOCKET", &address));
        assert_eq!(notification(&systemd), "READY=1", "{address}");
        server.end();
        assert_eq!(notification(&systemd), "STOPPING=1", "{address}");
    }
}

fn notification(socket: &UnixDatagram) -> String {
    let mut text = [0; 64];
    let length = socket.recv(&mut text).unwrap();
    String::from_utf8_lossy(&text[..length]).into_owned()
}

/// The program with two sockets as its descriptors 3 and 4, as systemd starts it: the shell puts
/// them there, and knows the number of the process that it is going to be.
fn activated(first: impl Into<OwnedFd>, second: impl Into<OwnedFd>) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = "exec 3<&0 4<&2 0</dev/null 2>&1; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$0\" \"$@\"";
    command.args(["-c", script, PROGRAM]);
    command
        .stdin(Stdio::from(first.into()))
        .stderr(Stdio::from(second.into()));
    command
}

fn sockets_of_systemd_are_used() {
    let sockets = ["127.0.0.1:0", "[::1]:0"].map(|address| UdpSocket::bind(address).unwrap());
    let addresses = sockets
        .each_ref()
        .map(|socket| socket.local_addr().unwrap());
    let [first, second] = sockets;
    let server = Server::start(&mut activated(first, second));
    assert!(
        server.serving.contains("from_systemd=2"),
        "{}",
        server.serving
    );
    let listen = format!("listen=\"{},{}\"", addresses[0], addresses[1]);
    assert!(server.serving.contains(&listen), "{}", server.serving);
    addresses.into_iter().for_each(fetch);
    server.end();
}

/// An address of systemd has one socket, so its sessions are not shared among workers.
fn a_socket_of_systemd_has_all_sessions() {
    let [first, second] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = first.local_addr().unwrap();
    let flags = ["serve", "--workers", "8", "--max-sessions", "8"];
    let server = Server::start(activated(first, second).args(flags));
    let clients = [(); 8].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let mut datagram = [0; 600];
    let mut hear = |client: &UdpSocket| {
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let (length, _) = client.recv_from(&mut datagram).unwrap();
        datagram[..length].to_vec()
    };
    for client in &clients {
        let request = b"\0\x01SHA256SUMS\0octet\0blksize\x008\0";
        client.send_to(request, address).unwrap();
        assert_eq!(hear(client), b"\0\x06blksize\x008\0");
        client.send_to(&[0, 4, 0, 0], address).unwrap();
        assert_eq!(hear(client)[..4], [0, 3, 0, 1]);
    }
    for client in &clients {
        client.send_to(b"\0\x05\0\0enough\0", address).unwrap();
    }
    server.end();
}

/// Closed descriptors, and ones of other kinds: a wrapper has left the variables behind.
fn descriptors_that_are_no_sockets_are_warnings() {
    let mut command = Command::new("/bin/sh");
    let script = "exec 3</dev/null; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$0\" \"$@\"";
    command.args(["-c", script, PROGRAM, "--listen", "127.0.0.1:0"]);
    let mut server = Server::start(&mut command);
    for text in ["descriptor 3 is ignored", "descriptor 4 is ignored"] {
        let is_it = |line: std::io::Result<String>| line.unwrap().contains(text);
        assert!(server.lines.any(is_it), "{text}");
    }
    fetch(server.address());
    server.end();
}

/// The kernel would call the socket of systemd another server's.
fn addresses_that_systemd_has_bound_are_not_bound_again() {
    let [first, second] = [(); 2].map(|()| UdpSocket::bind("0.0.0.0:0").unwrap());
    let port = first.local_addr().unwrap().port();
    let again = format!("127.0.0.1:{port}");
    let server = Server::start(activated(first, second).args(["--listen", &again]));
    let listen = format!("listen=\"0.0.0.0:{port},0.0.0.0:");
    assert!(server.serving.contains(&listen), "{}", server.serving);
    assert!(!server.serving.contains(&again), "{}", server.serving);
    server.end();

    let [first, second] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let wide = format!("0.0.0.0:{}", first.local_addr().unwrap().port());
    let mut command = activated(first, second);
    let output = command
        .args(["--listen", &wide])
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stdout);
    assert!(message.contains("systemd has passed"), "{message}");
}

fn a_socket_that_is_not_udp_is_refused() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = activated(udp, tcp)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    assert_eq!(
        (output.status.code(), output.status.signal()),
        (Some(2), None)
    );
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("not a UDP socket"), "{stdout}");
}

/// Descriptors of other kinds than the server's own would be the parent's.
fn the_program_keeps_no_inherited_descriptor() {
    if !has_root() {
        return; // Another user may not look.
    }
    let mut command = Command::new("/bin/sh");
    let script = "exec 5</etc/passwd 9</etc/passwd; exec \"$0\" \"$@\"";
    command
        .args(["-c", script, PROGRAM, "--listen", "127.0.0.1:0"])
        .stdin(std::fs::File::open("/etc/passwd").unwrap());
    let server = Server::start(&mut command);
    let folder = format!("/proc/{}/fd", server.child.id());
    for entry in std::fs::read_dir(folder).unwrap() {
        let target = std::fs::read_link(entry.unwrap().path()).unwrap();
        assert_ne!(target.to_str(), Some("/etc/passwd"));
    }
    fetch(server.address());
    server.end();
}

/// What other processes of its user may read belongs to that user, and else to root.
fn a_plain_user_is_not_dumpable_either() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("bootstone");
    std::fs::copy(PROGRAM, &program).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let mut command = Command::new(program);
    command.args(["--listen", "127.0.0.1:0"]);
    if is_root() {
        command.uid(1000).gid(1000);
    }
    let server = Server::start(&mut command);
    let process = format!("/proc/{}", server.child.id());
    let owner = std::fs::metadata(format!("{process}/environ")).unwrap();
    assert_eq!(owner.uid(), 0);
    let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core"));
    let words: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(words, ["Max", "core", "file", "size", "0", "0", "bytes"]);
    fetch(server.address());
    server.end();
}
