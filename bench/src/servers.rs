//! The compared servers: finds them, starts them on their own core, and stops them.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::client::{Client, Download, Step};
use crate::content::{self, File};
use crate::process::{self, Account};

/// Longest time until a server answers.
const START_LIMIT: Duration = Duration::from_secs(10);
/// Longest time until a server ends after SIGTERM; after that it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// A server, in one of its modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Bootstone.
    Bootstone,
    /// `tftpd-hpa`: a process for each transfer.
    TftpdHpa,
    /// `atftpd`: a thread for each transfer.
    Atftpd,
    /// `dnsmasq`: one process, a socket for each transfer.
    Dnsmasq,
    /// `dnsmasq --tftp-single-port`.
    DnsmasqSinglePort,
    /// The `r-tftpd` crate's server: one process, a socket and a task for each transfer.
    RTftpd,
    /// The `tftpd` crate's server: a thread and a socket for each transfer.
    RsTftpd,
    /// The `tftpd` crate's server with `--single-port`.
    RsTftpdSinglePort,
    /// The lower bound, see [`lower_bound`](crate::lower_bound).
    LowerBound,
    /// The lower bound with busy polling.
    LowerBoundPolling,
}

impl Kind {
    /// All servers, Bootstone first.
    pub const ALL: [Kind; 8] = [
        Kind::Bootstone,
        Kind::Dnsmasq,
        Kind::DnsmasqSinglePort,
        Kind::RTftpd,
        Kind::RsTftpd,
        Kind::RsTftpdSinglePort,
        Kind::Atftpd,
        Kind::TftpdHpa,
    ];

    /// The lower bounds, without and with busy polling.
    pub const LOWER_BOUNDS: [Kind; 2] = [Kind::LowerBound, Kind::LowerBoundPolling];

    /// True for a lower bound.
    pub fn is_lower_bound(self) -> bool {
        Kind::LOWER_BOUNDS.contains(&self)
    }

    /// The name in tables and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Bootstone => "bootstone",
            Kind::TftpdHpa => "tftpd-hpa",
            Kind::Atftpd => "atftpd",
            Kind::Dnsmasq => "dnsmasq",
            Kind::DnsmasqSinglePort => "dnsmasq single-port",
            Kind::RTftpd => "r-tftpd",
            Kind::RsTftpd => "rs-tftpd",
            Kind::RsTftpdSinglePort => "rs-tftpd single-port",
            Kind::LowerBound => "lower bound",
            Kind::LowerBoundPolling => "lower bound polling",
        }
    }

    /// Parses a comma-separated list of names; an empty one means all servers.
    pub fn select(wanted: &str) -> Result<Vec<Kind>> {
        if wanted.is_empty() {
            return Ok(Kind::ALL.to_vec());
        }
        wanted.split(',').map(Kind::named).collect()
    }

    /// Finds a server by its name.
    pub fn named(name: &str) -> Result<Kind> {
        let all = [&Kind::ALL[..], &Kind::LOWER_BOUNDS].concat();
        let found = all.iter().find(|kind| kind.name() == name);
        found.copied().with_context(|| {
            let names: Vec<&str> = all.iter().map(|kind| kind.name()).collect();
            let names = names.join(", ");
            format!("unknown server {name:?}: use one of {names}")
        })
    }

    fn program(self) -> &'static str {
        match self {
            Kind::Bootstone => "bootstone",
            Kind::TftpdHpa => "in.tftpd",
            Kind::Atftpd => "atftpd",
            Kind::Dnsmasq | Kind::DnsmasqSinglePort => "dnsmasq",
            Kind::RTftpd => "r-tftpd",
            Kind::RsTftpd | Kind::RsTftpdSinglePort => "tftpd",
            Kind::LowerBound | Kind::LowerBoundPolling => "lower-bound",
        }
    }

    /// The address to listen on. dnsmasq only supports port 69, so it gets its own address in each
    /// mode.
    fn address(self) -> io::Result<SocketAddr> {
        match self {
            Kind::Dnsmasq => Ok((Ipv4Addr::new(127, 69, 0, 1), 69).into()),
            Kind::DnsmasqSinglePort => Ok((Ipv4Addr::new(127, 69, 0, 2), 69).into()),
            _ => UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr(),
        }
    }

    fn arguments(self, at: SocketAddr, root: &Path, settings: &Settings) -> Vec<String> {
        let (ip, port, root) = (at.ip(), at.port(), root.display());
        let line = match self {
            Kind::Bootstone => format!("serve --listen {at}"),
            Kind::TftpdHpa => {
                format!("--foreground --user nobody --address {at} --secure {root}")
            }
            Kind::Atftpd => format!(
                "--daemon --no-fork --user nobody.nogroup --no-multicast --maxthread 20000 \
                 --bind-address {ip} --port {port} {root}"
            ),
            Kind::Dnsmasq | Kind::DnsmasqSinglePort => {
                // With --bind-interfaces, its single-port mode answers from an uninitialised
                // address.
                let mode = match self {
                    Kind::Dnsmasq => "--bind-interfaces",
                    _ => "--bind-dynamic --tftp-single-port",
                };
                format!(
                    "--keep-in-foreground --conf-file=/dev/null --pid-file= --user=nobody --port=0 \
                     {mode} --listen-address={ip} --enable-tftp --tftp-root={root} --tftp-max=16000"
                )
            }
            // It serves its working directory.
            Kind::RTftpd => format!("--listen {ip} --port {port} --max-connections 20000"),
            Kind::RsTftpd => format!("-i {ip} -p {port} -r -d {root}"),
            Kind::RsTftpdSinglePort => format!("-i {ip} -p {port} -r -s -d {root}"),
            Kind::LowerBound => format!("--listen {at}"),
            Kind::LowerBoundPolling => format!("--listen {at} --busy-poll"),
        };
        let mut arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if self == Kind::Bootstone {
            arguments.extend(settings.bootstone_flags.iter().cloned());
        }
        arguments
    }
}

