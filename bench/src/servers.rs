//! The servers that are compared: found, started on a core of their own, stopped.

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

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long one may take to end after SIGTERM, before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// A server, in one of its modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Ours.
    Bootstone,
    /// `tftpd-hpa`: a process for each transfer.
    TftpdHpa,
    /// `atftpd`: a thread for each transfer.
    Atftpd,
    /// `dnsmasq`: one process, a socket for each transfer.
    Dnsmasq,
    /// `dnsmasq --tftp-single-port`.
    DnsmasqSinglePort,
    /// The `tftpd` crate's server: a thread and a socket for each transfer.
    RsTftpd,
    /// The same with `--single-port`.
    RsTftpdSinglePort,
    /// No server, but the least work that answers: see [`floor`](crate::floor).
    Floor,
    /// The same, which never sleeps.
    FloorPolling,
}

impl Kind {
    /// Every server, ours first.
    pub const ALL: [Kind; 7] = [
        Kind::Bootstone,
        Kind::Dnsmasq,
        Kind::DnsmasqSinglePort,
        Kind::RsTftpd,
        Kind::RsTftpdSinglePort,
        Kind::Atftpd,
        Kind::TftpdHpa,
    ];

    /// How little a server could cost, if it sleeps and if it does not.
    pub const LOWER_BOUNDS: [Kind; 2] = [Kind::Floor, Kind::FloorPolling];

    /// True for what is no server.
    pub fn is_floor(self) -> bool {
        Kind::LOWER_BOUNDS.contains(&self)
    }

    /// Its name in tables and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Bootstone => "bootstone",
            Kind::TftpdHpa => "tftpd-hpa",
            Kind::Atftpd => "atftpd",
            Kind::Dnsmasq => "dnsmasq",
            Kind::DnsmasqSinglePort => "dnsmasq single-port",
            Kind::RsTftpd => "rs-tftpd",
            Kind::RsTftpdSinglePort => "rs-tftpd single-port",
            Kind::Floor => "floor",
            Kind::FloorPolling => "floor polling",
        }
    }

    /// Those that `wanted` names, separated by commas; all if it is empty.
    pub fn select(wanted: &str) -> Result<Vec<Kind>> {
        if wanted.is_empty() {
            return Ok(Kind::ALL.to_vec());
        }
        wanted.split(',').map(Kind::named).collect()
    }

    /// The one of this name.
    pub fn named(name: &str) -> Result<Kind> {
        let all = [&Kind::ALL[..], &Kind::LOWER_BOUNDS].concat();
        let found = all.iter().find(|kind| kind.name() == name);
        found.copied().with_context(|| {
            let names: Vec<&str> = all.iter().map(|kind| kind.name()).collect();
            let names = names.join(", ");
            format!("there is no server {name:?}; there are {names}")
        })
    }

    fn program(self) -> &'static str {
        match self {
            Kind::Bootstone => "bootstone",
            Kind::TftpdHpa => "in.tftpd",
            Kind::Atftpd => "atftpd",
            Kind::Dnsmasq | Kind::DnsmasqSinglePort => "dnsmasq",
            Kind::RsTftpd | Kind::RsTftpdSinglePort => "tftpd",
            Kind::Floor | Kind::FloorPolling => "floor",
        }
    }

    /// Where it listens. dnsmasq knows no other port than 69, and gets an address for itself in
    /// each mode.
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
                "--daemon --no-fork --user nobody.nogroup --no-multicast --maxthread 20000 --bind-address {ip} --port {port} {root}"
            ),
            Kind::Dnsmasq | Kind::DnsmasqSinglePort => {
                // Bound to interfaces, its single-port mode answers from an address that it has not
                // initialised.
                let mode = match self {
                    Kind::Dnsmasq => "--bind-interfaces",
                    _ => "--bind-dynamic --tftp-single-port",
                };
                format!(
                    "--keep-in-foreground --conf-file=/dev/null --pid-file= --user=nobody --port=0 {mode} --listen-address={ip} --enable-tftp --tftp-root={root} --tftp-max=16000"
                )
            }
            Kind::RsTftpd => format!("-i {ip} -p {port} -r -d {root}"),
            Kind::RsTftpdSinglePort => format!("-i {ip} -p {port} -r -s -d {root}"),
            Kind::Floor => format!("--listen {at}"),
            Kind::FloorPolling => format!("--listen {at} --busy-poll"),
        };
        let mut arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if self == Kind::Bootstone {
            arguments.extend(settings.bootstone_flags.iter().cloned());
        }
        arguments
    }
}

