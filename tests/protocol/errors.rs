//! A client's ERROR, which ends its transfer.

use crate::dialogue::serving;

#[test]
fn an_error_before_any_ack_of_a_size_request_is_a_probe() {
    serving("f", 1000).talk(
        r"
        0     > RRQ f octet tsize=0 blksize=512
              < OACK tsize=1000 blksize=512
        50    > ERROR 8 size known
              = probe
        ever  nothing
        ",
    );
}

#[test]
fn an_error_in_the_middle_is_an_abort() {
    let reports = serving("f", 2000).talk(
        r"
        0     > RRQ f octet tsize=0
              < OACK tsize=2000
        50    > ACK 0
              < DATA 1
        100   > ACK 1
              < DATA 2
        150   > ERROR 0 closed
              = aborted
        ever  nothing
        ",
    );
    assert_eq!(reports[0].transfer.map(|figures| figures.bytes), Some(512));
}

#[test]
fn an_error_after_everything_was_sent_is_the_end() {
    serving("f", 600).talk(
        r"
        0     > RRQ f octet tsize=0
              < OACK tsize=600
        50    > ACK 0
              < DATA 1
        100   > ACK 1
              < DATA 2 (88)
        150   > ERROR 0 closed
              = complete
        ever  nothing
        ",
    );
}

#[test]
fn an_error_may_lack_its_nul_or_its_text() {
    for error in [
        r#""\0\x05\0\0closed""#,
        r#""\0\x05\0\0""#,
        r#""\0\x05\0\x08\0""#,
    ] {
        serving("f", 2000).talk(&format!(
            "0 > RRQ f octet\n< DATA 1\n5 > {error}\n= aborted\never nothing"
        ));
    }
}
