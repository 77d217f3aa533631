//! The server's side of option negotiation: requested options, granted options, and the OACK
//! (RFC 2347, 2348, 2349, 7440).

use std::net::IpAddr;

use crate::wire::options::{decimal, put_option};
use crate::wire::packet::DEFAULT_BLKSIZE;
use crate::wire::{Opcode, OptionName, Options};

/// Limits of `blksize` in bytes (RFC 2348). A larger value is clamped. A smaller one is ignored,
/// because the OACK must not raise it, and no value below 8 is valid.
const BLKSIZE_MIN: u64 = 8;
const BLKSIZE_MAX: u16 = 65464;

/// Limits that the operator sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegotiationLimits {
    /// Largest IP packet in bytes that the path carries whole; 576 to 65535.
    pub mtu: u16,
    /// Most blocks per acknowledgement; at least 1.
    pub max_windowsize: u16,
}

impl Default for NegotiationLimits {
    /// An Ethernet MTU, and 16 blocks, because a burst of 32 hangs U-Boot's virtio-net driver.
    fn default() -> NegotiationLimits {
        NegotiationLimits {
            mtu: 1500,
            max_windowsize: 16,
        }
    }
}

/// The negotiated options of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Payload bytes per block.
    pub blksize: u16,
    /// Blocks per acknowledgement.
    pub windowsize: u16,
    /// The requested timeout in seconds, an upper limit of the server's timer.
    pub timeout: Option<u8>,
    /// The file is translated (RFC 1350 mode `netascii`).
    pub netascii: bool,
    /// The granted options in the order of the request, for the OACK. GRUB and EDK2 fail if it
    /// holds an option that they did not request.
    granted: [Option<OptionName>; 4],
}

impl Terms {
    /// Reads the options of a request. Unknown names, invalid values and repeats are ignored.
    pub(crate) fn negotiate(
        options: Options<'_>,
        netascii: bool,
        peer: IpAddr,
        limits: NegotiationLimits,
    ) -> Terms {
        let mut terms = Terms {
            blksize: DEFAULT_BLKSIZE,
            windowsize: 1,
            timeout: None,
            netascii,
            granted: [None; 4],
        };
        for (name, value) in options.iter() {
            if let Some(name) = OptionName::of(name)
                && let Some(value) = decimal(value)
            {
                terms.grant(name, value, peer, limits);
            }
        }
        terms
    }

    /// Grants an option unless its value is invalid or the option was granted before.
    fn grant(&mut self, name: OptionName, value: u64, peer: IpAddr, limits: NegotiationLimits) {
        let Some(free) = self.granted.iter().position(Option::is_none) else {
            return;
        };
        if self.granted.contains(&Some(name)) {
            return;
        }
        match name {
            OptionName::Blksize if value >= BLKSIZE_MIN => {
                self.blksize = clamp(value, largest_blksize(limits.mtu, peer));
            }
            OptionName::Windowsize if value >= 1 => {
                self.windowsize = clamp(value, limits.max_windowsize.max(1));
            }
            OptionName::Timeout => match u8::try_from(value) {
                Ok(seconds @ 1..) => self.timeout = Some(seconds),
                _ => return,
            },
            OptionName::Tsize => {}
            _ => return,
        }
        self.granted[free] = Some(name);
    }

    /// True if the answer to the request is an OACK; else it is the first DATA.
    pub(crate) fn has_options(&self) -> bool {
        self.granted[0].is_some()
    }

    /// True if the client requested the size of the file.
    pub(crate) fn asks_size(&self) -> bool {
        self.granted.contains(&Some(OptionName::Tsize))
    }

    /// Appends the OACK to `out`. `size` is the length of the transfer in bytes, in its mode.
    pub(crate) fn encode_oack(&self, size: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&(Opcode::Oack as u16).to_be_bytes());
        for name in self.granted.into_iter().flatten() {
            let value = match name {
                OptionName::Blksize => self.blksize.into(),
                OptionName::Windowsize => self.windowsize.into(),
                OptionName::Timeout => self.timeout.unwrap_or_default().into(),
                OptionName::Tsize => size,
            };
            put_option(name.as_bytes(), value, out);
        }
    }
}

