//! The table of sessions: found by the addresses of both ends, woken at their deadlines, bounded in number.
//!
//! A source can be forged and ACKs can be blind, so an attacker fills any table, with sessions that make no progress or
//! little. When the table is full, the oldest finished session is evicted first. After that comes the session that has made no
//! progress for longest, validated or not; of the oldest ones, one of the prefix that has most. So a session that makes
//! progress is never evicted by ones that are only held, and a prefix with few is not evicted by one with many. A
//! session stays for a second at least, which is enough for a client with a high RTT to acknowledge the answer: when even
//! the oldest is younger, the request is dropped, and its client asks again.
//!
//! The queue is lazy like the timer: progress does not move a session. When a session comes up for eviction and has made
//! progress since it was queued, it goes to the end.
//!
//! The timer is lazy: an ACK moves the deadline of its session and leaves the heap alone. A heap entry
//! that expires early is put back with the present deadline.
//!
//! The index holds slot numbers only: the addresses are in the session that a number leads to. It is hashed by
//! SipHash under a random key, because an attacker can choose sources. With a hash that can be foreseen, thousands of
//! them collide, and each datagram costs a look at all of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashTable;

use crate::catalog::FileId;
use crate::proto::guard::Reservation;
use crate::proto::sender::Transfer;
use crate::proto::stats::{Figures, Limit};
use crate::proto::{Instant, Peer};

/// A peer and its transfer.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) peer: Peer,
    pub(super) file: FileId,
    pub(super) transfer: Transfer,
    /// The guard's reservation for it, and of how many bytes, until its first ACK. At most 65,535: a client that
    /// repeats its request a hundred times is refunded no more.
    pub(super) reservation: Reservation,
    pub(super) reserved: u16,
    /// When it finished: it is remembered for a while.
    pub(super) finished: Option<Instant>,
    /// It finished well.
    pub(super) is_complete: bool,
    /// The MTU that its block size was made for, in bytes.
    pub(super) mtu: u16,
    /// That MTU was too large: its datagrams may be fragmented.
    pub(super) may_fragment: bool,
    /// The guard exempts its source from rates.
    pub(super) is_exempt: bool,
    /// The limit that has slowed it down or ended it.
    pub(super) limited: Option<Limit>,
    /// It is in the queue of those that have something to send.
    pub(super) is_ready: bool,
}

impl Session {
    /// The guard has reserved `bytes` more.
    pub(super) fn reserve(&mut self, bytes: usize) {
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        self.reserved = self.reserved.saturating_add(bytes);
    }

    /// The figures of its transfer so far.
    pub(super) fn figures(&self, now: Instant) -> Figures {
        let terms = self.transfer.terms();
        Figures {
            bytes: self.transfer.acknowledged(),
            is_validated: self.transfer.is_validated(),
            blksize: terms.blksize,
            windowsize: terms.windowsize,
            duration: self.transfer.age(now),
            resent: self.transfer.resent(),
            in_flight: self.transfer.deepest(),
            recoveries: self.transfer.recoveries(),
            rtt: self.transfer.round_trip(),
        }
    }
}

/// The index of a session in its table. It may be given to another session after a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u32);

/// How long a session without progress stays at least, whatever asks for its place: three times the RTT of a
/// client far away.
const LEAST_STAY: Duration = Duration::from_secs(1);

/// Of so many sessions without progress, the one is evicted whose prefix has most.
const CANDIDATES: usize = 16;

/// So many are looked at for it, with those that have made progress meanwhile.
const MOST_LOOKED_AT: usize = 256;

/// Space for so many alarms at the start, so that a few transfers allocate nothing under way.
const ALARMS_AT_START: usize = 64;

/// No slot: the end of a queue.
const NONE: Slot = Slot(u32::MAX);

/// Sessions in the order in which they are evicted when the table is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Queue {
    /// Remembered for late duplicates only.
    Finished,
    /// Under way.
    Open,
}

/// Whether a finished transfer is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// For a moment: the client ended it, or an attacker in its name.
    Kept,
    /// Not at all.
    None,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Sessions {
    capacity: usize,
    by_peer: HashTable<Slot>,
    key: RandomState,
    places: Vec<Place>,
    free: Vec<Slot>,
    queues: [Ends; 2],
    /// With a number that counts them: of several at the same time, the one that was set first comes first. Else a
    /// throttled prefix would serve the first of its machines and starve the others.
    alarms: BinaryHeap<Reverse<(Instant, u32, Slot)>>,
    alarms_set: u32,
}

#[derive(Debug)]
struct Place {
    session: Option<Session>,
    /// The queue that it is in, and its others there.
    queue: Option<Queue>,
    before: Slot,
    behind: Slot,
    /// When the session had last made progress as it was queued, in milliseconds since the origin, modulo 2³².
    queued: u32,
    /// The earliest alarm in the heap for this place, whichever session has set it.
    alarm: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    first: Slot,
    last: Slot,
}

impl Sessions {
    /// A table of at most `capacity` sessions, finished ones included.
    pub(super) fn new(capacity: usize) -> Sessions {
        Sessions {
            capacity,
            by_peer: HashTable::new(),
            key: RandomState::new(),
            places: Vec::new(),
            free: Vec::new(),
            queues: [Ends {
                first: NONE,
                last: NONE,
            }; 2],
            alarms: BinaryHeap::with_capacity(ALARMS_AT_START),
            alarms_set: 0,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_peer.len()
    }

    /// True when another session needs one to be evicted.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// The session of a peer: the same client and the same address of ours. A client port that asks two
    /// of our addresses has two sessions.
    pub(super) fn find(&self, peer: Peer) -> Option<Slot> {
        let is_its = |slot: &Slot| self.peer(*slot) == Some(peer);
        self.by_peer.find(hash(&self.key, peer), is_its).copied()
    }

    /// The session that an ICMP report is about. The report does not tell which of our addresses has sent the datagram,
    /// unless the socket has only one.
    pub(super) fn find_reported(&self, peer: Peer) -> Option<Slot> {
        let has_address = |slot: &Slot| self.peer(*slot).is_some_and(|p| p.address == peer.address);
        let of_any = || {
            self.by_peer
                .find(hash(&self.key, peer), has_address)
                .copied()
        };
        self.find(peer).or_else(of_any)
    }

    /// All slots, with and without a session.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (0..self.places.len() as u32).map(Slot)
    }

