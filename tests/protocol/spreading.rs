//! Spreading: a window that gets lost again and again leaves in parts, with pauses.

use crate::dialogue::serving;

/// The beginning of a transfer in windows of 16 blocks, and silence twice. The first time the
/// window leaves at once; the second time four blocks leave together, and the window takes half of
/// the shortest round trip.
const SILENT_TWICE: &str = r"
        0       > RRQ f octet windowsize=16
                < OACK windowsize=16
        50      > ACK 0
                < DATA 1..16
        100     > ACK 16
                < DATA 17..32
        150     > ACK 32
                < DATA 33..48
        300     < DATA 33..48
        600     < DATA 33..36
        606.25  < DATA 37..40
        612.5   < DATA 41..44
        618.75  < DATA 45..48
        625     < DATA 49..52
        631.25  < DATA 53..56
        637.5   < DATA 57..60
        643.75  < DATA 61..64
        ";

#[track_caller]
fn after_silence_twice(script: &str) {
    serving("f", 90_000)
        .pipeline(16)
        .talk(&format!("{SILENT_TWICE}{script}"));
}

#[test]
fn after_silence_twice_the_flight_is_spread() {
    after_silence_twice("649 nothing");
}

/// After two whole windows the next one leaves at once. If that is lost twice, it is spread again:
/// once may be bad luck.
#[test]
fn a_smaller_spread_is_tried_and_given_up_after_silence_twice() {
    after_silence_twice(
        r"
        668.75  > ACK 48
        693.75  > ACK 64
                < DATA 65..80
        850.78  < DATA 65..80
        1164.84 < DATA 65..68
        ",
    );
}

/// Another silence: half as many blocks together, and so half the rate.
#[test]
fn each_further_silence_doubles_the_spacing() {
    let mut script = String::new();
    for i in 0..16 {
        let (at, first) = (1250.0 + 6.25 * f64::from(i), 33 + 2 * i);
        script += &format!("{at} < DATA {first}..{}\n", first + 1);
    }
    after_silence_twice(&script);
}

/// U-Boot reports a gap once, and it may be in a window that is still leaving. What follows keeps
/// its spacing.
#[test]
fn a_gap_in_a_spread_window_is_filled_at_once() {
    after_silence_twice(
        r"
        657     > ACK 40
                < DATA 41..44
        663.25  < DATA 45..48
        669.5   < DATA 49..52
        675.75  < DATA 53..56
        680     > ACK 48
        682     < DATA 57..60
        688.25  < DATA 61..64
        730     > ACK 64
                < DATA 65..80
        ",
    );
}