/// Where to find the servers, and how to start them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory of the files.
    pub root: PathBuf,
    /// The program of Bootstone, with these files embedded.
    pub bootstone: PathBuf,
    /// Additional flags for Bootstone.
    pub bootstone_flags: Vec<String>,
    /// The core of the servers; `None` for any core.
    pub core: Option<usize>,
}

impl Settings {
    /// Writes the files, and builds Bootstone with them. If `bootstone` is given, it uses that
    /// program, which must have the files embedded.
    pub fn prepare(bootstone: Option<PathBuf>) -> Result<Settings> {
        let workplace = content::workplace()?;
        let root = workplace.join("files");
        content::write_to(&root)?;
        let bootstone = match bootstone {
            // Servers have another working directory.
            Some(program) => fs::canonicalize(&program)
                .with_context(|| format!("cannot find {}", program.display()))?,
            None => build(&root, &workplace.join("bootstone"))?,
        };
        let (core, _) = process::cores()?;
        Ok(Settings {
            root,
            bootstone,
            bootstone_flags: Vec::new(),
            core: Some(core),
        })
    }

    /// The same settings with additional flags for Bootstone.
    pub fn with_flags(&self, flags: &[&str]) -> Settings {
        let flags = flags.iter().map(|&flag| flag.to_owned());
        let mut settings = self.clone();
        settings.bootstone_flags.extend(flags);
        settings
    }

    /// The program of a server. Those that `bench/servers` installs come before those of the
    /// system.
    pub fn find(&self, kind: Kind) -> Result<PathBuf> {
        if kind == Kind::Bootstone {
            return Ok(self.bootstone.clone());
        }
        let fetched = content::workplace()?.join("servers");
        let program = kind.program();
        let places = [
            fetched.join(kind.name()).join("usr/sbin"),
            fetched.join("bin"),
            // The lower bound, which is built into the directory of this program.
            std::env::current_exe()?.with_file_name(""),
            "/usr/sbin".into(),
            "/usr/local/sbin".into(),
            "/usr/local/bin".into(),
        ];
        // On Debian, in.tftpd can be a link to another server.
        let is_itself =
            |path: &PathBuf| fs::canonicalize(path).is_ok_and(|real| real.ends_with(program));
        places
            .iter()
            .map(|place| place.join(program))
            .find(is_itself)
            .with_context(|| {
                let remedy = match kind.is_lower_bound() {
                    true => "run `bench/compare`, which builds it",
                    false => "run `bench/servers`, which installs it",
                };
                format!("cannot find {}: {remedy}", kind.name())
            })
    }
}

