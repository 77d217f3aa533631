//! Clients of other projects: their command lines, and how they report errors.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::processes::{Ended, Started, run};
use crate::skip::skip;

/// A TFTP client of another project.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// Requests `tsize`, `blksize` and `timeout`. Does not translate netascii.
    Curl,
    /// `tftp` of tftp-hpa. Knows no options.
    TftpHpa,
    /// The only one here with windows.
    Atftp,
    /// Requests `tsize`, and `blksize` if configured.
    Busybox,
    /// A library of Python's. IPv4 and octet only.
    Tftpy,
}

/// What to fetch, and with which options.
#[derive(Clone, Copy, Debug)]
pub struct Download<'a> {
    pub server: SocketAddr,
    pub name: &'a str,
    pub netascii: bool,
    pub blksize: Option<u16>,
    pub windowsize: Option<u16>,
    /// Anything else that the program takes.
    pub more: &'a [&'a str],
}

/// The result.
#[derive(Debug)]
pub struct Fetched {
    /// The local file, if the program made one.
    pub bytes: Vec<u8>,
    pub ended: Ended,
    /// By the program's own account.
    pub is_success: bool,
}

/// A transfer by a program that runs.
pub struct Fetching {
    program: Program,
    started: Started,
    folder: tempfile::TempDir,
}

impl<'a> Download<'a> {
    pub fn new(server: SocketAddr, name: &'a str) -> Download<'a> {
        Download {
            server,
            name,
            netascii: false,
            blksize: None,
            windowsize: None,
            more: &[],
        }
    }
}

const TFTPY_DOWNLOAD: &str = "\
import sys, tftpy
host, port, name, to, blksize = sys.argv[1:]
options = {'tsize': 0, 'blksize': int(blksize)} if blksize else {}
tftpy.TftpClient(host, int(port), options).download(name, to)
";

const TFTPY_UPLOAD: &str = "\
import sys, tftpy
host, port, name, source = sys.argv[1:]
tftpy.TftpClient(host, int(port)).upload(name, source)
";

impl Program {
    /// True if the program can be started; else the test is skipped, or fails if it is required.
    pub fn is_here(self) -> bool {
        let (command, arguments, word, package) = match self {
            Program::Curl => ("curl", &["--version"][..], "tftp", "curl"),
            Program::TftpHpa => ("tftp", &["-V"][..], "tftp-hpa", "tftp-hpa"),
            Program::Atftp => ("atftp", &["--version"][..], "atftp", "atftp"),
            Program::Busybox => (
                "busybox",
                &["tftp", "--help"][..],
                "blocks in bytes",
                "busybox",
            ),
            Program::Tftpy => (
                python(),
                // Where it is missing, Python's message has its name as well.
                &["-c", "import tftpy; print(tftpy.TftpClient)"][..],
                "<class",
                "python3, and tftpy by pip",
            ),
        };
        if is_there(command, arguments, word) {
            return true;
        }
        skip(&format!("{self:?} (package {package})"));
        false
    }

    /// Fetches into a new file.
    #[track_caller]
    pub fn fetch(self, download: &Download<'_>) -> Fetched {
        self.start(download).end()
    }

    pub fn start(self, download: &Download<'_>) -> Fetching {
        let folder = tempfile::tempdir().unwrap();
        let mut command = self.command(download, &folder.path().join("fetched"));
        Fetching {
            program: self,
            started: Started::new(command.current_dir(folder.path())),
            folder,
        }
    }

    /// Tries to write a file. True if the program reports success.
    #[track_caller]
    pub fn upload(self, server: SocketAddr, name: &str) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::write(&source, "something else").unwrap();
        let (host, port) = (server.ip().to_string(), server.port().to_string());
        let source = source.to_str().unwrap();
        let mut command = match self {
            Program::Curl => curl(&["--upload-file", source, &url(server, name)]),
            Program::TftpHpa => program(
                "tftp",
                &["-m", "octet", &host, &port, "-c", "put", source, name],
            ),
            Program::Atftp => program("atftp", &["-p", "-l", source, "-r", name, &host, &port]),
            Program::Busybox => program(
                "busybox",
                &["tftp", "-p", "-l", source, "-r", name, &host, &port],
            ),
            Program::Tftpy => program(python(), &["-c", TFTPY_UPLOAD, &host, &port, name, source]),
        };
        self.is_success(&run(&mut command))
    }

