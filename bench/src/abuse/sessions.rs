//! As many sessions at once as a server takes, to see what each costs.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::{Everywhere, ack, rrq, source};
use crate::content::File;
use crate::process::Account;

/// Requests in the air at a time.
const AT_ONCE: usize = 64;
/// When answers that have not come will not come.
const TIMEOUT: Duration = Duration::from_millis(200);

/// What it came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opened {
    /// Transfers under way at the same time: the server has sent an OACK, and has got its ACK.
    pub open: usize,
    /// Resident bytes before.
    pub before: u64,
    /// Resident bytes with all of them open.
    pub with: u64,
}

impl Opened {
    /// Resident bytes of each.
    pub fn each(&self) -> f64 {
        self.with.saturating_sub(self.before) as f64 / self.open.max(1) as f64
    }
}

/// Begins `count` transfers, each from an address of its own, and leaves them after their OACK.
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
            // An OACK; the first DATA that follows it has nothing to say here.
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
