//! The `tracing` subscriber: formats every event as a line. It does without spans, which no code
//! here uses.

use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::queue::LineQueue;

/// Puts the line of every event into the queue.
pub(super) struct LineSubscriber(pub(super) Arc<LineQueue>);

impl Subscriber for LineSubscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= LevelFilter::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        // Writing to a string does not fail.
        if let Ok(line) = self.0.style.line(event) {
            self.0.push(line.as_bytes());
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tracing::{info, warn};

    use super::*;
    use crate::log::format::{LineStyle, LogFormat};

    fn lines(format: LogFormat, is_journal: bool, log: impl FnOnce()) -> String {
        let style = LineStyle { format, is_journal };
        let queue = Arc::new(LineQueue::new(style));
        tracing::subscriber::with_default(LineSubscriber(Arc::clone(&queue)), log);
        queue.taken()
    }

    fn transfer() {
        info!(
            peer = %"192.0.2.7:1024",
            file = "a \"b\"\\x",
            bytes = 3usize,
            ms = 0.25,
            kb_per_s = 12.0,
            rate = f64::INFINITY,
            rtt_ms = None::<f64>,
            "transfer"
        );
        warn!("{}", "the reader\nis slow");
    }

    #[test]
    fn a_json_line_is_an_object_and_numbers_are_numbers() {
        let text = lines(LogFormat::Json, false, transfer);
        let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let mut lines: Vec<Value> = text.lines().map(read).collect();
        // A whole number has no fraction: `json!` tells 12 from 12.0.
        for line in &mut lines {
            let time = line["timestamp"].take();
            assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
        }
        let expected = json!({
            "timestamp": null,
            "level": "INFO",
            "message": "transfer",
            "peer": "192.0.2.7:1024",
            "file": "a \"b\"\\x",
            "bytes": 3,
            "ms": 0.25,
            "kb_per_s": 12,
            "rate": null,
        });
        let warning =
            json!({ "timestamp": null, "level": "WARN", "message": "the reader\nis slow" });
        assert_eq!(lines, [expected, warning]);
    }

    #[test]
    fn a_text_line_is_a_time_a_level_and_pairs() {
        let text = lines(LogFormat::Text, false, transfer);
        let (time, rest) = text.lines().next().unwrap().split_once(' ').unwrap();
        assert!(time.ends_with('Z'), "{time}");
        assert_eq!(
            rest,
            " INFO transfer peer=192.0.2.7:1024 file=\"a \\\"b\\\"\\\\x\" bytes=3 ms=0.25 kb_per_s=12 rate=inf"
        );
    }

    /// The journal keeps the time of each line, and takes the priority off it.
    #[test]
    fn a_line_for_the_journal_begins_with_its_priority() {
        let log = || {
            info!(port = 69, "serving");
            warn!("slow");
        };
        let text = lines(LogFormat::Text, true, log);
        assert_eq!(text, "<6>INFO serving port=69\n<4>WARN slow\n");
        let text = lines(LogFormat::Json, true, log);
        let [first, second] = text.lines().collect::<Vec<_>>()[..] else {
            panic!("{text}");
        };
        for (line, start) in [(first, "<6>{"), (second, "<4>{")] {
            assert!(line.starts_with(start), "{line}");
            assert!(serde_json::from_str::<Value>(&line[3..]).is_ok(), "{line}");
        }
    }
}
