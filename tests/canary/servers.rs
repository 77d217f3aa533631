//! The other servers, as `bench/servers` installs them.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::canary::{FILE, NAME};
use crate::skip::skip;

/// Longest time until a server answers.
const START_LIMIT: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    Dnsmasq,
    TftpdHpa,
    Atftpd,
    /// The server of the crate `tftpd`, with `--single-port`.
    RsTftpdSinglePort,
}

/// A server with the file. It ends when this value is dropped.
pub struct OtherServer {
    child: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Other {
    /// Its place below the folder of `bench/servers`, and in the system.
    pub fn program(self) -> Option<PathBuf> {
        let (installed, of_the_system) = match self {
            Other::Dnsmasq => ("dnsmasq", "/usr/sbin/dnsmasq"),
            Other::TftpdHpa => ("tftpd-hpa/usr/sbin/in.tftpd", ""),
            Other::Atftpd => ("atftpd/usr/sbin/atftpd", "/usr/sbin/atftpd"),
            Other::RsTftpdSinglePort => ("bin/tftpd", ""),
        };
        let mut targets = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/target")];
        targets.extend(std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from));
        let mut places: Vec<PathBuf> = targets
            .iter()
            .map(|target| target.join("compare/servers").join(installed))
            .collect();
        places.push(of_the_system.into());
        places.into_iter().find(|place| place.is_file())
    }

    fn arguments(self, at: SocketAddr, root: &Path) -> String {
        let (ip, port, root) = (at.ip(), at.port(), root.display());
        match self {
            Other::Dnsmasq => format!(
                "--keep-in-foreground --conf-file=/dev/null --pid-file= --user=nobody --port=0 \
                 --bind-interfaces --listen-address={ip} --enable-tftp --tftp-root={root}"
            ),
            Other::TftpdHpa => {
                format!("--foreground --user nobody --address {at} --secure {root}")
            }
            Other::Atftpd => format!(
                "--daemon --no-fork --user nobody.nogroup --no-multicast --bind-address {ip} \
                 --port {port} {root}"
            ),
            Other::RsTftpdSinglePort => format!("-i {ip} -p {port} -r -s -d {root}"),
        }
    }

    /// Starts the server; `None` if it is not here.
    pub fn start(self) -> Option<OtherServer> {
        let Some(program) = self.program() else {
            skip(&format!("{self:?} (bench/servers installs it)"));
            return None;
        };
        if !rustix::process::geteuid().is_root() {
            skip(&format!("root, for {self:?} (port 69, chroot)"));
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let public = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.path(), public).unwrap();
        std::fs::write(directory.path().join(NAME), &*FILE).unwrap();
        // dnsmasq serves only on port 69: it has an address of its own.
        let address = match self {
            Other::Dnsmasq => (Ipv4Addr::new(127, 69, 1, 1), 69).into(),
            _ => free_address(),
        };
        let mut command = Command::new(program);
        command.args(self.arguments(address, directory.path()).split_whitespace());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = OtherServer {
            child: command.spawn().unwrap(),
            address,
            _directory: directory,
        };
        server.wait_until_it_answers();
        Some(server)
    }
}

impl OtherServer {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn wait_until_it_answers(&self) {
        let limit = Instant::now() + START_LIMIT;
        while Instant::now() < limit {
            // A port of its own for each request: single-port servers take a repeated one ill.
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(300)))
                .unwrap();
            let _ = socket.send_to(b"\0\x01missing\0octet\0", self.address);
            if socket.recv_from(&mut [0; 600]).is_ok() {
                return;
            }
        }
        panic!("no answer from {}", self.address);
    }
}

impl Drop for OtherServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap()
}