    /// The session in a slot, if there is one.
    pub(super) fn get(&mut self, slot: Slot) -> Option<&mut Session> {
        self.place(slot).session.as_mut()
    }

    /// The session to evict next. `held` tells how many its prefix has.
    pub(super) fn next_to_evict(
        &mut self,
        now: Instant,
        held: impl Fn(&Session) -> u16,
    ) -> Option<Slot> {
        let finished = self.queues[Queue::Finished as usize].first;
        if finished != NONE {
            return Some(finished);
        }
        let mut found: Option<(Slot, u16)> = None;
        let (mut slot, mut seen) = (self.queues[Queue::Open as usize].first, 0);
        for _ in 0..MOST_LOOKED_AT {
            if slot == NONE || seen == CANDIDATES {
                break;
            }
            let place = &self.places[slot.0 as usize];
            let (this, next) = (slot, place.behind);
            let Some(session) = place.session.as_ref() else {
                break;
            };
            let progressed = session.transfer.progressed();
            if millis(progressed) != place.queued {
                self.requeue(this, progressed);
            } else if now - progressed >= LEAST_STAY {
                seen += 1;
                let held = held(session);
                if found.is_none_or(|(_, most)| held > most) {
                    found = Some((this, held));
                }
            } else {
                // Those behind it are younger.
                break;
            }
            slot = next;
        }
        found.map(|(slot, _)| slot)
    }

    /// Puts a session that has made progress at the end of its queue.
    fn requeue(&mut self, slot: Slot, progressed: Instant) {
        self.enqueue(slot, Some(Queue::Open));
        self.place(slot).queued = millis(progressed);
    }

    /// Adds a session. Its peer must have none, and the table must not be full.
    pub(super) fn insert(&mut self, session: Session, now: Instant, queue: Queue) -> Slot {
        debug_assert!(!self.is_full());
        let slot = self.free.pop().unwrap_or_else(|| self.grow());
        let hash_of_peer = hash(&self.key, session.peer);
        self.place(slot).session = Some(session);
        let (places, key) = (&self.places, &self.key);
        let rehash = |slot: &Slot| peer_in(places, *slot).map_or(0, |peer| hash(key, peer));
        self.by_peer.insert_unique(hash_of_peer, slot, rehash);
        self.enqueue(slot, Some(queue));
        self.place(slot).queued = millis(now);
        slot
    }

    /// Removes a session.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<Session> {
        self.enqueue(slot, None);
        let session = self.place(slot).session.take()?;
        let hash = hash(&self.key, session.peer);
        if let Ok(entry) = self.by_peer.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.free.push(slot);
        Some(session)
    }

    /// Moves a session to the end of a queue, or out of any.
    pub(super) fn enqueue(&mut self, slot: Slot, queue: Option<Queue>) {
        if let Some(old) = self.place(slot).queue.take() {
            self.unlink(slot, old);
        }
        if let Some(new) = queue {
            self.link(slot, new);
        }
    }

    /// Has [`expired`](Self::expired) name the slot at `deadline` or before.
    pub(super) fn set_alarm(&mut self, slot: Slot, deadline: Instant) {
        let place = self.place(slot);
        if place.alarm.is_none_or(|alarm| deadline < alarm) {
            place.alarm = Some(deadline);
            self.alarms_set = self.alarms_set.wrapping_add(1);
            self.alarms.push(Reverse((deadline, self.alarms_set, slot)));
        }
    }

    /// When to ask [`expired`](Self::expired) next. Never late, sometimes early.
    pub(super) fn next_alarm(&self) -> Option<Instant> {
        self.alarms.peek().map(|&Reverse((alarm, ..))| alarm)
    }

    /// A session that may have reached its deadline. The caller looks at it, and sets its alarm
    /// again if it stays.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Slot> {
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

    fn peer(&self, slot: Slot) -> Option<Peer> {
        peer_in(&self.places, slot)
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
            queued: 0,
            alarm: None,
        });
        // One more than `capacity` at most, which is far below.
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

/// Milliseconds since the origin, modulo 2³²: only compared for equality.
fn millis(at: Instant) -> u32 {
    (at.as_micros() / 1000) as u32
}

/// The peer whose session is in `slot`.
fn peer_in(places: &[Place], slot: Slot) -> Option<Peer> {
    let session = places[slot.0 as usize].session.as_ref();
    session.map(|session| session.peer)
}

/// All that a source can choose, in few words. What is left out (our own address, the form of an IPv4
/// address, a zone) makes no great number of peers alike.
fn hash(key: &RandomState, peer: Peer) -> u64 {
    let port = peer.address.port();
    match peer.address.ip().to_canonical() {
        IpAddr::V4(ip) => key.hash_one(u64::from(ip.to_bits()) << 16 | u64::from(port)),
        IpAddr::V6(ip) => key.hash_one((ip.to_bits(), port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The design's bound for a session: with its entries in all tables, and the account of its prefix, if it is the
    /// only session there.
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
