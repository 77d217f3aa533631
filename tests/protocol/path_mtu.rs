//! Paths that take smaller packets than `--mtu`: RFC 1191, RFC 8201, and RFC 5927 for forged
//! reports.

use std::net::IpAddr;
use std::sync::Arc;

use bootstone::proto::Instant;
use bootstone::proto::routes::{Network, Route, Routes};
use bootstone::proto::server::{SmallMtu, TooBig};

use crate::dialogue::{datagram, peer, serving};

/// The block size is agreed, so the transfer goes on in fragments. The next one gets smaller
/// blocks.
#[test]
fn a_transfer_survives_that_a_router_takes_smaller_packets() {
    serving("f", 3000).talk(
        r"
        0      > RRQ f octet blksize=1468
               < OACK blksize=1468
        1      > ACK 0
               < DATA 1
        2      > TOO BIG 1400 DATA 1
               < DATA 1 may fragment
        3      > ACK 1
               < DATA 2 may fragment
        4      > ACK 2
               < DATA 3 (64) may fragment
        5      > ACK 3
               = complete
        10    b> RRQ f octet blksize=1468
              b< OACK blksize=1368
        11    b> ACK 0
              b< DATA 1
        12    b> ERROR 0 enough
               = aborted
        20    c> RRQ f octet blksize=1468    # another network
              c< OACK blksize=1468
        21    c> ERROR 0 enough
               = aborted
        600001 > RRQ f octet blksize=1468
               < OACK blksize=1368
        600001.5 > ERROR 0 enough
               = aborted
        600002 > RRQ f octet blksize=1468    # ten minutes after the report
               < OACK blksize=1468
        ",
    );
}

/// All of a window was lost, and it leaves again once.
#[test]
fn a_window_leaves_again_at_the_first_report() {
    serving("f", 20_000).talk(
        r"
        0      > RRQ f octet blksize=1468 windowsize=4
               < OACK blksize=1468 windowsize=4
        1      > ACK 0
               < DATA 1..4
        2      > TOO BIG 1400 DATA 1
               < DATA 1 may fragment
               < DATA 2 may fragment
               < DATA 3 may fragment
               < DATA 4 may fragment
        3      > TOO BIG 1400 DATA 2
        3      > TOO BIG 1400 DATA 3
        4      > ACK 4
               < DATA 5 may fragment
               < DATA 6 may fragment
               < DATA 7 may fragment
               < DATA 8 may fragment
        ",
    );
}

/// The interface has told the kernel. Nothing has left, and the driver sends it again by itself.
#[test]
fn an_interface_that_takes_smaller_packets() {
    serving("f", 3000).talk(
        r"
        0      > RRQ f octet blksize=1468
               < OACK blksize=1468
        1      > ACK 0
               < DATA 1
        1      > TOO BIG 1400 interface
        2      > ACK 1
               < DATA 2 may fragment
        3     b> RRQ f octet blksize=1468
              b< OACK blksize=1368
        ",
    );
}

/// A late copy of the RRQ does not begin another transfer because its blocks would be smaller now.
#[test]
fn the_same_request_stays_the_same_after_a_report() {
    serving("f", 3000).talk(
        r"
        0      > RRQ f octet blksize=1468
               < OACK blksize=1468
        1      > ACK 0
               < DATA 1
        2      > TOO BIG 1400 DATA 1
               < DATA 1 may fragment
        3      > RRQ f octet blksize=1468
               = ignored duplicate
        4      > ACK 1
               < DATA 2 may fragment
        ",
    );
}

/// Routers may quote no more than the headers (RFC 792), and old ones give no MTU.
#[test]
fn a_report_may_say_little() {
    for (report, blksize) in [("1400", 1368), ("0", 544), ("0 DATA 1", 544)] {
        serving("f", 3000).talk(&format!(
            "
            0      > RRQ f octet blksize=1468
                   < OACK blksize=1468
            1      > ACK 0
                   < DATA 1
            2      > TOO BIG {report}
                   < DATA 1 may fragment
            3     b> RRQ f octet blksize=1468
                  b< OACK blksize={blksize}"
        ));
    }
}

