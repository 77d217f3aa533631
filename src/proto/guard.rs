//! What a stranger may cost, and whom.
//!
//! The source address of a datagram can be forged, so whatever is sent to it may hit somebody who
//! never asked. Hence: only RRQ and WRQ are ever answered with an ERROR (two servers answering each
//! other's ERRORs never stop: CVE-2024-2169), each request gets at most one answer of its own, and
//! whatever else goes to a source before its first ACK comes out of an [`Allowance`]. Above that,
//! the [`Guard`] bounds what all requests of one prefix, and all together, may set in motion.
//!
//! An honest client proves itself with its first ACK, one round trip after its request, and gives
//! back what the request had cost: a thousand machines behind one NAT meet no bound.

mod prefix;

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use self::prefix::{Prefix, is_near};
use super::Instant;
use super::stats::{Ignored, Outcome};
use crate::wire::{ErrorCode, Packet};

/// RFC 9000 §8.1: at most three bytes back for each byte that came, until the address is proven.
const AMPLIFICATION: u32 = 3;

/// Transfers of one prefix that have not acknowledged anything yet. All machines of a large site may
/// be switched on at once.
const UNPROVEN_PER_PREFIX: u32 = 2048;

/// Unproven bytes to one prefix: those machines' first blocks, and then what nobody would bother to
/// reflect.
const UNPROVEN_BYTES_PER_PREFIX: Bound = Bound {
    burst: 2 << 20,
    per_second: 64 << 10,
};

/// Unproven bytes to everybody: 25 Mbit/s of the smallest machine's network, after a burst that ten
/// thousand machines with their first blocks do not fill.
const UNPROVEN_BYTES: Bound = Bound {
    burst: 16 << 20,
    per_second: 3 << 20,
};

/// The part of [`UNPROVEN_BYTES`] that is kept for answers no longer than three times their request:
/// a flood of requests without options (one block of 512 bytes for 20) leaves room for the others.
const KEPT_FOR_SMALL_ANSWERS: u64 = UNPROVEN_BYTES.burst / 2;

/// Bytes to one public prefix, proven or not, because an ACK can be guessed as well: 64 MB at once, then
/// 4 MB/s. A site that boots from across the Internet gets by with that.
const BYTES_PER_PREFIX: Bound = Bound {
    burst: 64_000_000,
    per_second: 4_000_000,
};

/// How long whoever is held back has to wait for its turn. It may have to wait for another one then.
const LONGEST_TURN: Duration = Duration::from_secs(1);

/// Reports of requests without an ACK. A boot asks for some ten names that do not exist.
const UNPROVEN_REPORTS: Bound = Bound {
    burst: 500,
    per_second: 20,
};

/// How long a prefix gets no answer after one of its hosts has said that it did not ask.
const DOOR_CLOSED_FOR: Duration = Duration::from_secs(60);
/// As long as an answer is repeated of which nothing is heard.
const TRUSTED_FOR: Duration = Duration::from_secs(15);

/// Prefixes that are accounted for one by one; the rest share one account. More than there are
/// sessions, so that a flood from everywhere does not push honest neighbours into that account: what
/// is not backed by a session is paid back within milliseconds. 64 bytes each, 2 MiB in all.
const PREFIXES: usize = 28_000;

/// Closed doors that are kept while the table is full. A spoofer who closes a few hundred a second would
/// else fill it with them, and leave one account to all who are new.
const DOORS: usize = PREFIXES / 4;

/// How often the table of prefixes may be searched for accounts that are worth nothing any more.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// Bytes that may still be sent, unasked, to one unproven source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    /// Negative after an answer that cost more than there was.
    left: i32,
}

impl Allowance {
    /// `bytes` came from the source.
    pub fn earn(&mut self, bytes: usize) {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        let earned = bytes.saturating_mul(AMPLIFICATION as i32);
        self.left = self.left.saturating_add(earned);
    }

    /// Pays for an answer that its request has a right to: it may cost more than there is.
    pub fn charge(&mut self, bytes: usize) {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        self.left = self.left.saturating_sub(bytes);
    }

    /// True when `bytes` more may be sent without being asked for.
    pub fn covers(&self, bytes: usize) -> bool {
        i32::try_from(bytes).is_ok_and(|bytes| bytes <= self.left)
    }
}

