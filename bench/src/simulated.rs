//! Reads the table of the simulation, which is part of the server's tests.

/// `cargo test --test simulation` compares this file with its results.
const TABLE: &str = include_str!("../../tests/simulation/table.txt");

/// Loss rates of the columns with results.
const LOSSES: [f64; 4] = [0.0, 0.01, 0.05, 0.1];

/// A path and its client: the columns on the left of the table.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// Round-trip time in milliseconds.
    pub rtt_ms: u64,
    /// Bytes per block.
    pub blksize: u16,
    /// Blocks per ACK.
    pub windowsize: u16,
    /// The server's limit of blocks in flight, `--pipeline`.
    pub in_flight: u16,
}

/// Median time in seconds for 1 MiB to Bootstone's client; `None` if the table has no such row.
pub fn seconds(path: Path, loss: f64) -> Option<f64> {
    let column = LOSSES.iter().position(|&it| it == loss)?;
    let path = [
        path.rtt_ms,
        path.blksize.into(),
        path.windowsize.into(),
        path.in_flight.into(),
    ];
    TABLE.lines().find_map(|line| {
        let mut cells = line.split('|');
        let (left, limit) = cells.next()?.trim().rsplit_once(' ')?;
        // In rows of other clients, the name of the client follows.
        let numbers = left.split_whitespace().map(|cell| cell.parse().ok());
        if !numbers.eq(path.map(Some)) {
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
        let lock_step = Path {
            rtt_ms: 50,
            blksize: 1428,
            windowsize: 1,
            in_flight: 1,
        };
        let time = seconds(lock_step, 0.0).unwrap();
        assert!((36.0..38.0).contains(&time), "{time}");
        let pipelined = Path {
            in_flight: 32,
            ..lock_step
        };
        assert!(seconds(pipelined, 0.05).unwrap() < time);
        let unknown = Path {
            windowsize: 17,
            ..lock_step
        };
        assert_eq!(seconds(unknown, 0.0), None);
        assert_eq!(seconds(lock_step, 0.02), None);
    }
}
