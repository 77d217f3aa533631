//! The figures of a transfer in its report.

use std::time::Duration;

use crate::dialogue::serving;

#[test]
fn the_figures_of_a_transfer() {
    let reports = serving("f", 3000).talk(
        r"
        0    > RRQ f octet blksize=1024 windowsize=2
             < OACK blksize=1024 windowsize=2
        50   > ACK 0
             < DATA 1..2
        100  > ACK 1
             < DATA 2..3 (952)
        150  > ACK 3
             = complete
        ",
    );
    let Some(figures) = reports[0].transfer else {
        panic!("no figures");
    };
    assert_eq!(reports[0].peer, crate::dialogue::peer("a"));
    assert_eq!((figures.bytes, figures.resent), (3000, 1));
    assert_eq!((figures.blksize, figures.windowsize), (1024, 2));
    assert_eq!(figures.duration, Duration::from_millis(150));
    assert_eq!(figures.rtt, Some(Duration::from_millis(50)));
}

/// The ACK of an OACK that was sent twice gives no RTT sample (Karn's rule), and acknowledges no
/// byte. But it validates the address.
#[test]
fn an_address_is_validated_without_any_sample() {
    let reports = serving("f", 3000).talk(
        r"
        0    > RRQ f octet blksize=1024 tsize=0
             < OACK blksize=1024 tsize=3000
        1000 < OACK blksize=1024 tsize=3000
        1010 > ACK 0
             < DATA 1
        1020 > ERROR 0 enough
             = aborted
        ",
    );
    let figures = reports[0].transfer.unwrap();
    assert_eq!((figures.bytes, figures.rtt), (0, None));
    assert!(figures.is_validated);
}
