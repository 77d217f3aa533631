//! Many clients at once on one server.

use std::time::Duration;

use bootstone::proto::Instant;
use bootstone::proto::config::ServerConfig;

use crate::clients::{Fetching, File, Firmware, habits};
use crate::link::Path;
use crate::world::World;

/// A rack that is switched on: hundreds of machines of all kinds within two seconds.
#[test]
fn hundreds_of_clients_at_once() {
    let files = [1, 511, 40_000, 100_352].map(|size| File::random(&format!("{size}.img"), size));
    let mut dice = fastrand::Rng::with_seed(7);
    let mut world = World::new(7, &files, ServerConfig::default());
    let mut kinds = Vec::new();
    for number in 0..600 {
        let file = files[dice.usize(..files.len())].clone();
        let start = Instant::from_millis(1000 + dice.u64(..2000));
        let path = Path::of_rtt(Duration::from_millis(dice.u64(1..80))).losing(0.01);
        match number % 9 {
            8 => {
                kinds.push("Fetch");
                world.add(start, [path; 2], Fetching::new(file, 1428, 16));
            }
            kind => {
                kinds.push(habits::ALL[kind].name);
                world.add(start, [path; 2], Firmware::new(habits::ALL[kind], file));
            }
        }
    }
    for (kind, story) in kinds.iter().zip(world.run()) {
        let is_excused = !story.is_heard;
        assert!(story.outcome.is_ok() || is_excused, "{kind}: {story:?}");
    }
}
