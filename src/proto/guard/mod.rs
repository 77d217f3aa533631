//! Rate limits for sources whose address may be forged.
//!
//! Whatever is sent to a forged address may hit a host that never asked. So only RRQ and WRQ are ever answered with an
//! ERROR (two servers that answer each other's ERRORs never stop: CVE-2024-2169), each request gets at most one answer
//! of its own, and whatever else goes to a source before its first ACK comes out of an [`Allowance`]. On top of that,
//! the [`Guard`] limits what all requests of one prefix, and all together, may cause.
//!
//! The first ACK, one round trip after the request, validates the address (RFC 9000 §8), and what was charged for the
//! request is refunded. So a thousand machines behind one NAT meet no limit.

mod allowance;
mod gcra;
mod log_limiter;
mod penalty;
mod refusal;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::allowance::Allowance;
use self::allowance::amplifies;
use self::gcra::{Gcra, Rate};
pub(crate) use self::log_limiter::LogLimiter;
use self::penalty::Penalty;
pub(crate) use self::refusal::Refusal;
use super::Instant;
use super::local::LocalNetworks;
use super::stats::{Ignored, Limit};

/// Transfers of one prefix without an ACK. All machines of a large site may be switched on at once.
const UNVALIDATED_PER_PREFIX: u16 = 2048;

/// Bytes to the unvalidated addresses of one prefix: those machines' first blocks, and then too little to be worth
/// reflecting.
const UNVALIDATED_BYTES_PER_PREFIX: Rate = Rate {
    burst: 2 << 20,
    per_second: 64 << 10,
};

/// Bytes to all unvalidated addresses: 25 Mbit/s of the smallest machine's network, after a burst that the first
/// blocks of ten thousand machines do not fill.
const UNVALIDATED_BYTES: Rate = Rate {
    burst: 16 << 20,
    per_second: 3 << 20,
};

/// The same for answers longer than three times their request: a flood of requests without options (one block of
/// 512 bytes for 20) leaves half of it to the others.
const LARGE_ANSWERS: Rate = Rate {
    burst: UNVALIDATED_BYTES.burst / 2,
    ..UNVALIDATED_BYTES
};

/// Bytes to one public prefix, validated or not, because ACKs can be blind: 64 MB at once, then 4 MB/s. That is enough
/// for a site that boots from across the Internet.
const BYTES_PER_PREFIX: Rate = Rate {
    burst: 64_000_000,
    per_second: 4_000_000,
};

/// How long a throttled transfer waits for its turn at most. Then it may have to wait for another turn.
const LONGEST_TURN: Duration = Duration::from_secs(1);

/// The cost factor of a byte for each report in that time: 62.5 kB/s after the first, as for a prefix without an ACK,
/// half of it after the second, and so on. The prefix is not silenced at once, because one forged request a minute
/// would be enough for that.
const PENALTY_FACTOR: u64 = 64;

/// Prefixes with an account of their own; the rest share one. There are more accounts than sessions, so that a flood
/// from everywhere does not push honest prefixes into the shared one: without a session an account is settled within
/// milliseconds. 41 bytes each, 1.3 MiB in all.
const PREFIXES: usize = 28_000;

/// Prefixes with a penalty that are kept while the table is full. Otherwise an attacker that causes a few hundred a
/// second fills the table with them, and all new prefixes share one account.
const PENALIZED: usize = PREFIXES / 4;

/// How often the table of prefixes may be searched for settled accounts.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// The accounts of all sources. See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Guard {
    prefixes: HashMap<Prefix, Account>,
    total: Gcra,
    sessions: Gcra,
    swept: Option<Instant>,
    /// Sources that are exempt.
    local: Arc<LocalNetworks>,
}

/// A network that may be one customer, or one victim: /24 of IPv4, /56 of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Prefix {
    V4([u8; 3]),
    V6([u8; 7]),
    /// All for which the table has no account.
    Rest,
}

/// The account that an unvalidated transfer is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reservation(Prefix);

/// The state of a prefix. The default is that of one that was never seen.
#[derive(Debug, Default)]
struct Account {
    /// Transfers without an ACK.
    unvalidated: u16,
    /// Transfers under way, with an ACK or without.
    transfers: u16,
    penalty: Penalty,
    unvalidated_bytes: Gcra,
    bytes: Gcra,
    /// When the next throttled transfer may send.
    turn: Instant,
}

/// Bytes of memory for a prefix.
#[cfg(test)]
pub(super) const ACCOUNT: usize = size_of::<(Prefix, Account)>();

impl Guard {
    /// Exempts the sources of these networks from rates and penalties.
    pub(crate) fn exempt(&mut self, local: Arc<LocalNetworks>) {
        self.local = local;
    }

