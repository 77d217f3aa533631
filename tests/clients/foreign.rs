//! Less common clients: each fetches every size with every block size, window and mode that it
//! knows.
//!
//! Three of them are libraries, and a few lines here call them. Those that no Debian package has
//! are in `target/foreign-clients`, where `.ci/run` installs them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use bootstone::catalog::{Catalog, Entry};
use bootstone::proto::stats::Outcome;

use crate::content::{self, name_of_size};
use crate::processes::{Ended, Started};
use crate::server::{ServerReport, TestServer};
use crate::skip::skip;

/// Whole and short blocks, an empty last block, an empty file, and many blocks.
const SIZES: [usize; 7] = [0, 1, 512, 513, 14_280, 14_680, 1_048_573];

/// So many run at once.
const AT_ONCE: usize = 4;

/// How often a client may be started again that cannot go on after a block has come twice.
const ATTEMPTS: usize = 5;

/// What most clients can ask for.
const BLKSIZES: &[u16] = &[8, 511, 512, 1428, 1468, 65464];
const WINDOWSIZES: &[u16] = &[1, 4, 16, 64];

/// A client, and what it can do.
struct Foreign {
    name: &'static str,
    /// Where to get it.
    package: &'static str,
    /// Succeeds if it is installed.
    probe: fn() -> Command,
    /// Fetches into the file `fetched` of its working directory.
    fetch: fn(&Request<'_>) -> Command,
    blksizes: &'static [u16],
    windowsizes: &'static [u16],
    /// What it says when it gives up because a block has come twice. On a busy machine the server's
    /// timer resends blocks that were not lost.
    gives_up: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
struct Request<'a> {
    server: SocketAddr,
    name: &'a str,
    blksize: u16,
    windowsize: u16,
    mode: &'static str,
}

impl Request<'_> {
    /// Host, port, name, block size, window and mode.
    fn words(&self) -> [String; 6] {
        [
            self.server.ip().to_string(),
            self.server.port().to_string(),
            self.name.to_owned(),
            self.blksize.to_string(),
            self.windowsize.to_string(),
            self.mode.to_owned(),
        ]
    }
}

/// Where `.ci/run` installs what no Debian package has.
fn installed(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("foreign-clients").join(name)
}

fn command(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C");
    command
}

fn with_words(mut command: Command, request: &Request<'_>) -> Command {
    command.args(request.words());
    command
}

/// The client of rs-tftpd.
const RS_TFTPD: Foreign = Foreign {
    name: "tftpc",
    package: "crate tftpd with the feature client",
    probe: || command(installed("bin/tftpc"), &["--help"]),
    fetch: |request| {
        let [host, port, name, blksize, windowsize, _] = request.words();
        let script = "host=$1 port=$2 name=$3 blksize=$4 windowsize=$5; shift 5; \
                      \"$0\" -i $host -p $port -b $blksize -w $windowsize -rd . fetched $name";
        let mut command = command("sh", &["-c", script]);
        command.arg(installed("bin/tftpc"));
        command.args([host, port, name, blksize, windowsize]);
        command
    },
    blksizes: BLKSIZES,
    windowsizes: WINDOWSIZES,
    gives_up: None,
};

/// Perl's Net::TFTP.
const NET_TFTP: Foreign = Foreign {
    name: "Net::TFTP",
    package: "libnet-tftp-perl",
    probe: || command("perl", &["-MNet::TFTP", "-e", "1"]),
    fetch: |request| {
        let script = "my ($host, $port, $name, $blksize, $windowsize, $mode) = @ARGV;
            my $tftp = Net::TFTP->new($host, Port => $port, BlockSize => $blksize, Mode => $mode);
            $tftp->get($name, 'fetched') or die $tftp->error;";
        with_words(command("perl", &["-MNet::TFTP", "-e", script]), request)
    },
    blksizes: BLKSIZES,
    windowsizes: &[1],
    gives_up: None,
};

