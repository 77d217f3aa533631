//! The nearest word to one that does not exist.

/// The candidate with the smallest edit distance to `word`; of several, the first.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let candidates = candidates.into_iter();
    candidates.min_by_key(|candidate| distance(word.as_bytes(), candidate.as_bytes()))
}

/// How many bytes have to be inserted, removed or replaced (Levenshtein).
fn distance(from: &[u8], to: &[u8]) -> usize {
    // The distances of a prefix of `from` to every prefix of `to`.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, byte) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(byte != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column].min(diagonal) + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("mtu", "mtuu", 1),
            ("kitten", "sitting", 3),
            ("listen", "lisetn", 2),
        ] {
            assert_eq!(distance(from.as_bytes(), to.as_bytes()), expected);
        }
    }

    #[test]
    fn the_first_of_the_nearest() {
        let words = ["mtu", "http", "user"];
        assert_eq!(nearest("httpd", words), Some("http"));
        assert_eq!(nearest("mtuu", words), Some("mtu"));
        assert_eq!(nearest("", words), Some("mtu"));
        assert_eq!(nearest("x", []), None);
    }
}
