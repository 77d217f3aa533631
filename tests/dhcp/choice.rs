//! Which file each kind of machine gets.

use bootstone::dhcp::Plan;
use bootstone::manifest::Manifest;

use crate::catalogs::{
    debian_12, debian_13, debian_secure_boot, manifest, netboot_xyz, only_bios, plan, release,
    with_http, with_secure_boot,
};

/// `tag codes file`, a line for each target.
fn shown(plan: &Plan) -> String {
    let line = |target: &bootstone::dhcp::BootTarget| {
        let codes: Vec<String> = target.codes.iter().map(u16::to_string).collect();
        format!("{} {} {}\n", target.tag, codes.join(","), target.file)
    };
    plan.targets.iter().map(line).collect()
}

fn chosen(manifest: &Manifest) -> String {
    shown(&plan(manifest, "192.0.2.1"))
}

#[test]
fn of_a_release_every_machine_gets_its_ipxe() {
    let expected = "\
efi-i386 6 i386/ipxe.efi
efi-x86-64 7,9 ipxe.efi
efi-arm32 10 arm32/ipxe.efi
efi-arm64 11 arm64/ipxe.efi
efi-riscv32 25 riscv32/ipxe.efi
efi-riscv64 27 riscv64/ipxe.efi
efi-loong64 39 loong64/ipxe.efi
bios 0 undionly.kpxe
";
    assert_eq!(chosen(&release()), expected);
}

#[test]
fn without_the_links_of_a_release() {
    let only = |name: &str| !name.contains("-sb") && !name.starts_with("sb/");
    let release = release();
    let below = release
        .records()
        .iter()
        .filter(|r| r.name.contains('/') && only(&r.name));
    let below = Manifest::new(below.cloned().collect());
    let chosen = chosen(&below);
    assert!(
        chosen.contains("efi-x86-64 7,9 x86_64/ipxe.efi\n"),
        "{chosen}"
    );
    assert!(chosen.contains("bios 0 i386/undionly.kpxe\n"), "{chosen}");
}

