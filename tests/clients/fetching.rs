//! Common clients fetch made-up files. The table at the end says which of them can do
//! what.

use bootstone::catalog::{Catalog, Entry};
use bootstone::proto::stats::Outcome;

use crate::content::{self, NAMES, ROLLOVER_8, ROLLOVER_512, SIZES, TEXT, name_of_size};
use crate::programs::{Download, Program, has_ipv6};
use crate::server::{ServerReport, TestServer};

/// Whole, short and clamped blocks: 1468 bytes fit into an IPv4 packet of 1500.
const BLKSIZES: [u16; 7] = [8, 511, 512, 1024, 1428, 1468, 65464];

const LARGEST_BLKSIZE: u16 = 1468;

/// Fetches, and compares the bytes with `expected`.
#[track_caller]
fn check(program: Program, download: &Download<'_>, expected: &[u8]) {
    let fetched = program.fetch(download);
    assert!(
        fetched.is_success,
        "{program:?}, {download:?}: {:?}",
        fetched.ended
    );
    // Not `assert_eq`, which would print a MiB.
    assert!(
        fetched.bytes == expected,
        "{program:?}, {download:?}: {} bytes, expected {}; the same up to {:?}",
        fetched.bytes.len(),
        expected.len(),
        fetched.bytes.iter().zip(expected).position(|(a, b)| a != b)
    );
}

/// Asserts a complete transfer without unnecessary resends.
#[track_caller]
fn assert_complete(program: Program, report: &ServerReport, file: &str, bytes: usize) {
    report.assert_complete_with(file, bytes, repeats(program));
}

/// How often a request may be made again: on a busy machine Busybox does not wait long enough for
/// the answer, 50 ms and then longer, twelve times.
fn repeats(program: Program) -> u128 {
    match program {
        Program::Busybox => 12,
        _ => 0,
    }
}

/// Asserts that one request was refused, as often as it was sent.
#[track_caller]
fn assert_turned_down(program: Program, reports: &[ServerReport], file: &str, outcome: Outcome) {
    let most = 1 + repeats(program);
    assert!((1..=most).contains(&(reports.len() as u128)), "{reports:?}");
    for report in reports {
        assert_eq!((report.file.as_str(), report.outcome), (file, outcome));
    }
}

/// Every size in octet, and one report for each, in that order.
fn sizes(program: Program) {
    let server = TestServer::files();
    for size in SIZES {
        let name = name_of_size(size);
        let mut download = Download::new(server.address(), &name);
        // curl calls an OACK with `tsize` 0 invalid, and leaves without a word.
        if matches!(program, Program::Curl) && size == 0 {
            download.more = &["--tftp-no-options"];
        }
        check(program, &download, &content::bytes(size));
    }
    let reports = server.reports();
    assert_eq!(reports.len(), SIZES.len(), "{reports:?}");
    for (report, size) in reports.iter().zip(SIZES) {
        assert_complete(program, report, &name_of_size(size), size);
    }
}

fn blksizes(program: Program) {
    let server = TestServer::files();
    let sizes = [14_280, 14_680];
    // Busybox has its request in a buffer of this size, so that a small one holds no name.
    let least = if matches!(program, Program::Busybox) {
        511
    } else {
        8
    };
    let blksizes: Vec<u16> = BLKSIZES.into_iter().filter(|&size| size >= least).collect();
    for &blksize in &blksizes {
        for size in sizes {
            let name = name_of_size(size);
            let download = Download {
                blksize: Some(blksize),
                ..Download::new(server.address(), &name)
            };
            check(program, &download, &content::bytes(size));
        }
    }
    let requested: Vec<u16> = blksizes.iter().flat_map(|&size| [size; 2]).collect();
    let reports = server.reports();
    assert_eq!(reports.len(), requested.len());
    for (i, (report, requested)) in reports.iter().zip(requested).enumerate() {
        let size = sizes[i % sizes.len()];
        assert_complete(program, report, &name_of_size(size), size);
        assert_eq!(
            report.figures.unwrap().blksize,
            requested.min(LARGEST_BLKSIZE)
        );
    }
}