/// The largest block that is not fragmented.
fn largest_blksize(mtu: u16, peer: IpAddr) -> u16 {
    mtu.saturating_sub(headers(peer))
        .clamp(DEFAULT_BLKSIZE, BLKSIZE_MAX)
}

/// Bytes of the IP, UDP and TFTP headers: 20 + 8 + 4 on IPv4, and 40 + 8 + 4 on IPv6.
pub(crate) fn headers(peer: IpAddr) -> u16 {
    match peer.to_canonical() {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 52,
    }
}

fn clamp(value: u64, most: u16) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// The OACK to the option part `requested`, for a file of 1000 bytes.
    #[track_caller]
    fn oack_from(requested: &[u8], peer: IpAddr, limits: NegotiationLimits) -> Vec<u8> {
        let terms = Terms::negotiate(Options::new(requested), false, peer, limits);
        let mut out = Vec::new();
        terms.encode_oack(1000, &mut out);
        assert_eq!(terms.has_options(), out.len() > 2);
        let has_tsize = out.windows(6).any(|part| part == b"tsize\0");
        assert_eq!(terms.asks_size(), has_tsize);
        out.split_off(2)
    }

    #[track_caller]
    fn check(requested: &[u8], answered: &[u8]) {
        assert_eq!(
            oack_from(requested, V4, NegotiationLimits::default()),
            answered
        );
    }

    #[test]
    fn only_requested_options_are_granted_in_their_order() {
        check(b"", b"");
        check(
            b"tsize\x000\0blksize\x001432\0",
            b"tsize\x001000\0blksize\x001432\0",
        );
        check(
            b"BLKSIZE\x001024\0TSize\x000\0",
            b"blksize\x001024\0tsize\x001000\0",
        );
        check(b"multicast\0\0blksize\x001024\0", b"blksize\x001024\0");
        check(
            b"msftwindow\x0031416\0windowsize\x004\0",
            b"windowsize\x004\0",
        );
    }

    #[test]
    fn blksize_is_clamped_and_never_raised() {
        check(b"blksize\x008\0", b"blksize\x008\0");
        check(b"blksize\x007\0", b"");
        check(b"blksize\x000\0", b"");
        check(b"blksize\x00abc\0", b"");
        check(b"blksize\x00-1\0", b"");
        check(b"blksize\x001468\0", b"blksize\x001468\0");
        check(b"blksize\x001469\0", b"blksize\x001468\0");
        check(b"blksize\x0065464\0", b"blksize\x001468\0");
        check(b"blksize\x0099999999999\0", b"blksize\x001468\0");
    }

    #[test]
    fn blksize_fits_the_mtu_of_either_family() {
        let oack = |mtu, peer| {
            let limits = NegotiationLimits {
                mtu,
                ..NegotiationLimits::default()
            };
            let bytes = oack_from(b"blksize\x0065464\0", peer, limits);
            String::from_utf8(bytes[8..bytes.len() - 1].to_vec()).unwrap()
        };
        let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
        let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
        assert_eq!(oack(1500, V4), "1468");
        assert_eq!(oack(1500, mapped), "1468");
        assert_eq!(oack(1500, v6), "1448");
        assert_eq!(oack(1300, V4), "1268");
        assert_eq!(oack(65535, V4), "65464");
        assert_eq!(oack(576, V4), "544");
    }

    #[test]
    fn windowsize_is_clamped() {
        check(b"windowsize\x004\0", b"windowsize\x004\0");
        check(b"windowsize\x0064\0", b"windowsize\x0016\0");
        check(b"windowsize\x0070000\0", b"windowsize\x0016\0");
        check(b"windowsize\x000\0", b"");
    }

    #[test]
    fn timeout_is_echoed_or_ignored() {
        check(b"timeout\x005\0", b"timeout\x005\0");
        check(b"timeout\x00255\0", b"timeout\x00255\0");
        check(b"timeout\x000\0", b"");
        check(b"timeout\x00256\0", b"");
    }

    #[test]
    fn the_first_valid_value_of_a_repeated_option_is_granted() {
        check(
            b"blksize\x001024\0blksize\x00512\0tsize\x000\0tsize\x000\0",
            b"blksize\x001024\0tsize\x001000\0",
        );
        check(b"blksize\x00x\0blksize\x00512\0", b"blksize\x00512\0");
    }
}