/// The three ERRORs that Bootstone sends, each with its fixed text: a peer learns nothing of the host.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// No file has this name.
    NotFound,
    /// A write request.
    ReadOnly,
    /// Neither octet nor netascii.
    UnknownMode,
}

impl Refusal {
    /// The ERROR as it goes out.
    pub fn packet(self) -> Packet<'static> {
        let (code, message) = match self {
            Refusal::NotFound => (ErrorCode::FileNotFound, &b"file not found"[..]),
            Refusal::ReadOnly => (ErrorCode::AccessViolation, &b"read-only server"[..]),
            Refusal::UnknownMode => (ErrorCode::IllegalOperation, &b"unknown mode"[..]),
        };
        Packet::Error {
            code: code as u16,
            message,
        }
    }

    /// What the request has come to.
    pub fn outcome(self) -> Outcome {
        match self {
            Refusal::NotFound => Outcome::NotFound,
            Refusal::ReadOnly | Refusal::UnknownMode => Outcome::Refused,
        }
    }

    /// Length in bytes of the ERROR.
    pub fn size(self) -> usize {
        let mut error = Vec::new();
        self.packet().encode(&mut error);
        error.len()
    }

    /// False when the ERROR would be more than the request of `request` bytes may cause. Every
    /// request with a name and a mode that exists is long enough; a shorter one is made up to be
    /// answered.
    pub fn is_worth(self, request: usize) -> bool {
        !amplifies(request, self.size())
    }
}

/// True when `answer` bytes are more than three times `request` bytes.
fn amplifies(request: usize, answer: usize) -> bool {
    answer > request.saturating_mul(AMPLIFICATION as usize)
}

/// Bounds the lines about peers that have not proven themselves: what they write into the log is
/// not theirs to choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mention {
    debt: Debt,
    /// Reports left out since the last one.
    left_out: u32,
}

impl Mention {
    /// True when one more may be reported.
    pub fn allows(&mut self, now: Instant) -> bool {
        if self.debt.settle(now, UNPROVEN_REPORTS) >= UNPROVEN_REPORTS.burst {
            self.left_out = self.left_out.saturating_add(1);
            return false;
        }
        self.debt.units += 1;
        true
    }

    /// How many were left out since this was last asked.
    pub fn take_left_out(&mut self) -> u32 {
        std::mem::take(&mut self.left_out)
    }
}

/// The accounts of all sources. See the [module](self).
#[derive(Debug, Default)]
pub struct Guard {
    prefixes: HashMap<Prefix, Account>,
    everybody: Debt,
    swept: Option<Instant>,
}

/// The account in which an unproven transfer is booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booking(Prefix);

/// What is known of a prefix. The default is what is known of one that never came.
#[derive(Debug, Default)]
struct Account {
    /// Transfers without an ACK.
    unproven: u32,
    /// What is the matter with its door, and until when.
    door: Door,
    door_until: Instant,
    unproven_bytes: Debt,
    bytes: Debt,
    /// When the next of those may send that are held back.
    turn: Instant,
}

/// Through which requests of a prefix come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Door {
    /// Someone there has said that nobody asked.
    Closed,
    /// Someone there has asked, as far as one can tell.
    #[default]
    HeldOpen,
}

/// So much at once, and so much a second from there on.
#[derive(Clone, Copy, Debug)]
struct Bound {
    burst: u64,
    per_second: u64,
}

/// What has been taken and not yet been made up for by time.
#[derive(Clone, Copy, Debug, Default)]
struct Debt {
    units: u64,
    at: Instant,
}

impl Bound {
    /// How long so many units take, once the burst is over.
    fn time_for(self, units: u64) -> Duration {
        Duration::from_micros(units.saturating_mul(1_000_000).div_ceil(self.per_second))
    }
}

impl Debt {
    /// Lets the time until `now` make up for it.
    fn settle(&mut self, now: Instant, bound: Bound) -> u64 {
        let micros = u64::try_from((now - self.at).as_micros()).unwrap_or(u64::MAX);
        let paid = micros.saturating_mul(bound.per_second) / 1_000_000;
        // A debt that is asked after so often that nothing is paid in between keeps its time.
        if paid > 0 || self.units == 0 {
            self.units = self.units.saturating_sub(paid);
            self.at = now;
        }
        self.units
    }
}