/// Windows up to and past the largest that is granted, 16.
fn windowsizes(program: Program) {
    let server = TestServer::files();
    let downloades = [
        (1, 512),
        (2, 512),
        (4, 1428),
        (7, 8),
        (16, 1468),
        (64, 1468),
        (65_535, 512),
    ];
    for (windowsize, blksize) in downloades {
        let download = Download {
            windowsize: Some(windowsize),
            blksize: Some(blksize),
            ..Download::new(server.address(), "size-1048573")
        };
        check(program, &download, &content::bytes(1_048_573));
    }
    let reports = server.reports();
    assert_eq!(reports.len(), downloades.len());
    for (report, (windowsize, blksize)) in reports.iter().zip(downloades) {
        assert_complete(program, report, "size-1048573", 1_048_573);
        let figures = report.figures.unwrap();
        assert_eq!(
            (figures.windowsize, figures.blksize),
            (windowsize.min(16), blksize)
        );
    }
}

/// A file with more blocks than there are numbers: they go on with 0.
fn rollover(program: Program) {
    let server = TestServer::files();
    let name = name_of_size(ROLLOVER_8);
    let download = Download {
        blksize: Some(8),
        ..Download::new(server.address(), &name)
    };
    check(program, &download, &content::bytes(ROLLOVER_8));
    let [report] = server.reports().try_into().unwrap();
    assert_complete(program, &report, &name, ROLLOVER_8);
}

/// The same for a program that only knows blocks of 512 bytes: 32 MiB.
fn rollover_512(program: Program) {
    let bytes = content::bytes(ROLLOVER_512);
    let catalog = Catalog::new(vec![Entry::new("large", bytes.clone())]);
    let server = TestServer::on("127.0.0.1", catalog);
    check(program, &Download::new(server.address(), "large"), &bytes);
    let [report] = server.reports().try_into().unwrap();
    assert_complete(program, &report, "large", ROLLOVER_512);
}

/// The program turns what came over the wire back into the text of Unix that it was.
fn netascii(program: Program) {
    netascii_becomes(program, &content::text());
}

/// The program leaves what came over the wire as it is.
fn netascii_untranslated(program: Program) {
    netascii_becomes(program, &content::netascii(&content::text()));
}

#[track_caller]
fn netascii_becomes(program: Program, expected: &[u8]) {
    let server = TestServer::files();
    let download = Download {
        netascii: true,
        ..Download::new(server.address(), TEXT)
    };
    check(program, &download, expected);
    let [report] = server.reports().try_into().unwrap();
    assert_complete(
        program,
        &report,
        TEXT,
        content::netascii(&content::text()).len(),
    );
}

/// Names in directories, in other cases and with a way in front that leads nowhere.
fn names(program: Program) {
    let server = TestServer::files();
    for name in NAMES {
        check(
            program,
            &Download::new(server.address(), name),
            name.as_bytes(),
        );
    }
    for (asked, name) in [
        ("/2.0.0/ipxe.efi", NAMES[0]),
        ("2.0.0/IPXE.EFI", NAMES[0]),
        ("52-54-00-12-34-56/e.ipxe", NAMES[1]),
        ("MENU.IPXE", NAMES[2]),
    ] {
        check(
            program,
            &Download::new(server.address(), asked),
            name.as_bytes(),
        );
    }
    let reports = server.reports();
    let files: Vec<&str> = reports.iter().map(|report| report.file.as_str()).collect();
    let expected = [
        NAMES[0], NAMES[1], NAMES[2], NAMES[0], NAMES[0], NAMES[1], NAMES[2],
    ];
    assert_eq!(files, expected);
}

/// The program's own failure, after one request.
fn missing(program: Program) {
    let server = TestServer::files();
    let fetched = program.fetch(&Download::new(server.address(), "no/such.file"));
    assert!(!fetched.is_success, "{fetched:?}");
    assert!(program.says_not_found(&fetched.ended), "{fetched:?}");
    assert_turned_down(
        program,
        &server.reports(),
        "no/such.file",
        Outcome::NotFound,
    );
}

