//! dnsmasq, for DHCP only. It has its boot lines from `bootstone dhcp`, as operators do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use crate::image;
use crate::machine::{Dhcp as Answer, Firmware, Machine};
use crate::running::Running;

pub(crate) const PROGRAM: &str = "dnsmasq";

/// What the printed lines do not say. `bind-interfaces`: there is one dnsmasq for each network.
const SETTINGS: &str = "\
bind-interfaces
no-ping
log-dhcp
log-facility=/dev/stdout
pid-file
";

/// `no-pxedhcp` (175.176) spares iPXE its wait for a ProxyDHCP server, advertisements the one for a
/// router.
const ALONE: &str = "\
port=0
dhcp-authoritative
enable-ra
dhcp-option=encap:175,176,1b
";

/// The DHCP servers of a machine's network.
pub(crate) struct Dhcp {
    folder: PathBuf,
    machine: &'static Machine,
    boot: Mutex<Running>,
    _router: Option<Running>,
}

/// The client that asks.
///
/// The option ROM that stands for a BIOS's PXE client is an iPXE as well, and says of itself what
/// the `undionly.kpxe` says that it loads. So the two are told apart by the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Rom,
    Other,
}

impl Dhcp {
    pub(crate) fn start(work: &Path, machine: &'static Machine) -> Dhcp {
        let folder = machine.folder(work);
        fs::write(folder.join("printed.conf"), lines(work, machine)).unwrap();
        let client = match machine.firmware {
            Firmware::Bios => Client::Rom,
            _ => Client::Other,
        };
        Dhcp {
            boot: Mutex::new(boot(&folder, machine, client)),
            _router: machine.is_behind_proxy().then(|| router(&folder, machine)),
            folder,
            machine,
        }
    }

    /// From here on iPXE is sent to its script. There is time for it: iPXE waits two seconds for a
    /// key before it asks. (Debian's dnsmasq 2.90 dies of SIGHUP when it has leases, so it is
    /// started again.)
    pub(crate) fn rom_has_loaded_its_program(&self) {
        let mut running = self.boot.lock().unwrap();
        running.kill();
        *running = boot(&self.folder, self.machine, Client::Other);
    }
}

/// The dnsmasq that names boot files. If it is not beside a router, it gives out addresses, too.
fn boot(folder: &Path, machine: &Machine, client: Client) -> Running {
    let mut text = format!("{SETTINGS}interface={}\n", machine.bridge());
    if !machine.is_behind_proxy() {
        let network = format!("2001:db8:0:{:x}", machine.number);
        text += ALONE;
        text += &addresses(machine);
        text += &format!("dhcp-range={network}::100,{network}::1ff,64\n");
    }
    text += &format!("conf-file={}\n", folder.join("printed.conf").display());
    if client == Client::Rom {
        // Of several lines that fit, dnsmasq takes the last.
        text += &format!(
            "dhcp-boot=tag:ipxe,{},,{}\n",
            machine.program,
            machine.server()
        );
    }
    run(folder, &format!("dnsmasq-{client:?}"), &text)
}

/// The router: a DHCP server that knows nothing of boot files, and names itself as next-server.
fn router(folder: &Path, machine: &Machine) -> Running {
    let mut text = format!("{SETTINGS}interface={}\n", machine.router());
    text += &addresses(machine);
    text += &format!(
        "port=0\ndhcp-authoritative\ndhcp-boot=,,{}\n",
        machine.router_address()
    );
    run(folder, "router", &text)
}

fn addresses(machine: &Machine) -> String {
    let (mac, address) = (machine.mac(), machine.address());
    let network = machine.server();
    format!("dhcp-range={network},static\ndhcp-host={mac},{address}\n")
}

fn run(folder: &Path, name: &str, text: &str) -> Running {
    let settings = folder.join(format!("{name}.conf"));
    let leases = folder.join(format!("{name}.leases"));
    let text = format!("{text}dhcp-leasefile={}\n", leases.display());
    fs::write(&settings, text).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["--keep-in-foreground", "--user=root"]);
    command.arg(format!("--conf-file={}", settings.display()));
    let running = Running::start(&mut command, &folder.join(format!("{name}.log")));
    let is_ready = |line: &str| line.contains("sockets bound exclusively to interface");
    let ready = running.wait_for(Duration::from_secs(20), is_ready);
    ready.unwrap_or_else(|said| panic!("{} is not ready: {said}", settings.display()));
    running
}

/// The boot lines of a machine's network.
fn lines(work: &Path, machine: &Machine) -> String {
    let server = machine.named_server().to_string();
    let text = match machine.dhcp {
        Answer::Lines(lines) => lines.to_owned(),
        Answer::Printed(arguments) => printed(work, machine, arguments),
        Answer::Proxy(arguments) => printed(
            work,
            machine,
            &format!("--format dnsmasq-proxy {arguments}"),
        ),
        Answer::PrintedAnd(arguments, line) => {
            format!("{}{line}\n", printed(work, machine, arguments))
        }
        Answer::WithoutScript => {
            let text = printed(work, machine, "");
            let is_kept = |line: &&str| !line.contains("tag:ipxe,");
            text.lines()
                .filter(is_kept)
                .map(|line| format!("{line}\n"))
                .collect()
        }
    };
    text.replace("SERVER", &server)
}

/// What `bootstone dhcp` prints.
fn printed(work: &Path, machine: &Machine, arguments: &str) -> String {
    let address = machine.named_server();
    let server = match address.is_ipv6() {
        true => format!("[{address}]"),
        false => address.to_string(),
    };
    let arguments = arguments.replace("SERVER", &server);
    let mut command = Command::new(image::program(work, machine.image));
    command.args(["dhcp", "--server", &address.to_string()]);
    command.args(arguments.split_whitespace());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
