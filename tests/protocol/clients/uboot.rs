//! U-Boot, with its own network stack and with lwIP.

use crate::dialogue::serving;

/// The OACK has its `timeout`, and a lost block costs 200 ms and not 5 s.
#[test]
fn boots() {
    serving("Image", 3000).talk(
        r"
        0     > RRQ Image octet timeout=5 tsize=0 blksize=1468 windowsize=1
              < OACK timeout=5 tsize=3000 blksize=1468 windowsize=1
        10    > ACK 0
              < DATA 1
        20    > ACK 1
              < DATA 2
        220   < DATA 2
        230   > ACK 2
              < DATA 3 (64)
        240   > ACK 3
              = complete
        ever  nothing
        ",
    );
}

/// With a window, it reports once which block was the last good one.
#[test]
fn loses_a_block_of_a_window() {
    serving("Image", 60_000).talk(
        r"
        0      > RRQ Image octet timeout=5 blksize=1468 windowsize=8
               < OACK timeout=5 blksize=1468 windowsize=8
        10     > ACK 0
               < DATA 1..8               # 4 is lost
        20     > ACK 3
               < DATA 4..11
        35     > ACK 11
               < DATA 12..19
        ",
    );
}

/// No burst of more than 16: its virtio-net driver fails on 32.
#[test]
fn gets_no_more_than_16_at_once() {
    serving("Image", 60_000).talk(
        r"
        0     > RRQ Image octet timeout=5 blksize=1468 windowsize=64
              < OACK timeout=5 blksize=1468 windowsize=16
        10    > ACK 0
              < DATA 1..16
        20    > ACK 16
              < DATA 17..32
        ",
    );
}

/// Ten times, 5 s apart. As long as the timer resends, each ACK shows that U-Boot is there, so the
/// timer waits no longer than 200 ms from there, and then 4 s. After 30 s each ACK is answered at
/// once.
#[test]
fn repeats_its_ack_for_50_s() {
    let mut script = r"
        0     > RRQ Image octet timeout=5 blksize=1468
              < OACK timeout=5 blksize=1468
        10    > ACK 0
              < DATA 1
        20    > ACK 1
              < DATA 2
        30    > ACK 2
              < DATA 3
        230   < DATA 3
        630   < DATA 3
        1430  < DATA 3
        3030  < DATA 3
        "
    .to_owned();
    for at in (5029..30_000).step_by(5000) {
        let (soon, later) = (at + 200, at + 4200);
        script += &format!("{at} > ACK 2\n{soon} < DATA 3\n{later} < DATA 3\n");
    }
    for at in (35_029..55_000).step_by(5000) {
        script += &format!("{at} > ACK 2\n< DATA 3\n");
    }
    script += "50040 > ACK 3\n< DATA 4\n50050 > ACK 4\n< DATA 5 (128)\n50060 > ACK 5\n= complete";
    serving("Image", 6000).talk(&script);
}

#[test]
fn with_lwip() {
    serving("Image", 2000).talk(
        r"
        0     > RRQ Image octet tsize=0 blksize=1468
              < OACK tsize=2000 blksize=1468
        10    > ACK 0
              < DATA 1
        210   < DATA 1               # it never acknowledges twice
        220   > ACK 1
              < DATA 2 (532)
        230   > ACK 2
              = complete
        ",
    );
}