/// `tftp` of npm.
const NPM_TFTP: Foreign = Foreign {
    name: "tftp of npm",
    package: "tftp, by npm",
    probe: || node("require('tftp')"),
    fetch: |request| {
        let script = "const [host, port, name, blockSize, windowSize] = process.argv.slice(1);
            const options = {
                host, port: +port, blockSize: +blockSize, windowSize: +windowSize
            };
            require('tftp').createClient(options).get(name, 'fetched', error => {
                if (error) { console.error(error.message); process.exitCode = 1; }
            });";
        with_words(node(script), request)
    },
    blksizes: BLKSIZES,
    windowsizes: WINDOWSIZES,
    gives_up: None,
};

fn node(script: &str) -> Command {
    let mut command = command("node", &["-e", script]);
    command.env("NODE_PATH", installed("node_modules"));
    command
}

/// `ptftp` of pTFTPd, which takes its commands from standard input.
const PTFTP: Foreign = Foreign {
    name: "ptftp",
    package: "ptftpd, by pip",
    probe: || python("import ptftplib.tftpclient"),
    fetch: |request| {
        let script = "import sys
from ptftplib.tftpclient import TFTPClient
host, port, name, blksize, windowsize, mode = sys.argv[1:]
options = {'blksize': int(blksize), 'windowsize': int(windowsize)}
client = TFTPClient((host, int(port)), options, mode)
client.connect()
done = client.get([name])
import os
if done: os.rename(name, 'fetched')
sys.exit(not done)";
        with_words(python(script), request)
    },
    blksizes: BLKSIZES,
    windowsizes: WINDOWSIZES,
    gives_up: Some("incoherent packet number"),
};

fn python(script: &str) -> Command {
    let mut command = command("python3", &["-c", script]);
    command.env("PYTHONPATH", installed("python"));
    command
}

