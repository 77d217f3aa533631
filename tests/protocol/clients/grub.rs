//! GRUB.

use crate::dialogue::serving;

/// It never repeats an ACK: without the timer of the server it would hang.
#[test]
fn needs_the_timer_of_the_server() {
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

/// .4 s apart, from one port.
#[test]
fn repeats_its_rrq() {
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
fn closes_in_place_of_the_last_ack() {
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
