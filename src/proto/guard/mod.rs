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

mod gcra;
mod log_limiter;
mod refusal;

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use self::gcra::{Gcra, Rate};
pub use self::log_limiter::LogLimiter;
pub use self::refusal::Refusal;
use super::Instant;
use super::stats::Ignored;

/// RFC 9000 §8.1: at most three bytes back for each byte that came, until the address is proven.
const AMPLIFICATION: u32 = 3;

/// Transfers of one prefix that have not acknowledged anything yet. All machines of a large site may
/// be switched on at once.
const UNPROVEN_PER_PREFIX: u16 = 2048;

/// Unproven bytes to one prefix: those machines' first blocks, and then what nobody would bother to
/// reflect.
const UNPROVEN_BYTES_PER_PREFIX: Rate = Rate {
    burst: 2 << 20,
    per_second: 64 << 10,
};

/// Unproven bytes to everybody: 25 Mbit/s of the smallest machine's network, after a burst that ten
/// thousand machines with their first blocks do not fill.
const UNPROVEN_BYTES: Rate = Rate {
    burst: 16 << 20,
    per_second: 3 << 20,
};

/// The same for answers longer than three times their request: a flood of requests without options (one block of
/// 512 bytes for 20) leaves half of the room to the others.
const LARGE_ANSWERS: Rate = Rate {
    burst: UNPROVEN_BYTES.burst / 2,
    ..UNPROVEN_BYTES
};

/// Bytes to one public prefix, proven or not, because an ACK can be guessed as well: 64 MB at once, then
/// 4 MB/s. A site that boots from across the Internet gets by with that.
const BYTES_PER_PREFIX: Rate = Rate {
    burst: 64_000_000,
    per_second: 4_000_000,
};

/// How long whoever is held back has to wait for its turn. It may have to wait for another one then.
const LONGEST_TURN: Duration = Duration::from_secs(1);

/// How long a prefix is in doubt, in seconds, after one of its hosts has complained: it did not ask.
const DOUBTED_FOR: u32 = 60;

/// How many times dearer each complaint in that time makes a byte: 62.5 kB/s after the first, which is what a prefix gets
/// that has acknowledged nothing, half of it after the second, and so on. Not silence at once: one forged request a
/// minute would impose it on a whole prefix.
const DEARER: u64 = 64;

/// Prefixes that are accounted for one by one; the rest share one account. More than there are
/// sessions, so that a flood from everywhere does not push honest neighbours into that account: what
/// is not backed by a session is paid back within milliseconds. 41 bytes each, 1.3 MiB in all.
const PREFIXES: usize = 28_000;

/// Prefixes in doubt that are kept while the table is full. A spoofer who brings a few hundred a second into it
/// would else fill it with them, and leave one account to all who are new.
const DOUBTED: usize = PREFIXES / 4;

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

/// True when `answer` bytes are more than three times `request` bytes.
fn amplifies(request: usize, answer: usize) -> bool {
    answer > request.saturating_mul(AMPLIFICATION as usize)
}

/// The accounts of all sources. See the [module](self).
#[derive(Debug, Default)]
pub struct Guard {
    prefixes: HashMap<Prefix, Account>,
    everybody: Gcra,
    swept: Option<Instant>,
}

/// A neighbourhood that may be one customer, or one victim: /24 of IPv4, /56 of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Prefix {
    V4([u8; 3]),
    V6([u8; 7]),
    /// Everybody for whom there is no room in the table.
    Rest,
}

/// The account in which an unproven transfer is booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booking(Prefix);

/// What is known of a prefix. The default is what is known of one that never came.
#[derive(Debug, Default)]
struct Account {
    /// Transfers without an ACK.
    unproven: u16,
    /// How many of its hosts have said that they did not ask, since it is in doubt.
    complaints: u16,
    /// Until when it is in doubt, in seconds since the origin.
    doubted_until: u32,
    unproven_bytes: Gcra,
    bytes: Gcra,
    /// When the next of those may send that are held back.
    turn: Instant,
}

