//! A flood of RRQs from many forged addresses, and honest clients during it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Everywhere, rrq, source};
use crate::content::File;
use crate::load::{self, Load, LoadResult};

/// Datagrams sent between two looks at the clock.
const BURST: u64 = 20;

/// The results of the honest clients.
#[derive(Clone, Debug)]
pub struct Flooded {
    /// Without the flood.
    pub undisturbed: LoadResult,
    /// During the flood.
    pub disturbed: LoadResult,
    /// RRQs that the flood sent in the meantime.
    pub requests: u64,
}

impl Flooded {
    /// Throughput during the flood, as a share of the throughput without it.
    pub fn share(&self) -> f64 {
        self.disturbed.throughput() / self.undisturbed.throughput().max(1e-9)
    }
}

/// Runs the load `honest` twice: without and with a flood of RRQs, which come from `sources`
/// addresses in turn. Every second RRQ requests a large block and a window, the others have no
/// options.
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
        // The honest clients start after the flood has filled the server's tables.
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
