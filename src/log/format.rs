//! The two formats of log lines.

use std::fmt::{self, Debug};

use argh::FromArgValue;
use tracing::Event;
use tracing::field::{Field, Visit};
use tracing_subscriber::field::VisitOutput as _;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use crate::json;

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, FromArgValue, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people: a time, a level, `name=value` pairs.
    #[default]
    Text,
    /// For machines: a JSON object on each line.
    Json,
}

impl LogFormat {
    /// The line of an event.
    pub(super) fn line(self, event: &Event<'_>) -> Result<String, fmt::Error> {
        let mut line = String::with_capacity(512);
        let mut writer = Writer::new(&mut line);
        match self {
            LogFormat::Text => write_text(&mut writer, event)?,
            LogFormat::Json => write_json(&mut writer, event)?,
        }
        Ok(line)
    }

    /// The line that reports how many lines were lost. It has no event.
    pub(super) fn lost(self, lines: u64) -> String {
        let mut time = String::new();
        // Writing to a string does not fail.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        let message = format!("{lines} lines lost: their reader is too slow");
        match self {
            LogFormat::Text => format!("{time}  WARN {message}\n"),
            LogFormat::Json => {
                let object = json::Value::Object(vec![
                    ("timestamp", time.into()),
                    ("level", "WARN".into()),
                    ("message", message.into()),
                ]);
                format!("{object}\n")
            }
        }
    }
}

/// Writes the time, the level, and the fields of the event.
fn write_text(line: &mut Writer<'_>, event: &Event<'_>) -> fmt::Result {
    SystemTime.format_time(line)?;
    write!(line, " {:>5} ", event.metadata().level().as_str())?;
    let mut fields = DefaultVisitor::new(line.by_ref(), true);
    event.record(&mut fields);
    fields.finish()?;
    line.write_char('\n')
}

/// Writes the same as a JSON object.
fn write_json(line: &mut Writer<'_>, event: &Event<'_>) -> fmt::Result {
    let mut time = String::new();
    SystemTime.format_time(&mut Writer::new(&mut time))?;
    let mut object = json::ObjectWriter::new(line)?;
    object.field("timestamp", |out| json::write_string(out, &time))?;
    object.field("level", |out| {
        json::write_string(out, event.metadata().level())
    })?;
    let mut fields = Fields {
        object,
        result: Ok(()),
    };
    event.record(&mut fields);
    fields.result?;
    fields.object.end()?;
    line.write_char('\n')
}

/// Writes the fields of an event into a JSON object.
struct Fields<'a> {
    object: json::ObjectWriter<'a>,
    result: fmt::Result,
}

impl Fields<'_> {
    fn write(&mut self, field: &Field, write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) {
        self.result = self
            .result
            .and_then(|()| self.object.field(field.name(), write));
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, |out| {
            json::write_string(out, format_args!("{value:?}"))
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, |out| json::write_string(out, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, |out| write!(out, "{value}"));
    }

    /// JSON has no infinity.
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field, |out| match value.is_finite() {
            true => write!(out, "{value:?}"),
            false => out.write_str("null"),
        });
    }
}
