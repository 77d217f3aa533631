//! netascii: blocks of a translated file leave again.

use crate::dialogue::serving_text;

#[test]
fn blocks_leave_again() {
    serving_text("t", b"1234567\nabcdef\rXYZ\n\n\n\n").talk(
        r#"
        0    > RRQ t netascii blksize=8 tsize=0
             < OACK blksize=8 tsize=28
        50   > ACK 0
             < DATA 1 "1234567\r"
        250  < DATA 1 "1234567\r"
        300  > ACK 1
             < DATA 2 "\nabcdef\r"
        350  > ACK 2
             < DATA 3 "\0XYZ\r\n\r\n"
        550  < DATA 3 "\0XYZ\r\n\r\n"
        600  > ACK 3
             < DATA 4 "\r\n\r\n"
        650  > ACK 4
             = complete
        ever nothing
        "#,
    );
}

#[test]
fn windows_leave_again() {
    serving_text("t", b"1234567\nabcdef\rXYZ\n\n\n\n").talk(
        r#"
        0    > RRQ t netascii blksize=8 windowsize=4
             < OACK blksize=8 windowsize=4
        50   > ACK 0
             < DATA 1 "1234567\r"
             < DATA 2 "\nabcdef\r"
             < DATA 3 "\0XYZ\r\n\r\n"
             < DATA 4 "\r\n\r\n"
        100  > ACK 1
             < DATA 2 "\nabcdef\r"
             < DATA 3 "\0XYZ\r\n\r\n"
             < DATA 4 "\r\n\r\n"
        150  > ACK 4
             = complete
        ever nothing
        "#,
    );
}

#[test]
fn an_empty_last_block() {
    serving_text("t", b"123456\n").talk(
        r#"
        0    > RRQ t netascii blksize=8 tsize=0
             < OACK blksize=8 tsize=8
        50   > ACK 0
             < DATA 1 "123456\r\n"
        100  > ACK 1
             < DATA 2 ""
        150  > ACK 2
             = complete
        "#,
    );
}
