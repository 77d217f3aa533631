//! Sending: when a block leaves, when it leaves again, and how a transfer ends.

use std::time::Duration;

use crate::dialogue::{serving, serving_text};

// Timers.

#[test]
fn the_first_rto_is_a_second_and_doubles() {
    serving("f", 2000).talk(
        r"
        0    > RRQ f octet timeout=255 x-long-enough-for-four-of-these=0
             < OACK timeout=255
        1000 < OACK timeout=255
        3000 < OACK timeout=255
        7000 < OACK timeout=255      # then 4 s, the cap
       11000 < OACK timeout=255
       15000 = timed-out
        ever nothing
        ",
    );
}

#[test]
fn the_floor_is_200_ms() {
    serving("f", 2000).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        0.3    > ACK 1
               < DATA 2
        200.2  nothing
        200.3  < DATA 2
        ",
    );
}

#[test]
fn a_steady_path_brings_the_rto_down() {
    serving("f", 5000).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        400  > ACK 1
             < DATA 2                # RTTVAR 200
        800  > ACK 2
             < DATA 3                # 150
        1200 > ACK 3
             < DATA 4                # 112.5
        1600 > ACK 4
             < DATA 5                # 84.375: the RTO is 400 + 337.5
        2337.4 nothing
        2337.5 < DATA 5
        ",
    );
}

/// Karn: an ACK of a block that was sent twice says nothing about the path, and the doubled RTO stays until one
/// does (RFC 6298 §5).
#[test]
fn the_doubled_rto_stays_until_a_clean_sample() {
    serving("f", 5000).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        50   > ACK 1
             < DATA 2
        250  < DATA 2
        300  > ACK 2
             < DATA 3
        699  nothing
        700  < DATA 3                # 400 ms
        750  > ACK 3
             < DATA 4
        800  > ACK 4                 # clean
             < DATA 5
        1000 < DATA 5                # 200 ms
        ",
    );
}

/// The path has become slower than the RTO: each block would go twice, if the second ACK of one did not show
/// that it answers the first sending.
#[test]
fn a_slower_path_is_learned_from_the_second_ack() {
    serving("f", 5000).talk(
        r"
        0      > RRQ f octet
               < DATA 1
        50     > ACK 1
               < DATA 2
        250    < DATA 2
        350    > ACK 2                   # of the second sending: SRTT 81.25, RTTVAR 81.25
               < DATA 3
        550    > ACK 2
        650    > ACK 3
               < DATA 4
        1056.25 < DATA 4
        ",
    );
}

/// A repeated ACK sends nothing, but it shows that the client is there: so the timer waits no longer than it would
/// without doubling, counted from there, and never longer than it would have anyway.
#[test]
fn a_repeated_ack_shortens_a_doubled_wait() {
    serving("f", 5000).talk(
        r"
        0    > RRQ f octet
             < DATA 1
        50   > ACK 1
             < DATA 2
        250  < DATA 2
        300  > ACK 1
        499  nothing
        500  < DATA 2                # and not at 650
        1200 > ACK 1
        1299 nothing
        1300 < DATA 2                # 800 ms, as without that ACK
        ",
    );
}

/// Two round trips and 50 ms are long enough to wait for the ACK of a window, but not where the RTO is shorter.
#[test]
fn a_window_is_asked_for_after_the_rto_at_the_latest() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        100    > ACK 0
               < DATA 1..4
        200    > ACK 4
               < DATA 5..8
        300    > ACK 8                   # SRTT 100, RTTVAR 28.125
               < DATA 9..12
        550    < DATA 9..12
        ",
    );
}

/// A block of a mending window that had not been sent before is as good a sample as any.
#[test]
fn a_new_block_in_a_mending_window_is_a_clean_sample() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 2                   # SRTT 50, RTTVAR 18.75
               < DATA 3..6               # 5 and 6 for the first time
        250    < DATA 6                  # 2 · 67.5 + 50 ms
        290    > ACK 6                   # after 190 ms: SRTT 67.5, RTTVAR 49.062
               < DATA 7..10              # 67.5 + 4 · 49.062 ms
        440    < DATA 7..10
        ",
    );
}

