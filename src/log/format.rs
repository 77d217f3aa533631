//! The two formats of log lines.

use std::fmt::{self, Debug, Write as _};

use argh::FromArgValue;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};
use tracing_subscriber::fmt::format::Writer;
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

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        })
    }
}

/// How lines are written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LineStyle {
    pub(super) format: LogFormat,
    /// The reader is systemd's journal. It adds the time, and takes a priority before the line as
    /// that of the line (sd-daemon(3)).
    pub(super) is_journal: bool,
}

impl LineStyle {
    /// The style of lines for standard output. To be called before the sandbox is entered.
    pub(crate) fn of_standard_output(format: LogFormat) -> LineStyle {
        let is_journal = is_journal();
        LineStyle { format, is_journal }
    }

    /// The line of an event.
    pub(super) fn line(self, event: &Event<'_>) -> Result<String, fmt::Error> {
        let level = *event.metadata().level();
        let mut line = self.start(level);
        match self.format {
            LogFormat::Text => event.record(&mut TextFields(&mut line)),
            LogFormat::Json => write_json(&mut line, level, event)?,
        }
        line.push('\n');
        Ok(line)
    }

    /// The line that reports how many lines were lost. It has no event.
    pub(super) fn lost(self, lines: u64) -> String {
        let mut line = self.start(Level::WARN);
        let message = format!("{lines} lines lost: their reader is too slow");
        // Writing to a string does not fail.
        let _ = match self.format {
            LogFormat::Text => writeln!(line, "{message}"),
            LogFormat::Json => {
                let object = json::Value::Object(vec![
                    ("timestamp", time().into()),
                    ("level", Level::WARN.as_str().into()),
                    ("message", message.into()),
                ]);
                writeln!(line, "{object}")
            }
        };
        line
    }

    /// What stands before the fields: for the journal the priority, else in text the time, and
    /// in text the level.
    fn start(self, level: Level) -> String {
        let mut line = String::with_capacity(512);
        let _ = match (self.is_journal, self.format) {
            (true, LogFormat::Text) => write!(line, "<{}>{level} ", priority(level)),
            (true, LogFormat::Json) => write!(line, "<{}>", priority(level)),
            (false, LogFormat::Text) => write!(line, "{} {:>5} ", time(), level.as_str()),
            (false, LogFormat::Json) => Ok(()),
        };
        line
    }
}

/// True if standard output is the socket of the journal that `JOURNAL_STREAM` names by device and
/// inode (systemd.exec(5)). A program that was started by a service may have another output.
#[cfg(unix)]
fn is_journal() -> bool {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::MetadataExt as _;
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let output = std::io::stdout().as_fd().try_clone_to_owned();
    let metadata = output.and_then(|output| std::fs::File::from(output).metadata());
    metadata.is_ok_and(|output| stream == format!("{}:{}", output.dev(), output.ino()))
}

/// Other systems have no journal.
#[cfg(not(unix))]
fn is_journal() -> bool {
    false
}

/// The priority of syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// The current time, as in `2026-01-02T03:04:05.678901Z`.
fn time() -> String {
    let mut time = String::new();
    // Writing to a string does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    time
}

/// Writes the fields of an event as text: the message, then pairs.
struct TextFields<'a>(&'a mut String);

impl TextFields<'_> {
    fn write(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => self.0.write_fmt(value),
            name => write!(self.0, " {name}={value}"),
        };
    }
}

impl Visit for TextFields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, format_args!("{value:?}"));
    }

    /// Without `.0` behind a whole number.
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field, format_args!("{value}"));
    }
}

/// Writes the fields of an event as a JSON object.
fn write_json(line: &mut String, level: Level, event: &Event<'_>) -> fmt::Result {
    let mut object = json::ObjectWriter::new(line)?;
    object.field("timestamp", |out| json::write_string(out, time()))?;
    object.field("level", |out| json::write_string(out, level))?;
    let mut fields = Fields {
        object,
        result: Ok(()),
    };
    event.record(&mut fields);
    fields.result?;
    fields.object.end()
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

    /// JSON has no infinity. A whole number is written without `.0`.
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field, |out| match value.is_finite() {
            true => write!(out, "{value}"),
            false => out.write_str("null"),
        });
    }
}
