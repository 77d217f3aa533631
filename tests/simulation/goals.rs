//! The numbers that the design promises for long and lossy paths.

use std::time::Duration;

use crate::clients::{Client, Fetching, File, Firmware, Pace, Slow, habits};
use crate::table::Case;

const LOCK_STEP: Case = Case {
    rtt: 50,
    loss: 0.0,
    blksize: 1428,
    windowsize: 1,
    pipeline: 1,
};

fn lock_step(loss: f64) -> Case {
    Case { loss, ..LOCK_STEP }
}

/// Asserts the time of a transfer in units of the loss-free time.
#[track_caller]
fn within<C: Client + 'static>(goal: f64, case: Case, client: impl Fn(File) -> C) {
    let loss_free = Case { loss: 0.0, ..case }.cost_for(&client);
    let cost = case.cost_for(&client);
    let time = cost.time / loss_free.time;
    assert!(time <= goal, "{time:.3} instead of {goal} for {case:?}");
    println!("{time:.3} of {goal}, {:.3} blocks", cost.blocks);
}

#[test]
fn lock_step_with_our_own_client() {
    let client = |file| Fetching::new(file, 1428, 1);
    within(1.15, lock_step(0.01), client);
    within(1.6, lock_step(0.05), client);
}

#[test]
fn lock_step_with_ipxe() {
    let client = |file| Firmware::new(&habits::IPXE, file);
    within(1.15, lock_step(0.01), client);
    within(1.6, lock_step(0.05), client);
}

/// Of no help: it never says anything again.
#[test]
fn lock_step_with_lwip() {
    let client = |file| Firmware::new(&habits::UBOOT_LWIP, file);
    within(1.15, lock_step(0.01), client);
    within(1.6, lock_step(0.05), client);
}

/// Of no help either: it repeats its ACK long before the answer can be there.
#[test]
fn lock_step_with_pxelinux() {
    let client = |file| Firmware::new(&habits::PXELINUX, file);
    within(1.15, lock_step(0.01), client);
    within(1.6, lock_step(0.05), client);
}

#[test]
fn windows_of_four_with_edk2() {
    let client = |file| Firmware::new(&habits::EDK2, file);
    let case = Case {
        windowsize: 4,
        ..lock_step(0.01)
    };
    within(1.6, case, client);
}

#[test]
fn windows_of_sixteen() {
    let case = Case {
        windowsize: 16,
        ..lock_step(0.01)
    };
    within(1.6, case, |file| Fetching::new(file, 1428, 16));
}

/// Of no help: it says once what it misses, and waits for as long as anything comes.
#[test]
fn windows_of_sixteen_with_atftp() {
    let case = Case {
        windowsize: 16,
        ..lock_step(0.01)
    };
    let client = |file| Firmware::new(&habits::ATFTP, file);
    within(1.6, case, client);
    within(4.0, Case { loss: 0.05, ..case }, client);
}

/// A row of the design's table: seconds without loss, with 1 % and with 5 % lost each way.
struct Row {
    name: &'static str,
    windowsize: u16,
    seconds: [f64; 3],
    client: fn(File) -> Firmware,
}

/// 1 MiB, blocks of 1428 bytes, 32 blocks in flight.
const ROWS: [Row; 7] = [
    Row {
        name: "iPXE",
        windowsize: 1,
        seconds: [1.6, 2.1, 4.0],
        client: |file| Firmware::new(&habits::IPXE, file),
    },
    Row {
        name: "PXELINUX",
        windowsize: 1,
        seconds: [1.6, 2.1, 4.0],
        client: |file| Firmware::new(&habits::PXELINUX, file),
    },
    Row {
        name: "lwIP",
        windowsize: 1,
        seconds: [1.6, 2.8, 7.0],
        client: |file| Firmware::new(&habits::UBOOT_LWIP, file),
    },
    Row {
        name: "GRUB",
        windowsize: 1,
        seconds: [1.6, 2.8, 7.0],
        client: |file| Firmware::new(&habits::PLAIN_MUTE, file),
    },
    Row {
        name: "EDK2",
        windowsize: 4,
        seconds: [1.6, 2.0, 3.8],
        client: |file| Firmware::new(&habits::EDK2, file),
    },
    Row {
        name: "strict, 1 s",
        windowsize: 16,
        seconds: [1.6, 2.1, 4.5],
        client: |file| Firmware::new(&habits::STRICT, file),
    },
    Row {
        name: "strict, 3 s",
        windowsize: 16,
        seconds: [1.6, 2.1, 4.5],
        client: |file| Firmware::new(&habits::STRICT_SLOW, file),
    },
];

const DATA_SENT: [f64; 3] = [1.05, 1.6, 2.8];

#[test]
fn pipelining_over_a_path_of_50_ms() {
    let mut missed = Vec::new();
    for row in &ROWS {
        for ((loss, seconds), most_sent) in [0.0, 0.01, 0.05]
            .into_iter()
            .zip(row.seconds)
            .zip(DATA_SENT)
        {
            let case = Case {
                windowsize: row.windowsize,
                pipeline: 32,
                ..lock_step(loss)
            };
            let cost = case.cost_for(row.client);
            let line = format!(
                "{:12} {loss:4}: {:.2} s of {seconds}, {:.2} sent of {most_sent}",
                row.name, cost.seconds, cost.blocks
            );
            println!("{line}");
            if cost.seconds > seconds || cost.blocks > most_sent {
                missed.push(line);
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn pipelining_over_a_path_of_150_ms() {
    for row in &ROWS {
        let case = Case {
            rtt: 150,
            windowsize: row.windowsize,
            pipeline: 32,
            ..LOCK_STEP
        };
        let cost = case.cost_for(row.client);
        println!("{}: {:.2} s of 4.8", row.name, cost.seconds);
        assert!(cost.seconds <= 4.8, "{}: {cost:?}", row.name);
    }
}

/// A client that holds fewer blocks than are in flight loses what is sent beyond, and is served as in lock-step,
/// a twentieth more at worst.
#[test]
fn pipelining_to_a_short_buffer() {
    for buffer in [4, 8, 16, 20] {
        for each in [1, 5, 20] {
            let pace = Pace {
                buffer,
                each: Duration::from_millis(each),
                every: usize::MAX,
                pause: Duration::ZERO,
            };
            let client = |file| Slow::new(Firmware::new(&habits::IPXE, file), pace);
            let in_lock_step = LOCK_STEP.cost_for(client);
            let ahead = Case {
                pipeline: 32,
                ..LOCK_STEP
            };
            let cost = ahead.cost_for(client);
            let ratio = cost.time / in_lock_step.time;
            println!(
                "buffer {buffer}, {each} ms a block: {ratio:.3}, {:.2}",
                cost.blocks
            );
            assert!(ratio <= 1.05, "{ratio:.3} at {each} ms a block");
        }
    }
}