/// In a window something is always being mended on a bad path, and clean samples are rare. So any progress forgets
/// the doubling.
#[test]
fn with_a_window_progress_ends_the_doubling() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        200    < DATA 4
        500    < DATA 1                  # 400 ms
        700    > ACK 4
               < DATA 5..8
        850    < DATA 8
        # LOST: 200 ms
        ",
    );
}

/// After the first ACK: resends for 30 s without progress, then only answers, gives up after 60 s.
#[test]
fn thirty_seconds_and_sixty() {
    let resent = r"
        0    > RRQ f octet
             < DATA 1
        10   > ACK 1
             < DATA 2
        210  < DATA 2
        610  < DATA 2
        1410 < DATA 2
        3010 < DATA 2
        6210 < DATA 2
       10210 < DATA 2
       14210 < DATA 2
       18210 < DATA 2
       22210 < DATA 2
       26210 < DATA 2
       ";
    let given_up = r"
       60009 nothing
       60010 = timed-out
        ever nothing
        ";
    serving("f", 2000).talk(&format!("{resent}{given_up}"));
    // U-Boot's 50 s: still answered, block for ACK.
    let answered = r"
       35000 > ACK 1
             < DATA 2
       40000 > ACK 1
             < DATA 2
       50000 > ACK 1
             < DATA 2
       ";
    serving("f", 2000).talk(&format!("{resent}{answered}{given_up}"));
    let saved = r"
       59999 > ACK 2
             < DATA 3
       59999 nothing
       60020 > ACK 3
             < DATA 4 (464)
       60030 > ACK 4
             = complete
        ever nothing
        ";
    serving("f", 2000).talk(&format!("{resent}{saved}"));
}

/// Progress starts both clocks again.
#[test]
fn a_slow_client_is_never_given_up_on_a_count() {
    let mut script =
        "0 > RRQ f octet blksize=8\n< OACK blksize=8\n0 > ACK 0\n< DATA 1\n".to_owned();
    let waits = [200, 400, 800, 1600, 3200, 4000, 4000, 4000, 4000, 4000];
    for wait in waits.iter().scan(0, |at, wait| {
        *at += wait;
        Some(*at)
    }) {
        script += &format!("{wait} < DATA 1\n");
    }
    script += "29000 > ACK 1\n< DATA 2\n";
    // The RTO stays at its cap, so 4 s apart.
    for at in (33_000..59_000).step_by(4000) {
        script += &format!("{at} < DATA 2\n");
    }
    script += "58900 > ACK 2\n< DATA 3 (4)\n58910 > ACK 3\n= complete\never nothing";
    serving("f", 20).talk(&script);
}

// The last ACK.

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

/// The block before is no part of it: that one only asks.
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
        150    > ACK 5                   # progress: the counting starts anew
               < DATA 6 (440)
        350    < DATA 6 (440)
        750    < DATA 6 (440)
        16750  = last-ack-missing
        ever   nothing
        ",
    );
}

/// While more than the last block is missing it is resent as ever, for 30 s and answered for 60 s: that only ACKs were lost
/// is less likely. At the end nobody can say.
#[test]
fn running_ahead_the_last_block_alone_counts() {
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
        400  < DATA 5
        800  < DATA 5..6 (1)
        1600 < DATA 5
        3200 < DATA 5..6 (1)
        6400 < DATA 5
       10400 < DATA 5..6 (1)
       14400 < DATA 5
       18400 < DATA 5..6 (1)
       22400 < DATA 5
       26400 < DATA 5..6 (1)
       60200 = last-ack-missing
        ever nothing
        ";
    served.talk(&format!("{begun}{two_missing}"));
    let one_missing = r"
        250  > ACK 5
        450  < DATA 6 (1)
        850  < DATA 6 (1)
       16850 = last-ack-missing
        ever nothing
        ";
    served.talk(&format!("{begun}{one_missing}"));
}

