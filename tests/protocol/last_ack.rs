//! The last ACK: how long a client is waited for that has everything, or all but the end.

use crate::dialogue::serving;

#[test]
fn the_last_ack_is_missing_after_three_sends() {
    let reports = serving("f", 600).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        50   > ACK 1
             < DATA 2 (88)
        250  < DATA 2 (88)
        650  < DATA 2 (88)
       16649 nothing
       16650 = last-ack-missing
        ever nothing
        ",
    );
    assert_eq!(reports[0].transfer.map(|figures| figures.resent), Some(2));
}

/// Progress starts the count again. A resend that the client has asked for does not count.
#[test]
fn the_last_ack_of_a_window_is_missing() {
    serving("f", 3000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..6 (440)
        150    > ACK 5
               < DATA 6 (440)
        350    < DATA 6 (440)
        3350   < DATA 6 (440)
        19350  = last-ack-missing
        ever   nothing
        ",
    );
}

/// As long as more than the client's last window is missing, the timer resends for 30 s: that only
/// ACKs were lost is less likely. In lock-step the last window is the last block.
#[test]
fn with_pipelining_the_clients_last_window_counts() {
    let served = serving("f", 5 * 512 + 1).pipeline(4);
    let begun = r"
        0    > RRQ f octet
             < DATA 1
        50   > ACK 1
             < DATA 2
        100  > ACK 2
             < DATA 3
        150  > ACK 3
             < DATA 4..5
        200  > ACK 4
             < DATA 6 (1)
        ";
    let two_missing = r"
        292.184 < DATA 5..6 (1)
        476.552 < DATA 5..6 (1)
        845.288 < DATA 5..6 (1)
        1582.76 < DATA 5
        1606.76 < DATA 6 (1)
        3081.704 < DATA 5
        6043.592 < DATA 5
        6055.592 < DATA 6 (1)
        10067.592 < DATA 5
        14079.592 < DATA 5
        14091.592 < DATA 6 (1)
        18103.592 < DATA 5
        22115.592 < DATA 5
        22127.592 < DATA 6 (1)
        26139.592 < DATA 5
        30151.592 < DATA 5
        30163.592 < DATA 6 (1)
        60200 = last-ack-missing
        ever nothing
        ";
    served.talk(&format!("{begun}{two_missing}"));
    let one_missing = r"
             > ACK 5
        281.636 < DATA 6 (1)
        3281.636 < DATA 6 (1)
        19281.636 = last-ack-missing
        ever nothing
        ";
    served.talk(&format!("{begun}{one_missing}"));
}

/// All three sends were lost, and so were two of the ACKs that U-Boot repeats every 5 s.
#[test]
fn the_last_window_can_still_be_asked_for() {
    serving("f", 5000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..8
        150    > ACK 8
               < DATA 9..10 (392)
        300    < DATA 9..10 (392)
        600    < DATA 9..10 (392)
        16300  > ACK 8
               < DATA 9..10 (392)
        16350  > ACK 10
               = complete
        ever   nothing
        ",
    );
}

/// All three sends were lost: U-Boot repeats its ACK after 5 s.
#[test]
fn the_last_block_can_still_be_asked_for() {
    serving("f", 600).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        50   > ACK 1
             < DATA 2 (88)
        250  < DATA 2 (88)
        650  < DATA 2 (88)
        5050 > ACK 1
             < DATA 2 (88)
        5100 > ACK 2
             = complete
        ever nothing
        ",
    );
}
