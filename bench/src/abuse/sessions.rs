//! Opens many sessions at the same time, and measures the memory of each.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::{Everywhere, ack, rrq, source};
use crate::content::File;
use crate::process::Account;

/// Requests sent before waiting for answers.
const AT_ONCE: usize = 64;
/// Longest time to wait for answers.
const TIMEOUT: Duration = Duration::from_millis(200);

/// Number of open sessions, and the server's memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opened {
    /// Open transfers: the server has sent an OACK and received its ACK.
    pub open: usize,
    /// Resident bytes before the first session.
    pub before: u64,
    /// Resident bytes with all sessions open.
    pub with: u64,
}

impl Opened {
    /// Resident bytes per session.
    pub fn each(&self) -> f64 {
        self.with.saturating_sub(self.before) as f64 / self.open.max(1) as f64
    }
}

/// Starts `count` transfers, each from its own address, and stops after the ACK of the OACK.
pub fn open_many(server: SocketAddr, account: &Account, count: u32) -> io::Result<Opened> {
    let mut everywhere = Everywhere::bind()?;
    let request = rrq(File::Small.name(), &[("blksize", 1024)]);
    let before = account.resident();
    let mut answered: HashSet<IpAddr> = HashSet::new();
    let mut next = 0;
    while next < count {
        let until = count.min(next + AT_ONCE as u32);
        for number in next..until {
            everywhere.send(source(number), server, &request);
        }
        next = until;
        let sent = Instant::now();
        while answered.len() < next as usize && sent.elapsed() < TIMEOUT {
            let Some((at, from, datagram)) = everywhere.receive() else {
                std::thread::yield_now();
                continue;
            };
            // Acknowledge the OACK. The first DATA, which follows, is ignored.
            if datagram.starts_with(&[0, 6])
                && let IpAddr::V4(here) = at
                && answered.insert(at)
            {
                everywhere.send(here, from, &ack(0));
            }
        }
    }
    std::thread::sleep(TIMEOUT);
    Ok(Opened {
        open: answered.len(),
        before,
        with: account.resident(),
    })
}