impl Guard {
    /// A request of `request` bytes wants an answer of `answer` bytes: may it have it? What it takes is
    /// booked. `begins` says that an unproven transfer begins with it.
    ///
    /// # Errors
    /// The reason for which the request is to be dropped, silently.
    pub fn admit(
        &mut self,
        now: Instant,
        source: IpAddr,
        request: usize,
        answer: usize,
        begins: bool,
    ) -> Result<Booking, Ignored> {
        let bytes = answer as u64;
        let most = match amplifies(request, answer) {
            true => UNPROVEN_BYTES.burst - KEPT_FOR_SMALL_ANSWERS,
            false => UNPROVEN_BYTES.burst,
        };
        let everybody = self.everybody.settle(now, UNPROVEN_BYTES);
        let prefix = self.booked_under(now, source);
        let account = self.prefixes.entry(prefix).or_default();
        if account.is_closed(now) {
            return Err(Ignored::ClosedDoor);
        }
        let owed = account
            .unproven_bytes
            .settle(now, UNPROVEN_BYTES_PER_PREFIX);
        if owed + bytes > UNPROVEN_BYTES_PER_PREFIX.burst || account.unproven >= UNPROVEN_PER_PREFIX
        {
            return Err(Ignored::PrefixBudget);
        }
        if everybody + bytes > most {
            return Err(Ignored::TotalBudget);
        }
        account.unproven_bytes.units += bytes;
        account.unproven += u32::from(begins);
        self.everybody.units += bytes;
        Ok(Booking(prefix))
    }

    /// The first ACK of a transfer has come, after `bytes` had been sent: they are forgiven.
    pub fn prove(&mut self, booking: Booking, bytes: u64) {
        self.give_up(booking);
        if let Some(account) = self.prefixes.get_mut(&booking.0) {
            let owed = &mut account.unproven_bytes.units;
            *owed = owed.saturating_sub(bytes);
        }
        self.everybody.units = self.everybody.units.saturating_sub(bytes);
    }

    /// A transfer has ended without an ACK.
    pub fn give_up(&mut self, booking: Booking) {
        if let Some(account) = self.prefixes.get_mut(&booking.0) {
            account.unproven = account.unproven.saturating_sub(1);
        }
    }

    /// How long a transfer to a source has to hold back that wants to send `bytes`, because the prefix has
    /// had its share.
    ///
    /// Each of those who wait gets a turn of its own: thousands that all woke up for the next
    /// free byte would keep the server busy with nothing else.
    pub fn hold_back(&mut self, now: Instant, source: IpAddr, bytes: u64) -> Option<Duration> {
        if is_near(source) {
            return None;
        }
        let account = self.account(now, source);
        let owed = account.bytes.settle(now, BYTES_PER_PREFIX);
        let over = owed.checked_sub(BYTES_PER_PREFIX.burst)?;
        let paid = now + BYTES_PER_PREFIX.time_for(over + 1);
        let turn = paid.max(account.turn).min(now + LONGEST_TURN);
        account.turn = turn + BYTES_PER_PREFIX.time_for(bytes);
        Some(turn - now)
    }

    /// `bytes` have been sent to a source.
    pub fn spend(&mut self, now: Instant, source: IpAddr, bytes: usize) {
        if !is_near(source) {
            let debt = &mut self.account(now, source).bytes;
            debt.settle(now, BYTES_PER_PREFIX);
            debt.units += bytes as u64;
        }
    }

    /// A host of the prefix has said that nobody there has asked: somebody else did, in its name.
    ///
    /// Near sources are left alone: there is nothing to reflect in one's own house, and a machine that is
    /// switched off in mid-transfer says the same.
    ///
    /// The common account of all for whom there is no room has no door: closed by one, it would shut out
    /// everybody who is new.
    pub fn close_door(&mut self, now: Instant, source: IpAddr) {
        let prefix = self.booked_under(now, source);
        if !is_near(source) && prefix != Prefix::Rest {
            let account = self.prefixes.entry(prefix).or_default();
            if account.door == Door::Closed || account.door_until <= now {
                account.door = Door::Closed;
                account.door_until = now + DOOR_CLOSED_FOR;
            }
        }
    }

