//! A machine that runs: QEMU without KVM, with its serial console and a capture of its network card.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::{Firmware, Machine};
use crate::running::Running;

pub(crate) const PROGRAM: &str = "qemu-system-x86_64";
pub(crate) const OVMF: &str = "/usr/share/ovmf/OVMF.fd";
/// The one that QEMU's network card comes with: iPXE, a PXE client for a BIOS.
pub(crate) const PXE_ROM: &str = "/usr/lib/ipxe/qemu/efi-virtio.rom";

/// Without graphics SeaBIOS writes to the serial console. A network header of virtio's would be in the capture.
const ARGUMENTS: &str = "-machine pc,accel=tcg,graphics=off -m 256 -nodefaults -display none -serial stdio \
    -netdev tap,id=net,ifname=TAP,script=no,downscript=no,vnet_hdr=off \
    -object filter-dump,id=capture,netdev=net,file=CAPTURE";

/// Switches the machine on.
pub(crate) fn start(work: &Path, machine: &Machine) -> Running {
    let mut command = Command::new(PROGRAM);
    for word in ARGUMENTS.split_whitespace() {
        let word = word.replace("TAP", &machine.tap());
        command.arg(word.replace("CAPTURE", capture(work, machine).to_str().unwrap()));
    }
    // iPXE gives DHCPv6 its UUID for a name.
    let uuid = format!("00000000-0000-4000-8000-{:012x}", machine.number);
    command.args(["-uuid", &uuid]);
    let mac = machine.mac();
    let mut card = format!("virtio-net-pci,netdev=net,mac={mac},bootindex=0");
    if machine.firmware != Firmware::Bios {
        command.args(["-bios", OVMF]);
        // Or else OVMF would find a driver of iPXE's in the card.
        card += ",romfile=";
    }
    if machine.firmware == Firmware::UefiOverIpv6 {
        command.args(["-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n"]);
    }
    command.args(["-device", &card]);
    let console = work.join(format!("{}.serial", machine.tap()));
    Running::start(&mut command, &console)
}

/// Where the capture of a machine's network card is.
pub(crate) fn capture(work: &Path, machine: &Machine) -> PathBuf {
    work.join(format!("{}.pcap", machine.tap()))
}