/// Bytes of memory for a prefix.
#[cfg(test)]
pub(super) const ACCOUNT: usize = size_of::<(Prefix, Account)>();

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
            true => LARGE_ANSWERS,
            false => UNPROVEN_BYTES,
        };
        let prefix = self.booked_under(now, source);
        let account = self.prefixes.entry(prefix).or_default();
        let has_room = |debt: Gcra, bound| debt.has_room(now, bound, bytes);
        if account.unproven >= UNPROVEN_PER_PREFIX
            || !has_room(account.unproven_bytes, UNPROVEN_BYTES_PER_PREFIX)
        {
            return Err(Ignored::PrefixBudget);
        }
        if !has_room(self.everybody, most) {
            return Err(Ignored::TotalBudget);
        }
        let time = UNPROVEN_BYTES_PER_PREFIX.time_for(bytes);
        account.unproven_bytes.take(now, time);
        account.unproven += u16::from(begins);
        self.everybody.take(now, UNPROVEN_BYTES.time_for(bytes));
        Ok(Booking(prefix))
    }

    /// The first ACK of a transfer has come, after `bytes` had been sent: they are forgiven.
    pub fn prove(&mut self, booking: Booking, bytes: u64) {
        self.give_up(booking);
        if let Some(account) = self.prefixes.get_mut(&booking.0) {
            let time = UNPROVEN_BYTES_PER_PREFIX.time_for(bytes);
            account.unproven_bytes.forgive(time);
        }
        self.everybody.forgive(UNPROVEN_BYTES.time_for(bytes));
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
        let over = account
            .bytes
            .owed(now)
            .checked_sub(BYTES_PER_PREFIX.most())?;
        let paid = now + over + BYTES_PER_PREFIX.time_for(1);
        let latest = now + LONGEST_TURN;
        let turn = paid.max(account.turn).min(latest);
        account.turn = latest.min(turn + account.time_for(now, bytes));
        Some(turn - now)
    }

    /// `bytes` have been sent to a source.
    pub fn spend(&mut self, now: Instant, source: IpAddr, bytes: usize) {
        if !is_near(source) {
            let account = self.account(now, source);
            let time = account.time_for(now, bytes as u64);
            account.bytes.take(now, time);
            if account.is_doubted(now) {
                // What was dear for a minute does not weigh on the next.
                let end = Instant::ZERO + Duration::from_secs(account.doubted_until.into());
                account.bytes.cap(end, BYTES_PER_PREFIX);
            }
        }
    }

    /// A host of the prefix has said that nobody there has asked: somebody else did, in its name. For a minute
    /// the prefix gets little, the less the more of them say so, whoever asks and whatever is acknowledged there.
    ///
    /// Near sources are left alone: there is nothing to reflect in one's own house, and a machine that is
    /// switched off in mid-transfer says the same. So is the common account of all for whom there is no
    /// room: in doubt because of one, it would slow down everybody who is new.
    pub fn doubt(&mut self, now: Instant, source: IpAddr) {
        let prefix = self.booked_under(now, source);
        if !is_near(source) && prefix != Prefix::Rest {
            let account = self.prefixes.entry(prefix).or_default();
            if !account.is_doubted(now) {
                account.complaints = 0;
                account.doubted_until = seconds(now) + DOUBTED_FOR;
                account.bytes.exhaust(now, BYTES_PER_PREFIX);
            }
            account.complaints = account.complaints.saturating_add(1);
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

    /// Forgets the accounts that are as good as new, or in doubt like too many others.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|at| now < at + SWEEP_EVERY) {
            return;
        }
        self.swept = Some(now);
        let mut doubted = 0;
        self.prefixes.retain(|_, account| {
            if account.unproven > 0 || account.unproven_bytes.owed(now) > Duration::ZERO {
                return true;
            }
            if account.is_doubted(now) {
                doubted += 1;
                return doubted <= DOUBTED;
            }
            account.bytes.owed(now) > Duration::ZERO
        });
    }
}

