//! Whether a file is wanted at all, and how much of it: RFC 9110 §13 and §14.
//!
//! The only validator is the strong entity tag: nothing here has a date.

use std::ops::Range;

use super::request::{Method, Request, list};

/// What to send of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    Whole,
    /// These bytes; never none.
    Part(Range<usize>),
    /// Nothing: the client has it already.
    NotModified,
    /// Nothing: the client wants another version of it.
    AnotherVersion,
    /// Nothing: it ends before.
    BeyondTheEnd,
}

/// What `request` wants of a file of `len` bytes that has this tag, quotes included. In the order of §13.2.2.
pub fn wanted(request: &Request, tag: &str, len: usize) -> Wanted {
    let is_tag = |item: &str| item == tag || item == "*";
    if let Some(tags) = &request.if_match
        && !list(tags).any(is_tag)
    {
        return Wanted::AnotherVersion;
    }
    if let Some(tags) = &request.if_none_match
        && list(tags).any(|item| is_tag(item.strip_prefix("W/").unwrap_or(item)))
    {
        return Wanted::NotModified;
    }
    let is_this_version = request.if_range.as_deref().is_none_or(|item| item == tag);
    match &request.range {
        Some(range) if is_this_version && request.method == Method::Get => part(range, len),
        _ => Wanted::Whole,
    }
}

/// What a Range means. Whole where it is malformed, of another unit, or of several parts: a server may ignore
/// it (§14.2), and nobody boots from several parts.
fn part(range: &str, len: usize) -> Wanted {
    let range = range.split_once('=').and_then(|(unit, range)| {
        let range = range.trim_matches([' ', '\t']);
        unit.eq_ignore_ascii_case("bytes").then_some(range)
    });
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return Wanted::Whole;
    };
    let wanted = match (number(first), number(last)) {
        (None, Some(suffix)) if first.is_empty() => len.saturating_sub(suffix)..len,
        (Some(first), None) if last.is_empty() => first..len,
        (Some(first), Some(last)) if first <= last => first..len.min(last.saturating_add(1)),
        _ => return Wanted::Whole,
    };
    match wanted.is_empty() {
        true => Wanted::BeyondTheEnd,
        false => Wanted::Part(wanted),
    }
}

/// Digits only; what is too large is as good as the largest.
fn number(digits: &str) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"a1\"";

    fn range(range: &str) -> Request {
        Request {
            range: Some(range.to_owned()),
            ..Request::default()
        }
    }

    #[test]
    fn ranges() {
        use Wanted::{BeyondTheEnd, Part, Whole};
        let cases = [
            ("bytes=0-0", Part(0..1)),
            ("bytes=0-9", Part(0..10)),
            ("bytes=3-99", Part(3..10)),
            ("Bytes= 3-4 ", Part(3..5)),
            ("bytes=9-", Part(9..10)),
            ("bytes=-3", Part(7..10)),
            ("bytes=-99", Part(0..10)),
            ("bytes=0-99999999999999999999", Part(0..10)),
            ("bytes=10-", BeyondTheEnd),
            ("bytes=10-20", BeyondTheEnd),
            ("bytes=99999999999999999999-", BeyondTheEnd),
            ("bytes=-0", BeyondTheEnd),
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
            assert_eq!(wanted(&range(text), TAG, 10), expected, "{text}");
        }
        for text in ["bytes=0-0", "bytes=0-", "bytes=-1"] {
            assert_eq!(wanted(&range(text), TAG, 0), BeyondTheEnd, "{text}");
        }
    }

    #[test]
    fn head_knows_no_range() {
        let request = Request {
            method: Method::Head,
            ..range("bytes=0-0")
        };
        assert_eq!(wanted(&request, TAG, 10), Wanted::Whole);
    }

    #[test]
    fn a_range_of_another_version_is_the_whole() {
        for (tag, expected) in [
            (TAG, Wanted::Part(1..2)),
            ("\"b2\"", Wanted::Whole),
            ("W/\"a1\"", Wanted::Whole),
            ("Sat, 21 Nov 2026 00:00:00 GMT", Wanted::Whole),
        ] {
            let request = Request {
                if_range: Some(tag.to_owned()),
                ..range("bytes=1-1")
            };
            assert_eq!(wanted(&request, TAG, 10), expected, "{tag}");
        }
    }

    #[test]
    fn tags() {
        let case = |if_match: &str, if_none_match: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let request = Request {
                if_match: some(if_match),
                if_none_match: some(if_none_match),
                ..range("bytes=0-0")
            };
            wanted(&request, TAG, 10)
        };
        for matching in ["\"a1\"", "\"b2\", \"a1\"", "*"] {
            assert_eq!(case(matching, ""), Wanted::Part(0..1));
            assert_eq!(case("", matching), Wanted::NotModified);
            assert_eq!(case("\"b2\"", matching), Wanted::AnotherVersion);
        }
        // Weak tags never match strongly, and always weakly.
        assert_eq!(case("W/\"a1\"", ""), Wanted::AnotherVersion);
        assert_eq!(case("", "W/\"a1\""), Wanted::NotModified);
        assert_eq!(case("", "\"b2\""), Wanted::Part(0..1));
    }
}
