//! Events become lines: the whole of a `tracing` subscriber, for nothing here has spans.

use std::fmt::{self, Debug};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::field::VisitOutput as _;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use super::Format;
use super::queue::Queue;
use crate::json;

/// Puts every event into the queue, in its format.
pub(super) struct Lines(pub(super) Arc<Queue>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= LevelFilter::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = String::with_capacity(512);
        let mut writer = Writer::new(&mut line);
        let written = match self.0.format {
            Format::Text => pairs(&mut writer, event),
            Format::Json => object(&mut writer, event),
        };
        // What cannot be written fails for want of memory, and that ends the process.
        if written.is_ok() {
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

/// The time, the level, and then what the event itself says.
fn pairs(line: &mut Writer<'_>, event: &Event<'_>) -> fmt::Result {
    SystemTime.format_time(line)?;
    write!(line, " {:>5} ", event.metadata().level().as_str())?;
    let mut fields = DefaultVisitor::new(line.by_ref(), true);
    event.record(&mut fields);
    fields.finish()?;
    line.write_char('\n')
}

/// The same as an object.
fn object(line: &mut Writer<'_>, event: &Event<'_>) -> fmt::Result {
    line.write_str("{\"timestamp\":\"")?;
    SystemTime.format_time(line)?;
    write!(line, "\",\"level\":\"{}\"", event.metadata().level())?;
    let mut fields = Fields {
        line,
        result: Ok(()),
    };
    event.record(&mut fields);
    fields.result?;
    line.write_str("}\n")
}

/// The line in place of those for which there was no room. It comes from no event.
pub(super) fn lost(format: Format, lines: u64) -> String {
    let mut time = String::new();
    // It fails for want of memory only.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    let message = format!("{lines} lines lost: their reader is too slow");
    match format {
        Format::Text => format!("{time}  WARN {message}\n"),
        Format::Json => {
            format!("{{\"timestamp\":\"{time}\",\"level\":\"WARN\",\"message\":\"{message}\"}}\n")
        }
    }
}

struct Fields<'a, 'w> {
    line: &'a mut Writer<'w>,
    result: fmt::Result,
}

impl Fields<'_, '_> {
    fn put(&mut self, field: &Field, write: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        self.result = self.result.and_then(|()| {
            write!(self.line, ",\"{}\":", field.name())?;
            write(self.line)
        });
    }
}

impl Visit for Fields<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, |line| json::quoted(line, format_args!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, |line| json::quoted(line, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, |line| write!(line, "{value}"));
    }

    /// JSON has no infinity.
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, |line| match value.is_finite() {
            true => write!(line, "{value:?}"),
            false => line.write_str("null"),
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tracing::{info, warn};

    use super::*;

    fn lines(format: Format, log: impl FnOnce()) -> String {
        let queue = Arc::new(Queue::new(format));
        tracing::subscriber::with_default(Lines(Arc::clone(&queue)), log);
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
    fn json_is_an_object_a_line_and_numbers_are_numbers() {
        let text = lines(Format::Json, transfer);
        let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let mut lines: Vec<Value> = text.lines().map(read).collect();
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
            "kb_per_s": 12.0,
            "rate": null,
        });
        let warning =
            json!({ "timestamp": null, "level": "WARN", "message": "the reader\nis slow" });
        assert_eq!(lines, [expected, warning]);
    }

    #[test]
    fn text_is_a_time_a_word_and_pairs() {
        let text = lines(Format::Text, transfer);
        let (time, rest) = text.lines().next().unwrap().split_once(' ').unwrap();
        assert!(time.ends_with('Z'), "{time}");
        assert_eq!(
            rest,
            " INFO transfer peer=192.0.2.7:1024 file=\"a \\\"b\\\"\\\\x\" bytes=3 ms=0.25 kb_per_s=12.0 rate=inf"
        );
    }
}
