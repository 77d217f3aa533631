//! iPXE.

use crate::dialogue::serving;

#[test]
fn boots() {
    serving("ipxe.efi", 3000).talk(
        r"
        0     > RRQ autoexec.ipxe octet blksize=1432 tsize=0
              < ERROR 1 File not found
              = not-found            # silence would cost 15.75 s
        1    b> RRQ ipxe.efi octet blksize=1432 tsize=0
             b< OACK blksize=1432 tsize=3000
        21   b> ACK 0
             b< DATA 1
        41   b> ACK 1
             b< DATA 2
        61   b> ACK 2
             b< DATA 3 (136)
        81   b> ACK 3
              = complete
        ever  nothing
        ",
    );
}

/// 0, .25, .75, 1.75, 3.75, 7.75 s, from one port: one transfer.
#[test]
fn repeats_its_rrq() {
    serving("ipxe.efi", 3000).talk(
        r"
        0     > RRQ ipxe.efi octet blksize=1432 tsize=0
              < OACK blksize=1432 tsize=3000
        250   > RRQ ipxe.efi octet blksize=1432 tsize=0
              < OACK blksize=1432 tsize=3000
        750   > RRQ ipxe.efi octet blksize=1432 tsize=0
              < OACK blksize=1432 tsize=3000
        1749  nothing
        1749  > RRQ ipxe.efi octet blksize=1432 tsize=0
              < OACK blksize=1432 tsize=3000
        1800  > ACK 0
              < DATA 1
        1801  > ACK 0                # of the second OACK
        1802  > ACK 0
        1850  > ACK 1
              < DATA 2
        1900  > ACK 2
              < DATA 3 (136)
        1950  > ACK 3
              = complete
        ever  nothing
        ",
    );
}

/// It acknowledges every DATA, duplicates too, and repeats each ACK after .25, .5, 1 … s.
#[test]
fn acknowledges_duplicates() {
    serving("ipxe.efi", 3000).talk(
        r"
        0     > RRQ ipxe.efi octet blksize=1432 tsize=0
              < OACK blksize=1432 tsize=3000
        20    > ACK 0
              < DATA 1
        220   < DATA 1
        240   > ACK 1                # the first was lost
              < DATA 2
        490   > ACK 1                # its timer
        640   < DATA 2
        660   > ACK 2
              < DATA 3 (136)
        661   > ACK 2
        680   > ACK 3
              = complete
        681   > ACK 3
              = ignored stray
        ever  nothing
        ",
    );
}

/// Under EFI a machine that restarts comes back on the same port.
#[test]
fn restarts_on_its_old_port() {
    serving("ipxe.efi", 30_000).talk(
        r"
        0     > RRQ ipxe.efi octet blksize=1432 tsize=0
              < OACK blksize=1432 tsize=30000
        20    > ACK 0
              < DATA 1
        220   < DATA 1               # it has lost power
        620   < DATA 1
        1420  < DATA 1
        3020  < DATA 1
        5000  > RRQ ipxe.efi octet blksize=1432 tsize=0
              < OACK blksize=1432 tsize=30000
              = aborted
        5020  > ACK 0
              < DATA 1
        ",
    );
}
