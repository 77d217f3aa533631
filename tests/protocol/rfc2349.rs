//! RFC 2349: `timeout` and `tsize`.

use crate::dialogue::{serving, serving_text};

/// "Timeout Interval": 1 to 255 seconds; the server answers with the same number or not at all.
#[test]
fn timeout_is_echoed_or_left_out() {
    for good in [1, 2, 5, 255] {
        let script = format!("0 > RRQ f octet timeout={good}\n< OACK timeout={good}");
        serving("f", 20).talk(&script);
    }
    for bad in ["0", "256", "-1", "", "5s", "1.5"] {
        let script = format!("0 > RRQ f octet timeout={bad}\n< DATA 1 (20)");
        serving("f", 20).talk(&script);
    }
}

/// The server waits no longer than that. It may wait less: the 5 s of U-Boot would cost 5 s for
/// each lost block.
#[test]
fn timeout_bounds_the_timer_from_above() {
    serving("f", 600).talk(
        r"
        0     > RRQ f octet timeout=1
              < OACK timeout=1
        800   > ACK 0
              < DATA 1             # by RFC 6298 alone the RTO would be 2.4 s
        1800  < DATA 1
        2800  < DATA 1
        3800  < DATA 1
        ",
    );
    serving("f", 600).talk(
        r"
        0     > RRQ f octet timeout=5
              < OACK timeout=5
        10    > ACK 0
              < DATA 1
        210   < DATA 1
        ",
    );
}

/// "Transfer Size": a read request says 0, and the answer is the size of the file.
#[test]
fn tsize_is_the_size() {
    serving("f", 20).talk("0 > RRQ f octet tsize=0\n< OACK tsize=20");
    serving("f", 0).talk("0 > RRQ f octet tsize=0\n< OACK tsize=0");
    serving("f", 1_000_000).talk("0 > RRQ f octet tsize=0\n< OACK tsize=1000000");
}

/// "Transfer Size": the size is that of the transfer: in netascii, of the translated file.
#[test]
fn tsize_counts_what_is_transferred() {
    serving_text("t", b"1\n2\r3").talk(
        r#"
        0   > RRQ t netascii tsize=0
            < OACK tsize=7
        10  > ACK 0
            < DATA 1 "1\r\n2\r\03"
        20  > ACK 1
            = complete
        30  > RRQ t octet tsize=0
            < OACK tsize=5
        "#,
    );
}

/// "Transfer Size": a client ends the transfer with ERROR 3 if the file is too large.
#[test]
fn a_client_may_leave_on_seeing_the_size() {
    serving("f", 1_000_000).talk(
        r"
        0   > RRQ f octet tsize=0
            < OACK tsize=1000000
        10  > ERROR 3 disk full
            = probe
       ever nothing
        ",
    );
}