    /// A request of `request` bytes wants an answer of `answer` bytes: is it within the limits? If so, it
    /// is charged. `begins` says that an unvalidated transfer begins with it.
    ///
    /// # Errors
    /// The reason for which the request is to be dropped, silently.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        source: IpAddr,
        request: usize,
        answer: usize,
        begins: bool,
    ) -> Result<Reservation, Ignored> {
        let bytes = answer as u64;
        let most = match amplifies(request, answer) {
            true => LARGE_ANSWERS,
            false => UNVALIDATED_BYTES,
        };
        let prefix = self.prefix_of(now, source);
        let account = self.prefixes.entry(prefix).or_default();
        let conforms = |limiter: Gcra, bound| limiter.conforms(now, bound, bytes);
        if account.unvalidated >= UNVALIDATED_PER_PREFIX
            || !conforms(account.unvalidated_bytes, UNVALIDATED_BYTES_PER_PREFIX)
        {
            return Err(Ignored::PrefixBudget);
        }
        if !conforms(self.total, most) {
            return Err(Ignored::TotalBudget);
        }
        let time = UNVALIDATED_BYTES_PER_PREFIX.time_for(bytes);
        account.unvalidated_bytes.charge(now, time);
        account.unvalidated += u16::from(begins);
        account.transfers = account.transfers.saturating_add(begins.into());
        self.total.charge(now, UNVALIDATED_BYTES.time_for(bytes));
        Ok(Reservation(prefix))
    }

    /// The first ACK of a transfer has come, after `bytes` had been sent: they are refunded.
    pub(crate) fn on_validated(&mut self, reservation: Reservation, bytes: u64) {
        if let Some(account) = self.prefixes.get_mut(&reservation.0) {
            account.unvalidated = account.unvalidated.saturating_sub(1);
            let time = UNVALIDATED_BYTES_PER_PREFIX.time_for(bytes);
            account.unvalidated_bytes.refund(time);
        }
        self.total.refund(UNVALIDATED_BYTES.time_for(bytes));
    }

    /// True when another session may begin in a table of `capacity` that is more than half full: seven eighths of it in a
    /// second, evenly. Otherwise a flood fills the table at once and then shuts it for a second, and the repeats of a
    /// client can meet the shut part each time.
    pub(crate) fn admits_session(&mut self, now: Instant, capacity: usize) -> bool {
        let capacity = capacity.max(2) as u64;
        let rate = Rate {
            burst: capacity / 2,
            per_second: capacity - capacity / 8,
        };
        let conforms = self.sessions.conforms(now, rate, 1);
        if conforms {
            self.sessions.charge(now, rate.time_for(1));
        }
        conforms
    }

    /// A transfer has finished, with an ACK or without.
    pub(crate) fn release(&mut self, reservation: Reservation, is_validated: bool) {
        if let Some(account) = self.prefixes.get_mut(&reservation.0) {
            let unvalidated = u16::from(!is_validated);
            account.unvalidated = account.unvalidated.saturating_sub(unvalidated);
            account.transfers = account.transfers.saturating_sub(1);
        }
    }

    /// How many transfers the prefix of a transfer has under way.
    pub(crate) fn transfers(&self, reservation: Reservation) -> u16 {
        let account = self.prefixes.get(&reservation.0);
        account.map_or(0, |account| account.transfers)
    }

    /// True if a source has neither a rate nor a penalty.
    pub(crate) fn exempts(&self, source: IpAddr) -> bool {
        self.local.contains(source)
    }

    /// How long a transfer that wants to send `bytes` to a source has to wait, because the prefix has used up its rate.
    /// The caller asks [`exempts`](Self::exempts) once for each transfer: this is called for each datagram.
    ///
    /// Each one that waits gets a turn of its own: thousands that all woke up for the next free byte would keep the
    /// server busy with nothing else.
    pub(crate) fn throttle(
        &mut self,
        now: Instant,
        source: IpAddr,
        bytes: u64,
    ) -> Option<Duration> {
        let account = self.account(now, source);
        let over = account
            .bytes
            .backlog(now)
            .checked_sub(BYTES_PER_PREFIX.tolerance())?;
        let paid = now + over + BYTES_PER_PREFIX.time_for(1);
        let latest = now + LONGEST_TURN;
        let turn = paid.max(account.turn).min(latest);
        account.turn = latest.min(turn + account.time_for(now, bytes));
        Some(turn - now)
    }

    /// Why a source that has to wait is throttled.
    pub(crate) fn reason_to_throttle(&mut self, now: Instant, source: IpAddr) -> Limit {
        match self.account(now, source).penalty.active_reports(now) {
            Some(_) => Limit::PrefixPenalty,
            None => Limit::PrefixRate,
        }
    }

    /// `bytes` have been sent to a source that is not exempt.
    pub(crate) fn charge(&mut self, now: Instant, source: IpAddr, bytes: usize) {
        let account = self.account(now, source);
        let time = account.time_for(now, bytes as u64);
        account.bytes.charge(now, time);
        if let Some(end) = account.penalty.end(now) {
            // The penalty does not weigh on what comes after it.
            account.bytes.cap(end, BYTES_PER_PREFIX);
        }
    }

    /// A host of the prefix has reported that it did not ask: an attacker has forged its address. For a minute the prefix
    /// gets little, and less with each report, whatever is acknowledged there.
    ///
    /// Local sources are exempt: an attacker gains nothing by reflecting traffic within one network, and a machine that
    /// is switched off in mid-transfer causes the same report. So is the shared account: one report would slow down all
    /// new prefixes.
    pub(crate) fn penalize(&mut self, now: Instant, source: IpAddr) {
        let prefix = self.prefix_of(now, source);
        if !self.exempts(source) && prefix != Prefix::Rest {
            let account = self.prefixes.entry(prefix).or_default();
            if account.penalty.on_report(now) {
                account.bytes.use_up_burst(now, BYTES_PER_PREFIX);
            }
        }
    }

    fn account(&mut self, now: Instant, source: IpAddr) -> &mut Account {
        let prefix = self.prefix_of(now, source);
        self.prefixes.entry(prefix).or_default()
    }

    /// The prefix that a source is charged to.
    fn prefix_of(&mut self, now: Instant, source: IpAddr) -> Prefix {
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

    /// Removes the accounts that are settled, and those with a penalty beyond [`PENALIZED`].
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|at| now < at + SWEEP_EVERY) {
            return;
        }
        self.swept = Some(now);
        let mut penalized = 0;
        self.prefixes.retain(|_, account| {
            if account.transfers > 0 || account.unvalidated_bytes.backlog(now) > Duration::ZERO {
                return true;
            }
            if account.penalty.active_reports(now).is_some() {
                penalized += 1;
                return penalized <= PENALIZED;
            }
            account.bytes.backlog(now) > Duration::ZERO
        });
    }
}

