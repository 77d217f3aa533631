//! Reads an object of JSON (RFC 8259) without arrays and objects in it, as `/version` is.

/// The names and values of the fields that are strings. Numbers, `true`, `false` and `null` are
/// left out. `None` if the text is anything but such an object.
pub(crate) fn texts(text: &[u8]) -> Option<Vec<(String, String)>> {
    let mut rest = Reader {
        rest: std::str::from_utf8(text).ok()?,
    };
    let mut texts = Vec::new();
    rest.expect('{')?;
    if rest.expect('}').is_none() {
        loop {
            let name = rest.string()?;
            rest.expect(':')?;
            match rest.scalar()? {
                Scalar::Text(value) => texts.push((name, value)),
                Scalar::Other => {}
            }
            if rest.expect(',').is_none() {
                break;
            }
        }
        rest.expect('}')?;
    }
    rest.skip_blanks();
    rest.rest.is_empty().then_some(texts)
}

enum Scalar {
    Text(String),
    Other,
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Skips blanks and this character; `None` if another one follows.
    fn expect(&mut self, letter: char) -> Option<()> {
        self.skip_blanks();
        self.rest = self.rest.strip_prefix(letter)?;
        Some(())
    }

    fn scalar(&mut self) -> Option<Scalar> {
        self.skip_blanks();
        if self.rest.starts_with('"') {
            return self.string().map(Scalar::Text);
        }
        let end = self.rest.find([',', '}', ' ', '\t', '\n', '\r'])?;
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (matches!(word, "null" | "true" | "false") || is_number(word)).then_some(Scalar::Other)
    }

    fn string(&mut self) -> Option<String> {
        self.expect('"')?;
        let mut text = String::new();
        loop {
            let letter = self.next()?;
            match letter {
                '"' => return Some(text),
                '\\' => text.push(self.escape()?),
                letter if letter < ' ' => return None,
                letter => text.push(letter),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next()?;
        self.rest = letters.as_str();
        Some(letter)
    }

    /// What stands behind a backslash. Surrogates, which only letters beyond U+FFFF need, are not
    /// read.
    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            letter @ ('"' | '\\' | '/') => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (digits, rest) = self.rest.split_at_checked(4)?;
                self.rest = rest;
                let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
                char::from_u32(number)?
            }
            _ => return None,
        })
    }
}

/// True for a number (RFC 8259 §6). The parser of std for `f64` would cost 14 kB.
fn is_number(word: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_exponent = |text: &str| is_digits(text.strip_prefix(['+', '-']).unwrap_or(text));
    is_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(is_exponent)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::json::Value;

    #[test]
    fn only_flat_objects_are_read() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (text, expected) in [
            ("{}", Some(vec![])),
            (" { } \n", Some(vec![])),
            (
                "{\"a\": \"b\\n\\u0041\\\"\", \"n\": 1, \"t\":true,\"z\" : null}",
                Some(vec![pair("a", "b\nA\"")]),
            ),
            (
                "{\"a\":\"b\",\"c\":\"d\"}",
                Some(vec![pair("a", "b"), pair("c", "d")]),
            ),
            ("", None),
            ("[]", None),
            ("{\"a\":\"b\"", None),
            ("{\"a\":\"b\"} x", None),
            ("{\"a\":\"b\",}", None),
            ("{\"a\":[]}", None),
            ("{\"a\":{}}", None),
            ("{\"a\":nul}", None),
            ("{\"a\":\"\\ud800\"}", None),
            ("{\"a\":\"\\u+041\"}", None),
            ("{\"a\":\"\u{1}\"}", None),
            ("{\"a\" \"b\"}", None),
        ] {
            assert_eq!(texts(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(texts(b"{\"\xff\":1}"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(texts in prop::collection::vec(any::<String>(), 3)) {
            let names = ["a", "b", "c"];
            let values = texts.iter().map(|text| text.as_str().into());
            let written = Value::Object(names.into_iter().zip(values).collect());
            let expected = names.map(str::to_owned).into_iter().zip(texts.clone());
            for text in [format!("{written}"), format!("{written:#}")] {
                let read = super::texts(text.as_bytes()).unwrap();
                prop_assert!(expected.clone().eq(read));
            }
        }

        #[test]
        fn a_library_reads_the_same(text in "\\{\"[ab\\\\n]{0,3}\" ?: ?(\"[a\\\\nu0é]{0,6}\"|[0-9.eE+-]{1,4}|null)[,}]?\\}?") {
            if let Ok(expected) = serde_json::from_str::<BTreeMap<String, serde_json::Value>>(&text) {
                let read = super::texts(text.as_bytes());
                prop_assert!(read.is_some(), "{}", text);
                for (name, value) in read.unwrap() {
                    prop_assert_eq!(expected[&name].as_str(), Some(value.as_str()));
                }
            }
        }
    }

    #[test]
    fn numbers_follow_the_grammar() {
        for number in ["0", "-1", "10.25", "1e9", "0.5E-3", "-0e+1"] {
            assert!(is_number(number), "{number}");
        }
        for other in [
            "", "-", "01", ".5", "1.", "1e", "1e+", "+1", "inf", "NaN", "1 2", "1_0",
        ] {
            assert!(!is_number(other), "{other}");
        }
    }
}