#[test]
fn of_a_release_for_secure_boot() {
    let plan = with_secure_boot(&release(), "192.0.2.1").unwrap();
    let expected = "\
efi-x86-64 7,9 x86_64-sb/shimx64.efi
efi-arm64 11 arm64-sb/shimaa64.efi
efi-riscv64 27 riscv64-sb/ipxe.efi
efi-loong64 39 loong64-sb/ipxe.efi
bios 0 undionly.kpxe
";
    assert_eq!(shown(&plan), expected);
    let said = plan.warnings.join("\n");
    for part in [
        "efi-i386 gets no file: i386/ipxe.efi is not signed",
        "efi-riscv32 gets no file",
        "efi-riscv64 gets riscv64-sb/ipxe.efi, because there is no shim",
        "x86_64-sb/shimx64.efi is a shim. Over TFTP it asks the root",
        "There is none for efi-x86-64: embed x86_64-sb/ipxe.efi as ipxe.efi",
        "There is none for efi-arm64: embed arm64-sb/ipxe.efi as ipxe.efi",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn without_secure_boot_no_signed_file_is_chosen() {
    let plan = plan(&release(), "192.0.2.1");
    let http = with_http(&release(), "192.0.2.1", "http://192.0.2.1:8080");
    for target in plan.targets.iter().chain(&http.targets) {
        let file = &target.file;
        assert!(!file.contains("-sb/") && !file.contains("shim"), "{file}");
    }
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    let signed = manifest(&["loong64-sb/ipxe.efi", "ipxe.efi"]);
    let plan = crate::catalogs::plan(&signed, "192.0.2.1");
    assert_eq!(shown(&plan), "efi-x86-64 7,9 ipxe.efi\n");
    let said = plan.warnings.join("\n");
    assert!(said.contains("loong64-sb/ipxe.efi is for Secure Boot, which needs --secure-boot"));
}

#[test]
fn the_second_stage_of_a_shim_is_signed_and_for_the_same_machine() {
    let said = |names: &[&str]| {
        let plan = with_secure_boot(&manifest(names), "192.0.2.1").unwrap();
        assert!(
            plan.targets[0].file.ends_with("shimx64.efi"),
            "{}",
            shown(&plan)
        );
        plan.warnings.join("\n")
    };
    let good = [
        &["sb/ipxe.efi", "sb/shimx64.efi", "ipxe.efi -> sb/ipxe.efi"][..],
        &["shimx64.efi", "grubx64.efi", "mmx64.efi"],
    ];
    for names in good {
        let said = said(names);
        assert!(
            said.contains("asks the root") && !said.contains("embed"),
            "{said}"
        );
    }
    for (names, part) in [
        (
            &["sb/ipxe.efi", "sb/shimx64.efi"][..],
            "embed sb/ipxe.efi as ipxe.efi",
        ),
        (
            &["shimx64.efi", "ipxe.efi"],
            "There is none for efi-x86-64: embed it",
        ),
        (
            &["shimx64.efi", "ipxe.efi -> arm64-sb/ipxe.efi"],
            "There is none for efi-x86-64",
        ),
        (
            &["shimx64.efi", "shimaa64.efi", "grubaa64.efi"],
            "There is none for efi-x86-64",
        ),
    ] {
        let said = said(names);
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn with_secure_boot_no_unsigned_file_is_chosen() {
    let mut records = manifest(&["x86_64-sb/ipxe.efi", "ipxe.efi"])
        .records()
        .to_vec();
    for record in &mut records {
        record.authenticode.as_mut().unwrap().signed = record.name == "ipxe.efi";
    }
    let signed = with_secure_boot(&Manifest::new(records), "192.0.2.1").unwrap();
    assert_eq!(shown(&signed), "efi-x86-64 7,9 ipxe.efi\n");
}

#[test]
fn without_secure_boot_grub_needs_no_shim() {
    let expected = "efi-x86-64 7,9 grubx64.efi\n";
    assert_eq!(chosen(&debian_secure_boot()), expected);
}

#[test]
fn of_debian_13() {
    let expected = "\
efi-x86-64 7,9 ipxe.efi
efi-arm64 11 ipxe-arm64.efi
efi-riscv64 27 ipxe-riscv64.efi
efi-loong64 39 ipxe-loong64.efi
bios 0 undionly.kpxe
";
    assert_eq!(chosen(&debian_13()), expected);
}

#[test]
fn of_debian_12() {
    let expected = "efi-x86-64 7,9 ipxe.efi\nbios 0 undionly.kpxe\n";
    assert_eq!(chosen(&debian_12()), expected);
}

#[test]
fn of_netboot_xyz() {
    let expected = "\
efi-x86-64 7,9 netboot.xyz.efi
efi-arm64 11 netboot.xyz-arm64.efi
bios 0 netboot.xyz-undionly.kpxe
";
    assert_eq!(chosen(&netboot_xyz()), expected);
}

#[test]
fn of_a_bios_alone() {
    assert_eq!(chosen(&only_bios()), "bios 0 undionly.kpxe\n");
}

#[test]
fn the_first_choice_of_several() {
    for names in [
        ["ipxe.efi", "snponly.efi"],
        ["snponly.efi", "ipxe-legacy.efi"],
        ["ipxe.efi", "2.0.0/ipxe.efi"],
        ["ipxe-amd64.efi", "1.21.1/ipxe.efi"],
        ["ipxe.efi", "netboot.xyz.efi"],
        ["ipxe-x86_64.efi", "ipxe-snponly-x86_64.efi"],
        ["snponly.efi", "netboot.xyz.efi"],
        ["netboot.xyz.efi", "grubx64.efi"],
        ["grubx64.efi", "a.efi"],
    ] {
        let expected = format!("efi-x86-64 7,9 {}\n", names[0]);
        assert_eq!(chosen(&manifest(&names)), expected);
    }
    for names in [
        ["undionly.kpxe", "ipxe.pxe"],
        ["undionly.kpxe", "undionly.kkpxe"],
        ["ipxe.pxe", "ipxe-legacy.pxe"],
        ["ipxe.pxe", "lpxelinux.0"],
    ] {
        let expected = format!("bios 0 {}\n", names[0]);
        assert_eq!(chosen(&manifest(&names)), expected);
    }
}

#[test]
fn http_boot_has_codes_of_its_own_and_urls() {
    let plan = with_http(&release(), "192.0.2.1", "http://192.0.2.1:8080/");
    let expected = "\
efi-i386-http 15 http://192.0.2.1:8080/i386/ipxe.efi
efi-x86-64-http 16 http://192.0.2.1:8080/ipxe.efi
efi-arm32-http 18 http://192.0.2.1:8080/arm32/ipxe.efi
efi-arm64-http 19 http://192.0.2.1:8080/arm64/ipxe.efi
efi-riscv32-http 26 http://192.0.2.1:8080/riscv32/ipxe.efi
efi-riscv64-http 28 http://192.0.2.1:8080/riscv64/ipxe.efi
efi-loong64-http 40 http://192.0.2.1:8080/loong64/ipxe.efi
";
    assert!(shown(&plan).ends_with(expected), "{}", shown(&plan));
    assert!(!plan.targets.iter().any(|target| target.tag == "bios-http"));
}

#[test]
fn over_ipv6_files_are_urls_and_there_is_no_bios() {
    let plan = plan(&debian_12(), "2001:db8::1");
    assert_eq!(
        shown(&plan),
        "efi-x86-64 7,9 tftp://[2001:db8::1]/ipxe.efi\n"
    );
    let script = plan.script.unwrap();
    assert_eq!(script, "tftp://[2001:db8::1]/autoexec.ipxe");
}
