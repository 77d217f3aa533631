//! Worlds in which much goes wrong at once, and long transfers.

use std::time::Duration;

use bootstone::proto::Instant;
use bootstone::proto::config::ServerConfig;
use bootstone::proto::negotiate::NegotiationLimits;

use crate::clients::{Client, Fetching, File, Firmware, Habits, Pace, Slow, habits};
use crate::link::{Path, Rate};
use crate::world::{Story, World};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The world that `SEED=17` chooses.
fn chosen() -> Option<u64> {
    let seed = std::env::var("SEED").ok()?;
    Some(seed.parse().expect("SEED is a number"))
}

/// Seeds of the random worlds: the first 20,000, and `more`. `WORLDS=100` runs as many, `SEED=17` that one alone.
fn seeds(more: &[u64]) -> Vec<u64> {
    match (chosen(), std::env::var("WORLDS")) {
        (Some(seed), _) => vec![seed],
        (None, Ok(worlds)) => (0..worlds.parse().expect("WORLDS is a number")).collect(),
        (None, Err(_)) => (0..20_000).chain(more.iter().copied()).collect(),
    }
}

fn config(max_windowsize: u16, pipeline: u16) -> ServerConfig {
    let limits = NegotiationLimits {
        max_windowsize,
        ..NegotiationLimits::default()
    };
    ServerConfig {
        limits,
        pipeline,
        ..ServerConfig::default()
    }
}

/// One client alone on a path that is the same both ways.
fn alone(seed: u64, path: Path, file: &File, client: impl Client + 'static) -> Story {
    alone_with(1, seed, path, file, client)
}

/// The same, with so many blocks in flight.
fn alone_with(
    pipeline: u16,
    seed: u64,
    path: Path,
    file: &File,
    client: impl Client + 'static,
) -> Story {
    let mut world = World::new(seed, std::slice::from_ref(file), config(64, pipeline));
    let number = world.add(Instant::from_millis(1000), [path; 2], client);
    let story = world.run()[number];
    assert_eq!(story.outcome, Ok(()), "seed {seed}: {story:?}");
    story
}

/// Every second datagram comes twice. In lock-step that costs the server nothing: neither two ACKs
/// nor two RRQs make it send twice. (An RRQ before the first ACK is answered each time.)
#[test]
fn duplicates_cost_nothing_in_lock_step() {
    let file = File::random("boot.img", 200_000);
    let path = Path {
        duplicate: 0.5,
        ..Path::of_rtt(ms(20))
    };
    for seed in 0..10 {
        for habits in [&habits::IPXE, &habits::PXELINUX, &habits::UBOOT] {
            let story = alone(seed, path, &file, Firmware::new(habits, file.clone()));
            let blksize = habits.options.iter().find(|(name, _)| *name == "blksize");
            let blocks = file.last_block(blksize.unwrap().1 as u16);
            assert_eq!(
                story.blocks_sent as u64, blocks,
                "{}, seed {seed}",
                habits.name
            );
        }
    }
}

/// The same with windows: a copy of an ACK is no sign of a gap.
#[test]
fn duplicates_cost_little_with_windows() {
    let file = File::random("boot.img", 200_000);
    let path = Path {
        duplicate: 0.1,
        ..Path::of_rtt(ms(20))
    };
    for seed in 0..10 {
        for windowsize in [4, 16] {
            let client = Fetching::new(file.clone(), 1428, windowsize);
            let story = alone(seed, path, &file, client);
            let blocks = file.last_block(1428) as usize;
            let most = blocks + blocks / 2;
            assert!(
                story.blocks_sent <= most,
                "{story:?} of {blocks}, seed {seed}"
            );
        }
    }
}

#[test]
fn reordering_does_no_harm() {
    let file = File::random("boot.img", 200_000);
    let path = Path {
        reorder: 0.05,
        jitter: ms(10),
        ..Path::of_rtt(ms(20))
    };
    for seed in 0..10 {
        for habits in habits::ALL {
            alone(seed, path, &file, Firmware::new(habits, file.clone()));
        }
        for windowsize in [1, 4, 16, 64] {
            let client = Fetching::new(file.clone(), 1428, windowsize);
            alone(seed, path, &file, client);
        }
    }
}