/// All three were lost, and so were two of the ACKs that U-Boot repeats every 5 s.
#[test]
fn the_last_window_is_still_to_be_had() {
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

/// All three were lost: the client repeats its ACK, U-Boot 5 s later.
#[test]
fn the_last_block_is_still_to_be_had() {
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

// Windows.

/// EDK2 says of each block behind a gap that the gap is there. One answer per round trip, and after
/// each that brought nothing a pause of twice the length.
#[test]
fn a_gap_is_mended_once_per_round_trip() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 1                   # a round trip later: that was lost too
               < DATA 2..5
        100.1  > ACK 1
        100.2  > ACK 1
        149.9  > ACK 1
        150    > ACK 1
        150.1  > ACK 1
        200    > ACK 1
        249.9  > ACK 1
        250    < DATA 5
        250    > ACK 1
        300    > ACK 5
               < DATA 6..9
        350    > ACK 7                   # progress: an answer at once again
               < DATA 8..11
        ",
    );
}

/// A round trip may be shorter than those before it: the gap is a gap. Sooner than seven eighths of the
/// shortest it cannot be about this window.
#[test]
fn a_gap_may_show_sooner_than_it_did_before() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        93.7   > ACK 0
        93.75  > ACK 0
        99.95  < DATA 1..4
        143.75 > ACK 4
               < DATA 5..8
        187.5  > ACK 6
               < DATA 7..10
        ",
    );
}

/// EDK2 acknowledges each block that it has already. So many ACKs as blocks were resent by the timer are no gap,
/// however late they come. One more is.
#[test]
fn so_many_acks_as_were_resent_are_no_gap() {
    serving("f", 50_000).talk(
        r"
        0     > RRQ f octet windowsize=4
              < OACK windowsize=4
        50    > ACK 0
              < DATA 1..4
        100   > ACK 4
              < DATA 5..8
        150   > ACK 8
              < DATA 9..12
        300   < DATA 8
        500   < DATA 9..12
        550   > ACK 12
              < DATA 13..16
        600   > ACK 12
        610   > ACK 12
        620   > ACK 12
        630   > ACK 12
        640   > ACK 12
              < DATA 13..16
        ",
    );
    // Until the third ACK the timer resends one block, so it is one ACK.
    serving("f", 50_000).talk(
        r"
        0     > RRQ f octet windowsize=4
              < OACK windowsize=4
        50    > ACK 0
              < DATA 1..4
        250   < DATA 1
        300   > ACK 1
              < DATA 2..5
        350   > ACK 1
        351   > ACK 1
              < DATA 2..5
        ",
    );
}

/// Two windows in a row that arrived whole, and nothing was repeated: whatever was resent has found its end.
#[test]
fn two_whole_windows_end_the_waiting_for_such_acks() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4
               < DATA 5..8
        150    > ACK 8
               < DATA 9..12
        300    < DATA 9..12
        550    > ACK 12
               < DATA 13..16
        600    > ACK 16
               < DATA 17..20
        650    > ACK 16
        ",
    );
}

/// An answer that was on its way already when the blocks left again. Until the longest round trip to be expected is
/// over (SRTT 50, RTTVAR 18.75) repeated ACKs are taken for echoes of the second ones.
#[test]
fn progress_too_soon_after_a_resend_shows_that_it_was_needless() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        100    > ACK 4                   # a copy of the first
               < DATA 5..8
        150    > ACK 4
        156.25 < DATA 5..8
        160    > ACK 8                   # of the second blocks 5 to 8
               < DATA 9..12
        210    > ACK 8
        216.25 < DATA 9..12
        284.9  > ACK 8
        285    > ACK 8
        ",
    );
}

