//! The progress line on the terminal.
//!
//! No library is used: one with progress bars adds 64 kB, a tenth of the binary.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::net::Clock;
use crate::proto::Instant;

/// Interval between updates.
const INTERVAL: Duration = Duration::from_millis(100);

/// The progress line. Dropping it clears the line.
pub(super) struct Progress {
    /// Standard error, if that is a terminal.
    terminal: Option<io::Stderr>,
    clock: Clock,
    started: Instant,
    due: Instant,
    bytes: u64,
}

impl Progress {
    pub(super) fn start() -> Progress {
        let clock = Clock::start();
        let now = clock.now();
        Progress {
            terminal: Some(io::stderr()).filter(IsTerminal::is_terminal),
            clock,
            started: now,
            due: now + INTERVAL,
            bytes: 0,
        }
    }

    /// Adds received bytes, of a file of `tsize` bytes.
    pub(super) fn advance(&mut self, bytes: usize, tsize: Option<u64>) {
        self.bytes += bytes as u64;
        let Some(terminal) = &mut self.terminal else {
            return;
        };
        let now = self.clock.now();
        if now >= self.due {
            self.due = now + INTERVAL;
            let line = line(self.bytes, tsize, now - self.started);
            // Best effort: the transfer goes on if the terminal cannot be written to.
            let _ = write!(terminal, "\r{line}\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            let _ = write!(terminal, "\r\x1b[K");
        }
    }
}

/// The data rate, in units of 1000 bytes per second.
pub(super) fn kilobytes_per_second(bytes: u64, time: Duration) -> u128 {
    u128::from(bytes) * 1000 / time.as_micros().max(1)
}

fn line(bytes: u64, tsize: Option<u64>, elapsed: Duration) -> String {
    let rate = kilobytes_per_second(bytes, elapsed);
    let kb = bytes / 1000;
    match tsize {
        Some(all @ 1..) => {
            let percent = u128::from(bytes) * 100 / u128::from(all);
            format!("{percent:3} %  {kb} of {} kB  {rate} kB/s", all / 1000)
        }
        _ => format!("{kb} kB  {rate} kB/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_percentage_size_and_rate() {
        let second = Duration::from_secs(1);
        let known = line(1_500_000, Some(4_000_000), second);
        assert_eq!(known, " 37 %  1500 of 4000 kB  1500 kB/s");
        assert_eq!(line(1_500_000, None, 2 * second), "1500 kB  750 kB/s");
        assert_eq!(line(0, Some(0), Duration::ZERO), "0 kB  0 kB/s");
    }
}