/// A queue that is shorter than the window loses the tail of each burst; it goes on all the same.
#[test]
fn a_narrow_queue() {
    let file = File::random("boot.img", 300_000);
    let rate = Rate {
        bits_per_second: 20_000_000,
        queue: 16,
    };
    let path = Path {
        rate: Some(rate),
        ..Path::of_rtt(ms(20))
    };
    for windowsize in [1, 16, 64] {
        let client = Fetching::new(file.clone(), 1428, windowsize);
        let story = alone(1, path, &file, client);
        assert!(story.took < ms(20_000), "{story:?}");
    }
}

/// A slow client that answers every block writes to its flash now and then. The timer resends what the client has
/// already, and the client answers each copy. Those answers report no gap.
#[test]
fn answers_to_copies_slow_nothing_down() {
    let file = File::random("boot.img", 1_000_000);
    for habits in [&habits::IPXE, &habits::PXELINUX, &habits::EDK2] {
        let pace = Pace {
            buffer: 40,
            each: ms(2),
            every: 87,
            pause: ms(400),
        };
        let client = Slow::new(Firmware::new(habits, file.clone()), pace);
        let story = alone_with(32, 1, Path::of_rtt(ms(20)), &file, client);
        println!("{}: {story:?}", habits.name);
        assert!(story.took < ms(5650), "{}: {story:?}", habits.name);
        assert!(story.blocks_sent < 1000, "{}: {story:?}", habits.name);
    }
}

/// A large file in windows that the queue does not hold, over ways too short to spread anything over: the bursts
/// become as long as the queue, and stay so.
#[test]
fn a_narrow_queue_is_learned() {
    let file = File::random("boot.img", 3_000_000);
    let rate = Rate {
        bits_per_second: 20_000_000,
        queue: 16,
    };
    for rtt in [2, 20, 50] {
        let path = Path {
            rate: Some(rate),
            ..Path::of_rtt(ms(rtt))
        };
        for windowsize in [32, 64] {
            let client = Fetching::new(file.clone(), 1428, windowsize);
            let story = alone(1, path, &file, client);
            println!("RTT {rtt}, {windowsize}: {story:?}");
            assert!(story.took < ms(8_000), "{story:?}");
            assert!(story.blocks_sent < 3_200, "{story:?}");
        }
    }
}

/// Block numbers begin anew at 0 after 65,535, in lock-step and within a window.
#[test]
fn files_over_32_mebibytes_in_blocks_of_512() {
    let file = File::random("big.img", (1 << 25) + 300_000);
    let path = Path::of_rtt(ms(1)).losing(0.0005);
    alone(1, path, &file, Firmware::new(&habits::PLAIN, file.clone()));
    alone(2, path, &file, Fetching::new(file.clone(), 512, 16));
}

/// Worlds beyond the first 20,000 that have shown a mistake of the server.
const INSTRUCTIVE: [u64; 8] = [
    65_988, 109_516, 111_111, 138_225, 139_412, 140_606, 174_222, 186_107,
];

/// Random clients ask for random files over random paths at random times. Every client that the server hears gets its
/// file whole, in the first 20,000 worlds. `WORLDS=200000` runs as many, `SEED=17` one alone, and shows what went over
/// the wire if it fails.
///
/// Of the first 200,000 worlds, 21 have a client that gives up. All are GRUB or lwIP, which never repeat an ACK. The server
/// has lost touch with them where its limits on resends are tight: before the first ACK, and at the last block.
#[test]
fn anything_can_happen() {
    let known = habits::ALL.map(|habits| (habits, false));
    let strict = habits::STRICT_ONES.map(|habits| (habits, true));
    let kinds = [&known[..], &strict].concat();
    assert_all_served(&kinds, seeds(&INSTRUCTIVE));
}

/// The same with clients that were modelled after the sender was finished, with the windows that they ask for and others.
#[test]
fn anything_can_happen_to_clients_modelled_later() {
    let kinds = [
        (&habits::RS_TFTPD, false),
        (&habits::RS_TFTPD, true),
        (&habits::WINDOWS, false),
        (&habits::WINDOWS, true),
    ];
    assert_all_served(&kinds, seeds(&[]));
}

/// A client, and whether it asks for windows of any size.
type Kind = (&'static Habits, bool);

#[track_caller]
fn assert_all_served(kinds: &[Kind], seeds: Vec<u64>) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    // A rule that is broken is one failure; the others are of interest as well.
    let judged = |seed| {
        std::panic::catch_unwind(|| world_of(seed, kinds))
            .unwrap_or_else(|_| vec![format!("SEED={seed} breaks a rule")])
    };
    let failed: Vec<String> = std::thread::scope(|scope| {
        let part = |n| {
            let seeds = &seeds;
            scope.spawn(move || {
                seeds
                    .iter()
                    .copied()
                    .filter(|s| s % cores == n)
                    .flat_map(judged)
                    .collect()
            })
        };
        let workers: Vec<std::thread::ScopedJoinHandle<'_, Vec<String>>> =
            (0..cores).map(part).collect();
        workers
            .into_iter()
            .flat_map(|w| w.join().unwrap())
            .collect()
    });
    assert!(failed.is_empty(), "{} clients: {failed:#?}", failed.len());
}

