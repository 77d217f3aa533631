//! The clients in the field, each with its own requests, timers and oddities.

use crate::dialogue::serving;

// iPXE.

#[test]
fn ipxe_boots() {
    serving("ipxe.efi", 3000).talk(
        r"
        0     > RRQ autoexec.ipxe octet blksize=1432 tsize=0
              < ERROR 1 file not found
              = not-found            # silence would cost it 15.75 s
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
fn ipxe_repeats_its_rrq() {
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

/// It acknowledges every DATA, duplicates too, and each after .25, .5, 1 … s again.
#[test]
fn ipxe_acknowledges_duplicates() {
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
fn ipxe_restarts_on_its_old_port() {
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

// EDK2, and shim, which it loads.

/// First the size, from one port; then the file, from another.
#[test]
fn edk2_boots() {
    serving("ipxe.efi", 7000).talk(
        r"
        0     > RRQ ipxe.efi octet tsize=0 blksize=1468 windowsize=4
              < OACK tsize=7000 blksize=1468 windowsize=4
        10    > ERROR 8 User aborted the transfer
              = probe
        20   b> RRQ ipxe.efi octet blksize=1468 windowsize=4
             b< OACK blksize=1468 windowsize=4
        30   b> ACK 0
             b< DATA 1..4
        40   b> ACK 4
             b< DATA 5 (1128)
        50   b> ACK 5
              = complete
        ever  nothing
        ",
    );
}

/// The ERROR that ends its size probe is lost. It has closed that port, says so when the OACK is repeated, and is
/// no less served for it.
#[test]
fn edk2_closes_the_port_of_its_probe() {
    serving("ipxe.efi", 20_000).talk(
        r"
        0     > RRQ ipxe.efi octet tsize=0 blksize=1468 windowsize=4
              < OACK tsize=20000 blksize=1468 windowsize=4
        20   b> RRQ ipxe.efi octet blksize=1468 windowsize=4
             b< OACK blksize=1468 windowsize=4
        70   b> ACK 0
             b< DATA 1..4
        120  b> ACK 4
             b< DATA 5..8
        170  b> ACK 8
             b< DATA 9..12
        220  b> ACK 12
             b< DATA 13..14 (916)
        270  b> ACK 14
              = complete
        1000  < OACK tsize=20000 blksize=1468 windowsize=4
        1050  > UNREACHABLE port
              = probe
        9000  > RRQ ipxe.efi octet blksize=1432 tsize=0
              < OACK blksize=1432 tsize=20000
        9010  > ACK 0
              < DATA 1
        9020  > ACK 1
              < DATA 2
        ",
    );
}

/// OVMF asks for 1228 over IPv6. Of 1468 there would be fragments: what is granted then is less.
#[test]
fn edk2_boots_over_ipv6() {
    serving("ipxe.efi", 3000).talk(
        r"
        0    v6> RRQ ipxe.efi octet blksize=1468 windowsize=4
             v6< OACK blksize=1448 windowsize=4
        30   v6> ACK 0
             v6< DATA 1..3 (104)
        40   v6> ACK 3
               = complete
        ",
    );
}

/// It acknowledges every DATA that is not the next one, and its window restarts at the ACK that it sent.
#[test]
fn edk2_loses_a_block() {
    serving("ipxe.efi", 30_000).talk(
        r"
        0     > RRQ ipxe.efi octet blksize=1468 windowsize=4
              < OACK blksize=1468 windowsize=4
        10    > ACK 0
              < DATA 1..4
        20    > ACK 4
              < DATA 5..8            # 6 is lost
        30    > ACK 5                # at 7
              < DATA 6..9
        30.1  > ACK 5                # at 8
        40    > ACK 9
              < DATA 10..13
        ",
    );
}

/// After a stall it reads what has gathered in its queue, and says of each block that it has it.
/// Resending a window for each such ACK turned 119 blocks into 110,140.
#[test]
fn edk2_stalls() {
    let stall = r"
        0     > RRQ ipxe.efi octet blksize=1468 windowsize=4
              < OACK blksize=1468 windowsize=4
        10    > ACK 0
              < DATA 1..4
        20    > ACK 4
              < DATA 5..8
        30    > ACK 8
              < DATA 9..12
        100   < DATA 8
        300   < DATA 9..12
        700   < DATA 8
        1100  < DATA 9..12
        1900  < DATA 8
        2700  < DATA 9..12
        4300  < DATA 8
        5900  < DATA 9..12
        9100  < DATA 8
       12300  < DATA 9..12
       16300  < DATA 8
       20000  > ACK 12
              < DATA 13..16
        ";
    // Five windows of four that it has already, and six echoes.
    let repeats: String = (0..26)
        .map(|i| format!("20000.{:02} > ACK 12\n", i + 1))
        .collect();
    let on = "20010 > ACK 16\n< DATA 17..20";
    serving("ipxe.efi", 30_000).talk(&format!("{stall}{repeats}{on}"));
}

/// 512-byte blocks without options, and files that need not exist.
#[test]
fn shim_loads_grub() {
    serving("shimx64.efi", 600).and("grubx64.efi", 700).talk(
        r"
        0     > RRQ revocations.efi octet
              < ERROR 1 file not found
              = not-found
        10   b> RRQ /boot//grubx64.efi octet
             b< DATA 1 of grubx64.efi
        20   b> ACK 1
             b< DATA 2 of grubx64.efi (188)
        30   b> ACK 2
              = complete
        ever  nothing
        ",
    );
}

// GRUB.

/// It never repeats an ACK: without a timer of ours it would hang.
#[test]
fn grub_waits_for_our_timer() {
    serving("grub.cfg", 1500).talk(
        r"
        0     > RRQ grub.cfg octet blksize=1024 tsize=0
              < OACK blksize=1024 tsize=1500
        10    > ACK 0
              < DATA 1
        210   < DATA 1
        610   < DATA 1
        620   > ACK 1
              < DATA 2 (476)
        630   > ACK 2
              = complete
        ",
    );
}

/// .4 s apart, from one port, as long as it takes.
#[test]
fn grub_repeats_its_rrq() {
    let mut script = String::new();
    for i in 0..40 {
        script += &format!(
            "{} > RRQ grub.cfg octet blksize=1024 tsize=0\n< OACK blksize=1024 tsize=1500\n",
            i * 400
        );
    }
    script += r"
        15700 > ACK 0
              < DATA 1
        15701 > RRQ grub.cfg octet blksize=1024 tsize=0
              = ignored duplicate    # an OACK now would reset it to block 0
        15710 > ACK 1
              < DATA 2 (476)
        15720 > ACK 2
              = complete
        ever  nothing
        ";
    serving("grub.cfg", 1500).talk(&script);
}

#[test]
fn grub_closes_in_place_of_the_last_ack() {
    serving("grub.cfg", 1500).talk(
        r"
        0     > RRQ /grub.cfg octet blksize=1024 tsize=0
              < OACK blksize=1024 tsize=1500
        10    > ACK 0
              < DATA 1
        20    > ACK 1
              < DATA 2 (476)
        30    > ERROR 0 closed
              = complete
        ever  nothing
        ",
    );
}

// U-Boot.

/// Its own `timeout` is echoed, and a lost block still costs 200 ms and not 5 s.
#[test]
fn uboot_boots() {
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

/// With a window, it says in mid-window which block was the last good one, once. Sending every block again
/// stalled it. What it gets leaves in two parts: perhaps the burst was too long for a queue on the path.
#[test]
fn uboot_loses_a_block_of_a_window() {
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

/// No burst of more than 16: its virtio-net dies of 32.
#[test]
fn uboot_gets_no_more_than_16_at_once() {
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

/// 5 s × 10, answered to the end. Each shows that it is there, so the timer waits no longer than 200 ms
/// from there.
#[test]
fn uboot_repeats_its_ack_for_50_s() {
    let mut script = r"
        0     > RRQ Image octet timeout=5 blksize=1468
              < OACK timeout=5 blksize=1468
        10    > ACK 0
              < DATA 1
        "
    .to_owned();
    let timer = [
        210, 610, 1410, 3010, 5200, 9200, 10_200, 14_200, 15_200, 19_200, 20_200, 24_200,
    ];
    let timer = timer.into_iter().chain([25_200, 29_200]);
    let mut lines: Vec<_> = timer.map(|at| (at, "< DATA 1")).collect();
    lines.extend((1..6).map(|i| (i * 5000, "> ACK 0")));
    // The timer is quiet by now.
    lines.extend((6..11).map(|i| (i * 5000 + 500, "> ACK 0\n< DATA 1")));
    lines.sort_unstable();
    for (at, line) in lines {
        script += &format!("{at} {line}\n");
    }
    script += "50510 > ACK 1\n< DATA 2\n50520 > ACK 2\n< DATA 3 (64)\n50530 > ACK 3\n= complete";
    serving("Image", 3000).talk(&script);
}

#[test]
fn uboot_with_lwip() {
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

// PXELINUX.

/// It repeats its ACK after 110 ms; our own timer is not faster.
#[test]
fn pxelinux_repeats_its_ack() {
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

/// Nine names that are not there, an ERROR and never an OACK each, and then one that is; all from port
/// 49153, 0.2 ms after what was before.
#[test]
fn pxelinux_looks_for_its_configuration() {
    let mut script = String::new();
    for i in 0..9 {
        script += &format!(
            "{i} > RRQ pxelinux.cfg/C0A8{i} octet tsize=0 blksize=1408\n\
             < ERROR 1 file not found\n= not-found\n"
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
fn pxelinux_repeats_its_rrq() {
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

// The others.

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

/// From port 1024, 1340 and so on, until it is answered: one transfer.
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

/// Some write to flash between two blocks. Patience, and not a count, decides.
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

/// VMware and the Pi end like GRUB; nobody is warned of it.
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

/// Apple, Tivoli: whatever stands in memory behind the options comes along.
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
