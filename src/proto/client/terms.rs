//! What is asked for, and what is granted (RFC 2347).

use std::time::Duration;

use crate::wire::options::{decimal, put_option};
use crate::wire::packet::DEFAULT_BLKSIZE;
use crate::wire::{Mode, OptionName, Options, Packet, Request};

/// The smallest block that RFC 2348 allows.
const MIN_BLKSIZE: u16 = 8;

/// What to ask for, and what to put up with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Any bytes but NUL.
    pub filename: Vec<u8>,
    /// Payload bytes per block, 8 to 65464; `None` asks for nothing and gets 512.
    pub blksize: Option<u16>,
    /// Blocks per acknowledgement, 1 to 65535; `None` asks for nothing and gets 1.
    pub windowsize: Option<u16>,
    /// Seconds between the server's resends, 1 to 255.
    pub timeout: Option<u8>,
    /// Ask for the size, to know a short file from a whole one.
    pub tsize: bool,
    /// A file of more bytes is refused: nothing obliges a server to come to an end.
    pub max_size: u64,
    /// How long to go on without any progress.
    pub patience: Duration,
}

/// The terms of a transfer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted {
    pub(super) blksize: u16,
    pub(super) windowsize: u16,
    pub(super) tsize: Option<u64>,
}

impl Default for Granted {
    /// RFC 1350's, for a server that knows no options.
    fn default() -> Granted {
        Granted {
            blksize: DEFAULT_BLKSIZE,
            windowsize: 1,
            tsize: None,
        }
    }
}

impl Config {
    /// What suits most paths: blocks that fit an Ethernet frame with room for one tunnel, windows
    /// that no known driver chokes on.
    pub fn new(filename: impl Into<Vec<u8>>) -> Config {
        Config {
            filename: filename.into(),
            blksize: Some(1428),
            windowsize: Some(16),
            timeout: None,
            tsize: true,
            max_size: 4 << 30,
            patience: Duration::from_secs(10),
        }
    }

    /// Appends the RRQ.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
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

    /// Reads the OACK: only what was asked for, and never more of it.
    pub(super) fn read(&self, options: Options<'_>) -> Result<Granted, &'static str> {
        let mut granted = Granted::default();
        for (name, value) in options.iter() {
            let value = decimal(value).ok_or("the server granted an option without a number")?;
            match OptionName::of(name) {
                Some(OptionName::Blksize) => {
                    granted.blksize = within(value, MIN_BLKSIZE, self.blksize)?;
                }
                Some(OptionName::Windowsize) => {
                    granted.windowsize = within(value, 1, self.windowsize)?;
                }
                Some(OptionName::Tsize) if self.tsize => granted.tsize = Some(value),
                // To be echoed as it is (RFC 2349).
                Some(OptionName::Timeout) if self.timeout.map(u64::from) == Some(value) => {}
                _ => return Err("the server granted an option that was not asked for"),
            }
        }
        Ok(granted)
    }
}

/// `value`, if that is at least `min` and not more than was `asked`.
fn within(value: u64, min: u16, asked: Option<u16>) -> Result<u16, &'static str> {
    let max = asked.ok_or("the server granted an option that was not asked for")?;
    u16::try_from(value)
        .ok()
        .filter(|value| (min..=max).contains(value))
        .ok_or("the server granted a block or window size other than asked for")
}
