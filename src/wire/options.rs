//! The options of a request or an OACK (RFC 2347), and their values.

use super::bytes::{put_string, split_string};

/// The options of a datagram, as undecoded bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

/// The supported options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionName {
    /// Payload bytes per block (RFC 2348).
    Blksize,
    /// Size of the file in bytes (RFC 2349).
    Tsize,
    /// Seconds between resends (RFC 2349).
    Timeout,
    /// Blocks per acknowledgement (RFC 7440).
    Windowsize,
}

impl<'a> Options<'a> {
    /// Wraps the option part of a datagram: everything after the mode, or after the opcode of an
    /// OACK.
    pub fn new(bytes: &'a [u8]) -> Options<'a> {
        Options(bytes)
    }

    /// True if there is no complete option.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The options as name and value, in their order. Ends at the first incomplete option, because
    /// Apple's and Tivoli's requests have garbage after their options. The last value may lack its
    /// NUL. A value may be empty (`multicast`, RFC 2090), a name may not.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (name, after_name) = split_string(rest)?;
            if name.is_empty() || after_name.is_empty() {
                return None;
            }
            let (value, after_value) = split_string(after_name).unwrap_or((after_name, &[]));
            rest = after_value;
            Some((name, value))
        })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            put_string(name, out);
            put_string(value, out);
        }
    }
}

impl OptionName {
    /// Finds an option by its name, in any case (RFC 2347).
    pub fn of(name: &[u8]) -> Option<OptionName> {
        [
            OptionName::Blksize,
            OptionName::Tsize,
            OptionName::Timeout,
            OptionName::Windowsize,
        ]
        .into_iter()
        .find(|known| name.eq_ignore_ascii_case(known.as_bytes()))
    }

    /// The name as in the RFC.
    pub fn as_bytes(self) -> &'static [u8] {
        match self {
            OptionName::Blksize => b"blksize",
            OptionName::Tsize => b"tsize",
            OptionName::Timeout => b"timeout",
            OptionName::Windowsize => b"windowsize",
        }
    }
}

/// Appends an option with a decimal value.
pub fn put_option(name: &[u8], value: u64, out: &mut Vec<u8>) {
    put_string(name, out);
    put_string(value.to_string().as_bytes(), out);
}

/// Parses a decimal value: digits only, without sign or space, within `u64`.
pub fn decimal(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
        Options::new(bytes).iter().collect()
    }

    #[test]
    fn garbage_after_the_last_option_is_ignored() {
        assert_eq!(pairs(b"a\x001\0"), [(&b"a"[..], &b"1"[..])]);
        assert_eq!(pairs(b"a\x001\0\0\0\0"), [(&b"a"[..], &b"1"[..])]);
        assert_eq!(pairs(b"a\x001\0junk"), [(&b"a"[..], &b"1"[..])]);
        assert_eq!(pairs(b"a\x001"), [(&b"a"[..], &b"1"[..])]);
        assert_eq!(pairs(b"a\0\0\0\0"), [(&b"a"[..], &b""[..])]);
        assert!(Options::new(b"").is_empty());
        assert!(Options::new(b"a\0").is_empty());
        assert!(!Options::new(b"a\x001").is_empty());
    }

    #[test]
    fn names_match_in_any_case() {
        assert_eq!(OptionName::of(b"BlkSize"), Some(OptionName::Blksize));
        assert_eq!(OptionName::of(b"WINDOWSIZE"), Some(OptionName::Windowsize));
        assert_eq!(OptionName::of(b"msftwindow"), None);
    }

    #[test]
    fn values_are_decimal_digits() {
        assert_eq!(decimal(b"1432"), Some(1432));
        assert_eq!(decimal(b"007"), Some(7));
        for bad in [
            &b""[..],
            b"-1",
            b"+1",
            b" 1",
            b"1 ",
            b"0x10",
            b"abc",
            b"1\xff",
        ] {
            assert_eq!(decimal(bad), None, "{bad:?}");
        }
        assert_eq!(decimal(b"99999999999999999999"), None);
    }

    proptest! {
        #[test]
        fn iteration_always_ends(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Options::new(&bytes).iter().count() <= bytes.len());
        }

        #[test]
        fn an_option_is_parsed_as_written(value in any::<u64>()) {
            let mut out = Vec::new();
            put_option(b"tsize", value, &mut out);
            let read: Vec<_> = pairs(&out).iter().map(|(_, v)| decimal(v)).collect();
            prop_assert_eq!(read, [Some(value)]);
        }
    }
}
