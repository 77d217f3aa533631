//! Block numbers beyond 65535.

use crate::dialogue::serving;

/// The block that leaves again is the one that rolls over.
#[test]
fn more_than_65535_blocks() {
    let mut script =
        "0 > RRQ f octet blksize=8\n< OACK blksize=8\n0 > ACK 0\n< DATA 1\n".to_owned();
    for block in 1..65_536 {
        let next = (block + 1) % 65_536;
        script += &format!("{block} > ACK {block}\n< DATA {next}\n");
    }
    script += r"
        65535.5 > ACK 65535
        65735   < DATA 0
        65736   > ACK 0
                < DATA 1
        65736.5 > ACK 0
        65737   > ACK 1
                < DATA 2 (3)
        65738   > ACK 2
                = complete
        ever    nothing
        ";
    let reports = serving("f", 8 * 65_537 + 3).talk(&script);
    let bytes = reports[0].transfer.map(|figures| figures.bytes);
    assert_eq!(bytes, Some(8 * 65_537 + 3));
}
