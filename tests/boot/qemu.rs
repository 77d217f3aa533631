//! A machine that runs: QEMU without KVM, with its serial console and a capture of its network
//! card.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::inputs;
use crate::machine::{Firmware, Image, Machine, Script};
use crate::running::Running;

pub(crate) const PC: &str = "qemu-system-x86_64";
pub(crate) const ARM: &str = "qemu-system-aarch64";
/// iPXE as a kernel, from its package.
pub(crate) const KERNEL: &str = "ipxe.lkrn";

const OVMF: &str = "/usr/share/ovmf/OVMF.fd";
/// OVMF that lets nothing but firmware write to its variables, and those with Microsoft's keys.
const SECURE: [&str; 2] = [
    "/usr/share/OVMF/OVMF_CODE_4M.ms.fd",
    "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
];
const AAVMF: [&str; 2] = [
    "/usr/share/AAVMF/AAVMF_CODE.fd",
    "/usr/share/AAVMF/AAVMF_VARS.fd",
];
/// The one that QEMU's network card comes with: iPXE, a PXE client for a BIOS.
const PXE_ROM: &str = "/usr/lib/ipxe/qemu/efi-virtio.rom";
/// With it OVMF does not try PXE, and comes to HTTP Boot.
const NO_PXE: &str = "name=opt/org.tianocore/IPv4PXESupport,string=n";

/// A network header of virtio's would be in the capture. Every machine has 256 MiB; none needs
/// more.
const ARGUMENTS: &str = "-m 256 -nodefaults -display none -serial stdio \
    -netdev tap,id=net,ifname=TAP,script=no,downscript=no,vnet_hdr=off \
    -object filter-dump,id=capture,netdev=net,file=CAPTURE";

/// The files that QEMU needs for this machine, with the Debian package of each.
pub(crate) fn files(machine: &Machine) -> Vec<(&'static str, &'static str)> {
    match machine.firmware {
        Firmware::Bios => vec![(PXE_ROM, "ipxe-qemu")],
        Firmware::Kernel | Firmware::KernelWith(_) => vec![],
        Firmware::Uefi | Firmware::UefiOverIpv6 | Firmware::UefiHttp => vec![(OVMF, "ovmf")],
        Firmware::SecureBoot => SECURE.map(|name| (name, "ovmf")).to_vec(),
        Firmware::Arm64 => AAVMF.map(|name| (name, "qemu-efi-aarch64")).to_vec(),
    }
}

/// Switches the machine on.
pub(crate) fn start(work: &Path, machine: &Machine) -> Running {
    let mut command = match machine.firmware {
        Firmware::Arm64 => Command::new(ARM),
        _ => Command::new(PC),
    };
    for word in ARGUMENTS.split_whitespace() {
        let word = word.replace("TAP", &machine.tap());
        command.arg(word.replace("CAPTURE", capture(work, machine).to_str().unwrap()));
    }
    // iPXE gives DHCPv6 its UUID for a name.
    let uuid = format!("00000000-0000-4000-8000-{:012x}", machine.number);
    command.args(["-uuid", &uuid]);
    let mut card = format!("virtio-net-pci,netdev=net,mac={}", machine.mac());
    if !machine.has_kernel() {
        card += ",bootindex=0";
    }
    if machine.firmware != Firmware::Bios {
        // Otherwise OVMF would find a driver of iPXE's in the card.
        card += ",romfile=";
    }
    command.args(["-device", &card]);
    command.args(firmware(machine));
    Running::start(&mut command, &machine.folder(work).join("serial"))
}

fn firmware(machine: &Machine) -> Vec<String> {
    // Without graphics SeaBIOS writes to the serial console.
    let pc = "-machine pc,accel=tcg,graphics=off";
    let text = match machine.firmware {
        Firmware::Bios => pc.to_owned(),
        Firmware::Kernel => format!("{pc} -kernel {}", kernel(machine)),
        Firmware::KernelWith(script) => {
            format!("{pc} -kernel {} -initrd {}", kernel(machine), file(script))
        }
        Firmware::Uefi => format!("{pc} -bios {OVMF}"),
        Firmware::UefiOverIpv6 | Firmware::UefiHttp => {
            format!("{pc} -bios {OVMF} -fw_cfg {NO_PXE}")
        }
        Firmware::SecureBoot => {
            let guard = "-global driver=cfi.pflash01,property=secure,value=on";
            format!("-machine q35,smm=on,accel=tcg {guard} {}", flash(SECURE))
        }
        Firmware::Arm64 => format!("-machine virt,accel=tcg -cpu cortex-a57 {}", flash(AAVMF)),
    };
    text.split(' ').map(str::to_owned).collect()
}

fn kernel(machine: &Machine) -> String {
    let image = if machine.image == Image::Bare {
        Image::Debian12
    } else {
        machine.image
    };
    inputs::ipxe(image).join(KERNEL).display().to_string()
}

fn file(script: Script) -> String {
    let name = match script {
        Script::Autoexec => "boot-assets/autoexec.ipxe",
        Script::Chain => "tests/boot/embedded.ipxe",
    };
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(name)
        .display()
        .to_string()
}

/// The firmware, and its variables, whose changes are thrown away.
fn flash([code, variables]: [&str; 2]) -> String {
    let drive = "-drive if=pflash,format=raw";
    format!("{drive},unit=0,readonly=on,file={code} {drive},unit=1,snapshot=on,file={variables}")
}

/// Where the capture of a machine's network card is.
pub(crate) fn capture(work: &Path, machine: &Machine) -> PathBuf {
    machine.folder(work).join("capture.pcap")
}
