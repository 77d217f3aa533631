//! dnsmasq, for DHCP only. Who is sent to which file it has from `bootstone dhcp`, as people do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use crate::image;
use crate::machine::{Firmware, MACHINES, Machine};
use crate::network::{BRIDGE, SERVER_6};
use crate::running::Running;

pub(crate) const PROGRAM: &str = "dnsmasq";

/// `no-pxedhcp` (175.176) spares iPXE its wait for a ProxyDHCP server, advertisements the one for a router.
const SETTINGS: &str = "\
port=0
bind-interfaces
dhcp-authoritative
dhcp-range=192.0.2.0,static
dhcp-range=2001:db8::100,2001:db8::1ff,64
enable-ra
dhcp-option=encap:175,176,1b
log-dhcp
log-facility=/dev/stdout
pid-file
";

/// A DHCP server that runs.
pub(crate) struct Dhcp {
    work: PathBuf,
    running: Mutex<Running>,
}

/// Whom the BIOS machine's requests are from.
///
/// The option ROM that stands for a BIOS's PXE client is an iPXE as well, and says of itself just what the
/// `undionly.kpxe` says that it loads. So the one and the other are told apart by the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bios {
    Rom,
    Undionly,
}

impl Dhcp {
    pub(crate) fn start(work: &Path) -> Dhcp {
        Dhcp {
            work: work.to_owned(),
            running: Mutex::new(run(work, Bios::Rom)),
        }
    }

    /// From here on iPXE is sent to its script on every machine. There is time for it: iPXE waits two seconds for a key
    /// before it asks. (Debian's dnsmasq 2.90 dies of SIGHUP when it has leases, so it is started again.)
    pub(crate) fn rom_has_loaded_its_program(&self) {
        let mut running = self.running.lock().unwrap();
        running.kill();
        *running = run(&self.work, Bios::Undionly);
    }
}

fn run(work: &Path, bios: Bios) -> Running {
    let leases = work.join("leases");
    let mut text = format!("{SETTINGS}interface={BRIDGE}\n");
    text += &format!("dhcp-leasefile={}\n", leases.display());
    for machine in &MACHINES {
        let (tap, mac, address) = (machine.tap(), machine.mac(), machine.address());
        text += &format!("dhcp-mac=set:{tap},{mac}\ndhcp-host={mac},{address}\n");
        text += &boot_lines(work, machine, bios);
    }
    let settings = work.join("dnsmasq.conf");
    fs::write(&settings, text).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["--keep-in-foreground", "--user=root"]);
    command.arg(format!("--conf-file={}", settings.display()));
    let log = work.join(format!("dnsmasq-{bios:?}.log"));
    let running = Running::start(&mut command, &log);
    let is_ready = |line: &str| line.contains("sockets bound exclusively to interface");
    let ready = running.wait_for(Duration::from_secs(10), is_ready);
    ready.unwrap_or_else(|said| panic!("dnsmasq is not ready: {said}"));
    running
}

/// What `bootstone dhcp` says for the machine's server, for this machine alone. Of several lines that fit, dnsmasq takes
/// the last.
fn boot_lines(work: &Path, machine: &Machine, bios: Bios) -> String {
    let (tap, program, server) = (machine.tap(), machine.program, machine.server());
    let script = format!("tftp://{server}/autoexec.ipxe");
    let mut command = Command::new(image::program(work));
    command.args(["dhcp", "--server", &server.to_string(), "--script", &script]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut lines = lines.replace("dhcp-boot=", &format!("dhcp-boot=tag:{tap},"));
    match machine.firmware {
        // Of two that fit the machine, `bootstone dhcp` has chosen the other.
        Firmware::Uefi if !lines.contains(program) => {
            lines += &format!("dhcp-boot=tag:{tap},tag:!ipxe,{program},,{server}\n");
        }
        Firmware::Bios if bios == Bios::Rom => {
            lines += &format!("dhcp-boot=tag:{tap},{program},,{server}\n");
        }
        Firmware::Uefi | Firmware::Bios => {}
        Firmware::UefiOverIpv6 => {
            let url = format!("option6:bootfile-url,tftp://[{SERVER_6}]");
            lines = lines.replace("dhcp-boot=", "# ");
            lines += &format!("dhcp-option=tag:{tap},tag:!ipxe,{url}/{program}\n");
            lines += &format!("dhcp-option=tag:{tap},tag:ipxe,{url}/boot.ipxe\n");
        }
    }
    lines
}
