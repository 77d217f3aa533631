//! EDK2, and shim, which it loads.

use crate::dialogue::serving;

/// First the size, from one port; then the file, from another.
#[test]
fn boots() {
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

/// The ERROR that ends its size probe is lost. When the OACK is repeated, ICMP says that the port
/// is closed. The client is served all the same.
#[test]
fn closes_the_port_of_its_probe() {
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

/// Blocks of 1468 bytes would be fragmented over IPv6, so less is granted.
#[test]
fn boots_over_ipv6() {
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

/// It acknowledges every DATA that is not the next one, and its window restarts at the ACK that it
/// sent.
#[test]
fn loses_a_block() {
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
fn stalls() {
    let stall = r"
        0     > RRQ ipxe.efi octet blksize=1468 windowsize=4
              < OACK blksize=1468 windowsize=4
        10    > ACK 0
              < DATA 1..4
        20    > ACK 4
              < DATA 5..8
        30    > ACK 8
              < DATA 9..12
        100   < DATA 9..12
        240   < DATA 9..16
        520   < DATA 9..16
        1080  < DATA 9..10
        1085  < DATA 11..12
        1090  < DATA 13..14
        1095  < DATA 15..16
        2220  < DATA 9
        2225  < DATA 10
        2230  < DATA 11
        2235  < DATA 12
        4480  < DATA 9
        4485  < DATA 10
        4490  < DATA 11
        4495  < DATA 12
        4500  < DATA 13
        4505  < DATA 14
        4510  < DATA 15
        4515  < DATA 16
        8520  < DATA 9
        8525  < DATA 10
        8530  < DATA 11
        8535  < DATA 12
       12540  < DATA 9
       12545  < DATA 10
       12550  < DATA 11
       12555  < DATA 12
       12560  < DATA 13
       12565  < DATA 14
       12570  < DATA 15
       12575  < DATA 16
       16580  < DATA 9
       16585  < DATA 10
       16590  < DATA 11
       16595  < DATA 12
       20000  > ACK 12
              < DATA 13
        ";
    // Of blocks that it has already.
    let repeats: String = (0..26)
        .map(|i| format!("20000.{:02} > ACK 12\n", i + 1))
        .collect();
    let on = "
        20005 < DATA 14
        20010 < DATA 15
        20015 < DATA 16
        20026 > ACK 16
              < DATA 17..20
        ";
    serving("ipxe.efi", 30_000)
        .pipeline(4)
        .talk(&format!("{stall}{repeats}{on}"));
}

/// 512-byte blocks without options, and files that need not exist.
#[test]
fn shim_loads_grub() {
    serving("shimx64.efi", 600).and("grubx64.efi", 700).talk(
        r"
        0     > RRQ revocations.efi octet
              < ERROR 1 File not found
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
