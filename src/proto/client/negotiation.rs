//! The client's side of option negotiation (RFC 2347).

use std::time::Duration;

use crate::wire::options::{decimal, put_option};
use crate::wire::packet::DEFAULT_BLKSIZE;
use crate::wire::{Mode, OptionName, Options, Packet, Request};

/// The smallest block that RFC 2348 allows.
const MIN_BLKSIZE: u16 = 8;

/// What to request, and the limits of the transfer.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Any bytes but NUL.
    pub filename: Vec<u8>,
    /// Payload bytes per block, 8 to 65464; `None` sends no option, which means 512.
    pub blksize: Option<u16>,
    /// Blocks per acknowledgement, 1 to 65535; `None` sends no option, which means 1.
    pub windowsize: Option<u16>,
    /// Seconds between the server's resends, 1 to 255.
    pub timeout: Option<u8>,
    /// Request the size, to tell a truncated file from a complete one.
    pub tsize: bool,
    /// Largest file in bytes: a server could send without end.
    pub max_size: u64,
    /// How long to wait without progress.
    pub stall_timeout: Duration,
}

/// The options that the server has granted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted {
    pub(super) blksize: u16,
    pub(super) windowsize: u16,
    pub(super) tsize: Option<u64>,
}

impl Default for Granted {
    /// The values of RFC 1350, if the server ignores options.
    fn default() -> Granted {
        Granted {
            blksize: DEFAULT_BLKSIZE,
            windowsize: 1,
            tsize: None,
        }
    }
}

impl FetchOptions {
    /// Options that suit most paths: blocks that fit an Ethernet frame inside one tunnel, and
    /// windows that all known drivers can receive.
    pub fn new(filename: impl Into<Vec<u8>>) -> FetchOptions {
        FetchOptions {
            filename: filename.into(),
            blksize: Some(1428),
            windowsize: Some(16),
            timeout: None,
            tsize: true,
            max_size: 4 << 30,
            stall_timeout: Duration::from_secs(10),
        }
    }

    /// Appends the RRQ to `out`.
    pub(super) fn encode_rrq(&self, out: &mut Vec<u8>) {
        let mut pairs = Vec::new();
        for (name, value) in [
            (OptionName::Tsize, self.tsize.then_some(0)),
            (OptionName::Blksize, self.blksize.map(u64::from)),
            (OptionName::Windowsize, self.windowsize.map(u64::from)),
            (OptionName::Timeout, self.timeout.map(u64::from)),
        ] {
            if let Some(value) = value {
                put_option(name.as_bytes(), value, &mut pairs);
            }
        }
        let request = Request {
            filename: &self.filename,
            mode: Mode::Octet,
            options: Options::new(&pairs),
        };
        Packet::Rrq(request).encode(out);
    }

    /// Reads the OACK. It may grant only requested options, and no larger values.
    pub(super) fn read_oack(&self, options: Options<'_>) -> Result<Granted, &'static str> {
        let mut granted = Granted::default();
        for (name, value) in options.iter() {
            let value = decimal(value).ok_or("the server granted an option without a number")?;
            match OptionName::of(name) {
                Some(OptionName::Blksize) => {
                    granted.blksize = check_range(value, MIN_BLKSIZE, self.blksize)?;
                }
                Some(OptionName::Windowsize) => {
                    granted.windowsize = check_range(value, 1, self.windowsize)?;
                }
                Some(OptionName::Tsize) if self.tsize => granted.tsize = Some(value),
                // The server has to return this value unchanged (RFC 2349).
                Some(OptionName::Timeout) if self.timeout.map(u64::from) == Some(value) => {}
                _ => return Err("the server granted an option that was not asked for"),
            }
        }
        Ok(granted)
    }
}

/// Returns `value` if it is at least `min` and at most the requested value.
fn check_range(value: u64, min: u16, requested: Option<u16>) -> Result<u16, &'static str> {
    let max = requested.ok_or("the server granted an option that was not asked for")?;
    u16::try_from(value)
        .ok()
        .filter(|value| (min..=max).contains(value))
        .ok_or("the server granted a block or window size other than asked for")
}
