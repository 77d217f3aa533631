//! The largest IP packet that arrives whole at a client, as far as it is known: by the operator, by
//! the routes of this machine, and by the reports of routers (RFC 1191, RFC 8201).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Instant;
use super::routes::{Network, Routes};

/// What a path is taken to carry at least, whatever is reported: the packet that every IPv4 host
/// takes (RFC 791 §3.1), and the smallest MTU of IPv6 (RFC 8200 §5). So a forged report costs a
/// network some speed, and no more.
const LEAST_V4: u16 = 576;
const LEAST_V6: u16 = 1280;

/// How long a reported MTU is believed, as Linux does: the path may have changed (RFC 1191 §6.3).
const LEARNED_FOR: Duration = Duration::from_secs(600);

/// Most networks with a reported MTU. At 32 bytes each, they take 16 kB.
const MOST_LEARNED: usize = 512;

/// Who says that a datagram was too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooBig<'a> {
    /// The kernel, about an interface of this machine.
    Interface,
    /// An ICMP report, which quotes the beginning of our datagram; routers may quote none of it.
    /// Anyone can forge one.
    Path(&'a [u8]),
}

/// A path that takes smaller packets than was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmallMtu {
    /// The clients concerned.
    pub network: Network,
    /// Largest IP packet in bytes.
    pub mtu: u16,
}

/// What is known of all paths.
#[derive(Debug, Default)]
pub(crate) struct PathMtus {
    routes: Arc<Routes>,
    /// In the order of their networks.
    learned: Vec<Learned>,
}

/// A report about a network: /24 of IPv4, /56 of IPv6.
#[derive(Clone, Copy, Debug)]
struct Learned {
    network: Network,
    mtu: u16,
    expires: Instant,
}

impl PathMtus {
    /// With the routes of this machine.
    pub(crate) fn new(routes: Arc<Routes>) -> PathMtus {
        PathMtus {
            routes,
            learned: Vec::new(),
        }
    }

    /// The MTU of the path to `address` in bytes: `configured` or less.
    pub(crate) fn mtu_to(&self, now: Instant, address: IpAddr, configured: u16) -> u16 {
        let of_route = self.routes.mtu_to(address).unwrap_or(u16::MAX);
        let reported = self.reported(now, address).unwrap_or(u16::MAX);
        configured.min(of_route).min(reported)
    }

    fn reported(&self, now: Instant, address: IpAddr) -> Option<u16> {
        let index = self.find(site_of(address)?).ok()?;
        let learned = self.learned.get(index)?;
        (now < learned.expires).then_some(learned.mtu)
    }

    /// Learns the MTU of the path to `address`. Returns its network if that is news: nothing as
    /// small was known.
    pub(crate) fn learn(&mut self, now: Instant, address: IpAddr, mtu: u16) -> Option<Network> {
        let network = site_of(address)?;
        self.learned.retain(|learned| now < learned.expires);
        let expires = now + LEARNED_FOR;
        match self.find(network) {
            Ok(index) => {
                let learned = self.learned.get_mut(index)?;
                let is_news = mtu < learned.mtu;
                learned.mtu = learned.mtu.min(mtu);
                learned.expires = expires;
                is_news.then_some(network)
            }
            Err(_) => {
                self.make_space();
                let index = self.find(network).unwrap_or_else(|index| index);
                let learned = Learned {
                    network,
                    mtu,
                    expires,
                };
                self.learned.insert(index, learned);
                Some(network)
            }
        }
    }

    fn find(&self, network: Network) -> Result<usize, usize> {
        self.learned
            .binary_search_by_key(&network, |learned| learned.network)
    }

    /// Drops the oldest report if there are too many.
    fn make_space(&mut self) {
        if self.learned.len() >= MOST_LEARNED {
            let all = self.learned.iter().enumerate();
            let oldest = all.min_by_key(|(_, learned)| learned.expires);
            if let Some((oldest, _)) = oldest {
                self.learned.remove(oldest);
            }
        }
    }
}

/// The least that a path to `address` is taken to carry, in bytes.
pub(crate) fn least_mtu(address: IpAddr) -> u16 {
    match address.to_canonical() {
        IpAddr::V4(_) => LEAST_V4,
        IpAddr::V6(_) => LEAST_V6,
    }
}

/// The network whose paths are taken to be one.
fn site_of(address: IpAddr) -> Option<Network> {
    let length = match address.to_canonical() {
        IpAddr::V4(_) => 24,
        IpAddr::V6(_) => 56,
    };
    Network::new(address, length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::routes::Route;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn minutes(minutes: u64) -> Instant {
        Instant::from_millis(60_000 * minutes)
    }

    #[test]
    fn the_smallest_of_what_is_known_counts() {
        let route = Route {
            network: Network::new(ip("10.8.0.0"), 24).unwrap(),
            is_direct: true,
            mtu: 1420,
        };
        let mut paths = PathMtus::new(Arc::new(Routes::new(vec![route])));
        let now = Instant::ZERO;
        assert_eq!(paths.mtu_to(now, ip("10.8.0.9"), 1500), 1420);
        assert_eq!(paths.mtu_to(now, ip("10.8.0.9"), 1300), 1300);
        assert_eq!(paths.mtu_to(now, ip("10.9.0.9"), 1500), 1500);
        assert!(paths.learn(now, ip("10.8.0.1"), 1400).is_some());
        assert_eq!(paths.mtu_to(now, ip("::ffff:10.8.0.9"), 1500), 1400);
        assert_eq!(paths.mtu_to(now, ip("10.8.1.9"), 1500), 1500);
    }

    #[test]
    fn a_report_holds_for_ten_minutes_and_only_lowers() {
        let mut paths = PathMtus::default();
        let client = ip("2001:db8:1:200::1");
        assert!(paths.learn(minutes(0), client, 1400).is_some());
        assert_eq!(paths.learn(minutes(1), client, 1450), None);
        assert_eq!(paths.learn(minutes(1), client, 1400), None);
        // The same /56.
        let other = ip("2001:db8:1:2ff::1");
        assert_eq!(paths.mtu_to(minutes(10), other, 1500), 1400);
        assert!(paths.learn(minutes(5), other, 1300).is_some());
        assert_eq!(paths.mtu_to(minutes(14), client, 1500), 1300);
        assert_eq!(paths.mtu_to(minutes(15), client, 1500), 1500);
        // What was known is forgotten then.
        assert!(paths.learn(minutes(15), client, 1450).is_some());
        assert_eq!(paths.mtu_to(minutes(16), client, 1500), 1450);
    }

    #[test]
    fn the_table_is_bounded_and_the_oldest_report_goes_first() {
        let mut paths = PathMtus::default();
        let client = |index: u32| IpAddr::from((0x0a00_0000 + (index << 8)).to_be_bytes());
        for index in 0..=MOST_LEARNED as u32 {
            let now = Instant::from_millis(index.into());
            assert!(paths.learn(now, client(index), 1400).is_some());
        }
        assert_eq!(paths.learned.len(), MOST_LEARNED);
        assert!(size_of::<Learned>() <= 32);
        let now = minutes(1);
        assert_eq!(paths.mtu_to(now, client(0), 1500), 1500);
        assert_eq!(paths.mtu_to(now, client(1), 1500), 1400);
        assert_eq!(paths.mtu_to(now, client(MOST_LEARNED as u32), 1500), 1400);
    }
}
