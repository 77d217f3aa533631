//! Conditional requests and ranges (RFC 9110 §13 and §14).
//!
//! The only validator is the strong entity tag: no file has a date.

use std::ops::Range;

use super::request::{HttpRequest, Method, list};

/// What to send of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The whole file.
    Whole,
    /// A range of the file, which is not empty.
    Range(Range<usize>),
    /// Nothing: the client has this version already.
    NotModified,
    /// Nothing: the client asks for another version.
    PreconditionFailed,
    /// Nothing: the range starts after the end of the file.
    RangeNotSatisfiable,
}

/// Evaluates the preconditions and the range of `request`, in the order of §13.2.2, for a file of
/// `len` bytes. `tag` is its entity tag, quotes included.
pub fn evaluate(request: &HttpRequest, tag: &str, len: usize) -> Selection {
    let is_tag = |item: &str| item == tag || item == "*";
    if let Some(tags) = &request.if_match
        && !list(tags).any(is_tag)
    {
        return Selection::PreconditionFailed;
    }
    if let Some(tags) = &request.if_none_match
        && list(tags).any(|item| is_tag(item.strip_prefix("W/").unwrap_or(item)))
    {
        return Selection::NotModified;
    }
    let is_this_version = request.if_range.as_deref().is_none_or(|item| item == tag);
    match &request.range {
        Some(range) if is_this_version && request.method == Method::Get => select(range, len),
        _ => Selection::Whole,
    }
}

/// Evaluates a Range field. One that is malformed, has another unit or several ranges is ignored,
/// which §14.2 allows: no firmware requests several ranges.
fn select(range: &str, len: usize) -> Selection {
    let range = range.split_once('=').and_then(|(unit, range)| {
        let range = range.trim_matches([' ', '\t']);
        unit.eq_ignore_ascii_case("bytes").then_some(range)
    });
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return Selection::Whole;
    };
    let selected = match (number(first), number(last)) {
        (None, Some(suffix)) if first.is_empty() => len.saturating_sub(suffix)..len,
        (Some(first), None) if last.is_empty() => first..len,
        (Some(first), Some(last)) if first <= last => first..len.min(last.saturating_add(1)),
        _ => return Selection::Whole,
    };
    match selected.is_empty() {
        true => Selection::RangeNotSatisfiable,
        false => Selection::Range(selected),
    }
}

/// Parses decimal digits. A number that is too large becomes the largest one.
fn number(digits: &str) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"a1\"";

    fn range(range: &str) -> HttpRequest {
        HttpRequest {
            range: Some(range.to_owned()),
            ..HttpRequest::default()
        }
    }

    #[test]
    fn ranges() {
        use Selection::{Range, RangeNotSatisfiable, Whole};
        let cases = [
            ("bytes=0-0", Range(0..1)),
            ("bytes=0-9", Range(0..10)),
            ("bytes=3-99", Range(3..10)),
            ("Bytes= 3-4 ", Range(3..5)),
            ("bytes=9-", Range(9..10)),
            ("bytes=-3", Range(7..10)),
            ("bytes=-99", Range(0..10)),
            ("bytes=0-99999999999999999999", Range(0..10)),
            ("bytes=10-", RangeNotSatisfiable),
            ("bytes=10-20", RangeNotSatisfiable),
            ("bytes=99999999999999999999-", RangeNotSatisfiable),
            ("bytes=-0", RangeNotSatisfiable),
            ("bytes=4-3", Whole),
            ("bytes=-", Whole),
            ("bytes=0-1,4-5", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=a-b", Whole),
            ("bytes", Whole),
            ("blocks=0-1", Whole),
            ("", Whole),
        ];
        for (text, expected) in cases {
            assert_eq!(evaluate(&range(text), TAG, 10), expected, "{text}");
        }
        for text in ["bytes=0-0", "bytes=0-", "bytes=-1"] {
            assert_eq!(
                evaluate(&range(text), TAG, 0),
                RangeNotSatisfiable,
                "{text}"
            );
        }
    }

    #[test]
    fn head_ignores_ranges() {
        let request = HttpRequest {
            method: Method::Head,
            ..range("bytes=0-0")
        };
        assert_eq!(evaluate(&request, TAG, 10), Selection::Whole);
    }

    #[test]
    fn if_range_with_another_version_selects_the_whole_file() {
        for (tag, expected) in [
            (TAG, Selection::Range(1..2)),
            ("\"b2\"", Selection::Whole),
            ("W/\"a1\"", Selection::Whole),
            ("Sat, 21 Nov 2026 00:00:00 GMT", Selection::Whole),
        ] {
            let request = HttpRequest {
                if_range: Some(tag.to_owned()),
                ..range("bytes=1-1")
            };
            assert_eq!(evaluate(&request, TAG, 10), expected, "{tag}");
        }
    }

    #[test]
    fn entity_tags() {
        let case = |if_match: &str, if_none_match: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let request = HttpRequest {
                if_match: some(if_match),
                if_none_match: some(if_none_match),
                ..range("bytes=0-0")
            };
            evaluate(&request, TAG, 10)
        };
        for matching in ["\"a1\"", "\"b2\", \"a1\"", "*"] {
            assert_eq!(case(matching, ""), Selection::Range(0..1));
            assert_eq!(case("", matching), Selection::NotModified);
            assert_eq!(case("\"b2\"", matching), Selection::PreconditionFailed);
        }
        // Weak tags never match strongly, and always weakly.
        assert_eq!(case("W/\"a1\"", ""), Selection::PreconditionFailed);
        assert_eq!(case("", "W/\"a1\""), Selection::NotModified);
        assert_eq!(case("", "\"b2\""), Selection::Range(0..1));
    }
}
