//! Loss detection: what a partial ACK, a repeated ACK and progress say about the blocks in flight.

use crate::dialogue::serving;

/// The beginning of a transfer in windows of four blocks, with an RTT of 50 ms.
const BEGUN: &str = r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..8
        150    > ACK 8
               < DATA 9..12
        ";

#[track_caller]
fn after_three_acks(script: &str) {
    serving("f", 50_000)
        .pipeline(4)
        .talk(&format!("{BEGUN}{script}"));
}

/// U-Boot reports a gap once. No wait for reordering, because the client has ended its window
/// there.
#[test]
fn a_gap_that_is_reported_once_is_filled_at_once() {
    after_three_acks(
        r"
        200    > ACK 9
               < DATA 10..13
        250    > ACK 13
               < DATA 14..17
        ",
    );
}

/// EDK2 acknowledges each block behind a gap. An ACK that comes sooner than a round trip after the
/// resend is about blocks that left before it. A gap in what was resent is filled a round trip
/// later.
#[test]
fn there_is_one_recovery_for_each_round_trip() {
    after_three_acks(
        r"
        200    > ACK 9
               < DATA 10..13
        200.1  > ACK 9
        200.2  > ACK 9
        220    > ACK 10                  # 11 left 20 ms ago
               < DATA 14
        250    > ACK 13                  # 14 left 30 ms ago
               < DATA 15..17
        270    > ACK 14                  # 15 left 20 ms ago
               < DATA 18
        300    > ACK 15                  # 16 left 50 ms ago
               < DATA 16..19
        ",
    );
}

/// As long as there is no progress, the pause between two recoveries doubles: 150 ms, which is when
/// the timer expires, and 300 ms.
#[test]
fn without_progress_the_pause_between_recoveries_doubles() {
    after_three_acks(
        r"
        200    > ACK 9
               < DATA 10..13
        240    > ACK 9
        300    > ACK 9
        349    > ACK 9
        350    < DATA 10..13
        351    > ACK 9
        500    > ACK 9
        560    > ACK 9
        649    nothing
        650    < DATA 10..17
        ",
    );
}

/// A block may be overtaken. So after a repeated ACK the server waits for an eighth of SRTT. A
/// hundred of them cost no more than one.
#[test]
fn a_repeated_ack_is_waited_out_for_an_eighth_of_a_round_trip() {
    after_three_acks(
        r"
        200    > ACK 8
        206.24 nothing
        206.25 < DATA 9..12
        256.25 > ACK 12
               < DATA 13..16
        ",
    );
    let mut hundred = String::new();
    for i in 0..100 {
        hundred += &format!("{} > ACK 8\n", 200.0 + f64::from(i) / 100.0);
    }
    after_three_acks(&format!(
        "{hundred}
        206.25 < DATA 9..12
        256.25 > ACK 12
               < DATA 13..16"
    ));
}

#[test]
fn a_block_that_was_only_overtaken_is_not_resent() {
    after_three_acks(
        r"
        200    > ACK 8
        206    > ACK 12
               < DATA 13..16
        256    > ACK 16
               < DATA 17..20
        ",
    );
}

/// Sooner than three quarters of the shortest round trip after a window left, no ACK can be about
/// it.
#[test]
fn an_ack_that_comes_too_soon_says_nothing_about_the_window() {
    after_three_acks(
        r"
        187.4  > ACK 8
        187.5  > ACK 8
        193.75 < DATA 9..12
        ",
    );
}

/// EDK2 acknowledges each block that it has already. The timer has resent four blocks without need,
/// so four repeated ACKs are expected and show no gap. The fifth does.
#[test]
fn as_many_repeated_acks_as_blocks_the_timer_has_resent_show_no_gap() {
    after_three_acks(
        r"
        300    < DATA 9..12
        310    > ACK 12
               < DATA 13..16
        350    > ACK 12
        350.1  > ACK 12
        350.2  > ACK 12
        350.3  > ACK 12
        356.6  nothing
        356.7  > ACK 12
        362.95 < DATA 13..16
        ",
    );
}

/// Two windows in a row have arrived without a repeated ACK: the client does not answer duplicates.
#[test]
fn after_two_whole_windows_no_repeated_ack_is_expected_any_more() {
    after_three_acks(
        r"
        300    < DATA 9..12
        310    > ACK 12
               < DATA 13..16
        350    > ACK 16
               < DATA 17..20
        395    > ACK 16
        401.093 < DATA 17..20
        ",
    );
}

/// Blocks 49 to 80 are in flight. The ACK of block 56 reports a gap within the pause after a burst,
/// so nothing can leave yet. Before the pause ends, the ACK of block 64 shows that the gap is filled:
/// no block leaves again. Without that ACK the gap is filled when the pause ends.
#[test]
fn progress_before_the_first_resend_calls_it_off() {
    let begun = r"
        0     > RRQ f octet windowsize=16
              < OACK windowsize=16
        50    > ACK 0
              < DATA 1..16
        100   > ACK 16
              < DATA 17..32
        150   > ACK 32
              < DATA 33..48
        154.8 < DATA 49..64
        200   > ACK 48
              < DATA 65..80
        201   > ACK 56
        ";
    let called_off = r"
        203   > ACK 64
        204.8 < DATA 81..96
        ";
    let carried_out = r"
        204.8 < DATA 57..72
        209.6 < DATA 73..88
        ";
    for end in [called_off, carried_out] {
        let served = serving("f", 90_000).pipeline(32);
        served.talk(&format!("{begun}{end}"));
    }
}
