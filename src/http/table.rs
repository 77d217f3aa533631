//! The table of open connections: which of them is evicted when another one needs its place.
//!
//! A prefix (/24, /56) that holds many connections loses one before a prefix that holds few. Of
//! one prefix, the connection that is furthest behind the minimum rate is evicted first.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::limits::ConnectionLimits;
use crate::proto::Instant;

/// The rate in bytes per second at which a client is expected to take a response, while others wait
/// for its place: that of a modem line.
const MIN_RATE: u64 = 8_000;

/// What a connection is doing, shared between its task and the table.
#[derive(Debug)]
pub(super) struct Activity {
    /// The time at which a client with the minimum rate would have taken what this one has taken.
    paced: Cell<Instant>,
    is_download: Cell<bool>,
}

impl Activity {
    fn new(now: Instant) -> Rc<Activity> {
        Rc::new(Activity {
            paced: Cell::new(now),
            is_download: Cell::new(false),
        })
    }

    /// A request or a response begins.
    pub(super) fn restart(&self, now: Instant) {
        self.paced.set(now);
    }

    /// The kernel has taken bytes of a response. A fast client earns no credit.
    pub(super) fn progress(&self, now: Instant, bytes: usize) {
        let time = Duration::from_micros(bytes as u64 * 1_000_000 / MIN_RATE);
        self.paced.set(now.min(self.paced.get() + time));
    }

    /// The download has ended.
    pub(super) fn end_download(&self) {
        self.is_download.set(false);
    }

    /// How far it is behind the minimum rate.
    fn lag(&self, now: Instant) -> Duration {
        now - self.paced.get()
    }
}

/// An open connection. `H` ends its task.
#[derive(Debug)]
struct OpenConnection<H> {
    id: u64,
    /// Shared by all connections of one prefix, so that the reference count is their number.
    prefix: Rc<u64>,
    activity: Rc<Activity>,
    handle: H,
}

impl<H> OpenConnection<H> {
    fn siblings(&self) -> usize {
        Rc::strong_count(&self.prefix)
    }
}

/// The open connections.
#[derive(Debug)]
pub(super) struct Table<H> {
    limits: ConnectionLimits,
    connections: Vec<OpenConnection<H>>,
    next_id: u64,
}

impl<H> Table<H> {
    pub(super) fn new(limits: ConnectionLimits) -> Table<H> {
        Table {
            limits,
            connections: Vec::new(),
            next_id: 0,
        }
    }

    /// Number of open connections.
    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Adds a connection of `peer`, whose task `spawn` starts.
    pub(super) fn add(
        &mut self,
        now: Instant,
        peer: IpAddr,
        spawn: impl FnOnce(u64, Rc<Activity>) -> H,
    ) {
        let prefix = prefix_of(peer);
        let mut all = self.connections.iter();
        let prefix = match all.find(|connection| *connection.prefix == prefix) {
            Some(sibling) => Rc::clone(&sibling.prefix),
            None => Rc::new(prefix),
        };
        let activity = Activity::new(now);
        self.next_id += 1;
        self.connections.push(OpenConnection {
            id: self.next_id,
            prefix,
            activity: Rc::clone(&activity),
            handle: spawn(self.next_id, activity),
        });
    }

    /// Removes a connection that has ended; nothing, if it was evicted.
    pub(super) fn remove(&mut self, id: u64) {
        self.connections.retain(|connection| connection.id != id);
    }

    /// The connection to end before another one is added; `None` if there is a place.
    pub(super) fn evict_if_full(&mut self, now: Instant) -> Option<H> {
        match self.connections.len() < self.limits.connections {
            true => None,
            false => self.evict(now),
        }
    }

    /// Removes the connection that can be spared most. Downloads that keep up are never evicted.
    pub(super) fn evict(&mut self, now: Instant) -> Option<H> {
        let age = self.limits.eviction_age;
        self.remove_first(now, |activity, _| {
            !activity.is_download.get() || activity.lag(now) >= age
        })
    }

    /// Admits the connection `id` as a download: `Ok` if it is one from now on, with the download
    /// to end for it; `Err` if all downloads are in use and keep up.
    pub(super) fn admit(&mut self, now: Instant, id: u64) -> Result<Option<H>, ()> {
        let all = self.connections.iter();
        let downloads = all.clone().filter(|it| it.activity.is_download.get());
        let is_full = downloads.count() >= self.limits.downloads;
        // Not in the table: it has been evicted, and its task is about to end.
        let newcomer = all.clone().find(|it| it.id == id).ok_or(())?;
        let (activity, siblings) = (Rc::clone(&newcomer.activity), newcomer.siblings());
        let victim = match is_full {
            false => None,
            true => Some(self.evict_download(now, siblings).ok_or(())?),
        };
        activity.is_download.set(true);
        activity.restart(now);
        Ok(victim)
    }

    /// Removes a download for a client whose prefix holds `siblings` connections: one that lags, or
    /// else one of a prefix that holds at least two more.
    fn evict_download(&mut self, now: Instant, siblings: usize) -> Option<H> {
        let age = self.limits.eviction_age;
        self.remove_first(now, |it, _| it.is_download.get() && it.lag(now) >= age)
            .or_else(|| {
                self.remove_first(now, |it, held| it.is_download.get() && held >= siblings + 2)
            })
    }

