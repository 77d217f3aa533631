//! Names: what a request's name leads to.

use crate::dialogue::{Served, serving};

fn boot_files() -> Served {
    serving("ipxe.efi", 10)
        .and("undionly.kpxe", 20)
        .and("2.0.0/snponly.efi", 30)
        .and("1.21.1/snponly.efi", 40)
        .and("arm64/Only.efi", 50)
}

/// `requested`, in the notation of the dialogues, is `file`.
#[track_caller]
fn finds(requested: &str, file: &str) {
    let script = format!("0 > RRQ {requested} octet\n< DATA 1 of {file}");
    let size = match file {
        "ipxe.efi" => 10,
        "undionly.kpxe" => 20,
        "2.0.0/snponly.efi" => 30,
        "1.21.1/snponly.efi" => 40,
        _ => 50,
    };
    boot_files().talk(&format!("{script} ({size})"));
}

#[track_caller]
fn finds_nothing(requested: &str) {
    boot_files().talk(&format!(
        "0 > RRQ {requested} octet\n< ERROR 1 File not found\n= not-found\never nothing"
    ));
}

#[test]
fn exactly() {
    finds("ipxe.efi", "ipxe.efi");
    finds("undionly.kpxe", "undionly.kpxe");
    finds("2.0.0/snponly.efi", "2.0.0/snponly.efi");
}

/// A health check of another machine is a request like any other.
#[test]
fn the_name_of_health_checks() {
    finds_nothing("healthz");
}

/// Windows and `\NWA_PXE\…`.
#[test]
fn backslashes() {
    finds(r"\\ipxe.efi", "ipxe.efi");
    finds(r"2.0.0\\snponly.efi", "2.0.0/snponly.efi");
    finds(r"\\NWA_PXE\\ipxe.efi", "ipxe.efi");
}

#[test]
fn drive_letters() {
    finds(r"C:\\ipxe.efi", "ipxe.efi");
    finds(r"d:ipxe.efi", "ipxe.efi");
    finds(r"C:/2.0.0/snponly.efi", "2.0.0/snponly.efi");
}

#[test]
fn leading_and_double_slashes_and_dots() {
    finds("/ipxe.efi", "ipxe.efi");
    finds("//ipxe.efi", "ipxe.efi");
    finds("./ipxe.efi", "ipxe.efi");
    finds("/./2.0.0//./snponly.efi", "2.0.0/snponly.efi");
}

/// From DHCP option 67 by way of many ROMs; and the Samsung NC10.
#[test]
fn what_hangs_behind_the_name() {
    finds(r"ipxe.efi\xff", "ipxe.efi");
    finds(r"ipxe.efi\xff\xff\xff", "ipxe.efi");
    finds(r"ipxe.efi\x01junk", "ipxe.efi");
    finds(r"ipxe.efi\r\njunk", "ipxe.efi");
    finds(r"ipxe.efi\xff\x03junk", "ipxe.efi");
    finds(r"ipxe.efi\x7f", "ipxe.efi");
    finds(r"ipxe.efi\xff\xd1\x33\x2a\x47", "ipxe.efi");
    // The code of an option before its length.
    finds(r"ipxe.efi\x79\x0a\x3b\x6f\x1e", "ipxe.efi");
}

#[test]
fn in_any_case_where_it_is_one() {
    finds("IPXE.EFI", "ipxe.efi");
    finds("ARM64/only.EFI", "arm64/Only.efi");
    finds("2.0.0/SNPONLY.EFI", "2.0.0/snponly.efi");
}

#[test]
fn by_the_basename_where_it_is_one() {
    finds("52-54-00-12-34-56/ipxe.efi", "ipxe.efi");
    finds("../ipxe.efi", "ipxe.efi");
    finds("../../../boot/UNDIONLY.KPXE", "undionly.kpxe");
    finds("only.efi", "arm64/Only.efi");
    finds("elsewhere/only.efi", "arm64/Only.efi");
    finds_nothing("snponly.efi");
    finds_nothing("3.0.0/snponly.efi");
    // A directory that exists is not mistaken for another.
    finds_nothing("2.0.0/ipxe.efi");
    finds_nothing("2.0.0/only.efi");
}

#[test]
fn the_exact_name_first() {
    let server = serving("x/f", 10).and("X/f", 20).and("f", 30);
    server.talk("0 > RRQ x/f octet\n< DATA 1 of x/f (10)");
    server.talk("0 > RRQ X/f octet\n< DATA 1 of X/f (20)");
    server.talk("0 > RRQ F octet\n< DATA 1 of f (30)");
    server.talk("0 > RRQ y/f octet\n< DATA 1 of f (30)");
    server.talk("0 > RRQ x/g octet\n< ERROR 1 File not found\n= not-found");
}

/// Firmware asks so where DHCP names no file. The operator sees the request in the log.
#[test]
fn an_empty_name_is_not_found() {
    let reports = boot_files().talk(
        r#"
        0    > "\0\x01\0octet\0"
             < ERROR 1 File not found
             = not-found
        1    > "\0\x01\0octet\0tsize\x000\0"
             < ERROR 1 File not found
             = not-found
        2    > "\0\x02\0octet\0"
             < ERROR 2 Access violation
             = refused
        "#,
    );
    assert_eq!(reports.len(), 3);
}

/// No file is guessed from a name without its last letter (`undionly.kpx`): PXELINUX asks for
/// `pxelinux.cfg/C0A8000` on a machine whose configuration is not `pxelinux.cfg/C0A80001`.
#[test]
fn a_name_that_lacks_its_last_letter() {
    finds_nothing("undionly.kpx");
    let server = serving("pxelinux.cfg/C0A80001", 10);
    server.talk("0 > RRQ pxelinux.cfg/C0A8000 octet\n< ERROR 1 File not found\n= not-found");
}

/// ERROR 1 at once, with a fixed text; there is no file system to see.
#[test]
fn nothing() {
    for requested in [
        "autoexec.ipxe",
        "/etc/passwd",
        "../../../etc/passwd",
        "/proc/self/environ",
        "2.0.0",
        "2.0.0/",
        ".",
        "..",
        "/",
        r"\xff",
        r"\x01ipxe.efi",
        "ipxe.ef",
        "ipxe.efi.sha1",
        "%s%n",
        r"$\{x\}",
    ] {
        finds_nothing(requested);
    }
}

/// The operator learns what was asked for, as it was sent, to the 256th byte.
#[test]
fn the_report_has_the_name_as_it_was_sent() {
    use bootstone::proto::report::Requested;

    let name = |script: &str| match &boot_files().talk(script)[0].file {
        Requested::Name(name) => name.to_vec(),
        Requested::File(file) => panic!("a file: {file:?}"),
    };
    let told = name("0 > RRQ a\\\\b\\xff octet\n< ERROR 1 File not found\n= not-found");
    assert_eq!(told, b"a\\b\xff");
    let long = "n".repeat(300);
    let told = name(&format!(
        "0 > RRQ {long} octet\n< ERROR 1 File not found\n= not-found"
    ));
    assert_eq!(told, &long.as_bytes()[..256]);
}