/// Erlang's tftp.
const ERLANG: Foreign = Foreign {
    name: "tftp of Erlang",
    package: "erlang-tftp",
    probe: || erlang("{module, _} = code:load_file(tftp), halt(0)."),
    fetch: |request| {
        let script = "[Host, Port, Name, Blksize | _] = init:get_plain_arguments(),
            {ok, Address} = inet:parse_address(Host),
            Options = [{host, Address}, {port, list_to_integer(Port)}, {\"blksize\", Blksize}],
            case tftp:read_file(Name, \"fetched\", Options) of
                {ok, _} -> halt(0);
                Other -> io:format(\"~p~n\", [Other]), halt(1)
            end.";
        let mut command = erlang(script);
        command.arg("-extra");
        with_words(command, request)
    },
    blksizes: &[8, 511, 512, 1428, 1468],
    windowsizes: &[1],
    gives_up: None,
};

fn erlang(script: &str) -> Command {
    command("erl", &["-noshell", "-eval", script])
}

fn end((started, folder): (Started, TempDir)) -> (Vec<u8>, Ended) {
    let ended = started.end();
    let fetched = fs::read(folder.path().join("fetched"));
    (fetched.unwrap_or_default(), ended)
}

impl Foreign {
    fn is_here(&self) -> bool {
        let mut probe = (self.probe)();
        probe.stdin(Stdio::null()).stdout(Stdio::null());
        let is_here = probe
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !is_here {
            skip(&format!("{} ({})", self.name, self.package));
        }
        is_here
    }

    /// Runs the requests, a few at a time. Returns what each has fetched, and how it ended.
    fn fetch_all(&self, requests: &[Request<'_>]) -> Vec<(Vec<u8>, Ended)> {
        let mut all = Vec::new();
        for some in requests.chunks(AT_ONCE) {
            let started: Vec<_> = some.iter().map(|request| self.start(request)).collect();
            all.extend(started.into_iter().map(end));
        }
        all
    }

    fn start(&self, request: &Request<'_>) -> (Started, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = (self.fetch)(request);
        (Started::new(command.current_dir(folder.path())), folder)
    }

    fn has_given_up(&self, ended: &Ended) -> bool {
        self.gives_up
            .is_some_and(|words| ended.output.contains(words))
    }

    /// Fetches, and compares the bytes.
    #[track_caller]
    fn check(&self, requests: &[Request<'_>], expected: impl Fn(&Request<'_>) -> Vec<u8>) {
        for (request, (mut bytes, mut ended)) in requests.iter().zip(self.fetch_all(requests)) {
            for _ in 0..ATTEMPTS {
                if self.has_given_up(&ended) {
                    (bytes, ended) = end(self.start(request));
                }
            }
            assert!(
                ended.status.success(),
                "{}, {request:?}: {ended:?}",
                self.name
            );
            let is_same = bytes == expected(request);
            assert!(is_same, "{}, {request:?}: {} bytes", self.name, bytes.len());
        }
    }

    fn octet<'a>(&self, server: SocketAddr, name: &'a str) -> Request<'a> {
        Request {
            server,
            name,
            blksize: 512,
            windowsize: 1,
            mode: "octet",
        }
    }

    /// Every size; then every block size with every window, of files with and without a rest.
    fn sizes_blksizes_and_windowsizes(&self) {
        if !self.is_here() {
            return;
        }
        let server = TestServer::files();
        let names = SIZES.map(name_of_size);
        let request = |name| self.octet(server.address(), name);
        let mut requests: Vec<_> = names.iter().map(|name| request(name)).collect();
        for &blksize in self.blksizes {
            for &windowsize in self.windowsizes {
                let name = &names[4 + requests.len() % 2];
                requests.push(Request {
                    blksize,
                    windowsize,
                    ..request(name)
                });
            }
        }
        self.check(&requests, |request| {
            let size = request.name.trim_start_matches("size-");
            content::bytes(size.parse().unwrap())
        });
        self.check_reports(&requests, &server.reports());
    }

    /// A transfer for each request, with what was asked for and may be granted. A client may end
    /// so soon that a resent block finds it gone; then its last ACK counts for nothing.
    #[track_caller]
    fn check_reports(&self, requests: &[Request<'_>], reports: &[ServerReport]) {
        let asked = requests.iter().map(|request| {
            let (blksize, windowsize) = (request.blksize.min(1468), request.windowsize.min(16));
            (request.name.to_owned(), blksize, windowsize)
        });
        let mut granted = Vec::new();
        for report in reports {
            let figures = report.figures.unwrap();
            match report.outcome {
                Outcome::Complete => {}
                Outcome::LastAckMissing if figures.resent > 0 => {}
                _ if self.gives_up.is_some() && figures.resent > 0 => continue,
                _ => panic!("{}: {report:?}", self.name),
            }
            granted.push((report.file.clone(), figures.blksize, figures.windowsize));
        }
        let mut asked: Vec<_> = asked.collect();
        asked.sort();
        granted.sort();
        assert_eq!(granted, asked, "{}", self.name);
    }

    /// Lines of Unix come back as they were.
    fn netascii(&self) {
        if !self.is_here() {
            return;
        }
        let text = b"line\n\n".repeat(4000);
        let catalog = Catalog::new(vec![Entry::new("text", text.clone())]);
        let server = TestServer::on("127.0.0.1", catalog);
        let request = Request {
            mode: "netascii",
            ..self.octet(server.address(), "text")
        };
        self.check(&[request], |_| text.clone());
        let [report] = server.reports().try_into().unwrap();
        report.assert_complete("text", content::netascii(&text).len());
    }

    /// The program fails, after one request, and says why.
    fn missing(&self) {
        if !self.is_here() {
            return;
        }
        let server = TestServer::files();
        let request = self.octet(server.address(), "missing.efi");
        let (_, ended) = self.fetch_all(&[request]).pop().unwrap();
        assert!(!ended.status.success(), "{}: {ended:?}", self.name);
        let [report] = server.reports().try_into().unwrap();
        assert_eq!(report.outcome, Outcome::NotFound);
    }
}

/// A module for a client, with a test for each thing.
macro_rules! foreign {
    ($module:ident, $client:expr, [$($test:ident)*]) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    $client.$test();
                }
            )*
        }
    };
}

foreign!(rs_tftpd, super::RS_TFTPD, [sizes_blksizes_and_windowsizes missing]);
foreign!(net_tftp, super::NET_TFTP, [sizes_blksizes_and_windowsizes netascii missing]);
foreign!(npm_tftp, super::NPM_TFTP, [sizes_blksizes_and_windowsizes missing]);
foreign!(ptftp, super::PTFTP, [sizes_blksizes_and_windowsizes missing]);
foreign!(erlang, super::ERLANG, [sizes_blksizes_and_windowsizes missing]);