    /// A transfer has come so far that its ACKs are hardly guesses: somebody in the prefix did ask. It opens the door, and
    /// keeps it open for a while.
    ///
    /// OVMF closes the port from which it asked for the size. Where the ERROR that says so was lost, the answer is
    /// repeated, and it says "unreachable" of that one, while it loads the file from another port.
    pub fn trust(&mut self, now: Instant, source: IpAddr) {
        if let Some(account) = self.prefixes.get_mut(&Prefix::of(source)) {
            account.door = Door::HeldOpen;
            account.door_until = now + TRUSTED_FOR;
        }
    }

    /// A transfer that was trusted was answered like this, too: they were guesses, or the machine is off.
    pub fn distrust(&mut self, now: Instant, source: IpAddr) {
        let account = self.prefixes.get_mut(&Prefix::of(source));
        if let Some(account) = account.filter(|account| account.door == Door::HeldOpen) {
            account.door_until = now;
        }
    }

    fn account(&mut self, now: Instant, source: IpAddr) -> &mut Account {
        let prefix = self.booked_under(now, source);
        self.prefixes.entry(prefix).or_default()
    }

    /// The prefix whose account a source has, or gets.
    fn booked_under(&mut self, now: Instant, source: IpAddr) -> Prefix {
        let prefix = Prefix::of(source);
        if self.prefixes.len() < PREFIXES || self.prefixes.contains_key(&prefix) {
            return prefix;
        }
        self.sweep(now);
        match self.prefixes.len() < PREFIXES {
            true => prefix,
            false => Prefix::Rest,
        }
    }

    /// Forgets the accounts that are as good as new, or have too many closed doors before them.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|at| now < at + SWEEP_EVERY) {
            return;
        }
        self.swept = Some(now);
        let mut doors = 0;
        self.prefixes.retain(|_, account| {
            if !account.owes_nothing(now) {
                return true;
            }
            let is_closed = account.is_closed(now);
            doors += usize::from(is_closed);
            is_closed && doors <= DOORS
        });
    }
}

impl Account {
    fn is_closed(&self, now: Instant) -> bool {
        self.door == Door::Closed && now < self.door_until
    }

    fn owes_nothing(&mut self, now: Instant) -> bool {
        self.unproven == 0
            && self.unproven_bytes.settle(now, UNPROVEN_BYTES_PER_PREFIX) == 0
            && self.bytes.settle(now, BYTES_PER_PREFIX) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const NOW: Instant = Instant::from_millis(1);

    /// A public address in the prefix numbered `prefix`.
    fn host(prefix: u16, host: u8) -> IpAddr {
        let [high, low] = prefix.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(20, high, low, host))
    }

    #[test]
    fn three_bytes_for_one() {
        let mut allowance = Allowance::default();
        assert!(!allowance.covers(1));
        allowance.earn(40);
        assert!(allowance.covers(120));
        assert!(!allowance.covers(121));
        allowance.charge(100);
        assert!(allowance.covers(20));
        allowance.charge(100);
        assert!(!allowance.covers(1));
        // What was too much is made up for first.
        allowance.earn(30);
        assert!(allowance.covers(10));
        assert!(!allowance.covers(11));
    }

    #[test]
    fn an_error_is_no_amplifier() {
        // The shortest requests: "\0\x01a\0octet\0" and "\0\x01a\0m\0".
        assert!(Refusal::NotFound.is_worth(10));
        assert!(Refusal::ReadOnly.is_worth(10));
        assert!(!Refusal::UnknownMode.is_worth(5));
        assert!(Refusal::UnknownMode.is_worth(6));
    }

    #[test]
    fn a_prefix_has_so_many_unproven_transfers_and_no_more() {
        let mut guard = Guard::default();
        let mut bookings = Vec::new();
        for n in 0..UNPROVEN_PER_PREFIX {
            let source = host(1, n as u8);
            bookings.push(guard.admit(NOW, source, 60, 60, true).unwrap());
        }
        let one_more = |guard: &mut Guard| guard.admit(NOW, host(1, 77), 60, 60, true).map(drop);
        assert_eq!(one_more(&mut guard), Err(Ignored::PrefixBudget));
        assert!(guard.admit(NOW, host(2, 77), 60, 60, true).is_ok());
        guard.prove(bookings[0], 60);
        assert_eq!(one_more(&mut guard), Ok(()));
        assert_eq!(one_more(&mut guard), Err(Ignored::PrefixBudget));
        guard.give_up(bookings[1]);
        assert_eq!(one_more(&mut guard), Ok(()));
    }