// Windows that do not arrive whole.

/// Of eight blocks four arrive (with the OACK a run of five), then two of eight: five in a burst are what this path lets
/// through. The client waits for eight; the echo behind the burst has it say what it has.
#[test]
fn bursts_get_as_short_as_the_runs_that_arrive() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=8
               < OACK windowsize=8
        50     > ACK 0
               < DATA 1..8
        100    > ACK 4                   # a mean of (8 + 5)/2 = 7
               < DATA 5..12
        150    > ACK 6                   # that does not help: (7 + 2)/2 = 5
               < DATA 7..14
        200    > ACK 11                  # (5 + 0)/2, but never less than four
               < DATA 12..19
        250    > ACK 11
        300    > ACK 11
        350    < DATA 12..19
        350    > ACK 15
               < DATA 20..23
        400    > ACK 19
               < DATA 20..27
        450    > ACK 23                  # half of the twelve since the last gap
               < DATA 24..31
        # LOST: perhaps a queue was too short: spread
        ",
    );
}

/// atftp says once what it misses, and that may be lost. From then on it takes whatever it has had already for noise,
/// and the noise has it wait on: only a block that is new to it lets it speak again.
#[test]
fn who_has_said_once_what_is_missing_is_sent_something_new() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=8
               < OACK windowsize=8
        50     > ACK 0
               < DATA 1..8
        100    > ACK 4
               < DATA 5..12
        150    > ACK 6
               < DATA 7..14
        200    > ACK 11
               < DATA 12..19
        350    < DATA 12..19
        650    < DATA 12..15
        662.5  < DATA 16..19
        675    < DATA 20..23
        687.5  < DATA 24..27
        1300   < DATA 12..15
        1325   < DATA 16..19
        1350   < DATA 20..23
        1375   < DATA 24..27
        1400   > ACK 17
               < DATA 18..21
        # LOST: it has all up to 16, but its ACK was lost, and so was what it said to that echo
        ",
    );
}

/// A network with short ways has queues that hold a window, and there is no time to spread anything over.
#[test]
fn a_near_peer_gets_its_windows_at_once() {
    serving("f", 50_000).talk(
        r"
        0     > RRQ f octet windowsize=8
              < OACK windowsize=8
        5     > ACK 0
              < DATA 1..8
        10    > ACK 4
              < DATA 5..12
        15    > ACK 12
              < DATA 13..20
        ",
    );
}

/// U-Boot says once that a block is missing, and it may be one of the first of a window that is still leaving.
#[test]
fn a_gap_in_a_spread_window_is_mended_at_once() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=16
               < OACK windowsize=16
        50     > ACK 0
               < DATA 1..16
        100    > ACK 8
               < DATA 9..24
        187.5  > ACK 24
               < DATA 25..40
        237.5  > ACK 25
               < DATA 26..41
        ",
    );
}

/// An ACK of such a window comes a round trip after its end, and not after its beginning. If that were taken for the
/// round trip, each window would be spread wider than the one before.
#[test]
fn a_spread_window_keeps_its_pace() {
    let mut script = r"
        0     > RRQ f octet windowsize=8
              < OACK windowsize=8
        50    > ACK 0
              < DATA 1..8
        100   > ACK 4
              < DATA 5..8
        125   < DATA 9..12
        "
    .to_owned();
    for window in 2..100 {
        let (at, first) = (25 + 75 * window, 8 * window - 3);
        script += &format!("{at} > ACK {}\n< DATA {first}..{}\n", first - 1, first + 3);
        script += &format!("{} < DATA {}..{}\n", at + 25, first + 4, first + 7);
    }
    serving("f", 500_000).talk(&script);
}

