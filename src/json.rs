//! JSON text (RFC 8259), for machines that read lists, reports and log lines. Nothing here reads any.

use std::fmt::{self, Write};

/// A value, written by `{}` on one line, by `{:#}` over many.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing known.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A count.
    Number(u64),
    /// Any text.
    Text(String),
    /// Values in a row.
    Array(Vec<Value>),
    /// Values by their names, in this order.
    Object(Vec<(&'static str, Value)>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let depth = f.alternate().then_some(1);
        self.write(f, depth)
    }
}

impl Value {
    /// `depth` is how far in the lines within this value begin, if each has a line to itself.
    fn write(&self, out: &mut dyn Write, depth: Option<usize>) -> fmt::Result {
        let deeper = depth.map(|depth| depth + 1);
        match self {
            Value::Null => out.write_str("null"),
            Value::Bool(value) => write!(out, "{value}"),
            Value::Number(value) => write!(out, "{value}"),
            Value::Text(text) => quoted(out, text),
            Value::Array(values) => list(out, ['[', ']'], depth, values, |out, value| {
                value.write(out, deeper)
            }),
            Value::Object(fields) => list(out, ['{', '}'], depth, fields, |out, (name, value)| {
                quoted(out, name)?;
                out.write_str(if depth.is_some() { ": " } else { ":" })?;
                value.write(out, deeper)
            }),
        }
    }
}

fn list<T>(
    out: &mut dyn Write,
    [open, close]: [char; 2],
    depth: Option<usize>,
    items: &[T],
    write: impl Fn(&mut dyn Write, &T) -> fmt::Result,
) -> fmt::Result {
    let line = |out: &mut dyn Write, depth: Option<usize>| match depth {
        Some(depth) if !items.is_empty() => write!(out, "\n{:1$}", "", 2 * depth),
        _ => Ok(()),
    };
    out.write_char(open)?;
    for (number, item) in items.iter().enumerate() {
        out.write_str(if number > 0 { "," } else { "" })?;
        line(out, depth)?;
        write(out, item)?;
    }
    line(out, depth.map(|depth| depth - 1))?;
    out.write_char(close)
}

/// Writes `text` between quotes.
///
/// # Errors
/// Those of `out`.
pub fn quoted(out: &mut dyn Write, text: impl fmt::Display) -> fmt::Result {
    out.write_char('"')?;
    write!(Escaping(&mut *out), "{text}")?;
    out.write_char('"')
}

/// Writes what may stand between quotes (RFC 8259 §7).
struct Escaping<'a>(&'a mut dyn Write);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(|c: char| c < ' ' || c == '"' || c == '\\') {
            let mut plain = part.chars();
            match plain.next_back() {
                Some(c @ ('"' | '\\')) => write!(self.0, "{}\\{c}", plain.as_str())?,
                Some(c) if c < ' ' => write!(self.0, "{}\\u{:04x}", plain.as_str(), u32::from(c))?,
                _ => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Value {
        Value::Number(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, as a library has it.
    fn theirs(value: &Value) -> serde_json::Value {
        match value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(value) => (*value).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Array(values) => values.iter().map(theirs).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (*name, theirs(value)));
                fields.collect()
            }
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<u64>().prop_map(Value::Number),
            any::<String>().prop_map(Value::Text),
            "[\\x00-\\x7f]*".prop_map(Value::Text),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            // In the order in which the library writes fields, so that texts can be compared.
            const NAMES: [&str; 4] = ["", "a", "b\"\\", "c\n"];
            let fields = prop::collection::vec(inner.clone(), 0..=NAMES.len());
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(Value::Array),
                fields.prop_map(|values| Value::Object(NAMES.into_iter().zip(values).collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_library_reads_it_as_it_was_meant(value in any_value()) {
            for text in [format!("{value}"), format!("{value:#}")] {
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), theirs(&value));
            }
        }
    }

    #[test]
    fn it_looks_as_a_library_would_write_it() {
        let value = Value::Object(vec![
            ("array", Value::Array(vec![1.into(), Value::Array(vec![])])),
            ("none", None::<u64>.into()),
            ("object", Value::Object(vec![("text", "\"\\\u{1}é".into())])),
            ("void", Value::Object(vec![])),
        ]);
        assert_eq!(format!("{value}"), format!("{}", theirs(&value)));
        assert_eq!(format!("{value:#}"), format!("{:#}", theirs(&value)));
    }
}
