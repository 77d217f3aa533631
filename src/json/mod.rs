//! Writes JSON (RFC 8259): lists, reports and log lines. Reads only flat objects.

mod read;

pub(crate) use read::texts;

use std::fmt::{self, Write};

/// A JSON value. `{}` writes it on one line, `{:#}` on several.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A non-negative integer.
    Number(u64),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Value>),
    /// An object, in this order.
    Object(Vec<(&'static str, Value)>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let depth = f.alternate().then_some(1);
        self.write(f, depth)
    }
}

impl Value {
    /// Writes the value. `depth` is the indentation of inner lines, or `None` for one line.
    fn write(&self, out: &mut dyn Write, depth: Option<usize>) -> fmt::Result {
        let deeper = depth.map(|depth| depth + 1);
        match self {
            Value::Null => out.write_str("null"),
            Value::Bool(value) => write!(out, "{value}"),
            Value::Number(value) => write!(out, "{value}"),
            Value::Text(text) => write_string(out, text),
            Value::Array(values) => list(out, ['[', ']'], depth, values, |out, value| {
                value.write(out, deeper)
            }),
            Value::Object(fields) => list(out, ['{', '}'], depth, fields, |out, (name, value)| {
                write_string(out, name)?;
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

/// Writes `text` as a JSON string.
///
/// # Errors
/// Those of `out`.
pub(crate) fn write_string(out: &mut dyn Write, text: impl fmt::Display) -> fmt::Result {
    out.write_char('"')?;
    write!(Escaping(&mut *out), "{text}")?;
    out.write_char('"')
}

/// Writes an object field by field, on one line.
pub(crate) struct ObjectWriter<'a> {
    out: &'a mut dyn Write,
    is_empty: bool,
}

impl<'a> ObjectWriter<'a> {
    /// Writes the opening brace.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn new(out: &'a mut dyn Write) -> Result<ObjectWriter<'a>, fmt::Error> {
        out.write_char('{')?;
        Ok(ObjectWriter {
            out,
            is_empty: true,
        })
    }

    /// Writes a field, whose value `write` has to write as JSON.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn field(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> fmt::Result,
    ) -> fmt::Result {
        let separator = if self.is_empty { "" } else { "," };
        self.is_empty = false;
        self.out.write_str(separator)?;
        write_string(self.out, name)?;
        self.out.write_char(':')?;
        write(self.out)
    }

    /// Writes the closing brace.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn end(self) -> fmt::Result {
        self.out.write_char('}')
    }
}

/// Escapes what must not stand in a string (RFC 8259 §7).
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

    /// The same value of a library.
    fn reference(value: &Value) -> serde_json::Value {
        match value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(value) => (*value).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Array(values) => values.iter().map(reference).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (*name, reference(value)));
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
            // In the order in which the library writes fields, so that the texts can be compared.
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
        fn a_library_parses_the_same_value(value in any_value()) {
            for text in [format!("{value}"), format!("{value:#}")] {
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), reference(&value));
            }
        }
    }

    #[test]
    fn a_library_writes_the_same_text() {
        let value = Value::Object(vec![
            ("array", Value::Array(vec![1.into(), Value::Array(vec![])])),
            ("none", None::<u64>.into()),
            ("object", Value::Object(vec![("text", "\"\\\u{1}é".into())])),
            ("void", Value::Object(vec![])),
        ]);
        assert_eq!(format!("{value}"), format!("{}", reference(&value)));
        assert_eq!(format!("{value:#}"), format!("{:#}", reference(&value)));
    }
}