/// A hundred repeats in a millisecond cost no more than one.
#[test]
fn a_hundred_repeats_of_an_ack_send_one_window() {
    let mut script = r"
        0     > RRQ f octet windowsize=4
              < OACK windowsize=4
        50    > ACK 0
              < DATA 1..4
        100   > ACK 4
              < DATA 5..8
        150   > ACK 4
              < DATA 5..8
        "
    .to_owned();
    for i in 1..100 {
        script += &format!("{} > ACK 4\n", 150.0 + f64::from(i) / 100.0);
    }
    serving("f", 50_000).talk(&(script + "349 nothing\n350 < DATA 5"));
}

/// Until the third ACK the timer sends one block only: an ACK or two can be guessed.
#[test]
fn a_timer_sends_no_window_before_the_third_ack() {
    serving("f", 50_000).talk(
        r"
        0      > RRQ f octet windowsize=4
               < OACK windowsize=4
        50     > ACK 0
               < DATA 1..4
        200    < DATA 4
        300    > ACK 4
               < DATA 5..8
        450    < DATA 8
        750    < DATA 5
        950    > ACK 8                   # the third
               < DATA 9..12
        1100   < DATA 9..12
        ",
    );
}

#[test]
fn an_ack_of_what_was_never_sent_is_ignored_and_counted() {
    serving("f", 50_000).talk(
        r"
        0     > RRQ f octet windowsize=4
              < OACK windowsize=4
        50    > ACK 0
              < DATA 1..4
        60    > ACK 5
              = ignored never-sent
        100   > ACK 4
              < DATA 5..8
        ",
    );
    serving("f", 50_000).talk(
        r"
        0     > RRQ f octet tsize=0
              < OACK tsize=50000
        50    > ACK 0
              < DATA 1
        60    > ACK 65535            # there was no block before 0
              = ignored never-sent
        ",
    );
    serving("f", 5000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        10    > ACK 2
              = ignored never-sent
        50    > ACK 1
              < DATA 2
        ",
    );
}

/// It does not keep a transfer alive, either. Without an OACK, ACK 0 is such a one.
#[test]
fn an_ack_of_what_was_never_sent_is_no_sign_of_life() {
    for block in [0, 2, 9, 65_535] {
        serving("f", 5000).talk(&format!(
            "0     > RRQ f octet
                   < DATA 1
             10000 > ACK {block}
                   = ignored never-sent
             15000 = timed-out
             ever  nothing"
        ));
    }
}

#[test]
fn an_ack_may_be_longer_than_four_bytes() {
    serving("f", 1000).talk(
        r#"
        0     > RRQ f octet
              < DATA 1
        50    > "\0\x04\0\x01\0"
              < DATA 2 (488)
        100   > "\0\x04\0\x02and then some"
              = complete
        "#,
    );
}

// The same RRQ again.

#[test]
fn before_the_first_ack_it_gets_the_same_answer() {
    serving("f", 1000).talk(
        r"
        0     > RRQ f octet blksize=512
              < OACK blksize=512
        250   > RRQ f octet blksize=512
              < OACK blksize=512
        750   > RRQ f octet blksize=512
              < OACK blksize=512
        800   > ACK 0
              < DATA 1
        850   > ACK 1
              < DATA 2 (488)
        900   > ACK 2
              = complete
        ever  nothing
        ",
    );
    serving("f", 1000).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        400   > RRQ f octet
              < DATA 1
        450   > ACK 1
              < DATA 2 (488)
        500   > ACK 2
              = complete
        ever  nothing
        ",
    );
}

/// A late OACK resets GRUB to block 0.
#[test]
fn after_the_first_ack_it_gets_nothing() {
    serving("f", 2000).talk(
        r"
        0     > RRQ f octet blksize=512
              < OACK blksize=512
        50    > ACK 0
              < DATA 1
        60    > RRQ f octet blksize=512
              = ignored duplicate
        100   > ACK 1
              < DATA 2
        150   > ACK 2
              < DATA 3
        160   > RRQ f octet blksize=512
              = ignored duplicate
        200   > ACK 3
              < DATA 4 (464)
        ",
    );
}

