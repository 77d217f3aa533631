//! Clients of firmware, operating systems and command lines.

use crate::dialogue::serving;

/// The Raspberry Pi takes its files below its serial number, and hangs on a duplicate DATA.
#[test]
fn raspberry_pi_boots() {
    serving("start4.elf", 1500).and("config.txt", 20).talk(
        r"
        0     > RRQ 8a6c91b2/config.txt octet tsize=0 blksize=1024
              < OACK tsize=20 blksize=1024
        10    > ACK 0
              < DATA 1 of config.txt (20)
        20    > ACK 1
              = complete
        30   b> RRQ 8a6c91b2/start4.elf octet tsize=0 blksize=1024
             b< OACK tsize=1500 blksize=1024
        40   b> ACK 0
             b< DATA 1 of start4.elf
        41   b> RRQ 8a6c91b2/start4.elf octet tsize=0 blksize=1024
              = ignored duplicate
        42   b> ACK 0
        50   b> ACK 1
             b< DATA 2 of start4.elf (476)
        60   b> ACK 2
              = complete
        ",
    );
}

/// Fixed ports, 2070 and 2071: the size from one, and again, then the file.
#[test]
fn intel_undi_on_its_fixed_ports() {
    serving("undionly.kpxe", 2000).talk(
        r"
        0     > RRQ undionly.kpxe octet tsize=0
              < OACK tsize=2000
        10    > ERROR 0 TFTP Aborted
              = probe
        11    > RRQ undionly.kpxe octet tsize=0
              < OACK tsize=2000
        20    > ERROR 0 TFTP Aborted
              = probe
        30   b> RRQ undionly.kpxe octet blksize=1456
             b< OACK blksize=1456
        40   b> ACK 0
             b< DATA 1
        50   b> ACK 1
             b< DATA 2 (544)
        60   b> ACK 2
              = complete
        ever  nothing
        ",
    );
}

/// `msftwindow` means nothing here; its ACKs may carry a fifth byte.
#[test]
fn windows_boot_manager() {
    serving("boot.sdi", 5000).talk(
        r#"
        0     > RRQ \\boot.sdi octet tsize=0 blksize=1456 windowsize=4 msftwindow=31416
              < OACK tsize=5000 blksize=1456 windowsize=4
        10    > "\0\x04\0\0\0"
              < DATA 1..4 (632)
        20    > "\0\x04\0\x04\0"
              = complete
        "#,
    );
}

#[test]
fn curl() {
    serving("f", 600).talk(
        r"
        0     > RRQ f octet tsize=0 blksize=512 timeout=6
              < OACK tsize=600 blksize=512 timeout=6
        10    > ACK 0
              < DATA 1
        20    > ACK 1
              < DATA 2 (88)
        30    > ACK 2
              = complete
        ",
    );
}

/// From port 1024, 1340 or so, until it is answered: one transfer.
#[test]
fn a_rom_repeats_its_rrq_from_one_port() {
    serving("f", 600).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        1000  > RRQ f octet
              < DATA 1
        2000  > RRQ f octet
              < DATA 1
        2010  > ACK 1
              < DATA 2 (88)
        2011  > ACK 1
        2012  > ACK 1
        2020  > ACK 2
              = complete
        ever  nothing
        ",
    );
}

/// Some write to flash between two blocks. Time decides, and not a count of resends.
#[test]
fn a_slow_consumer() {
    serving("f", 1200).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        10     > ACK 1
               < DATA 2
        210    < DATA 2
        610    < DATA 2
        1410   < DATA 2
        3010   < DATA 2
        12000  > ACK 2
               < DATA 3 (176)
        15200  < DATA 3 (176)
        19200  < DATA 3 (176)
        25900  > ACK 3
               = complete
        ever   nothing
        ",
    );
}

/// VMware and the Raspberry Pi end like GRUB. That is no failure.
#[test]
fn closed_is_a_normal_end() {
    serving("f", 10).talk(
        r"
        0     > RRQ f octet tsize=0
              < OACK tsize=10
        10    > ACK 0
              < DATA 1 (10)
        20    > ERROR 0 closed
              = complete
        ever  nothing
        ",
    );
}

/// Apple and Tivoli send whatever stands in memory behind the options.
#[test]
fn requests_with_a_tail() {
    serving("f", 10).talk(
        r#"
        0     > "\0\x01f\0octet\0blksize\01024\0\0\0\0\0\0\xde\xad\xbe\xef"
              < OACK blksize=1024
        5    b> "\0\x01f\0octet\0blksize\01024\0tsize\00\0garbage without an end"
             b< OACK blksize=1024 tsize=10
        "#,
    );
}