    fn command(self, download: &Download<'_>, to: &Path) -> Command {
        let to = to.to_str().unwrap();
        let (host, port) = (
            download.server.ip().to_string(),
            download.server.port().to_string(),
        );
        let blksize = download.blksize.map(|size| size.to_string());
        assert!(download.windowsize.is_none() || matches!(self, Program::Atftp));
        let mut command = match self {
            Program::Curl => {
                let mode = if download.netascii {
                    ";mode=netascii"
                } else {
                    ""
                };
                let mut command = curl(&["--output", to]);
                command.args(blksize.iter().flat_map(|size| ["--tftp-blksize", size]));
                command
                    .args(download.more)
                    .arg(url(download.server, download.name) + mode);
                return command;
            }
            Program::TftpHpa => {
                assert!(blksize.is_none());
                let mode = if download.netascii {
                    "netascii"
                } else {
                    "octet"
                };
                return program(
                    "tftp",
                    &[
                        "-l",
                        "-m",
                        mode,
                        &host,
                        &port,
                        "-c",
                        "get",
                        download.name,
                        to,
                    ],
                );
            }
            Program::Atftp => {
                let mut command = program("atftp", &["-g", "-r", download.name, "-l", to]);
                let windowsize = download.windowsize.map(|size| format!("windowsize {size}"));
                let blksize = blksize.map(|size| format!("blksize {size}"));
                let mode = download.netascii.then(|| "mode netascii".to_owned());
                for option in [blksize, windowsize, mode].into_iter().flatten() {
                    command.args(["--option", &option]);
                }
                command
            }
            Program::Busybox => {
                assert!(!download.netascii);
                let mut command =
                    program("busybox", &["tftp", "-g", "-r", download.name, "-l", to]);
                command.args(blksize.iter().flat_map(|size| ["-b", size]));
                command
            }
            Program::Tftpy => {
                assert!(!download.netascii);
                let blksize = blksize.unwrap_or_default();
                return program(
                    python(),
                    &[
                        "-c",
                        TFTPY_DOWNLOAD,
                        &host,
                        &port,
                        download.name,
                        to,
                        &blksize,
                    ],
                );
            }
        };
        command.args(download.more).args([&host, &port]);
        command
    }

    /// Whether the program reports success. tftp-hpa always exits with 0, and prints only errors.
    fn is_success(self, ended: &Ended) -> bool {
        ended.status.success() && (!matches!(self, Program::TftpHpa) || ended.output.is_empty())
    }

    /// What it says, or the status with which it ends, when the server answers ERROR 1, "file not
    /// found".
    pub fn says_not_found(self, ended: &Ended) -> bool {
        match self {
            // CURLE_TFTP_NOTFOUND
            Program::Curl => ended.status.code() == Some(68),
            Program::TftpHpa => ended.output.contains("Error code 1: File not found"),
            Program::Atftp => ended.output.contains("<File not found>"),
            Program::Busybox => ended.output.contains("server error: (1) File not found"),
            Program::Tftpy => ended.output.contains("TftpFileNotFoundError"),
        }
    }
}

impl Fetching {
    #[track_caller]
    pub fn end(self) -> Fetched {
        let ended = self.started.end();
        Fetched {
            bytes: fs::read(self.folder.path().join("fetched")).unwrap_or_default(),
            is_success: self.program.is_success(&ended),
            ended,
        }
    }
}

/// True where there is IPv6 at all.
pub fn has_ipv6() -> bool {
    let is_here = std::net::UdpSocket::bind("[::1]:0").is_ok();
    if !is_here {
        skip("IPv6");
    }
    is_here
}

/// True if the command starts and prints this word.
fn is_there(name: &str, arguments: &[&str], word: &str) -> bool {
    let mut command = program(name, arguments);
    let starts = command.stdin(Stdio::null()).output();
    let Ok(output) = starts else { return false };
    let output = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&output).contains(word)
}

fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).env("LC_ALL", "C");
    command
}

/// `python3` itself, past any script that looks for it first, which takes longer than a transfer.
fn python() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let mut command = program("python3", &["-c", "import sys; print(sys.executable)"]);
        let output = command.stdin(Stdio::null()).output();
        let path = output.map(|output| String::from_utf8(output.stdout));
        path.ok()
            .and_then(Result::ok)
            .unwrap_or_default()
            .trim()
            .to_owned()
    })
}

/// Ignores `.curlrc` and proxies.
fn curl(arguments: &[&str]) -> Command {
    let mut command = program(
        "curl",
        &["-q", "--noproxy", "*", "--silent", "--show-error"],
    );
    command.args(arguments);
    command
}

fn url(server: SocketAddr, name: &str) -> String {
    format!("tftp://{server}/{name}")
}