impl Account {
    fn is_doubted(&self, now: Instant) -> bool {
        seconds(now) < self.doubted_until
    }

    /// How long the prefix needs to pay for so many bytes.
    fn time_for(&self, now: Instant, bytes: u64) -> Duration {
        match self.is_doubted(now) {
            true => BYTES_PER_PREFIX.time_for(DEARER * u64::from(self.complaints) * bytes),
            false => BYTES_PER_PREFIX.time_for(bytes),
        }
    }
}

impl Prefix {
    fn of(source: IpAddr) -> Prefix {
        match source.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Prefix::V4([a, b, c])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, ..] = ip.octets();
                Prefix::V6([a, b, c, d, e, f, g])
            }
        }
    }
}

/// A source of one's own network: private, link-local or loopback.
fn is_near(source: IpAddr) -> bool {
    match source.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

/// Whole seconds since the origin: 136 years of them fit.
fn seconds(now: Instant) -> u32 {
    u32::try_from(now.as_micros() / 1_000_000).unwrap_or(u32::MAX - DOUBTED_FOR)
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
    fn a_prefix_in_doubt_gets_little_for_a_minute() {
        let mut guard = Guard::default();
        guard.doubt(NOW, host(1, 1));
        let neighbour = host(1, 200);
        assert!(guard.admit(NOW, neighbour, 60, 60, true).is_ok());
        let mut now = NOW;
        let mut sent = 0;
        while now < NOW + Duration::from_secs(59) {
            match guard.hold_back(now, neighbour, 1472) {
                Some(wait) => now = now + wait,
                None => {
                    guard.spend(now, neighbour, 1472);
                    sent += 1472;
                }
            }
        }
        assert!((3_600_000..3_750_000).contains(&sent), "{sent}");
        // From then on as before, and at once again when the burst has been paid back.
        let later = NOW + Duration::from_secs(61);
        let soon = guard.hold_back(later, neighbour, 0).unwrap_or_default();
        assert!(soon < Duration::from_millis(30), "{soon:?}");
        // The more complain, the less there is; and with the minute it is over all the same.
        for _ in 0..600 {
            guard.doubt(later, host(1, 1));
        }
        guard.spend(later, neighbour, 23_552);
        let in_seconds = |seconds| later + Duration::from_secs(seconds);
        assert!(guard.hold_back(in_seconds(59), neighbour, 0).is_some());
        assert_eq!(guard.hold_back(in_seconds(61), neighbour, 0), None);
        for other in [host(2, 1), IpAddr::from([192, 168, 1, 2])] {
            guard.doubt(NOW, IpAddr::from([192, 168, 1, 1]));
            assert_eq!(guard.hold_back(NOW, other, 1472), None);
        }
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

    /// Else one ICMP message, once the table is full, would slow down everybody who is new.
    #[test]
    fn the_common_account_is_never_in_doubt() {
        let mut guard = Guard::default();
        for prefix in 0..PREFIXES as u16 {
            guard.admit(NOW, host(prefix, 1), 60, 60, true).unwrap();
        }
        let stranger = host(40_000, 1);
        guard.admit(NOW, stranger, 60, 60, true).unwrap();
        guard.doubt(NOW, stranger);
        assert_eq!(guard.hold_back(NOW, host(50_000, 1), 60), None);
    }

    #[test]
    fn prefixes_in_doubt_do_not_fill_the_table() {
        let mut guard = Guard::default();
        for prefix in 0..PREFIXES as u16 {
            guard.doubt(NOW, host(prefix, 1));
        }
        assert!(guard.admit(NOW, host(40_000, 1), 60, 60, true).is_ok());
        assert_eq!(guard.prefixes.len(), DOUBTED + 1);
        let doubted = |prefix| guard.hold_back(NOW, host(prefix, 1), 60).is_some();
        let doubted = (0..PREFIXES as u16).map(doubted);
        assert_eq!(doubted.filter(|&is_so| is_so).count(), DOUBTED);
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