/// Builds Bootstone in its release profile with the files in `assets`.
fn build(assets: &Path, target: &Path) -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    eprintln!("building Bootstone with {}", assets.display());
    let status = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--quiet",
            "--locked",
            "--manifest-path",
        ])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target)
        .env("BOOTSTONE_ASSETS", assets)
        .env_remove("BOOTSTONE_REQUIRE_PUBLISHED")
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!(
            "Bootstone does not build: see the messages above, or give a program with --bootstone"
        );
    }
    Ok(target.join("release/bootstone"))
}

/// The running servers, to kill them if this program gets a signal.
static RUNNING: Mutex<Vec<Account>> = Mutex::new(Vec::new());

fn running_servers() -> MutexGuard<'static, Vec<Account>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets a handler of SIGINT and SIGTERM that kills the servers and ends this program.
fn kill_servers_on_signals() -> Result<()> {
    static ONCE: OnceLock<Result<(), ctrlc::Error>> = OnceLock::new();
    let set = ONCE.get_or_init(|| {
        ctrlc::set_handler(|| {
            running_servers().iter().for_each(Account::kill);
            std::process::exit(130);
        })
    });
    set.as_ref()
        .map(drop)
        .map_err(|error| anyhow!("cannot set a signal handler: {error}"))
}

/// A running server. It is stopped when this value is dropped, and when this program gets a signal.
#[derive(Debug)]
pub struct Running {
    kind: Kind,
    child: Child,
    account: Account,
    address: SocketAddr,
}

impl Running {
    /// Starts a server, and waits until it answers.
    pub fn start(kind: Kind, settings: &Settings) -> Result<Running> {
        kill_servers_on_signals()?;
        let program = settings.find(kind)?;
        let address = kind.address()?;
        let mut command = match settings.core {
            Some(core) => {
                let mut pinned = Command::new("taskset");
                pinned.args(["--cpu-list", &core.to_string()]).arg(&program);
                pinned
            }
            None => Command::new(&program),
        };
        let child = command
            .args(kind.arguments(address, &settings.root, settings))
            .current_dir(&settings.root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {} or taskset", program.display()))?;
        let account = Account::open(child.id());
        running_servers().push(account.clone());
        let mut running = Running {
            kind,
            child,
            account,
            address,
        };
        running.wait_until_ready()?;
        Ok(running)
    }

    /// The kind of server.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time and memory of the server.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// True while the server is running.
    pub fn is_alive(&self) -> bool {
        process::is_alive(self.pid())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let limit = Instant::now() + START_LIMIT;
        while Instant::now() < limit {
            if answers(self.address, Duration::from_millis(100)) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended before it answered: {status}", self.kind.name());
            }
        }
        bail!("{} does not answer on {}", self.kind.name(), self.address)
    }

    fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_none() {
            self.account.ask_to_end();
        }
        let limit = Instant::now() + STOP_LIMIT;
        while self.child.try_wait()?.is_none() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill()?;
        self.child.wait()?;
        running_servers().retain(|account| account.pid() != self.account.pid());
        self.account.close();
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The server may have ended already.
        let _ = self.stop();
    }
}

/// Reads the one-block file. True if it arrives within `timeout`.
pub fn answers(server: SocketAddr, timeout: Duration) -> bool {
    read_one_block(server, timeout).unwrap_or(false)
}

fn read_one_block(server: SocketAddr, timeout: Duration) -> io::Result<bool> {
    let download = Download {
        name: File::OneBlock.name().to_owned(),
        blksize: 512,
        windowsize: 1,
        content: File::OneBlock.content(),
    };
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(timeout))?;
    socket.send_to(&download.request(), server)?;
    let mut buffer = [0; 1024];
    let (len, from) = socket.recv_from(&mut buffer)?;
    let Step::Done(block) = Client::default().on_datagram(&download, from, &buffer[..len]) else {
        return Ok(false);
    };
    let [high, low] = block.to_be_bytes();
    socket.send_to(&[0, 4, high, low], from)?;
    Ok(true)
}