    #[test]
    fn unproven_bytes_to_a_prefix_are_paid_back_by_time_or_by_proof() {
        let mut guard = Guard::default();
        let ask = |guard: &mut Guard, now| {
            guard
                .admit(now, host(1, 1), 1 << 20, 1 << 20, false)
                .map(drop)
        };
        assert_eq!(ask(&mut guard, NOW), Ok(()));
        assert_eq!(ask(&mut guard, NOW), Ok(()));
        assert_eq!(ask(&mut guard, NOW), Err(Ignored::PrefixBudget));
        let almost = NOW + Duration::from_millis(15_999);
        assert_eq!(ask(&mut guard, almost), Err(Ignored::PrefixBudget));
        let paid = NOW + Duration::from_millis(16_001);
        assert_eq!(ask(&mut guard, paid), Ok(()));
        guard.prove(Booking(Prefix::of(host(1, 1))), 1 << 20);
        assert_eq!(ask(&mut guard, paid), Ok(()));
    }

    #[test]
    fn asking_often_does_not_stop_the_clock() {
        let mut debt = Debt {
            units: 1000,
            at: NOW,
        };
        for micros in 0..1_000_000 {
            let now = NOW + Duration::from_micros(micros);
            debt.settle(now, UNPROVEN_BYTES_PER_PREFIX);
        }
        assert_eq!(debt.units, 0);
    }

    #[test]
    fn a_flood_without_options_leaves_room_for_small_answers() {
        let mut guard = Guard::default();
        let mut flooded = 0;
        for prefix in 0..u16::MAX {
            if guard.admit(NOW, host(prefix, 1), 20, 516, false) == Err(Ignored::TotalBudget) {
                flooded += 1;
            }
        }
        assert!(flooded > 0);
        assert!(guard.admit(NOW, host(7, 7), 60, 60, true).is_ok());
    }

    #[test]
    fn a_public_prefix_has_a_rate_and_a_private_one_has_none() {
        let mut guard = Guard::default();
        let near = IpAddr::from([10, 0, 0, 1]);
        for _ in 0..1000 {
            for source in [host(1, 1), near] {
                assert_eq!(guard.hold_back(NOW, source, 1), None);
                guard.spend(NOW, source, 64_000);
            }
        }
        let wait = guard.hold_back(NOW, host(1, 9), 0).unwrap();
        assert_eq!(guard.hold_back(NOW, host(2, 1), 1), None);
        assert_eq!(guard.hold_back(NOW, near, 1), None);
        // 64 kB too much take 16 ms at 4 MB/s.
        guard.spend(NOW, host(1, 1), 64_000);
        let longer = guard.hold_back(NOW, host(1, 1), 0).unwrap();
        assert_eq!(longer - wait, Duration::from_millis(16));
        let almost = NOW + (longer - Duration::from_micros(2));
        assert!(guard.hold_back(almost, host(1, 1), 0).is_some());
        assert_eq!(guard.hold_back(NOW + longer, host(1, 1), 0), None);
    }

    #[test]
    fn whoever_is_held_back_gets_a_turn_of_its_own() {
        let mut guard = Guard::default();
        guard.spend(NOW, host(1, 1), 64_000_000);
        let mut turn = || guard.hold_back(NOW, host(1, 1), 4000).unwrap();
        let first = turn();
        assert_eq!(first, Duration::from_micros(1));
        for waiting in 1..1000 {
            assert_eq!(turn() - first, Duration::from_millis(waiting));
        }
        // Nobody waits longer for a look whether there is room.
        for _ in 0..1000 {
            assert_eq!(turn(), LONGEST_TURN);
        }
    }

    #[test]
    fn a_closed_door_opens_after_a_minute() {
        let mut guard = Guard::default();
        guard.close_door(NOW, host(1, 1));
        let ask = |guard: &mut Guard, now, source| guard.admit(now, source, 60, 60, true).map(drop);
        assert_eq!(ask(&mut guard, NOW, host(1, 200)), Err(Ignored::ClosedDoor));
        assert_eq!(ask(&mut guard, NOW, host(2, 1)), Ok(()));
        assert_eq!(ask(&mut guard, NOW + DOOR_CLOSED_FOR, host(1, 200)), Ok(()));
        guard.close_door(NOW, IpAddr::from([192, 168, 1, 1]));
        assert_eq!(ask(&mut guard, NOW, IpAddr::from([192, 168, 1, 2])), Ok(()));
    }

