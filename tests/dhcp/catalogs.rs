//! Made-up sets of boot files, with the names of real ones.

use bootstone::dhcp::{BootServer, Plan, PlanRequest};
use bootstone::manifest::{Authenticode, Digest, Kind, Machine, Manifest, Record};

const X86_64: Kind = Kind::Efi(Machine::X86_64);

/// A file. Its hash is that of its name, or of the name of the file that it is a link to. Programs
/// are signed if they are a shim, GRUB, or in a directory for Secure Boot.
pub(crate) fn record(name: &str, kind: Kind, alias_of: Option<&str>) -> Record {
    let file = alias_of.unwrap_or(name);
    let signed = ["-sb/", "sb/", "shim", "grub"]
        .iter()
        .any(|part| file.contains(part));
    let sha256 = Digest::of(file.as_bytes());
    Record {
        name: name.to_owned(),
        size: 0,
        netascii_size: 0,
        sha256,
        authenticode: matches!(kind, Kind::Efi(_)).then_some(Authenticode { sha256, signed }),
        kind,
        version: None,
        published: false,
        alias_of: alias_of.map(str::to_owned),
    }
}

pub(crate) fn manifest(names: &[&str]) -> Manifest {
    let records = names.iter().map(|line| {
        let (name, target) = match line.split_once(" -> ") {
            Some((name, target)) => (name, Some(target)),
            None => (*line, None),
        };
        record(name, kind(target.unwrap_or(name)), target)
    });
    Manifest::new(records.collect())
}

/// By the name, where the build looks into the file.
fn kind(name: &str) -> Kind {
    let has = |part: &str| name.contains(part);
    if has(".ipxe") {
        Kind::IpxeScript
    } else if has("pxe.lkrn") {
        Kind::Kernel
    } else if !has(".efi") {
        Kind::Bios
    } else {
        Kind::Efi(machine(name))
    }
}

fn machine(name: &str) -> Machine {
    const PARTS: [(&str, Machine); 9] = [
        ("i386", Machine::Ia32),
        ("arm32", Machine::Arm32),
        ("arm64", Machine::Arm64),
        ("aa64", Machine::Arm64),
        ("loong64", Machine::LoongArch64),
        ("riscv32", Machine::RiscV32),
        ("riscv64", Machine::RiscV64),
        ("strange", Machine::Other),
        ("", Machine::X86_64),
    ];
    let found = PARTS.iter().find(|(part, _)| name.contains(part));
    found.unwrap().1
}

/// `ipxeboot.tar.gz` of iPXE 2.0.0.
pub(crate) fn release() -> Manifest {
    let mut names = vec!["boot.ipxe".to_owned(), "autoexec.ipxe".to_owned()];
    let mut add = |directory: &str, files: &[&str]| {
        names.extend(files.iter().map(|file| format!("{directory}/{file}")));
    };
    for machine in [
        "i386", "x86_64", "arm32", "arm64", "loong64", "riscv32", "riscv64",
    ] {
        add(machine, &["ipxe.efi", "ipxe-legacy.efi", "snponly.efi"]);
    }
    for machine in ["i386", "x86_64"] {
        add(machine, &["ipxe.pxe", "ipxe-legacy.pxe", "undionly.kpxe"]);
    }
    for machine in ["x86_64-sb", "arm64-sb", "loong64-sb", "riscv64-sb"] {
        add(machine, &["ipxe.efi", "snponly.efi"]);
    }
    for (directory, shim) in [("x86_64-sb", "shimx64.efi"), ("arm64-sb", "shimaa64.efi")] {
        add(directory, &[shim]);
        for link in ["ipxe-shim.efi", "snponly-shim.efi"] {
            add(directory, &[&format!("{link} -> {directory}/{shim}")]);
        }
    }
    for file in [
        "ipxe.efi",
        "ipxe-legacy.efi",
        "snponly.efi",
        "ipxe.pxe",
        "undionly.kpxe",
    ] {
        names.push(format!("{file} -> x86_64/{file}"));
    }
    for file in ["ipxe.efi", "snponly.efi", "shimx64.efi", "ipxe-shim.efi"] {
        names.push(format!("sb/{file} -> x86_64-sb/{file}"));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    manifest(&names)
}

pub(crate) fn debian_13() -> Manifest {
    manifest(&[
        "autoexec.ipxe",
        "ipxe-amd64.efi",
        "ipxe-arm64.efi",
        "ipxe-loong64.efi",
        "ipxe-riscv64.efi",
        "ipxe.efi -> ipxe-amd64.efi",
        "ipxe.lkrn",
        "ipxe.pxe",
        "snponly.efi",
        "undionly.kkpxe",
        "undionly.kpxe",
    ])
}

pub(crate) fn debian_12() -> Manifest {
    manifest(&[
        "autoexec.ipxe",
        "ipxe.efi",
        "ipxe.lkrn",
        "snponly.efi",
        "undionly.kpxe",
    ])
}

pub(crate) fn netboot_xyz() -> Manifest {
    manifest(&[
        "netboot.xyz-arm64.efi",
        "netboot.xyz-snp.efi",
        "netboot.xyz-snponly.efi",
        "netboot.xyz-undionly.kpxe",
        "netboot.xyz.efi",
        "netboot.xyz.kpxe",
    ])
}

/// Debian's signed shim and GRUB.
pub(crate) fn debian_secure_boot() -> Manifest {
    manifest(&["fbx64.efi", "grubx64.efi", "mmx64.efi", "shimx64.efi"])
}

pub(crate) fn only_bios() -> Manifest {
    manifest(&["autoexec.ipxe", "ipxe.pxe", "undionly.kpxe"])
}

pub(crate) fn one_efi(name: &str) -> Manifest {
    Manifest::new(vec![record(name, X86_64, None)])
}

/// A request for a server, without anything that is not needed.
pub(crate) fn request(server: &str) -> PlanRequest {
    PlanRequest {
        server: BootServer::new(server, 69),
        script: None,
        http: None,
        secure_boot: false,
    }
}

pub(crate) fn plan(manifest: &Manifest, server: &str) -> Plan {
    Plan::new(manifest, request(server)).unwrap()
}

pub(crate) fn with_http(manifest: &Manifest, server: &str, url: &str) -> Plan {
    let request = PlanRequest {
        http: Some(url.to_owned()),
        ..request(server)
    };
    Plan::new(manifest, request).unwrap()
}

pub(crate) fn with_secure_boot(manifest: &Manifest, server: &str) -> Result<Plan, String> {
    let request = PlanRequest {
        secure_boot: true,
        ..request(server)
    };
    Plan::new(manifest, request)
}