impl Account {
    /// How much time so many bytes of the prefix are worth.
    fn time_for(&self, now: Instant, bytes: u64) -> Duration {
        let factor = match self.penalty.active_reports(now) {
            Some(reports) => PENALTY_FACTOR * u64::from(reports),
            None => 1,
        };
        BYTES_PER_PREFIX.time_for(factor * bytes)
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
        // What was too much is earned back first.
        allowance.earn(30);
        assert!(allowance.covers(10));
        assert!(!allowance.covers(11));
    }

    #[test]
    fn an_error_is_no_amplifier() {
        // The shortest requests: "\0\x01\0octet\0" and, of RFC 783, "\0\x01a\0mail\0".
        for refusal in [Refusal::NotFound, Refusal::ReadOnly, Refusal::UnknownMode] {
            assert!(refusal.is_worth(9), "{refusal:?}");
        }
        assert!(!Refusal::UnknownMode.is_worth(8));
    }

    #[test]
    fn a_prefix_has_so_many_unvalidated_transfers_and_no_more() {
        let mut guard = Guard::default();
        let mut reservations = Vec::new();
        for n in 0..UNVALIDATED_PER_PREFIX {
            let source = host(1, n as u8);
            reservations.push(guard.admit(NOW, source, 60, 60, true).unwrap());
        }
        let one_more = |guard: &mut Guard| guard.admit(NOW, host(1, 77), 60, 60, true).map(drop);
        assert_eq!(one_more(&mut guard), Err(Ignored::PrefixBudget));
        assert!(guard.admit(NOW, host(2, 77), 60, 60, true).is_ok());
        guard.on_validated(reservations[0], 60);
        assert_eq!(one_more(&mut guard), Ok(()));
        assert_eq!(one_more(&mut guard), Err(Ignored::PrefixBudget));
        guard.release(reservations[1], false);
        assert_eq!(one_more(&mut guard), Ok(()));
    }

    #[test]
    fn unvalidated_bytes_to_a_prefix_are_refunded_by_time_or_by_an_ack() {
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
        guard.on_validated(Reservation(Prefix::of(host(1, 1))), 1 << 20);
        assert_eq!(ask(&mut guard, paid), Ok(()));
    }

    #[test]
    fn a_flood_without_options_leaves_bytes_for_small_answers() {
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
        let local = IpAddr::from([10, 0, 0, 1]);
        assert!(guard.exempts(local) && !guard.exempts(host(1, 1)));
        for _ in 0..1000 {
            assert_eq!(guard.throttle(NOW, host(1, 1), 1), None);
            guard.charge(NOW, host(1, 1), 64_000);
        }
        let wait = guard.throttle(NOW, host(1, 9), 0).unwrap();
        assert_eq!(guard.throttle(NOW, host(2, 1), 1), None);
        // 64 kB too much take 16 ms at 4 MB/s.
        guard.charge(NOW, host(1, 1), 64_000);
        let longer = guard.throttle(NOW, host(1, 1), 0).unwrap();
        assert_eq!(longer - wait, Duration::from_millis(16));
        let almost = NOW + (longer - Duration::from_micros(2));
        assert!(guard.throttle(almost, host(1, 1), 0).is_some());
        assert_eq!(guard.throttle(NOW + longer, host(1, 1), 0), None);
    }

