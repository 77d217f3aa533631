//! Each client of the field gets its whole file, within its own timeouts, over each path.

use std::time::Duration;

use bootstone::proto::Instant;
use bootstone::proto::config::ServerConfig;
use bootstone::proto::negotiate::NegotiationLimits;
use bootstone::proto::stats::Outcome;

use crate::clients::{Client, Fetching, File, Firmware, Habits, Pace, Slow, habits};
use crate::link::Path;
use crate::world::World;

const LOSSES: [f64; 4] = [0.0, 0.01, 0.05, 0.1];
const SEEDS: u64 = 8;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A client gets its file over each path with each seed; and the server knows.
fn gets_it<C: Client + 'static>(name: &str, size: usize, client: impl Fn(File) -> C) {
    gets_it_over(&LOSSES, name, size, client);
}

fn gets_it_over<C: Client + 'static>(
    losses: &[f64],
    name: &str,
    size: usize,
    client: impl Fn(File) -> C,
) {
    let file = File::random("boot.img", size);
    for rtt in [2, 50, 150] {
        for &loss in losses {
            for seed in 0..SEEDS {
                let path = Path::of_rtt(ms(rtt)).losing(loss);
                let what = format!("{name}, RTT {rtt} ms, loss {loss}, seed {seed}");
                gets_it_alone(&what, seed, path, &file, client(file.clone()));
            }
        }
    }
}

fn gets_it_alone(what: &str, seed: u64, path: Path, file: &File, client: impl Client + 'static) {
    let limits = NegotiationLimits {
        max_windowsize: 64,
        ..NegotiationLimits::default()
    };
    let config = ServerConfig {
        limits,
        ..ServerConfig::default()
    };
    let mut world = World::new(seed, std::slice::from_ref(file), config);
    let number = world.add(Instant::from_millis(1000), [path; 2], client);
    let story = world.run()[number];
    let outcomes = world.outcomes(number);
    // No client can help a client whose only request is lost.
    let is_whole = story.outcome.is_ok() || !story.is_heard;
    let is_known = outcomes
        .iter()
        .any(|o| matches!(o, Outcome::Complete | Outcome::LastAckMissing));
    let is_told = is_known || !story.is_heard;
    assert!(is_whole && is_told, "{what}: {story:?}, {outcomes:?}");
}

fn firmware_gets_it(habits: &'static Habits) {
    gets_it(habits.name, 300_000, |file| Firmware::new(habits, file));
}

#[test]
fn ipxe() {
    firmware_gets_it(&habits::IPXE);
}

#[test]
fn edk2() {
    firmware_gets_it(&habits::EDK2);
}

#[test]
fn grub() {
    firmware_gets_it(&habits::GRUB);
}

#[test]
fn uboot() {
    firmware_gets_it(&habits::UBOOT);
}

#[test]
fn uboot_with_a_window() {
    firmware_gets_it(&habits::UBOOT_WINDOW);
}

#[test]
fn atftp() {
    firmware_gets_it(&habits::ATFTP);
}

#[test]
fn uboot_with_lwip() {
    firmware_gets_it(&habits::UBOOT_LWIP);
}

#[test]
fn pxelinux() {
    firmware_gets_it(&habits::PXELINUX);
}

#[test]
fn plain() {
    firmware_gets_it(&habits::PLAIN);
}

#[test]
fn rs_tftpd() {
    firmware_gets_it(&habits::RS_TFTPD);
}

/// With 10 % lost, what it needs does not always arrive before its timer breaks its window.
#[test]
fn node_tftp() {
    let client = |file| Firmware::new(&habits::NODE, file);
    gets_it_over(&LOSSES[..3], habits::NODE.name, 300_000, client);
}

#[test]
fn windows_boot_manager() {
    firmware_gets_it(&habits::WINDOWS);
}

#[test]
fn our_own_with_any_window() {
    for windowsize in [1, 2, 7, 16, 64] {
        let name = format!("Fetch, window {windowsize}");
        gets_it(&name, 200_000, |file| Fetching::new(file, 1428, windowsize));
    }
}

/// Three seconds of writing to flash after each 64 datagrams.
#[test]
fn flash_writers() {
    let pace = Pace {
        buffer: 8,
        each: ms(1),
        every: 64,
        pause: ms(3000),
    };
    for habits in [
        &habits::IPXE,
        &habits::EDK2,
        &habits::UBOOT_WINDOW,
        &habits::GRUB,
    ] {
        let name = format!("{} with flash", habits.name);
        gets_it(&name, 200_000, |file| {
            Slow::new(Firmware::new(habits, file), pace)
        });
    }
}

/// The same with larger windows.
#[test]
fn flash_writers_with_large_windows() {
    let pace = Pace {
        buffer: 70,
        each: ms(1),
        every: 64,
        pause: ms(3000),
    };
    for windowsize in [8, 16] {
        let name = format!("Fetch, window {windowsize}, with flash");
        gets_it(&name, 500_000, |file| {
            Slow::new(Fetching::new(file, 1428, windowsize), pace)
        });
    }
}

/// Its buffer is shorter than the window: the tail of each is lost.
#[test]
fn a_buffer_shorter_than_the_window() {
    let pace = Pace {
        buffer: 6,
        each: ms(1),
        every: usize::MAX,
        pause: ms(0),
    };
    gets_it("Fetch with a short buffer", 200_000, |file| {
        Slow::new(Fetching::new(file, 1428, 16), pace)
    });
}