/// Where the servers are, and how they are started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The files.
    pub root: PathBuf,
    /// Bootstone with these files in it.
    pub bootstone: PathBuf,
    /// More flags for it.
    pub bootstone_flags: Vec<String>,
    /// The servers' core; none for any.
    pub core: Option<usize>,
}

impl Settings {
    /// Writes the files, and builds Bootstone with them, unless `bootstone` is a program that has
    /// them.
    pub fn prepare(bootstone: Option<PathBuf>) -> Result<Settings> {
        let workplace = content::workplace()?;
        let root = workplace.join("files");
        content::write_to(&root)?;
        let bootstone = match bootstone {
            Some(program) => program,
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

    /// The same with more flags for Bootstone.
    pub fn with_flags(&self, flags: &[&str]) -> Settings {
        let flags = flags.iter().map(|&flag| flag.to_owned());
        let mut settings = self.clone();
        settings.bootstone_flags.extend(flags);
        settings
    }

    /// The program of a server; what `bench/servers` has fetched comes before what is installed.
    pub fn find(&self, kind: Kind) -> Result<PathBuf> {
        if kind == Kind::Bootstone {
            return Ok(self.bootstone.clone());
        }
        let fetched = content::workplace()?.join("servers");
        let program = kind.program();
        let places = [
            fetched.join(kind.name()).join("usr/sbin"),
            fetched.join("bin"),
            // The floor, built into the folder of this program.
            std::env::current_exe()?.with_file_name(""),
            "/usr/sbin".into(),
            "/usr/local/sbin".into(),
            "/usr/local/bin".into(),
        ];
        // Debian lets in.tftpd be a link to another server.
        let is_itself =
            |path: &PathBuf| fs::canonicalize(path).is_ok_and(|real| real.ends_with(program));
        places
            .iter()
            .map(|place| place.join(program))
            .find(is_itself)
            .with_context(|| {
                let remedy = match kind.is_floor() {
                    true => "`bench/compare` builds it",
                    false => "`bench/servers` fetches it",
                };
                format!("{} is not here. {remedy}", kind.name())
            })
    }
}

/// Builds Bootstone with the files in `assets`, as it is released.
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
        .context("cargo does not start")?;
    if !status.success() {
        bail!("Bootstone does not build; give a program with --bootstone");
    }
    Ok(target.join("release/bootstone"))
}

/// Every server under way, for the case that this program is told to end.
static UNDER_WAY: Mutex<Vec<Account>> = Mutex::new(Vec::new());

fn under_way() -> MutexGuard<'static, Vec<Account>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From here on, SIGINT and SIGTERM end the servers too.
fn take_along_when_told_to_end() -> Result<()> {
    static ONCE: OnceLock<Result<(), ctrlc::Error>> = OnceLock::new();
    let set = ONCE.get_or_init(|| {
        ctrlc::set_handler(|| {
            under_way().iter().for_each(Account::kill);
            std::process::exit(130);
        })
    });
    set.as_ref()
        .map(drop)
        .map_err(|error| anyhow!("signals cannot be taken: {error}"))
}

/// A server under way. Stopped when dropped, and when this program is told to end.
#[derive(Debug)]
pub struct Running {
    kind: Kind,
    child: Child,
    account: Account,
    address: SocketAddr,
}

impl Running {
    /// Starts a server, and waits until it serves.
    pub fn start(kind: Kind, settings: &Settings) -> Result<Running> {
        take_along_when_told_to_end()?;
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
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} or taskset does not start", program.display()))?;
        let account = Account::open(child.id());
        under_way().push(account.clone());
        let mut running = Running {
            kind,
            child,
            account,
            address,
        };
        running.wait_until_ready()?;
        Ok(running)
    }

    /// Which it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it costs.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// True while it has not ended by itself.
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
                bail!("{} ended at its start: {status}", self.kind.name());
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
        under_way().retain(|account| account.pid() != self.account.pid());
        self.account.close();
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It is gone already, or it is not ours to stop.
        let _ = self.stop();
    }
}

/// Reads the one-block file within `timeout`: true if it came.
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
