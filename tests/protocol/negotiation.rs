//! Negotiation: what a request asks for, and what it gets.

use crate::dialogue::serving;

/// The answer to an RRQ of a file of 20 bytes, with `options` as they stand in the datagram.
#[track_caller]
fn check(options: &str, answer: &str) {
    let script = format!("0 > \"\\0\\x01f\\0octet\\0{options}\"\n< {answer}");
    serving("f", 20).talk(&script);
}

#[test]
fn unknown_options_are_left_out() {
    check(r"x\0y\0blksize\01024\0", "OACK blksize=1024");
    check(r"msftwindow\031416\0windowsize\04\0", "OACK windowsize=4");
    check(r"rollover\00\0tsize\00\0", "OACK tsize=20");
}

/// `multicast` (RFC 2090) has no value in a request.
#[test]
fn an_option_without_a_value_hides_none_behind_it() {
    check(r"multicast\0\0blksize\01024\0", "OACK blksize=1024");
    check(r"blksize\0\0tsize\00\0", "OACK tsize=20");
    check(r"multicast\0\0", "DATA 1 (20)");
}

#[test]
fn bad_values_are_ignored() {
    check(r"blksize\0abc\0tsize\00\0", "OACK tsize=20");
    check(r"blksize\0+512\0", "DATA 1 (20)");
    check(r"blksize\0 512\0", "DATA 1 (20)");
    check(r"blksize\099999999999999999999999\0", "DATA 1 (20)");
    check(r"timeout\0\xb2\0", "DATA 1 (20)");
    check(r"tsize\0-1\0", "DATA 1 (20)");
}

#[test]
fn repeats_are_ignored() {
    check(
        r"tsize\00\0tsize\00\0timeout\02\0timeout\03\0",
        "OACK tsize=20 timeout=2",
    );
    check(r"blksize\0x\0blksize\01024\0", "OACK blksize=1024");
}

/// Apple, Tivoli.
#[test]
fn trailing_rubbish_is_ignored() {
    check(r"blksize\01024\0\0\0\0\0", "OACK blksize=1024");
    check(r"blksize\01024\0rubbish", "OACK blksize=1024");
    check(r"blksize\01024\0\xff\xfe\x01", "OACK blksize=1024");
    check(r"\0\0\0\0blksize\01024\0", "DATA 1 (20)");
    check(r"rubbish", "DATA 1 (20)");
    check(r"blksize\0", "DATA 1 (20)");
}

#[test]
fn the_last_string_may_lack_its_nul() {
    check(r"blksize\01024", "OACK blksize=1024");
    serving("f", 20).talk("0 > \"\\0\\x01f\\0octet\"\n< DATA 1 (20)");
}

/// A datagram with IP, UDP and TFTP headers fits the MTU: 32 bytes less on IPv4, 52 on IPv6.
#[test]
fn blksize_fits_the_mtu() {
    for (mtu, v4, v6) in [(1500, 1468, 1448), (1300, 1268, 1248), (9000, 8968, 8948)] {
        let server = serving("f", 20).mtu(mtu);
        server.talk(&format!(
            "0 > RRQ f octet blksize=65464\n< OACK blksize={v4}"
        ));
        server.talk(&format!(
            "0 v6> RRQ f octet blksize=65464\nv6< OACK blksize={v6}"
        ));
    }
}

/// Whatever the operator says: 512 bytes always go (RFC 1350).
#[test]
fn no_mtu_is_below_512_bytes() {
    let server = serving("f", 20).mtu(68);
    server.talk("0 > RRQ f octet blksize=1432\n< OACK blksize=512");
}

#[test]
fn windowsize_up_to_the_operators() {
    let server = serving("f", 20).max_windowsize(1);
    server.talk("0 > RRQ f octet windowsize=16\n< OACK windowsize=1");
    let server = serving("f", 20).max_windowsize(8);
    server.talk("0 > RRQ f octet windowsize=16\n< OACK windowsize=8");
}

/// No ERROR before or behind an OACK: PXELINUX can take none.
#[test]
fn the_file_is_looked_up_before_the_oack() {
    serving("f", 20).talk(
        r"
        0   > RRQ g octet tsize=0 blksize=1408
            < ERROR 1 File not found
            = not-found
       ever nothing
        ",
    );
}

#[test]
fn errors_carry_fixed_texts() {
    serving("f", 20).talk(
        r"
        0   > RRQ /srv/secret/g octet
            < ERROR 1 File not found
            = not-found
        1   > WRQ /srv/secret/f octet
            < ERROR 2 Access violation
            = refused
        2   > RRQ /srv/secret/f mail
            < ERROR 4 Illegal TFTP operation
            = refused
       ever nothing
        ",
    );
}