    /// Of the connections that `is_candidate` selects by their activity and the number of
    /// connections of their prefix, removes the first one in the order of eviction.
    fn remove_first(
        &mut self,
        now: Instant,
        is_candidate: impl Fn(&Activity, usize) -> bool,
    ) -> Option<H> {
        let all = self.connections.iter().enumerate();
        let (index, _) = all
            .map(|(index, it)| (index, it, it.siblings()))
            .filter(|(_, it, held)| is_candidate(&it.activity, *held))
            .map(|(index, it, held)| (index, (held, it.activity.lag(now))))
            .max_by_key(|(_, rank)| *rank)?;
        Some(self.connections.swap_remove(index).handle)
    }
}

/// The prefix of an address: /24 of IPv4, /56 of IPv6.
fn prefix_of(peer: IpAddr) -> u64 {
    match peer.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits() >> 8),
        IpAddr::V6(address) => (address.to_bits() >> 72) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A table whose handles are the ids, for the address `10.0.PREFIX.1`.
    struct Crowd {
        table: Table<u64>,
        activities: Vec<Rc<Activity>>,
    }

    impl Crowd {
        fn new(connections: usize, downloads: usize) -> Crowd {
            let limits = ConnectionLimits {
                connections,
                downloads,
                eviction_age: 2 * SECOND,
                ..ConnectionLimits::default()
            };
            Crowd {
                table: Table::new(limits),
                activities: Vec::new(),
            }
        }

        /// A new connection; the one that was evicted for it.
        fn connect(&mut self, at: u64, prefix: u8) -> Option<u64> {
            let evicted = self.table.evict_if_full(time(at));
            let peer = IpAddr::from([10, 0, prefix, 1]);
            self.table.add(time(at), peer, |id, activity| {
                self.activities.push(activity);
                id
            });
            evicted
        }

        fn download(&mut self, at: u64, id: u64) -> Result<Option<u64>, ()> {
            self.table.admit(time(at), id)
        }

        fn read(&self, at: u64, id: u64, bytes: usize) {
            self.activities[id as usize - 1].progress(time(at), bytes);
        }
    }

    fn time(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn silent_connections_evict_if_full_at_once_the_oldest_first() {
        let mut crowd = Crowd::new(3, 3);
        for at in 0..3 {
            assert_eq!(crowd.connect(at, 1), None);
        }
        assert_eq!(crowd.connect(3, 1), Some(1));
        assert_eq!(crowd.connect(3, 1), Some(2));
        crowd.table.remove(3);
        assert_eq!(crowd.connect(4, 1), None);
    }

    #[test]
    fn a_prefix_that_holds_many_loses_one_before_a_prefix_that_holds_few() {
        let mut crowd = Crowd::new(4, 4);
        crowd.connect(0, 7);
        for at in 1..4 {
            crowd.connect(at, 1);
        }
        for at in 4..100 {
            let evicted = crowd.connect(at, 1);
            assert!(evicted > Some(1), "{evicted:?}");
        }
        // As many as the others: then the oldest.
        crowd.connect(100, 7);
        assert_eq!(crowd.connect(101, 8), Some(1));
    }

    #[test]
    fn a_download_that_keeps_up_is_not_evicted_and_one_that_stalls_is() {
        let mut crowd = Crowd::new(3, 2);
        for id in 1..=2 {
            crowd.connect(0, 1);
            assert_eq!(crowd.download(0, id), Ok(None));
        }
        crowd.connect(0, 2);
        for at in (0..10_000).step_by(100) {
            // The first one takes 80 kB/s. The second one, 4 kB/s.
            crowd.read(at, 1, 8_000);
            crowd.read(at, 2, 400);
            if at < 3_000 {
                assert!(crowd.connect(at, 2) > Some(2));
            }
        }
        assert_eq!(crowd.connect(10_000, 2), Some(2));
        assert!(crowd.connect(10_000, 2) > Some(2));
    }

    #[test]
    fn a_fast_client_earns_no_credit() {
        let mut crowd = Crowd::new(1, 1);
        crowd.connect(0, 1);
        crowd.download(0, 1).unwrap();
        crowd.read(1, 1, 1 << 30);
        assert_eq!(crowd.connect(2_000, 2), None, "no candidate");
        assert_eq!(crowd.connect(2_001, 2), Some(1));
    }

    #[test]
    fn downloads_are_shared_between_prefixes() {
        let mut crowd = Crowd::new(100, 3);
        for id in 1..=4 {
            crowd.connect(0, 1);
            let admitted = crowd.download(id, id);
            assert_eq!(admitted, if id <= 3 { Ok(None) } else { Err(()) });
        }
        crowd.connect(5, 2);
        assert_eq!(crowd.download(5, 5), Ok(Some(1)));
        // The next one of the large prefix waits, until a download ends or stalls.
        assert_eq!(crowd.download(6, 4), Err(()));
        crowd.activities[1].end_download();
        assert_eq!(crowd.download(7, 4), Ok(None));
        crowd.connect(8, 1);
        assert_eq!(crowd.download(8, 6), Err(()));
        assert_eq!(crowd.download(2_003, 6), Ok(Some(3)));
        assert_eq!(crowd.download(2_003, 1), Err(()), "it was evicted");
    }

    #[test]
    fn prefixes_of_both_families() {
        let prefix = |address: &str| prefix_of(address.parse().unwrap());
        assert_eq!(prefix("192.0.2.1"), prefix("::ffff:192.0.2.255"));
        assert_ne!(prefix("192.0.2.1"), prefix("192.0.3.1"));
        assert_eq!(prefix("2001:db8:0:1ff::1"), prefix("2001:db8:0:100::1"));
        assert_ne!(prefix("2001:db8:0:200::1"), prefix("2001:db8:0:100::1"));
    }
}
