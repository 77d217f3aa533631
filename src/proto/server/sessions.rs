//! The table of sessions: found by the peer's address, woken at their deadlines, bounded in number.
//!
//! A source can be forged, so whoever sends RRQs fast enough fills any table. When it is full, the
//! oldest session that is over makes room, then the oldest that has never acknowledged anything:
//! a spoofer's stay is short, and a client that plays by the rules leaves this queue in one round
//! trip. Nobody can push out a transfer under way.
//!
//! The timer is lazy: an ACK moves the deadline of its session and leaves the heap alone. A heap entry
//! that comes up early is put back with the deadline of the day.
//!
//! The index by address holds numbers only: the address is in the session that a number leads to. Its hash
//! is SipHash under a random key, because sources can be chosen: who can foresee it makes thousands of them
//! collide, and every datagram as dear as a look at all of them. No faster hash promises that it cannot be foreseen.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};

use hashbrown::HashTable;

use crate::catalog::FileId;
use crate::proto::guard::Booking;
use crate::proto::report::Figures;
use crate::proto::sender::Transfer;
use crate::proto::{Instant, Peer};

/// A peer and its transfer.
#[derive(Debug)]
pub struct Session {
    pub(super) peer: Peer,
    pub(super) file: FileId,
    pub(super) transfer: Transfer,
    /// Where and with how many bytes the guard has booked it, until its first ACK.
    pub(super) booking: Booking,
    pub(super) booked: u32,
    /// When it ended, once it is over: it is remembered for a while.
    pub(super) over: Option<Instant>,
    /// It ended well.
    pub(super) is_complete: bool,
    /// It stands in the queue of those that have something to send.
    pub(super) is_ready: bool,
}

impl Session {
    /// The figures of its transfer so far.
    pub(super) fn figures(&self, now: Instant) -> Figures {
        let terms = self.transfer.terms();
        Figures {
            bytes: self.transfer.acknowledged(),
            is_proven: self.transfer.is_proven(),
            blksize: terms.blksize,
            windowsize: terms.windowsize,
            duration: self.transfer.age(now),
            resent: self.transfer.resent(),
            run_ahead: self.transfer.run_ahead().deepest(),
            fallbacks: self.transfer.run_ahead().fallbacks(),
            rtt: self.transfer.round_trip(),
        }
    }
}

/// The index of a session in its table. It may be given to another session after a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(u32);

/// No slot: the end of a queue.
const NONE: Slot = Slot(u32::MAX);

/// Sessions that may have to make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Queue {
    /// Remembered for late duplicates only.
    Over,
    /// Nothing acknowledged yet.
    Unproven,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Sessions {
    most: usize,
    by_peer: HashTable<Slot>,
    key: RandomState,
    places: Vec<Place>,
    free: Vec<Slot>,
    queues: [Ends; 2],
    /// With a number that counts them: at the same time, whoever has waited longest comes first. Else a prefix that is held
    /// back would serve the first of its machines and starve the others.
    alarms: BinaryHeap<Reverse<(Instant, u32, Slot)>>,
    alarms_set: u32,
}

#[derive(Debug)]
struct Place {
    session: Option<Session>,
    /// The queue that it stands in, and its neighbours there.
    queue: Option<Queue>,
    before: Slot,
    behind: Slot,
    /// The earliest alarm in the heap for this place, whoever has set it.
    alarm: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    first: Slot,
    last: Slot,
}

impl Sessions {
    /// A table of at most `most` sessions, those that are over included.
    pub fn new(most: usize) -> Sessions {
        Sessions {
            most,
            by_peer: HashTable::new(),
            key: RandomState::new(),
            places: Vec::new(),
            free: Vec::new(),
            queues: [Ends {
                first: NONE,
                last: NONE,
            }; 2],
            alarms: BinaryHeap::new(),
            alarms_set: 0,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_peer.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.by_peer.is_empty()
    }

    /// True when another session needs one to leave.
    pub fn is_full(&self) -> bool {
        self.len() >= self.most
    }

    /// The session of a peer.
    pub fn find(&self, peer: SocketAddr) -> Option<Slot> {
        let is_its = |slot: &Slot| address(&self.places, *slot) == Some(peer);
        self.by_peer.find(hash(&self.key, peer), is_its).copied()
    }

    /// All slots, with and without a session.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (0..self.places.len() as u32).map(Slot)
    }

    /// The session in a slot, if there is one.
    pub fn get(&mut self, slot: Slot) -> Option<&mut Session> {
        self.place(slot).session.as_mut()
    }

    /// The one that has to make room next.
    pub fn next_to_leave(&self) -> Option<Slot> {
        let firsts = self.queues.iter().map(|ends| ends.first);
        firsts.into_iter().find(|&slot| slot != NONE)
    }

