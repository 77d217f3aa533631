//! PXELINUX.

use crate::dialogue::serving;

/// It repeats its ACK after 110 ms. The timer of the server is not faster.
#[test]
fn repeats_its_ack() {
    serving("ldlinux.c32", 2000).talk(
        r"
        0     > RRQ ldlinux.c32 octet tsize=0 blksize=1408
              < OACK tsize=2000 blksize=1408
        10    > ACK 0
              < DATA 1               # lost
        120   > ACK 0
        210   < DATA 1
        220   > ACK 1
              < DATA 2 (592)
        230   > ACK 2
              = complete
        ",
    );
}

/// It asks for nine names that do not exist, each of which gets an ERROR and no OACK, and then for
/// one that does: all from port 49153, each 0.2 ms after the one before.
#[test]
fn looks_for_its_configuration() {
    let mut script = String::new();
    for i in 0..9 {
        script += &format!(
            "{i} > RRQ pxelinux.cfg/C0A8{i} octet tsize=0 blksize=1408\n\
             < ERROR 1 File not found\n= not-found\n"
        );
    }
    script += r"
        10    > RRQ pxelinux.cfg/default octet tsize=0 blksize=1408
              < OACK tsize=20 blksize=1408
        11    > ACK 0
              < DATA 1 of pxelinux.cfg/default (20)
        12    > ACK 1
              = complete
        12.2  > RRQ vmlinuz octet tsize=0 blksize=1408
              < OACK tsize=2000 blksize=1408
        12.3  > ACK 1                # late, of the file before
              = ignored never-sent
        13    > ACK 0
              < DATA 1 of vmlinuz
        14    > ACK 1
              < DATA 2 of vmlinuz (592)
        15    > ACK 2
              = complete
        ever  nothing
        ";
    let server = serving("pxelinux.cfg/default", 20).and("vmlinuz", 2000);
    server.talk(&script);
}

/// Its RRQs come .06–.12 s apart.
#[test]
fn repeats_its_rrq() {
    serving("f", 20).talk(
        r"
        0     > RRQ f octet tsize=0 blksize=1408
              < OACK tsize=20 blksize=1408
        60    > RRQ f octet tsize=0 blksize=1408
              < OACK tsize=20 blksize=1408
        150   > ACK 0
              < DATA 1 (20)
        155   > ACK 0
        160   > RRQ f octet tsize=0 blksize=1408
              = ignored duplicate
        200   > ACK 1
              = complete
        205   > RRQ f octet tsize=0 blksize=1408
              = ignored duplicate
        ever  nothing
        ",
    );
}