/// A machine that has restarted comes back on the port of the transfer that it has forgotten.
#[test]
fn after_a_second_of_silence_it_is_a_new_request() {
    serving("f", 2000).talk(
        r"
        0     > RRQ f octet blksize=512
              < OACK blksize=512
        50    > ACK 0
              < DATA 1
        100   > ACK 1
              < DATA 2
        300   < DATA 2
        700   < DATA 2
        1099  > RRQ f octet blksize=512
              = ignored duplicate
        1100  > RRQ f octet blksize=512
              < OACK blksize=512
              = aborted
        1150  > ACK 0
              < DATA 1
        1200  > ACK 1
              < DATA 2
        1250  > ACK 2
              < DATA 3
        1300  > ACK 3
              < DATA 4 (464)
        1350  > ACK 4
              = complete
        ever  nothing
        ",
    );
}

// Another RRQ.

#[test]
fn another_rrq_from_the_same_port_replaces_the_transfer() {
    serving("f", 2000).and("g", 2000).talk(
        r"
        0     > RRQ f octet
              < DATA 1 of f
        50    > ACK 1
              < DATA 2 of f
        60    > RRQ g octet
              < DATA 1 of g
              = aborted
        100   > ACK 1
              < DATA 2 of g
        110   > RRQ g octet tsize=0
              < OACK tsize=2000
              = aborted
        160   > RRQ nothing octet
              < ERROR 1 file not found
              = probe
              = not-found
        ever  nothing
        ",
    );
}

/// Whoever asks for the next file has the one before.
#[test]
fn the_next_rrq_stands_for_the_last_ack() {
    serving("f", 600).and("g", 10).talk(
        r"
        0     > RRQ f octet
              < DATA 1 of f
        50    > ACK 1
              < DATA 2 of f (88)
        60    > RRQ g octet
              < DATA 1 of g (10)
              = last-ack-missing
        70    > ACK 1
              = complete
        ever  nothing
        ",
    );
}

// Tombstones.

/// lpxelinux and its port 49153: 0.2 ms later.
#[test]
fn a_finished_transfer_blocks_no_new_rrq() {
    serving("f", 10).and("g", 20).talk(
        r"
        0     > RRQ f octet
              < DATA 1 of f (10)
        50    > ACK 1
              = complete
        50.2  > RRQ g octet
              < DATA 1 of g (20)
        100   > ACK 1
              = complete
        100.2 > RRQ f octet
              < DATA 1 of f (10)
        150   > ACK 1
              = complete
        150.2 > RRQ f octet tsize=0
              < OACK tsize=10
        ",
    );
}

/// A late duplicate of its own RRQ would put a block into PXELINUX's next file. A second one is no
/// duplicate, and neither is one that comes later than any path delays.
#[test]
fn a_finished_transfer_swallows_a_late_duplicate() {
    serving("f", 10).talk(
        r"
        0     > RRQ f octet
              < DATA 1 (10)
        50    > ACK 1
              = complete
        60    > RRQ f octet
              = ignored duplicate
        70    > RRQ f octet
              < DATA 1 (10)
        80    > ACK 1
              = complete
        330   > RRQ f octet
              < DATA 1 (10)
        ",
    );
}

/// PXELINUX takes DATA from any port.
#[test]
fn nothing_is_sent_from_a_finished_transfer() {
    serving("f", 600).talk(
        r"
        0     > RRQ f octet
              < DATA 1
        50    > ACK 1
              < DATA 2 (88)
        60    > ACK 2
              = complete
        61    > ACK 2
              = ignored stray
        62    > ACK 1
              = ignored stray
        63    > ACK 0
              = ignored stray
        64    > ERROR 0 closed
              = ignored stray
        5000  > ACK 1
              = ignored stray
        ever  nothing
        ",
    );
    serving("f", 6000).talk(
        r"
        0     > RRQ f octet windowsize=4
              < OACK windowsize=4
        50    > ACK 0
              < DATA 1..4
        60    > ERROR 0 stop
              = aborted
        61    > ACK 1
              = ignored stray
        ever  nothing
        ",
    );
}

