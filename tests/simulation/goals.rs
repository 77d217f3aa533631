//! The numbers that the design promises for long and lossy paths.

use std::time::Duration;

use crate::clients::{Client, Fetching, File, Firmware, Pace, Slow, habits};
use crate::table::Case;

const LOCK_STEP: Case = Case {
    rtt: 50,
    loss: 0.0,
    blksize: 1428,
    windowsize: 1,
    run_ahead: 1,
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

/// A server that runs ahead spares a client that cannot ask for a window nine tenths of the time.
#[test]
fn run_ahead_without_loss() {
    let ahead = Case {
        run_ahead: 16,
        ..LOCK_STEP
    };
    for habits in [&habits::IPXE, &habits::UBOOT_LWIP, &habits::PXELINUX] {
        let cost = ahead.cost_for(|file| Firmware::new(habits, file));
        assert!(cost.time <= 0.1, "{}: {cost:?}", habits.name);
        assert!(cost.blocks <= 1.05, "{}: {cost:?}", habits.name);
    }
}

/// Nor is it slower on a bad path: a third of the lock-step time with 1 % lost each way, and never more with 10 %.
#[test]
fn run_ahead_with_loss() {
    let client = |file| Firmware::new(&habits::IPXE, file);
    for (loss, most) in [(0.01, 1.0 / 3.0), (0.1, 1.0)] {
        let in_lock_step = lock_step(loss).cost_for(client);
        let ahead = Case {
            run_ahead: 16,
            ..lock_step(loss)
        };
        let ratio = ahead.cost_for(client).time / in_lock_step.time;
        assert!(ratio <= most, "{ratio:.3} instead of {most:.3} at {loss}");
    }
}

/// A client that holds four blocks loses what is sent beyond, and is served as in lock-step, a twentieth more at worst.
#[test]
fn run_ahead_of_a_short_buffer() {
    for each in [1, 5, 20] {
        let pace = Pace {
            buffer: 4,
            each: Duration::from_millis(each),
            every: usize::MAX,
            pause: Duration::ZERO,
        };
        let client = |file| Slow::new(Firmware::new(&habits::IPXE, file), pace);
        let in_lock_step = LOCK_STEP.cost_for(client);
        let ahead = Case {
            run_ahead: 16,
            ..LOCK_STEP
        };
        let ratio = ahead.cost_for(client).time / in_lock_step.time;
        assert!(ratio <= 1.05, "{ratio:.3} at {each} ms a block");
        println!("{ratio:.3}");
    }
}
