//! A flood of RRQs in many names, with honest clients in the middle of it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Everywhere, rrq, source};
use crate::content::File;
use crate::load::{self, Load, LoadResult};

/// Sent at once, before the clock is looked at.
const BURST: u64 = 20;

/// What honest clients had of it.
#[derive(Clone, Debug)]
pub struct Flooded {
    /// Before the flood.
    pub undisturbed: LoadResult,
    /// In it.
    pub disturbed: LoadResult,
    /// RRQs that the flood sent while they were served.
    pub requests: u64,
}

impl Flooded {
    /// Speed in the flood, as a share of the speed before.
    pub fn share(&self) -> f64 {
        self.disturbed.throughput() / self.undisturbed.throughput().max(1e-9)
    }
}

/// Puts `honest` on the server twice: in peace, and while RRQs come from `sources` in turn. Every
/// second one asks for a large block and a window, the others for nothing.
pub fn flood(honest: &Load, sources: u32, per_second: u64) -> io::Result<Flooded> {
    let undisturbed = load::run(honest)?;
    let (over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let everywhere = Everywhere::bind()?;
    let requests = [
        rrq(File::Large.name(), &[]),
        rrq(File::Large.name(), &[("blksize", 1468), ("windowsize", 16)]),
    ];
    thread::scope(|scope| {
        scope.spawn(|| {
            let started = Instant::now();
            while !over.load(Ordering::Relaxed) {
                for _ in 0..BURST {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    let from = source((number % u64::from(sources)) as u32);
                    everywhere.send(from, honest.server, &requests[(number % 2) as usize]);
                }
                let due = sent.load(Ordering::Relaxed) as f64 / per_second as f64;
                thread::sleep(Duration::from_secs_f64(due).saturating_sub(started.elapsed()));
            }
        });
        // The flood first fills what can be filled.
        let full = u64::from(sources).min(2 * per_second).max(BURST);
        while sent.load(Ordering::Relaxed) < full {
            thread::sleep(Duration::from_millis(5));
        }
        let before = sent.load(Ordering::Relaxed);
        let disturbed = load::run(honest);
        let requests = sent.load(Ordering::Relaxed) - before;
        over.store(true, Ordering::Relaxed);
        Ok(Flooded {
            undisturbed,
            disturbed: disturbed?,
            requests,
        })
    })
}
