//! RFC 2348: `blksize`.

use crate::dialogue::serving;

/// "Blocksize Option Specification": 8 to 65464 are valid, and the smallest works.
#[test]
fn eight_is_the_smallest() {
    serving("f", 20).talk(
        r"
        0   > RRQ f octet blksize=8
            < OACK blksize=8
        10  > ACK 0
            < DATA 1
        20  > ACK 1
            < DATA 2
        30  > ACK 2
            < DATA 3 (4)
        40  > ACK 3
            = complete
       ever nothing
        ",
    );
}

/// The largest works too, where the path carries it.
#[test]
fn the_largest_is_65464() {
    serving("f", 65_464 + 1).mtu(65_535).talk(
        r"
        0   > RRQ f octet blksize=65464
            < OACK blksize=65464
        10  > ACK 0
            < DATA 1
        20  > ACK 1
            < DATA 2 (1)
        30  > ACK 2
            = complete
        ",
    );
    serving("f", 10)
        .mtu(65_535)
        .talk("0 > RRQ f octet blksize=65465\n< OACK blksize=65464");
}

/// What is not valid is not an option.
#[test]
fn what_is_below_8_is_ignored() {
    for bad in ["7", "1", "0", "abc", "-8", "0x400", "1e3"] {
        serving("f", 20).talk(&format!("0 > RRQ f octet blksize={bad}\n< DATA 1 (20)"));
    }
}

/// The server may answer with less than was asked for, never with more.
#[test]
fn granted_up_to_the_mtu_and_never_raised() {
    for (asked, granted) in [(8, 8), (512, 512), (1428, 1428), (1468, 1468), (1469, 1468)] {
        let script = format!("0 > RRQ f octet blksize={asked}\n< OACK blksize={granted}");
        serving("f", 20).talk(&script);
    }
}

/// "Blocksize Option Specification": a block shorter than the size agreed on is the last; a file
/// that is a multiple of it ends with an empty one.
#[test]
fn the_empty_last_block_goes_by_the_size_agreed_on() {
    serving("f", 2048).talk(
        r"
        0   > RRQ f octet blksize=1024
            < OACK blksize=1024
        10  > ACK 0
            < DATA 1
        20  > ACK 1
            < DATA 2
        30  > ACK 2
            < DATA 3 (0)
        40  > ACK 3
            = complete
       ever nothing
        ",
    );
}