// A client's ERROR.

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

/// GRUB's "closed" in place of the last ACK.
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

// Blocks.

/// And the block to send again is the one that rolls over.
#[test]
fn more_than_65535_blocks() {
    let mut script =
        "0 > RRQ f octet blksize=8\n< OACK blksize=8\n0 > ACK 0\n< DATA 1\n".to_owned();
    for block in 1..65_536 {
        let next = (block + 1) % 65_536;
        script += &format!("{block} > ACK {block}\n< DATA {next}\n");
    }
    script += r"
        65535.5 > ACK 65535
        65735   < DATA 0
        65736   > ACK 0
                < DATA 1
        65736.5 > ACK 0
        65737   > ACK 1
                < DATA 2 (3)
        65738   > ACK 2
                = complete
        ever    nothing
        ";
    let reports = serving("f", 8 * 65_537 + 3).talk(&script);
    let bytes = reports[0].transfer.map(|figures| figures.bytes);
    assert_eq!(bytes, Some(8 * 65_537 + 3));
}

#[test]
fn empty_last_block_in_a_window() {
    serving("f", 2048).talk(
        r"
        0     > RRQ f octet windowsize=4
              < OACK windowsize=4
        50    > ACK 0
              < DATA 1..4
        100   > ACK 4
              < DATA 5 (0)
        150   > ACK 5
              = complete
        ever  nothing
        ",
    );
}

#[test]
fn empty_file_with_options() {
    serving("f", 0).talk(
        r"
        0     > RRQ f octet tsize=0 blksize=1432 windowsize=4
              < OACK tsize=0 blksize=1432 windowsize=4
        50    > ACK 0
              < DATA 1 (0)
        100   > ACK 1
              = complete
        ever  nothing
        ",
    );
}

// netascii.

/// Where a block begins depends on all before it, and a pair may straddle two.
#[test]
fn netascii_blocks_are_sent_again() {
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
fn netascii_windows_are_sent_again() {
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

/// The translated file is a multiple of the block.
#[test]
fn netascii_with_an_empty_last_block() {
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

// Figures.

#[test]
fn the_figures_of_a_transfer() {
    let reports = serving("f", 3000).talk(
        r"
        0    > RRQ f octet blksize=1024 windowsize=2
             < OACK blksize=1024 windowsize=2
        50   > ACK 0
             < DATA 1..2
        100  > ACK 1
             < DATA 2..3 (952)
        150  > ACK 3
             = complete
        ",
    );
    let Some(figures) = reports[0].transfer else {
        panic!("no figures");
    };
    assert_eq!(reports[0].peer, crate::dialogue::peer("a"));
    assert_eq!((figures.bytes, figures.resent), (3000, 1));
    assert_eq!((figures.blksize, figures.windowsize), (1024, 2));
    assert_eq!(figures.duration, Duration::from_millis(150));
    assert_eq!(figures.rtt, Some(Duration::from_millis(50)));
}

/// The ACK of an OACK that was sent twice is no sample of the round trip (Karn), and brings no byte; but the peer is there.
#[test]
fn a_peer_counts_as_proven_with_nothing_measured() {
    let reports = serving("f", 3000).talk(
        r"
        0    > RRQ f octet blksize=1024 tsize=0
             < OACK blksize=1024 tsize=3000
        1000 < OACK blksize=1024 tsize=3000
        1010 > ACK 0
             < DATA 1
        1020 > ERROR 0 enough
             = aborted
        ",
    );
    let figures = reports[0].transfer.unwrap();
    assert_eq!((figures.bytes, figures.rtt), (0, None));
    assert!(figures.is_validated);
}