/// The clients of a world that did not get their file.
fn world_of(seed: u64, kinds: &[Kind]) -> Vec<String> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let files: Vec<File> = (0..3).map(|n| random_file(&mut dice, n)).collect();
    let pipeline = [1, 8, 32, 64][dice.usize(..4)];
    let mut world = World::new(seed, &files, config(dice.u16(1..=64), pipeline));
    world.segments = dice.usize(1..=64);
    world.wakes_after = ms([0, 0, 1, 5][fastrand::Rng::with_seed(!seed).usize(..4)]);
    for _ in 0..dice.usize(1..8) {
        let file = files[dice.usize(..files.len())].clone();
        let start = Instant::from_millis(dice.u64(1..5000));
        let paths = [random_path(&mut dice), random_path(&mut dice)];
        add_random_client(&mut world, &mut dice, kinds, start, paths, file);
    }
    let stories = world.run();
    let is_served = |story: &Story| story.outcome.is_ok() || !story.is_heard;
    let failed = stories
        .iter()
        .enumerate()
        .filter(|(_, story)| !is_served(story));
    let failed: Vec<_> = failed.collect();
    if !failed.is_empty() && chosen().is_some() {
        world.show();
    }
    failed
        .into_iter()
        .map(|(number, story)| {
            let outcomes = world.outcomes(number);
            format!(
                "SEED={seed}, client {number}, {}: {story:?}, {outcomes:?}",
                world.name(number)
            )
        })
        .collect()
}

/// Of a size around a multiple of the block size, or of any.
fn random_file(dice: &mut fastrand::Rng, number: usize) -> File {
    let blksize = [512, 1024, 1408, 1428, 1432, 1468][dice.usize(..6)];
    let size = match dice.u8(..4) {
        0 => dice.usize(..3),
        1 => blksize * dice.usize(..100),
        2 => blksize * dice.usize(1..100) - 1,
        _ => dice.usize(..150_000),
    };
    File::random(&format!("{number}.img"), size)
}

/// Half of the troubles each, as bad as a boot network may be.
fn random_path(dice: &mut fastrand::Rng) -> Path {
    let mut some = |most: f64| if dice.bool() { most * dice.f64() } else { 0.0 };
    let rate = Rate {
        bits_per_second: 1_000_000 + some(50e6) as u64,
        queue: 16 + some(100.0) as usize,
    };
    Path {
        delay: Duration::from_micros(1000 + some(75e3) as u64),
        jitter: ms(20).mul_f64(some(1.0)),
        loss: some(0.08),
        duplicate: some(0.05),
        reorder: some(0.05),
        rate: (some(1.0) > 0.0).then_some(rate),
    }
}

fn add_random_client(
    world: &mut World,
    dice: &mut fastrand::Rng,
    kinds: &[Kind],
    start: Instant,
    paths: [Path; 2],
    file: File,
) {
    let pace = Pace {
        buffer: dice.usize(2..40),
        each: ms(dice.u64(..3)),
        every: dice.usize(20..200),
        pause: ms(dice.u64(..3000)),
    };
    let kind = dice.usize(..=kinds.len());
    let [blksize, windowsize] = [dice.u16(400..1500), dice.u16(1..=64)];
    let Some(&(habits, has_any_window)) = kinds.get(kind) else {
        return add(
            world,
            dice,
            start,
            paths,
            pace,
            Fetching::new(file, blksize, windowsize),
        );
    };
    let client = Firmware::new(habits, file);
    match has_any_window {
        true => add(
            world,
            dice,
            start,
            paths,
            pace,
            client.with_windowsize(windowsize),
        ),
        false => add(world, dice, start, paths, pace, client),
    }
}

/// A client on a fast machine or on a slow one.
fn add(
    world: &mut World,
    dice: &mut fastrand::Rng,
    start: Instant,
    paths: [Path; 2],
    pace: Pace,
    client: impl Client + 'static,
) {
    match dice.bool() {
        true => world.add(start, paths, Slow::new(client, pace)),
        false => world.add(start, paths, client),
    };
}