    #[test]
    fn each_throttled_transfer_gets_a_turn_of_its_own() {
        let mut guard = Guard::default();
        guard.charge(NOW, host(1, 1), 64_000_000);
        let mut turn = || guard.throttle(NOW, host(1, 1), 4000).unwrap();
        let first = turn();
        assert_eq!(first, Duration::from_micros(1));
        for waiting in 1..1000 {
            assert_eq!(turn() - first, Duration::from_millis(waiting));
        }
        // No transfer waits longer before it asks again.
        for _ in 0..1000 {
            assert_eq!(turn(), LONGEST_TURN);
        }
    }

    #[test]
    fn a_prefix_with_a_penalty_gets_little_for_a_minute() {
        let mut guard = Guard::default();
        guard.penalize(NOW, host(1, 1));
        let other_host = host(1, 200);
        assert!(guard.admit(NOW, other_host, 60, 60, true).is_ok());
        let mut now = NOW;
        let mut sent = 0;
        while now < NOW + Duration::from_secs(59) {
            match guard.throttle(now, other_host, 1472) {
                Some(wait) => now = now + wait,
                None => {
                    guard.charge(now, other_host, 1472);
                    sent += 1472;
                }
            }
        }
        assert!((3_600_000..3_750_000).contains(&sent), "{sent}");
        // After that as before.
        let later = NOW + Duration::from_secs(61);
        let soon = guard.throttle(later, other_host, 0).unwrap_or_default();
        assert!(soon < Duration::from_millis(30), "{soon:?}");
        // Each report lowers the rate, and the penalty ends with the minute all the same.
        for _ in 0..600 {
            guard.penalize(later, host(1, 1));
        }
        guard.charge(later, other_host, 23_552);
        let in_seconds = |seconds| later + Duration::from_secs(seconds);
        assert!(guard.throttle(in_seconds(59), other_host, 0).is_some());
        assert_eq!(guard.throttle(in_seconds(61), other_host, 0), None);
        for other in [host(2, 1), IpAddr::from([192, 168, 1, 2])] {
            guard.penalize(NOW, IpAddr::from([192, 168, 1, 1]));
            assert_eq!(guard.throttle(NOW, other, 1472), None);
        }
    }

    #[test]
    fn the_table_of_prefixes_is_bounded_and_swept() {
        let mut guard = Guard::default();
        let mut reservations = Vec::new();
        for prefix in 0..40_000 {
            reservations.extend(guard.admit(NOW, host(prefix, 1), 60, 60, true));
        }
        assert_eq!(
            reservations.len(),
            PREFIXES + UNVALIDATED_PER_PREFIX as usize
        );
        assert_eq!(guard.prefixes.len(), PREFIXES + 1);
        // One by one they are released, and nothing is left of them a while later.
        for reservation in reservations {
            guard.release(reservation, false);
        }
        let later = NOW + Duration::from_secs(60);
        assert!(guard.admit(later, host(50_000, 1), 60, 60, true).is_ok());
        assert!(guard.prefixes.len() <= 2);
    }

    /// Otherwise one ICMP report, once the table is full, slows down all new prefixes.
    #[test]
    fn the_shared_account_never_gets_a_penalty() {
        let mut guard = Guard::default();
        for prefix in 0..PREFIXES as u16 {
            guard.admit(NOW, host(prefix, 1), 60, 60, true).unwrap();
        }
        let new = host(40_000, 1);
        guard.admit(NOW, new, 60, 60, true).unwrap();
        guard.penalize(NOW, new);
        assert_eq!(guard.throttle(NOW, host(50_000, 1), 60), None);
    }

    #[test]
    fn prefixes_with_a_penalty_do_not_fill_the_table() {
        let mut guard = Guard::default();
        for prefix in 0..PREFIXES as u16 {
            guard.penalize(NOW, host(prefix, 1));
        }
        assert!(guard.admit(NOW, host(40_000, 1), 60, 60, true).is_ok());
        assert_eq!(guard.prefixes.len(), PENALIZED + 1);
        let is_throttled = |prefix| guard.throttle(NOW, host(prefix, 1), 60).is_some();
        let throttled = (0..PREFIXES as u16).map(is_throttled);
        assert_eq!(throttled.filter(|&is_so| is_so).count(), PENALIZED);
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