    /// Takes a session in. Its peer must have none, and the table must not be full.
    pub fn insert(&mut self, session: Session, queue: Option<Queue>) -> Slot {
        debug_assert!(!self.is_full());
        let slot = self.free.pop().unwrap_or_else(|| self.grow());
        let hash_of_peer = hash(&self.key, session.peer.address);
        self.place(slot).session = Some(session);
        let (places, key) = (&self.places, &self.key);
        let rehash = |slot: &Slot| address(places, *slot).map_or(0, |peer| hash(key, peer));
        self.by_peer.insert_unique(hash_of_peer, slot, rehash);
        self.enqueue(slot, queue);
        slot
    }

    /// Takes a session out.
    pub fn remove(&mut self, slot: Slot) -> Option<Session> {
        self.enqueue(slot, None);
        let session = self.place(slot).session.take()?;
        let hash = hash(&self.key, session.peer.address);
        if let Ok(entry) = self.by_peer.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.free.push(slot);
        Some(session)
    }

    /// Moves a session to the end of a queue, or out of any.
    pub fn enqueue(&mut self, slot: Slot, queue: Option<Queue>) {
        if let Some(old) = self.place(slot).queue.take() {
            self.unlink(slot, old);
        }
        if let Some(new) = queue {
            self.link(slot, new);
        }
    }

    /// Has [`expired`](Self::expired) name the slot at `deadline` or before.
    pub fn set_alarm(&mut self, slot: Slot, deadline: Instant) {
        let place = self.place(slot);
        if place.alarm.is_none_or(|alarm| deadline < alarm) {
            place.alarm = Some(deadline);
            self.alarms_set = self.alarms_set.wrapping_add(1);
            self.alarms.push(Reverse((deadline, self.alarms_set, slot)));
        }
    }

    /// When to ask [`expired`](Self::expired) next. Never late, sometimes early.
    pub fn next_alarm(&self) -> Option<Instant> {
        self.alarms.peek().map(|&Reverse((alarm, ..))| alarm)
    }

    /// A session that may have reached its deadline. The caller looks at it, and sets its alarm
    /// again if it stays.
    pub fn expired(&mut self, now: Instant) -> Option<Slot> {
        while let Some(&Reverse((alarm, _, slot))) = self.alarms.peek() {
            if alarm > now {
                return None;
            }
            self.alarms.pop();
            let place = self.place(slot);
            // Another alarm was set since, for an earlier time: that one has done the work.
            if place.alarm != Some(alarm) {
                continue;
            }
            place.alarm = None;
            if place.session.is_some() {
                return Some(slot);
            }
        }
        None
    }

    fn place(&mut self, slot: Slot) -> &mut Place {
        &mut self.places[slot.0 as usize]
    }

    fn grow(&mut self) -> Slot {
        self.places.push(Place {
            session: None,
            queue: None,
            before: NONE,
            behind: NONE,
            alarm: None,
        });
        // One more than `most` at the most, which is far below.
        Slot(self.places.len() as u32 - 1)
    }

    fn link(&mut self, slot: Slot, queue: Queue) {
        let last = self.queues[queue as usize].last;
        let place = self.place(slot);
        (place.queue, place.before, place.behind) = (Some(queue), last, NONE);
        match last {
            NONE => self.queues[queue as usize].first = slot,
            last => self.place(last).behind = slot,
        }
        self.queues[queue as usize].last = slot;
    }

    fn unlink(&mut self, slot: Slot, queue: Queue) {
        let place = self.place(slot);
        let (before, behind) = (place.before, place.behind);
        match before {
            NONE => self.queues[queue as usize].first = behind,
            before => self.place(before).behind = behind,
        }
        match behind {
            NONE => self.queues[queue as usize].last = before,
            behind => self.place(behind).before = before,
        }
    }
}

/// The address of the peer whose session is in `slot`.
fn address(places: &[Place], slot: Slot) -> Option<SocketAddr> {
    let session = places[slot.0 as usize].session.as_ref();
    session.map(|session| session.peer.address)
}

/// All that a source can choose, in few words. What is left out of it (the form of an IPv4 address, a scope) makes no
/// great number of peers alike.
fn hash(key: &RandomState, peer: SocketAddr) -> u64 {
    let port = peer.port();
    match peer.ip().to_canonical() {
        IpAddr::V4(ip) => key.hash_one(u64::from(ip.to_bits()) << 16 | u64::from(port)),
        IpAddr::V6(ip) => key.hash_one((ip.to_bits(), port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the design promises for a session: its entries in all tables included, and the account of its prefix if it is
    /// the only one there.
    #[test]
    fn a_session_takes_less_than_512_bytes() {
        let place = size_of::<Place>();
        // A hash table of 2ⁿ buckets is up to 7/8 full, and half of that after it has grown.
        let in_hash_table = |entry: usize| (entry + 1) * 16 / 7;
        let by_peer = in_hash_table(size_of::<Slot>());
        let prefix = in_hash_table(crate::proto::guard::ACCOUNT);
        // One alarm, and one that was overtaken by an earlier.
        let alarms = 2 * size_of::<(Instant, u32, Slot)>();
        let ready_and_free = 2 * size_of::<Slot>();
        let all = place + by_peer + prefix + alarms + ready_and_free;
        assert!(
            all < 512,
            "{place} + {by_peer} + {prefix} + {alarms} + {ready_and_free}"
        );
    }
}