    #[test]
    fn who_is_trusted_opens_the_door_and_holds_it_open() {
        let mut guard = Guard::default();
        let ask = |guard: &mut Guard, now, source| guard.admit(now, source, 60, 60, true).map(drop);
        guard.close_door(NOW, host(1, 1));
        guard.trust(NOW, host(1, 1));
        guard.close_door(NOW + TRUSTED_FOR / 2, host(1, 1));
        assert_eq!(ask(&mut guard, NOW + TRUSTED_FOR / 2, host(1, 2)), Ok(()));
        guard.distrust(NOW + TRUSTED_FOR / 2, host(1, 1));
        assert_eq!(ask(&mut guard, NOW + TRUSTED_FOR / 2, host(1, 2)), Ok(()));
        guard.close_door(NOW + TRUSTED_FOR / 2, host(1, 1));
        assert_eq!(
            ask(&mut guard, NOW + TRUSTED_FOR / 2, host(1, 2)),
            Err(Ignored::ClosedDoor)
        );

        assert_eq!(ask(&mut guard, NOW, host(2, 1)), Ok(()));
        guard.trust(NOW, host(2, 1));
        guard.close_door(NOW + TRUSTED_FOR, host(2, 1));
        assert_eq!(
            ask(&mut guard, NOW + TRUSTED_FOR, host(2, 1)),
            Err(Ignored::ClosedDoor)
        );
    }

    #[test]
    fn the_table_of_prefixes_is_bounded_and_forgets() {
        let mut guard = Guard::default();
        let mut bookings = Vec::new();
        for prefix in 0..40_000 {
            bookings.extend(guard.admit(NOW, host(prefix, 1), 60, 60, true));
        }
        assert_eq!(bookings.len(), PREFIXES + UNPROVEN_PER_PREFIX as usize);
        assert_eq!(guard.prefixes.len(), PREFIXES + 1);
        // One by one they give up; nothing is left of them a while later.
        for booking in bookings {
            guard.give_up(booking);
        }
        let later = NOW + Duration::from_secs(60);
        assert!(guard.admit(later, host(50_000, 1), 60, 60, true).is_ok());
        assert!(guard.prefixes.len() <= 2);
    }

    /// Else one ICMP message, once the table is full, would turn away everybody who is new.
    #[test]
    fn the_common_account_has_no_door() {
        let mut guard = Guard::default();
        for prefix in 0..PREFIXES as u16 {
            guard.admit(NOW, host(prefix, 1), 60, 60, true).unwrap();
        }
        let stranger = host(40_000, 1);
        guard.admit(NOW, stranger, 60, 60, true).unwrap();
        guard.close_door(NOW, stranger);
        assert!(guard.admit(NOW, host(50_000, 1), 60, 60, true).is_ok());
    }

    #[test]
    fn closed_doors_do_not_fill_the_table() {
        let mut guard = Guard::default();
        for prefix in 0..PREFIXES as u16 {
            guard.close_door(NOW, host(prefix, 1));
        }
        let ask = |guard: &mut Guard, prefix| guard.admit(NOW, host(prefix, 1), 60, 60, true);
        assert!(ask(&mut guard, 40_000).is_ok());
        assert_eq!(guard.prefixes.len(), DOORS + 1);
        let closed = (0..PREFIXES as u16).filter(|&prefix| ask(&mut guard, prefix).is_err());
        assert_eq!(closed.count(), DOORS);
    }

    #[test]
    fn prefixes() {
        assert_eq!(Prefix::of(host(1, 1)), Prefix::of(host(1, 2)));
        assert_ne!(Prefix::of(host(1, 1)), Prefix::of(host(2, 1)));
        let v6 = |text: &str| Prefix::of(text.parse().unwrap());
        assert_eq!(v6("2001:db8:0:aa00::1"), v6("2001:db8:0:aaff::2"));
        assert_ne!(v6("2001:db8:0:aa00::1"), v6("2001:db8:0:ab00::1"));
        assert_eq!(v6("::ffff:20.0.1.1"), Prefix::of(host(1, 1)));
    }
}
