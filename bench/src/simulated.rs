//! Reads the table of the simulation, which is part of the server's tests.

/// `cargo test --test simulation` compares this file with its results.
const TABLE: &str = include_str!("../../tests/simulation/table.txt");

/// Loss rates of the columns after `RTT ms`, `blksize`, `window` and `limit s`.
const LOSSES: [f64; 4] = [0.0, 0.01, 0.05, 0.1];

/// Median time in seconds for 1 MiB to Bootstone's client. `window` is as in the table: `16`, or
/// `ahead 16` for a client without a window.
pub fn seconds(rtt_ms: u64, blksize: u16, window: &str, loss: f64) -> Option<f64> {
    let column = LOSSES.iter().position(|&it| it == loss)?;
    TABLE.lines().find_map(|line| {
        let mut cells = line.split('|');
        let path = cells.next()?.trim();
        let (path, limit) = path.rsplit_once(' ')?;
        let wanted = format!("{rtt_ms} {blksize} {window}");
        if !path.split_whitespace().eq(wanted.split_whitespace()) {
            return None;
        }
        let time = cells.nth(column)?.split_whitespace().next()?;
        Some(limit.parse::<f64>().ok()? * time.parse::<f64>().ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found() {
        let lock_step = seconds(50, 1428, "1", 0.0).unwrap();
        assert!((36.0..38.0).contains(&lock_step), "{lock_step}");
        let ahead = seconds(50, 1428, "ahead 16", 0.05).unwrap();
        assert!(ahead < lock_step);
        assert_eq!(seconds(50, 1428, "17", 0.0), None);
        assert_eq!(seconds(50, 1428, "1", 0.02), None);
    }
}