/// Nothing can be written.
fn upload(program: Program) {
    let server = TestServer::files();
    assert!(!program.upload(server.address(), "size-513"));
    check(
        program,
        &Download::new(server.address(), "size-513"),
        &content::bytes(513),
    );
    let reports = server.reports();
    let [refused @ .., report] = &reports[..] else {
        panic!("nothing was reported");
    };
    assert_turned_down(program, refused, "size-513", Outcome::Refused);
    assert_complete(program, report, "size-513", 513);
}

/// From `[::1]`; and IPv4 from a socket bound to `[::]`.
fn ipv6(program: Program) {
    if !has_ipv6() {
        return;
    }
    let server = TestServer::on("::", content::catalog());
    for host in ["::1", "127.0.0.1"] {
        check(
            program,
            &Download::new(server.at(host), "size-14680"),
            &content::bytes(14_680),
        );
    }
    let reports = server.reports();
    assert_eq!(reports.len(), 2);
    reports
        .iter()
        .for_each(|report| assert_complete(program, report, "size-14680", 14_680));
    assert!(reports[0].peer.ip().to_canonical().is_ipv6());
    assert!(reports[1].peer.ip().to_canonical().is_ipv4());
}

/// Forty at once.
fn crowd(program: Program) {
    let server = TestServer::files();
    let download = Download::new(server.address(), "size-14280");
    let crowd: Vec<_> = (0..40).map(|_| program.start(&download)).collect();
    for fetching in crowd {
        let fetched = fetching.end();
        assert!(fetched.is_success, "{:?}", fetched.ended);
        assert!(fetched.bytes == content::bytes(14_280));
    }
    let reports = server.reports();
    assert_eq!(reports.len(), 40);
    for report in reports {
        assert_complete(program, &report, "size-14280", 14_280);
    }
}

/// Requests without options: 512 bytes a block, and no OACK.
fn no_options(program: Program) {
    let server = TestServer::files();
    let download = Download {
        more: &["--tftp-no-options"],
        ..Download::new(server.address(), "size-14280")
    };
    check(program, &download, &content::bytes(14_280));
    let [report] = server.reports().try_into().unwrap();
    assert_complete(program, &report, "size-14280", 14_280);
}

/// Its own timer, and the length beforeclient.
fn timeout_and_tsize(program: Program) {
    let server = TestServer::files();
    let download = Download {
        more: &["--option", "timeout 2", "--option", "tsize enable"],
        ..Download::new(server.address(), "size-14280")
    };
    check(program, &download, &content::bytes(14_280));
    let [report] = server.reports().try_into().unwrap();
    assert_complete(program, &report, "size-14280", 14_280);
}

/// A module for a program, with a test for each thing that it can do.
macro_rules! program {
    ($module:ident, $program:expr, [$($test:ident)*] and slowly [$($slow:ident)*]) => {
        mod $module {
            use crate::programs::Program;

            $(
                #[test]
                fn $test() {
                    if $program.is_here() {
                        super::$test($program);
                    }
                }
            )*
            $(
                #[test]
                #[ignore = "65,537 round trips take seconds"]
                fn $slow() {
                    if $program.is_here() {
                        super::$slow($program);
                    }
                }
            )*
        }
    };
}

program!(curl, Program::Curl, [
    sizes blksizes rollover netascii_untranslated names missing upload ipv6 crowd no_options
] and slowly []);
program!(tftp_hpa, Program::TftpHpa, [
    sizes netascii names missing upload ipv6 crowd
] and slowly [rollover_512]);
program!(atftp, Program::Atftp, [
    sizes blksizes windowsizes rollover netascii names missing upload ipv6 crowd timeout_and_tsize
] and slowly []);
program!(busybox, Program::Busybox, [
    sizes blksizes names missing upload ipv6 crowd
] and slowly [rollover_512]);
program!(tftpy, Program::Tftpy, [
    sizes blksizes names missing upload
] and slowly [rollover]);