/// Whatever is reported, every path carries 576 bytes, and 1280 of IPv6.
#[test]
fn a_forged_report_lowers_to_the_minimum_at_most() {
    for (client, largest, least) in [("", 1468, 544), ("v6", 1448, 1228)] {
        serving("f", 3000).talk(&format!(
            "
            0     {client}> RRQ f octet blksize=1468
                  {client}< OACK blksize={largest}
            1     {client}> ACK 0
                  {client}< DATA 1
            2     {client}> TOO BIG 68 DATA 1
                  {client}< DATA 1 may fragment
            3     {client}> ERROR 0 enough
                   = aborted
            10    {client}> RRQ f octet blksize=1468
                  {client}< OACK blksize={least}
            11    {client}> ACK 0
                  {client}< DATA 1
            12    {client}> TOO BIG 68 DATA 1    # cannot be true
            13     nothing"
        ));
    }
}

/// A report needs the port of a transfer in progress, a size that this transfer has, and a block
/// that is on its way.
#[test]
fn a_report_that_cannot_be_true_is_ignored() {
    for report in [
        "> TOO BIG 1500 DATA 1",
        "> TOO BIG 1400 DATA 2",
        "> TOO BIG 1400 DATA 0",
        "> TOO BIG 1400 ACK 1",
        "> TOO BIG 1400 OACK blksize=1468",
        "b> TOO BIG 1400 DATA 1",
        "c> TOO BIG 1400",
    ] {
        serving("f", 3000).talk(&format!(
            "
            0      > RRQ f octet blksize=1468
                   < OACK blksize=1468
            1      > ACK 0
                   < DATA 1
            2     {report}
            3      > ACK 1
                   < DATA 2
            4     b> RRQ f octet blksize=1468
                  b< OACK blksize=1468"
        ));
    }
    // The transfer is over.
    serving("f", 100).talk(
        r"
        0      > RRQ f octet blksize=1468
               < OACK blksize=1468
        1      > ACK 0
               < DATA 1 (100)
        2      > ACK 1
               = complete
        3      > TOO BIG 1400
        4     b> RRQ f octet blksize=1468
              b< OACK blksize=1468
        ",
    );
    // Blocks of 512 bytes fit everywhere.
    serving("f", 3000).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        1      > TOO BIG 68 DATA 1
        2      > ACK 1
               < DATA 2
        ",
    );
}

/// The MTUs of the interfaces are known from the start.
#[test]
fn blocks_fit_the_interface_towards_the_client() {
    let route = |address: &str, length, mtu| Route {
        network: Network::new(address.parse::<IpAddr>().unwrap(), length).unwrap(),
        is_direct: true,
        mtu,
    };
    let routes = Arc::new(Routes::new(vec![
        route("192.0.2.0", 24, 1420),
        route("2001:db8::", 64, 1280),
        route("198.51.100.0", 24, 9000),
    ]));
    let mut server = serving("f", 3000).server().with_routes(routes);
    for (client, granted) in [("a", "1388"), ("v6", "1228"), ("c", "1468")] {
        let rrq = datagram("RRQ f octet blksize=1468");
        server.handle_datagram(Instant::ZERO, peer(client), &rrq);
        let mut out = Vec::new();
        server.poll_transmit(Instant::ZERO, 1, &mut out).unwrap();
        assert_eq!(out, datagram(&format!("OACK blksize={granted}")));
    }
}

/// The operator gets a line at most once a minute, and every report is counted.
#[test]
fn a_smaller_mtu_is_news_once_a_minute() {
    let mut server = serving("f", 3000).server();
    let mut report = |seconds: u64, client: &str, mtu| {
        let now = Instant::from_millis(1000 * seconds);
        let rrq = datagram("RRQ f octet blksize=1468");
        server.handle_datagram(now, peer(client), &rrq);
        server.handle_datagram(now, peer(client), &datagram("ACK 0"));
        let mut out = Vec::new();
        while server.poll_transmit(now, 1, &mut out).is_some() {}
        server.handle_too_big(now, peer(client), mtu, TooBig::Path(&[]));
        let news = server.take_small_mtu();
        assert_eq!(server.take_small_mtu(), None);
        server.handle_datagram(now, peer(client), &datagram("ERROR 0 enough"));
        (news, server.stats().too_big)
    };
    let network = |address: &str| Network::new(address.parse().unwrap(), 24).unwrap();
    let news = |network, mtu| Some(SmallMtu { network, mtu });
    assert_eq!(report(0, "a", 1400), (news(network("192.0.2.0"), 1400), 1));
    assert_eq!(report(10, "c", 1400), (None, 2));
    assert_eq!(report(59, "b", 1300), (None, 3));
    assert_eq!(
        report(60, "c", 1300),
        (news(network("198.51.100.0"), 1300), 4)
    );
    // Nothing new.
    assert_eq!(report(130, "c", 1300), (None, 4));
}
